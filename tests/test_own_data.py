"""Somebody's own folder: understood, trained on and evaluated, with judges trained on the spot."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import datasets.__main__
import draw
import evaluate
from common.errors import InputError, command
from datasets.examples import CLASSES, write_shapes
from evaluation.candidates import Candidate
from judges import own
from tests.training.runs import call
from training import checkpoint

SMALL = ("--width", "8", "--encoder-width", "8", "--batch-size", "8", "--device", "cpu")


@pytest.fixture(scope="module", autouse=True)
def quick_judges(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own, "FOLDER", tmp_path_factory.mktemp("judges"))
        patch.setattr(own, "EPOCHS", 1)
        patch.setattr(own, "MIN_STEPS", 4)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("own") / "my shapes", n=12, size=32)


def run(main: Any, *given: str | Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["command", *map(str, given)])
        try:
            command(main)()
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            return stop.code
    return 0


@pytest.mark.parametrize(
    "task", ["audio2image", pytest.param("image2audio", marks=pytest.mark.slow)]
)
def test_it_is_trained_on_and_evaluated(
    task: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"folder:{folder}"
    done = call(
        "--model", "cgan", "--data", data, "--task", task, "--marks", "0.05", "--size", "16",
        "--out", str(tmp_path / "run"), *SMALL,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = checkpoint.load(tmp_path / "run")
    assert found.run.n_digits == len(CLASSES) and found.run.data == "folder-my-shapes"
    assert {found.run.x_shape, found.run.c_shape} == {(3, 16, 16), (1, 64, 64)}
    (line,) = [line for line in done.out.splitlines() if line.startswith("evaluate:")]
    assert f"--data '{data}'" in line

    assert run(evaluate.main, "--checkpoint", tmp_path / "run" / "mark-0.05", "--data", data) == 0
    card = json.loads((tmp_path / "run" / "mark-0.05" / "scorecard.json").read_text())
    assert set(card["by_digit"]) == set(CLASSES)
    assert 0 <= card["metrics"]["accuracy"]["value"] <= 1
    assert card["metrics"]["accuracy"]["real"] is not None  # of the judges on real test data
    assert len(card["confusion"]) == len(CLASSES)
    assert not card["by_speaker"]  # nobody is named
    assert card["cost"]["mark_tflop"] == 0.05
    capsys.readouterr()
    assert run(draw.main, "--checkpoint", tmp_path / "run", folder / "sounds") == 2
    assert "a model of your own data" in capsys.readouterr().err or task == "image2audio"

    assert run(evaluate.main, "--checkpoint", tmp_path / "run", "--data", data, "--size", "32") == 2
    assert "--size and --color are of baselines" in capsys.readouterr().err

    # A checkpoint may claim what it likes.
    for claim in (
        dataclasses.replace(found.run, c_shape=(1, 9999, 9999)),
        dataclasses.replace(found.run, x_shape=(2, 9999, 9999)),
    ):
        with pytest.raises(InputError, match="shapes that no folder has"):
            Candidate.from_checkpoint(dataclasses.replace(found, run=claim), torch.device("cpu"))

    # Without the data, or with others, it says so.
    assert run(evaluate.main, "--checkpoint", tmp_path / "run") == 2
    assert "--data folder:PATH" in capsys.readouterr().err
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    for kind in ("images", "sounds"):
        shutil.rmtree(other / kind / CLASSES[0])
    assert run(evaluate.main, "--checkpoint", tmp_path / "run", "--data", f"folder:{other}") == 2
    assert "fingerprint" in capsys.readouterr().err


def test_what_was_understood_is_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    assert run(datasets.__main__.main, f"folder:{folder}", "--out", sheet) == 0
    said = capsys.readouterr().out
    for expected in (*CLASSES, "3 classes", "28 x 28, in colour", "nothing is in two splits"):
        assert expected in said, expected
    assert f"train.py --model cgan --data 'folder:{folder}'" in " ".join(said.split())
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_baselines_of_own_data(folder: Path, tmp_path: Path) -> None:
    given = ("--baseline", "nearest-neighbor", "--data", f"folder:{folder}", "--size", "16")
    assert run(evaluate.main, *given, "--out", tmp_path) == 0
    card = json.loads((tmp_path / "scorecard.json").read_text())
    assert card["metrics"]["copied"]["value"] > 0.9
