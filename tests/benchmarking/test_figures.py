"""Pictures are of the runs whose weights are in the rows."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarking import figures
from benchmarking.figures import copy_figures, find_runs, folder_name
from benchmarking.rows import to_row
from evaluation import outputs
from tests.benchmarking.cards import card


def put(folder: Path, made: dict[str, Any]) -> Path:
    folder.mkdir(parents=True)
    (folder / outputs.NAME).write_text(json.dumps({"format": outputs.FORMAT} | made))
    return folder


def test_runs_are_found_by_their_weights(tmp_path: Path) -> None:
    other = card(mark=20.0)
    other["candidate"]["weights_sha256"] = "other"
    put(tmp_path / "a" / "mark-20", other)
    right = put(tmp_path / "b" / "mark-20", card(mark=20.0))
    (tmp_path / outputs.NAME).write_text('{"format": "synesthesia-scorecard-2"}')
    last = card("wgan", mark=20.0)
    last["candidate"]["weights_sha256"] = "of wgan"
    beside = put(tmp_path / "c" / "mark-20", last)
    rows = [to_row(card(mark=20.0)), to_row(last)]
    assert find_runs(rows, tmp_path) == [(rows[0], right), (rows[1], beside)]


def test_the_last_mark_of_each_run_counts(tmp_path: Path) -> None:
    cards = [card(model, seed, mark=mark) for seed in (1, 0) for model in ("wgan", "cgan")
             for mark in (60.0, 20.0)]  # fmt: skip
    for i, each in enumerate(cards):
        put(tmp_path / str(i) / f"mark-{each['cost']['mark_tflop']:g}", each)
    found = find_runs([to_row(each) for each in cards], tmp_path)
    assert [(row["seed"], row["model"], folder.name) for row, folder in found] == [
        (seed, model, "mark-60") for seed in ("0", "1") for model in ("cgan", "wgan")
    ]


def test_a_folder_is_named_after_what_must_not_be_mixed() -> None:
    row = to_row(card(split="speaker:ann", pairing="fixed-4", labels="warm-start"))
    assert folder_name(row) == "d-audio2image-speaker-ann-fixed-4-labels-warm-start"


def test_the_grid_of_the_first_seed_of_each_model_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[Path] = []

    def chart(runs: list[Path]) -> bytes:
        compared.extend(runs)
        return b"chart"

    monkeypatch.setattr(figures, "compare", SimpleNamespace(read=Path, chart=chart))
    runs = []
    for seed in (0, 1):
        for model in ("cgan", "wgan"):
            folder = tmp_path / model / str(seed) / "mark-60"
            folder.mkdir(parents=True)
            (folder / outputs.GRID).write_text(f"{model} {seed}")
            runs.append((to_row(card(model, seed)), folder))
    copy_figures(tmp_path / "out", runs)
    made = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert made == {
        "samples-cgan-reference.png": "cgan 0", "samples-wgan-reference.png": "wgan 0",
        "comparison-reference.png": "chart",
    }  # fmt: skip
    assert compared == [folder.parent for _, folder in runs]
