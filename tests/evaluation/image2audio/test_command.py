"""evaluate.py for speech: which data, which split, which judges, and the files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import datasets
import evaluate
from benchmarking.rows import to_row
from common.files import ROOT
from datasets import PairedDataset, part
from evaluation import outputs
from evaluation.image2audio import evaluator
from evaluation.image2audio.evaluator import PLAYERS, SpeechEvaluator
from evaluation.image2audio.scorecard import BETTER, LEFT_OUT
from judges import JUDGES, load_judge
from metrics.neighbors import nearest


@pytest.mark.usefixtures("only_a_piece")
def test_a_baseline_is_scored_on_the_recordings_of_the_split(
    piece: PairedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(evaluator, "N_DRAWS", 1)  # to listen to
    split = f"speaker:{piece.recordings.speakers[1]}"
    given = ("--task", "image2audio", "--data", "offline", "--split", split, "--device", "cpu")
    command = ["evaluate.py", "--baseline", "nearest-neighbor", *given, "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    evaluate.main()
    said, card = capsys.readouterr().out, outputs.read(tmp_path / outputs.NAME)

    judges = [load_judge("offline", which, kind="sound") for which in JUDGES]
    hashes = {f"judge_{w}": each.sha256 for w, each in zip(JUDGES, judges, strict=True)}
    ruler: dict[str, Any] = {
        "protocol": SpeechEvaluator.PROTOCOL, "data": "offline", "data_sha256": piece.fingerprint,
        "split": split, "n": 30, "n_recordings": 20, "device": "cpu", **hashes,
    }  # fmt: skip
    assert card["fingerprint"].items() >= ruler.items() and len({*hashes.values()}) == 2
    about = {"name": "nearest-neighbor", "needs_label": False, "run": None, "weights_sha256": None}
    assert card["candidate"] == about and to_row(card)["task"] == "image2audio"
    of_runs = {"recognition_accuracy", "partner_rank"}
    assert {*card["left_out"]} == {*LEFT_OUT} - {"level_db"}  # two recordings of a digit
    assert card["metrics"].keys() == {*BETTER} - of_runs - card["left_out"].keys()
    for name in (outputs.GRID, outputs.CONFUSION, outputs.NEIGHBORS, PLAYERS, outputs.NAME):
        assert str(tmp_path / name) in said and (tmp_path / name).stat().st_size > 1000
    assert (tmp_path / PLAYERS).read_text().count("<audio") == 20

    # It shows training recordings, of the digit of the nearest training image.
    test, train = datasets.test_part(piece, split), part(piece, split, "train")
    row = nearest(test.images.flatten(1) / 255, train.images.flatten(1) / 255).row
    right = (train.image_digit[row] == test.image_digit).double().mean().item()
    assert 0.5 < right < 1
    metrics = {name: estimate["value"] for name, estimate in card["metrics"].items()}
    assert metrics["accuracy"] == pytest.approx(right) and metrics["copied"] == 1
    # Beside it stand the recordings of the one speaker, by both judges.
    real = [judge(test.sounds)[1].argmax(1) == test.sound_digit for judge in judges]
    floor = torch.stack(real).double().mean().item()
    assert card["metrics"]["accuracy"]["real"] == pytest.approx(floor)


@pytest.mark.slow
def test_all_of_the_offline_data_are_scored(offline_dir: Path, tmp_path: Path) -> None:
    """Where a digit has fewer images than recordings."""
    ran = subprocess.run(
        [
            *(sys.executable, "evaluate.py", "--baseline", "real-data", "--task", "image2audio"),
            *("--data", "offline", "--data-dir", offline_dir, "--out", tmp_path),
        ],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    card = outputs.read(tmp_path / outputs.NAME)
    assert (card["fingerprint"]["n"], card["fingerprint"]["n_recordings"]) == (296, 300)
    assert {*card["left_out"]} == {"image_share"}
    assert card["metrics"]["coverage_within_digit"]["value"] > 0.5
