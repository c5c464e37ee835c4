"""Rows and tables: what is published is what was measured, and never mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarking import report
from common.errors import InputError
from evaluation import outputs


def card(name: str = "cgan", accuracy: float = 0.9, **fingerprint: Any) -> dict[str, Any]:
    estimate = {"value": accuracy, "low": accuracy - 0.01, "high": accuracy + 0.01, "real": 0.99}
    return {
        "candidate": {
            "name": name,
            "needs_label": False,
            "run": {
                "preset": "reference",
                "pairing": "resampled",
                "labels": "none",
                "precision": "32-true",
                "seed": 0,
                "code": "abc",
                "config": {"lr": 0.1},
            },
            "weights_sha256": "w",
        },
        "fingerprint": {
            "protocol": "p",
            "data": "d",
            "data_sha256": "x",
            "split": "official",
            "split_sha256": "s",
            "judge_a": "a",
            "judge_b": "b",
            "converter": {"n_fft": 512},
            "code": "abc",
            "n": 10_000,
            "k": 5,
            "seed": 0,
            "device": "cpu",
        }
        | fingerprint,
        "metrics": {
            "accuracy": estimate,
            "accuracy_judge_b": estimate,
            "fd_judge_10k": estimate | {"value": 4.0},
            "kid_judge_10k": estimate,
            "density_judge_10k": estimate,
            "precision_judge_10k": estimate | {"value": 0.25},
            "coverage_judge_10k": estimate,
            "diversity_relative": estimate,
        },
        "by_recording": {"drawn": [5, 5], "correct": [5, 4], "digit": [0, 1]},
        "cost": {
            "steps": 10,
            "training_seconds": 1.0,
            "samples_per_second": 5.0,
            "parameters": 7,
            "mark_tflop": 20.0,
        },
    }


def test_rows_survive_the_file_and_are_replaced_not_doubled(tmp_path: Path) -> None:
    report.add_row(tmp_path, card(accuracy=0.5))
    report.add_row(tmp_path, card("wgan", accuracy=0.6))
    report.add_row(tmp_path, card(accuracy=0.7))
    rows = report.read_rows(tmp_path)
    assert [(row["model"], float(row["accuracy"])) for row in rows] == [
        ("cgan", 0.7),
        ("wgan", 0.6),
    ]
    assert rows[0]["fd"] == "4.0"
    assert rows[0]["code_trained"] == "abc"


def test_marks_have_rows_and_tables_of_their_own(tmp_path: Path) -> None:
    late, early = card(accuracy=0.9), card(accuracy=0.5)
    late["cost"]["mark_tflop"] = 60.0
    baseline = card("class-mean", accuracy=0.99)
    baseline["candidate"] |= {"needs_label": True, "run": None, "weights_sha256": None}
    baseline["cost"]["mark_tflop"] = None
    for each in (early, baseline, late):
        report.add_row(tmp_path, each)
    report.write(tmp_path, tmp_path / "runs", tmp_path)
    first, second = (tmp_path / report.TABLE).read_text().split("### d, split official")[1:]
    assert first.startswith(", n = 10,000, 60 TFLOP") and "| 90.0 (" in first
    assert second.startswith(", n = 10,000, 20 TFLOP") and "| 50.0 (" in second
    for text in (first, second):
        assert text.count("cgan (reference)") == text.count("class-mean*") == 1


def test_a_run_that_is_not_at_a_mark_is_no_row(tmp_path: Path) -> None:
    stopped = card()
    stopped["cost"]["mark_tflop"] = None
    with pytest.raises(InputError, match="cgan, 10 steps: it is not at one of its marks"):
        report.add_row(tmp_path, stopped)
    assert not report.read_rows(tmp_path)


def test_every_value_has_a_column_of_its_own() -> None:
    row = report.to_row(card())
    assert (row["training_precision"], row["precision"]) == ("32-true", "0.25")
    assert (row["recording_drawn"], row["recording_correct"]) == ("5 5", "5 4")
    again = card()
    again["metrics"]["pairing"] = again["metrics"]["accuracy"]
    with pytest.raises(ValueError, match="two columns named pairing"):
        report.to_row(again)


def test_a_table_refuses_rows_that_were_measured_differently(tmp_path: Path) -> None:
    report.add_row(tmp_path, card())
    report.add_row(tmp_path, card("wgan", judge_a="another"))
    with pytest.raises(InputError, match=r"differ in judge_a"):
        report.write(tmp_path, tmp_path / "runs", tmp_path)


def test_other_data_make_another_table(tmp_path: Path) -> None:
    report.add_row(tmp_path, card())
    report.add_row(tmp_path, card("wgan", data="e", data_sha256="y"))
    report.write(tmp_path, tmp_path / "runs", tmp_path)
    text = (tmp_path / report.TABLE).read_text()
    assert "### d, split official" in text
    assert "### e, split official" in text


def test_the_best_is_first_and_what_is_given_the_digit_is_marked(tmp_path: Path) -> None:
    baseline = card("class-mean", accuracy=0.99)
    baseline["candidate"] |= {"needs_label": True, "run": None, "weights_sha256": None}
    original = card("vaegan", accuracy=0.95)
    original["candidate"]["run"] |= {"preset": "original"}
    for each in (original, baseline, card("wgan", accuracy=0.8), card("cgan", accuracy=0.9)):
        report.add_row(tmp_path, each)
    report.write(tmp_path, tmp_path / "runs", tmp_path)
    lines = (tmp_path / report.TABLE).read_text().splitlines()
    names = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert names == [
        *("model", "cgan (reference)", "wgan (reference)", "vaegan (original)"),
        "class-mean*",
    ]
    assert any("90.0 (89.0..91.0)" in line for line in lines)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"format,model\nsynesthesia-rows-2,cgan\nsynesthesia-rows-2\n", "line 3 has not a cell"),
        (b"format,model\nsynesthesia-rows-2,\xff\n", "is no CSV file"),
    ],
)
def test_damaged_rows_are_named(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / report.ROWS).write_bytes(content)
    with pytest.raises(InputError, match=says):
        report.read_rows(tmp_path)


def test_rows_of_an_older_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / report.ROWS).write_text("subject,preset\ncgan,source\n")
    with pytest.raises(InputError, match="rows of another format than synesthesia-rows-4"):
        report.add_row(tmp_path, card())


def test_figures_are_of_the_runs_whose_weights_are_in_the_rows(tmp_path: Path) -> None:
    report.add_row(tmp_path, card())
    for name, changes in (("a", {"weights_sha256": "other"}), ("b", {})):
        found = card()
        found["candidate"] |= changes
        folder = tmp_path / "runs" / name / "mark-20"
        folder.mkdir(parents=True)
        (folder / outputs.NAME).write_text(json.dumps({"format": outputs.FORMAT} | found))
    (tmp_path / "runs" / outputs.NAME).write_text('{"format": "synesthesia-scorecard-2"}')
    assert [run for _, run in report.find_runs(report.read_rows(tmp_path), tmp_path)] == [
        tmp_path / "runs" / "b" / "mark-20"
    ]


def test_no_rows_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        report.write(tmp_path, tmp_path / "runs", tmp_path)


def test_the_readme_takes_the_table_between_its_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "ROOT", tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("top\n<!-- table:begin -->\nstale row\n<!-- table:end -->\nbottom\n")
    report.add_row(tmp_path, card())
    report.write(tmp_path, tmp_path / "runs", tmp_path)
    report.update_readme(tmp_path)
    text = readme.read_text()
    assert text.startswith("top\n<!-- table:begin -->\n### d")
    assert text.endswith("<!-- table:end -->\nbottom\n")
    assert "stale row" not in text
