"""Bad input to the trainer: one line, nothing lost."""

from __future__ import annotations

import dataclasses
import io
import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from common.files import ROOT
from tests.training.runs import (
    Done,
    arguments,
    call,
    contents,
    error_line,
)
from training import checkpoint, session
from training.checkpoint import NAME

REFUSED = {
    "unknown model": (("--model", "cgam"), ("'cgam'", "did you mean cgan")),
    "missing model": ((), ("--model is missing", "vaegan")),
    "no value": (("--model",), ("--model needs a value",)),
    "two models": (("--model", "cgan", "--model", "wgan"), ("given twice",)),
    "unknown preset": (("--model", "cgan", "--preset", "orignal"), ("did you mean original",)),
    "flag of others": (("--model", "cgan", "--n-critic", "1"), ("belongs to wgan (reference)",)),
    "unknown flag": (("--model", "cgan", "--stepps", "1"), ("--stepps", "--steps")),
    "stray word": (("--model", "cgan", "stray"), ("stray",)),
    "not a number": (("--model", "cgan", "--lr", "fast"), ("--lr", "'fast'")),
    "negative": (("--model", "cgan", "--lr", "-1"), ("--lr",)),
    "nan": (("--model", "cgan", "--lr", "nan"), ("--lr",)),
    "no steps": (("--model", "cgan", "--steps", "0"), ("--steps",)),
    "average": (("--model", "cgan", "--ema", "1"), ("--ema",)),
    "seed": (("--model", "cgan", "--seed", "-1"), ("--seed",)),
    "interval": (("--model", "cgan", "--checkpoint-every", "0"), ("--checkpoint-every",)),
    "marks": (("--model", "cgan", "--marks", "20", "nan"), ("--marks", "ascend")),
    "choice": (("--model", "cgan", "--pairing", "x"), ("unknown pairing 'x'", "one-to-one")),
    "odd width": (("--model", "cgan", "--width", "3"), ("divisible",)),
    "no width": (("--model", "cgan", "--width", "0"), ("without weights",)),
    "no gpu": (("--model", "cgan", "--device", "cuda"), ("--device cuda", "--device cpu")),
    "no mps": (("--model", "cgan", "--device", "mps"), ("--device mps", "--device cpu")),
    "task": (
        ("--model", "cgan", "--preset", "original", "--task", "image2audio"),
        ("--task image2audio", "'cgan (original)' serves audio2image"),
    ),
    "split": (("--model", "cgan", "--split", "speakers"), ("'speakers'", "speaker:NAME")),
    "speaker": (("--model", "cgan", "--split", "speaker:bob"), ("unknown speaker 'bob'",)),
    "resume": (("--model", "cgan", "--resume", "maybe"), ("--resume", "auto")),
    "batch": (
        ("--model", "cgan", "--batch-size", "100000000"),
        ("GiB", "see the --batch-size flags"),
    ),
    "nothing there": (("--model", "cgan", "--resume"), ("nothing to resume", NAME)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line_and_leaves_nothing(
    case: str, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    given, words = REFUSED[case]
    folder = tmp_path / "run"
    place = ("--data", "offline", "--data-dir", str(offline_dir), "--out", str(folder))
    line = error_line(call(*place, *given))
    assert all(word in line for word in words), line
    assert not folder.exists()


def test_bad_input_to_the_script_itself(tmp_path: Path) -> None:
    """Nothing else is on stderr, and no trace."""
    done = subprocess.run(
        [sys.executable, "train.py", "--model", "cgan", "--lr", "fast", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "'fast'" in error_line(Done(done.returncode, done.stdout, done.stderr))
    assert not done.stdout


@pytest.fixture(scope="module")
def finished(offline_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.Session, "validate", lambda self: None)
        assert call(*arguments(offline_dir, folder, "cgan", "--steps", "4")).code == 0
    return folder


@pytest.fixture
def refused(finished: Path, offline_dir: Path, tmp_path: Path) -> tuple[Path, Callable[..., str]]:
    """A copy of a finished run, and a call that must be refused and change nothing in it."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)

    def refuse(*more: str, name: str = "cgan", preset: str = "reference") -> str:
        before = contents(folder)
        given = arguments(offline_dir, folder, name, "--steps", "6", *more, preset=preset)
        line = error_line(call(*given))
        assert contents(folder) == before
        return line

    return folder, refuse


Refused = tuple[Path, Callable[..., str]]


def test_a_folder_that_holds_a_run_is_refused_without_resume(refused: Refused) -> None:
    folder, refuse = refused
    line = refuse()
    assert str(folder) in line
    assert "--resume" in line


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("--seed", "1"), "seed"),
        (("--lr", "1e-5"), "config.lr"),
        (("--batch-size", "4"), "config.batch_size"),
        (("--pairing", "shuffled"), "pairing"),
        (("--precision", "bf16-mixed"), "precision"),
    ],
)
def test_another_run_is_not_resumed(refused: Refused, change: tuple[str, ...], word: str) -> None:
    assert f"another run: {word} differ" in refused[1]("--resume", *change)


def test_another_model_or_preset_is_not_resumed(refused: Refused) -> None:
    assert "preset" in refused[1]("--resume", preset="original")
    assert "model" in refused[1]("--resume", name="wgan")


def test_a_run_on_other_data_is_not_resumed(refused: Refused) -> None:
    folder, refuse = refused
    found = checkpoint.load(folder)
    changes: tuple[dict[str, Any], ...] = ({"data": "mnist-fsdd"}, {"data_fingerprint": "0" * 64})
    for change in changes:
        run = dataclasses.replace(found.run, **change)
        checkpoint.write(folder / NAME, dataclasses.replace(found, run=run))
        assert f"another run: {next(iter(change))} differ" in refuse("--resume")


class Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return Path.touch, (self.marker,)


def test_a_file_that_is_no_checkpoint_is_not_resumed(refused: Refused, tmp_path: Path) -> None:
    folder, refuse = refused
    good, marker = (folder / NAME).read_bytes(), tmp_path / "it ran"
    saved = io.BytesIO()
    torch.save({"model": Bomb(marker)}, saved)
    damaged = {
        "empty": b"",
        "header cut": good[:1000],
        "tensors cut": good[:-1000],
        "noise": random.Random(0).randbytes(5000),
        "pickle": pickle.dumps(Bomb(marker)),
        "torch.save": saved.getvalue(),
    }
    for kind, data in damaged.items():
        (folder / NAME).write_bytes(data)
        line = refuse("--resume")
        assert "damaged or not a safetensors file" in line, kind
        assert ("looks like a pickle" in line) == (kind == "pickle")
        assert ("torch.save" in line) == (kind == "torch.save")
    assert not marker.exists()
    pickle.loads(damaged["pickle"])
    assert marker.exists(), "the bomb is a dud: the test shows nothing"


def test_a_checkpoint_without_all_tensors_or_with_more_is_not_resumed(refused: Refused) -> None:
    folder, refuse = refused
    found = checkpoint.load(folder)
    weight = next(key for key in found.tensors if key.startswith("model."))
    moment = next(key for key in found.tensors if key.endswith(".exp_avg"))
    changes: dict[str, dict[str, torch.Tensor | None]] = {
        weight.removeprefix("model."): {weight: None},
        "model.more": {"model.more": torch.ones(1)},
        moment.removeprefix("optimizer."): {moment: None},
        "optimizer.more": {"optimizer.more": torch.ones(1)},
        "other phase": {"optimizer.other phase.0.exp_avg": torch.ones(1)},
    }
    for named, change in changes.items():
        tensors = {k: v for k, v in (dict(found.tensors) | change).items() if v is not None}
        checkpoint.write(folder / NAME, dataclasses.replace(found, tensors=tensors))
        assert named.removeprefix("model.") in refuse("--resume")


def test_a_place_that_cannot_be_written_is_named(offline_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = call(*arguments(offline_dir, tmp_path / "file", "cgan", "--steps", "1"))
    assert str(tmp_path / "file") in error_line(done)
    assert (tmp_path / "file").read_text() == "mine"
