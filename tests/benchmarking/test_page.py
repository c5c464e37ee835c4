"""The page: every number comes from a row, text is escaped, nothing comes from outside."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarking import matrices, page
from benchmarking.figures import SIDE_BY_SIDE, Run, folder_name
from benchmarking.rows import Row, to_row
from benchmarking.selftest import SelfTest
from evaluation import outputs
from tests.benchmarking.cards import baseline, card

PNG = b"\x89PNG of "


def a_matrix() -> list[dict[str, Any]]:
    cards = [
        card(model, seed, split, mark=mark, accuracy=level)
        for model, level in (("cgan", 0.9), ("wgan", 0.8))
        for seed in (0, 1)
        for split in ("official", "speaker:ann", "speaker:bob")
        for mark in (20.0, 60.0)
    ]
    return [*cards, *(baseline(split=split) for split in ("official", "speaker:ann"))]


def render(
    rows: list[Row], runs: list[Run] | None = None, figures: Path = Path("none"),
    tested: SelfTest | None = None,
) -> str:  # fmt: skip
    """Without its charts, which take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "light_and_dark", lambda draw: (PNG + b"light", PNG + b"dark"))
        return page.render(rows, runs or [], figures, tested)


@pytest.fixture(scope="module")
def cards() -> list[dict[str, Any]]:
    return a_matrix()


@pytest.fixture(scope="module")
def usual(cards: list[dict[str, Any]]) -> str:
    return render([to_row(each) for each in cards])


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.partition("</style>")[2]))


def test_the_first_screen(usual: str) -> None:
    first = text_of(usual.partition("Accuracy against coverage")[0])
    assert "What is measured." in first and "given the digit, they are independent" in first
    assert "d, images from sounds" in first
    assert "10,000 images from 20 recordings for each speaker of 2 speakers" in first
    never = first.index("cgan (reference) 60 2 x 2 90.0")
    assert first.index("speakers never heard model") < never
    assert never < first.index("official model") < first.index("cgan (reference) 60 2 90.0")
    assert "cgan (reference) 20 2 90.0" in first
    assert "speakers never heard, 60 TFLOP" in usual and "official, 60 TFLOP" in usual


CHANGES: dict[str, Any] = {
    "accuracy": lambda c: c["metrics"]["accuracy"].update(value=0.1234),
    "interval": lambda c: c["metrics"]["copied"].update(low=0.0123),
    "real": lambda c: c["metrics"]["fd_judge_10k"].update(real=77.7),
    "coverage": lambda c: c["metrics"]["coverage_within_digit_judge_10k"].update(value=0.9191),
    "a column of the full table": lambda c: c["metrics"]["sound_share"].update(value=0.8765),
    "recordings": lambda c: c["fingerprint"].update(n_recordings=321),
    "n": lambda c: c["fingerprint"].update(n=9_000),
    "confusion": lambda c: c["confusion"][3].__setitem__(4, 37),
    "speaker": lambda c: c["by_speaker"].update(zoe=c["by_speaker"].pop("ann")),
    "accuracy of a speaker": lambda c: c["by_speaker"]["ann"].update(value=0.4567),
    "seed": lambda c: c["candidate"]["run"].update(seed=7),
    "command": lambda c: c["candidate"]["run"].update(pairing="fixed-9"),
    "commit": lambda c: c["candidate"]["run"].update(code="fedcba"),
    "training": lambda c: c["cost"].update(training_flops=71e12),
    "counts": lambda c: c["by_recording"]["correct"].__setitem__(0, 3),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_row_says_is_on_the_page(what: str, cards: list[dict[str, Any]], usual: str) -> None:
    changed = copy.deepcopy(cards)
    # Of official at the last mark; what must agree, in all rows.
    for each in changed if what in ("recordings", "n") else changed[1:2]:
        CHANGES[what](each)
    assert text_of(render([to_row(each) for each in changed])) != text_of(usual)


def test_names_from_files_are_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    made = card(evil)
    made["by_speaker"] = {evil: made["by_speaker"]["ann"]}
    made["candidate"]["run"] |= {"code": evil, "pairing": evil}
    tested = SelfTest([evil], 1, [evil], [(evil, [0.5])], evil, {})
    html = render([to_row(made)], tested=tested)
    assert "<img src=x" not in html
    assert html.count("&lt;img src=x") > 8


def test_nothing_comes_from_outside(usual: str) -> None:
    assert "<script" not in usual and "<link" not in usual and "@import" not in usual
    sources = re.findall(r'(?:src|srcset|href)="(.*?)"|url\((.*?)\)', usual)
    assert sources and all(a.startswith("data:image/png;base64,") for a, _ in sources)


def test_the_self_test_stands_on_the_page(usual: str) -> None:
    assert "Not run." in usual and "Self-test of the metrics: not run" in usual
    row = to_row(card())
    passed = text_of(
        render([row], tested=SelfTest([], 3, ["fd"], [("half", [0.4567])], "c0de", {}))
    )
    assert "Self-test of the metrics: passed" in passed and 'role="alert"' not in passed
    assert "3 of 3 relations hold" in passed and "half 0.457" in passed and "at c0de" in passed
    failed = render([row], tested=SelfTest(["fd is wrong"], 3, ["fd"], [("a", [None])], "c", {}))
    assert 'role="alert"' in failed and "fd is wrong" in failed.partition("<main>")[0]
    assert "2 of 3 relations hold" in text_of(failed)


def test_every_row_has_its_commands(cards: list[dict[str, Any]], usual: str) -> None:
    commands = usual.partition("The command of each row")[2]
    assert commands.count('<div class="command">') == len(cards)
    assert (
        "--model wgan --preset reference --data d --task audio2image --split speaker:bob"
        in commands
    )
    assert "evaluate.py --baseline class-mean --data d --split speaker:ann" in commands
    assert "wgan (reference), speaker:bob, seed 1, 20 TFLOP" in commands


def test_pictures_of_runs_are_shown_where_they_are(tmp_path: Path) -> None:
    row, lookup = to_row(card()), card("lookup", preset="")
    lookup["candidate"]["run"]["model"] = "cgan"
    mark = tmp_path / "run" / "mark-60"
    (mark / "lookup").mkdir(parents=True)
    places = {
        "samples": mark / outputs.GRID, "neighbors": mark / outputs.NEIGHBORS,
        "copies": mark / "lookup" / outputs.NEIGHBORS,
        "all": tmp_path / "figures" / folder_name(row) / SIDE_BY_SIDE,
    }  # fmt: skip
    places["all"].parent.mkdir(parents=True)
    for name, path in places.items():
        path.write_bytes(PNG + name.encode())
    later = to_row(card(seed=1))
    again = tmp_path / "again" / "mark-60"
    again.mkdir(parents=True)
    (again / outputs.GRID).write_bytes(PNG + b"of another seed")
    runs: list[Run] = [(later, again), (row, mark)]
    html = render([row, later, to_row(lookup)], runs, tmp_path / "figures")
    assert page._uri(PNG + b"of another seed") not in html
    shown = {name: page._uri(PNG + name.encode()) in html for name in places}
    assert shown == dict.fromkeys(places, True)
    without = render([row, to_row(lookup)])
    assert not any(page._uri(PNG + name.encode()) in without for name in places)
    assert "Not made for these runs." in without


def test_without_speakers_never_heard_it_says_so() -> None:
    html = text_of(render([to_row(card())]))
    assert "Speakers never heard: not run." in html
    assert "each such number is the mean" not in html


def test_accuracies_of_speakers_are_means_over_seeds() -> None:
    first, second = card(seed=0, accuracy=0.9), card(seed=1, accuracy=0.8)
    (line,) = re.findall(
        r"cgan \(reference\) ([\d. ]+)",
        text_of(render([*map(to_row, (first, second))])).partition("Accuracy by speaker")[2],
    )[:1]
    assert line.split()[:2] == ["85.0", "83.8"]


def test_confusions_are_of_all_runs_of_a_model() -> None:
    first, second = card(seed=0), card(seed=1)
    first["confusion"][2] = [0] * 9 + [30]
    second["confusion"][2] = [5] + [0] * 8 + [5]
    found = matrices.confusions([*map(to_row, (first, second))])
    assert [(matrix.title, matrix.columns[3]) for matrix in found] == [("cgan (reference)", "3")]
    assert found[0].lines[2] == ("2", [0.125] + [0.0] * 8 + [0.875])


def test_pictures_are_of_the_first_run_of_each_model(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    class Logged:
        def __init__(self, folder: Path) -> None:
            read.append(folder.name)
            self.scalars: dict[str, Any] = {}

    monkeypatch.setattr(page.compare, "read", Logged)
    monkeypatch.setattr(page, "light_and_dark", lambda draw: (b"", b""))
    order = [(1, "official"), (0, "speaker:ann"), (0, "official")]
    runs: list[Run] = [
        (to_row(card(model, seed, split)), Path(f"{model}-{seed}-{split}/mark-60"))
        for seed, split in order
        for model in ("wgan", "cgan")
    ]
    (picture,) = page._losses(page._first(runs))
    assert sorted(read) == ["cgan-0-official", "wgan-0-official"]
    assert picture.title == "official, seed 0"
