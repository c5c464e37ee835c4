"""Pictures of sound side by side: the best first, each with its own figures, against mel64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarking import representations
from benchmarking.representations import representation_tables
from benchmarking.rows import Row, to_row
from benchmarking.seeds import difference
from tests.benchmarking.cards import baseline, card


def run(sound_as: str, seed: int, accuracy: float, **more: Any) -> Row:
    """A run of the CGAN."""
    given = {"augment": "clips", "split": "official"} | more
    return to_row(card("cgan", seed, accuracy=accuracy, sound_as=sound_as, **given))


@pytest.fixture
def rows() -> list[Row]:
    level = {"mel64": 0.9, "linear": 0.94, "planes": 0.3}
    of_runs = [
        run(name, seed, accuracy - (0.04 if name == "linear" else 0.02) * seed)
        for name, accuracy in level.items()
        for seed in (0, 1)
    ]
    own = [run("mel64", seed, 0.9, augment="pictures") for seed in (0, 1)]
    return [
        *of_runs, *own, to_row(baseline(split="official")),
        run("planes", 0, 0.99, split="speaker:ann"), run("planes", 0, 0.99, pairing="fixed-4"),
        run("planes", 0, 0.99, labels="warm-start"),
    ]  # fmt: skip


def test_the_best_stands_first_and_differs_from_the_control(rows: list[Row]) -> None:
    ((table, verdict),) = representation_tables(rows)
    assert [(line[0].text, line[2].text) for line in table.lines] == [
        ("linear", "clips"), ("mel64", "pictures"), ("mel64", "clips"), ("planes", "clips"),
    ]  # fmt: skip
    assert [line[1].text for line in table.lines[1:]] == [
        "1 x 64 x 64",
        "1 x 64 x 64",
        "1 x 128 x 128",
    ]
    assert {line[3].text for line in table.lines} == {"2"}
    column = table.headings.index("accuracy %")
    assert [line[column].text for line in table.lines] == ["92.0", "90.0", "89.0", "29.0"]
    less = [line[-1] for line in table.lines]
    assert [cell.text for cell in less] == ["+3.0", "+1.0", "", "-60.0"]
    of = {name: [r for r in rows[:6] if r["sound_as"] == name] for name in ("linear", "mel64")}
    found = difference(of["linear"], of["mel64"], "accuracy")
    assert found.low is not None and f"{100 * found.low:+.1f}" in less[0].detail
    assert verdict.startswith("Best: `linear` with accuracy % 92.0, +2.0 points")
    assert verdict.endswith("before `mel64`, the next.")


def test_what_is_spoken_is_ranked_by_what_is_heard(rows: list[Row]) -> None:
    spoken = []
    for row, heard in zip(rows[:6], (0.5, 0.5, 0.4, 0.4, 0.6, 0.6), strict=True):
        ends = {f"accuracy_heard{end}": str(heard) for end in ("", "_low", "_high")}
        spoken.append({**row, **ends, "task": "image2audio"})
    ((table, verdict),) = representation_tables(spoken)
    assert [line[0].text for line in table.lines] == ["planes", "mel64", "linear"]
    assert table.headings[-1] == "heard %: minus mel64"
    assert "heard % 60.0, +10.0 points" in verdict


def test_there_is_no_page_of_one_picture_alone(rows: list[Row], tmp_path: Path) -> None:
    of_mel64 = [row for row in rows if row["sound_as"] in ("", "mel64")]
    assert representations.write(tmp_path, of_mel64) is None
    path = representations.write(tmp_path, rows)
    assert path is not None and "| linear |" in path.read_text()
