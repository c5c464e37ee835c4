"""What is written of the rows: Markdown, page, and their marks of failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarking import page, report, selftest
from common.errors import InputError
from tests.benchmarking.cards import baseline, card


@pytest.fixture(autouse=True)
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take half a second each, and have tests of their own."""
    monkeypatch.setattr(page, "light_and_dark", lambda draw: (b"light", b"dark"))


def write(out: Path, *cards: dict[str, Any]) -> str:
    for each in cards:
        report.add_row(out, each)
    report.write(out, out / "runs", out)
    return (out / report.TABLE).read_text()


def write_self_test(out: Path, holds: bool = True, **ruler: str) -> None:
    relation = {"metric": "fd", "better": "real", "worse": "blurred", "margin": 1.5,
                "direction": "lower", "holds": holds}  # fmt: skip
    fingerprint = card()["fingerprint"] | {"code": "c0de"} | ruler
    found = {
        "fingerprint": fingerprint, "passed": holds, "relations": [relation],
        "controls": {"real": {"fd": 0.3217, "kid": 0.1}, "blurred": {"fd": None}},
    }  # fmt: skip
    (out / "selftest.json").write_text(json.dumps(found))


def test_each_mark_and_each_dataset_has_its_tables(tmp_path: Path) -> None:
    text = write(
        tmp_path,
        card(mark=20.0, accuracy=0.5),
        baseline(),
        card(mark=60.0, accuracy=0.9),
        card("wgan", data="e", data_sha256="y", accuracy=0.7),
    )
    main, _, rest = text.partition(report.ALL)
    parts = rest.split("\n### ")[1:]
    assert [part.partition("\n")[0] for part in parts] == [
        f"{data}, images from sounds, {mark} TFLOP"
        for data, mark in (("d", 60), ("d", 20), ("e", 60))
    ]
    for part, value in zip(parts, ("90.0", "50.0", "70.0"), strict=True):
        assert f"| {value} (" in part
    assert "| class-mean* |" in parts[0] and "| class-mean* |" in parts[1]
    assert "class-mean" not in parts[2]
    assert "*copied %*: " in parts[0]
    first, second = main.split("\n### ")[1:]
    assert first.startswith("d, images from sounds, n = 10,000\n\nOfficial:\n\n| model |")
    assert "| 60 | 1 | 90.0 (" in first and "| 20 | 1 | 50.0 (" in first and "| 70.0" not in first
    assert "| 60 | 1 | 70.0 (" in second and "class-mean" not in second


def test_each_task_has_its_tables(tmp_path: Path) -> None:
    speech: dict[str, Any] = {
        "protocol": "image2audio-9",
        "judge_a": "of sounds",
        "n": 300,
        "accuracy": 0.7,
    }
    text = write(tmp_path, card(**speech), baseline("real-data", **speech), card("wgan"))
    images, heard = text.partition(report.ALL)[0].split("\n### ")[1:]
    assert images.startswith("d, images from sounds, n = 10,000\n")
    assert heard.startswith("d, speech from images, n = 300\n")
    assert "wgan" in images and "cgan" not in images and "real test images" in images
    assert "cgan" in heard and "wgan" not in heard and "| 70.0 (" in heard
    assert "| real-data* |" in heard and "| real recordings |" in heard


def test_the_head_says_what_this_level_cannot_measure(tmp_path: Path) -> None:
    assert "given the digit, sound and image are independent" in write(tmp_path, card())[:400]


def test_rows_that_were_measured_differently_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="differ in judge_a"):
        write(tmp_path, card(), card("wgan", judge_a="another"))
    assert not (tmp_path / report.TABLE).exists() and not (tmp_path / report.PAGE).exists()


def test_no_rows_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        report.write(tmp_path, tmp_path / "runs", tmp_path)


def test_a_broken_ruler_marks_the_report_and_is_an_error(tmp_path: Path) -> None:
    assert "The self-test of the metrics was not run." in write(tmp_path, card())[:500]
    write_self_test(tmp_path)
    assert "self-test" not in write(tmp_path, card())
    write_self_test(tmp_path, holds=False)
    says = "fd should be better for real than for blurred, by 1.5"
    with pytest.raises(InputError, match=says):
        report.write(tmp_path, tmp_path / "runs", tmp_path)
    assert says in (tmp_path / report.TABLE).read_text()[:500]
    html = (tmp_path / report.PAGE).read_text()
    assert 'role="alert"' in html and says in html.partition("<main>")[0]


@pytest.mark.parametrize("name", selftest.RULER)
def test_the_test_of_another_ruler_is_none_of_this_one(name: str, tmp_path: Path) -> None:
    write_self_test(tmp_path, holds=False, **{name: "another"})
    assert "The self-test of the metrics was not run." in write(tmp_path, card())[:500]
    assert "Self-test of the metrics: not run" in (tmp_path / report.PAGE).read_text()


def test_what_the_self_test_found(tmp_path: Path) -> None:
    assert selftest.read(tmp_path) is None
    write_self_test(tmp_path, holds=False)
    found = selftest.read(tmp_path)
    assert found == (
        ["fd should be better for real than for blurred, by 1.5"], 1, ["fd"],
        [("real", [0.3217]), ("blurred", [None])], "c0de",
        {name: card()["fingerprint"][name] for name in selftest.RULER},
    )  # fmt: skip
    for text in ("{", "[]", '{"controls": {}}'):
        (tmp_path / "selftest.json").write_text(text)
        with pytest.raises(InputError, match="is damaged: run the self-test again"):
            selftest.read(tmp_path)


def test_the_readme_takes_the_tables_between_its_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "ROOT", tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("top\n<!-- table:begin -->\nstale row\n<!-- table:end -->\nbottom\n")
    write(tmp_path, card())
    report.update_readme(tmp_path)
    text = readme.read_text()
    assert text.startswith("top\n<!-- table:begin -->\nWhat this level")
    assert text.endswith("<!-- table:end -->\nbottom\n") and "### d, images from sounds, n" in text
    assert "stale row" not in text
    readme.write_text("top\n")
    with pytest.raises(InputError, match="lacks its table:begin"):
        report.update_readme(tmp_path)
