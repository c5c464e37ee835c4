"""Round trips as a command: which runs, which judges, which rows, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import datasets
import models
from common.files import read_rows, write_rows
from datasets import PairedDataset, Task
from evaluation import round_trips
from evaluation.evaluator import ImageEvaluator
from evaluation.image2audio.evaluator import SpeechEvaluator
from evaluation.judged import obeyed
from evaluation.round_trips import NAME
from judges import JUDGES, Kind, load_judge
from training import checkpoint
from training.checkpoint import Checkpoint
from training.run import Run


def write(folder: Path, task: Task, piece: PairedDataset, step: int, **changes: Any) -> Path:
    """An untrained run of small networks."""
    model = changes.get("model", "cgan")
    labels = changes.get("labels", "none")
    spec = datasets.spec(task, labels)
    small = {"width": 8, "encoder_width": 8}
    config = dataclasses.replace(models.presets(model)["reference"], **small)
    run = Run(
        model=model, preset="reference", config=dataclasses.asdict(config), data="offline",
        data_fingerprint=piece.fingerprint, task=task,
        split=f"speaker:{piece.recordings.speakers[1]}", pairing="resampled", labels=labels,
        seed=0, precision="32-true", x_shape=spec.x_shape, c_shape=spec.c_shape,
        marks=(20.0, 60.0), code="test",
    )  # fmt: skip
    torch.manual_seed(step)
    tensors = {f"ema.{k}": v for k, v in config.build(spec).state_dict().items()}
    run = dataclasses.replace(run, **changes)
    checkpoint.write(folder / checkpoint.NAME, Checkpoint(run, step, 1.5, 0, tensors))
    return folder


def call(monkeypatch: pytest.MonkeyPatch, *given: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["round_trips", *map(str, given)])
    try:
        round_trips.main()
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code
    return 0


@pytest.fixture
def runs(piece: PairedDataset, tmp_path: Path) -> tuple[Path, Path]:
    """One of each task, in nothing alike but data and split."""
    return (
        write(tmp_path / "a", "audio2image", piece, step=7, pairing="fixed-4", seed=3),
        write(tmp_path / "b", "image2audio", piece, step=9, model="cvae", labels="warm-start"),
    )


@pytest.mark.usefixtures("only_a_piece")
def test_two_runs_become_rows(
    runs: tuple[Path, Path], piece: PairedDataset, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(round_trips, "N_DRAWS", 1)
    out = tmp_path / "out"
    given = ("--to-image", runs[0], "--to-sound", runs[1], "--out", out)
    assert call(monkeypatch, *given) == 0, capsys.readouterr().err
    rows = read_rows(out / NAME)
    there, back = "image -> speech -> image", "speech -> image -> speech"
    assert [(row["trip"], row["stage"], row["n"]) for row in rows] == [
        *((there, stage, "3") for stage in ("test images", "speech, heard", "images")),
        *((back, stage, "20") for stage in ("test recordings", "images", "speech, heard")),
    ]
    said = capsys.readouterr().out
    assert str(out / NAME) in said and said.count("test recordings") == 1

    split = f"speaker:{piece.recordings.speakers[1]}"
    wanted = {
        "data": "offline", "split": split,
        "to_image_model": "cgan", "to_image_pairing": "fixed-4", "to_image_labels": "none",
        "to_image_seed": "3", "to_image_step": "7", "to_image_preset": "reference",
        "to_sound_model": "cvae", "to_sound_pairing": "resampled",
        "to_sound_labels": "warm-start", "to_sound_seed": "0", "to_sound_step": "9",
        "to_sound_preset": "reference",
    }  # fmt: skip
    for way, run in zip(("to_image", "to_sound"), runs, strict=True):
        wanted[f"{way}_weights"] = checkpoint.load(run).weights_sha256()
    of_kind: dict[str, Kind] = {"images": "image", "sounds": "sound"}
    for kinds, kind in of_kind.items():
        sha256 = (load_judge("offline", which, kind=kind).sha256 for which in JUDGES)
        wanted[f"judges_of_{kinds}"] = " ".join(sha256)
    assert all(row.items() >= wanted.items() for row in rows)

    # What goes in is read by the judges of its kind.
    test = datasets.test_part(piece, split)
    cpu = torch.device("cpu")
    images, sounds = ImageEvaluator(piece, split, cpu), SpeechEvaluator(piece, split, cpu)
    shown = obeyed(images.features_of(test.images[::10]), test.image_digit[::10])
    spoken = obeyed(sounds.features_of(test.sounds), test.sound_digit)
    for row, right in ((rows[0], shown), (rows[3], spoken)):
        kept = right.mean().item()
        assert float(row["kept"]) == kept > 0.5
        assert float(row["low"]) <= kept <= float(row["high"])

    # Rows of the same runs are replaced; of any other, kept.
    key = {*wanted} - {name for name in wanted if name.endswith("weights") or "judges" in name}
    assert len(key) == 14
    others = [rows[0] | {name: "other"} for name in sorted({"trip", "stage", *key})]
    write_rows(out / NAME, [row | {"kept": "0.5"} for row in rows] + others)
    assert call(monkeypatch, *given) == 0
    assert read_rows(out / NAME) == rows + others


@pytest.mark.usefixtures("only_a_piece")
@pytest.mark.parametrize(
    ("changes", "swapped", "says"),
    [
        ({}, True, "b: a run of image2audio; one of audio2image is wanted"),
        ({"split": "official"}, False, "the two runs are of another split"),
        ({"data": "mnist-fsdd"}, False, "the two runs are of another data"),
        ({"data_fingerprint": "6" * 64}, False, "the two runs are of another data fingerprint"),
    ],
)
def test_runs_that_do_not_fit_are_refused(
    changes: dict[str, Any], swapped: bool, says: str, runs: tuple[Path, Path],
    piece: PairedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write(runs[1], "image2audio", piece, step=9, **changes)
    first, second = runs[::-1] if swapped else runs
    given = ("--to-image", first, "--to-sound", second, "--out", tmp_path / "out")
    assert call(monkeypatch, *given) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    assert said.endswith(f"{says}\n")
    assert not (tmp_path / "out" / NAME).exists()


@pytest.mark.usefixtures("only_a_piece")
def test_runs_of_other_data_than_are_here_are_refused(
    piece: PairedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    other = {"data_fingerprint": "6" * 64}
    image = write(tmp_path / "a", "audio2image", piece, step=7, **other)
    sound = write(tmp_path / "b", "image2audio", piece, step=9, **other)
    out = tmp_path / "out"
    given = ("--to-image", image, "--to-sound", sound, "--out", out)
    assert call(monkeypatch, *given) == 2
    assert "the data 'offline' here are not those of the runs" in capsys.readouterr().err


def test_another_file_in_its_place_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / NAME).open("w") as file:
        csv.writer(file).writerows((("trip", "stage"), ("x", "y")))
    given = ("--to-image", "none", "--to-sound", "none", "--out", tmp_path)
    assert call(monkeypatch, *given) == 2
    assert "has no column 'data': move it away" in capsys.readouterr().err
