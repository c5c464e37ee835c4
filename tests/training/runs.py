"""Small runs of the trainer, for the tests of it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import sys
import warnings
from pathlib import Path

import pytest
import torch

import models
import train
from common.errors import command
from training import checkpoint

ALL = [(name, preset) for name in models.names() for preset in models.presets(name)]
# What is the trainer's own is tried with few, one of several phases too; with all in test-all.
FEW = (("cgan", "reference"), ("vaegan", "reference"), ("cgan", "original"))
FEWER = [pytest.param(*each, marks=[pytest.mark.slow] * (each not in FEW)) for each in ALL]
COMMON = ("--data", "offline", "--device", "cpu", "--batch-size", "8", "--width", "8")
MARK = "0.0252"  # TFLOP: the warm start of a small run has three steps


@dataclasses.dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def arguments(data_dir: Path, out: Path, name: str, *more: str, preset: str = "reference") -> list:
    """A small run; what comes later in the line wins."""
    warm = ("--encoder-width", "8", "--marks", MARK) if preset == "reference" else ()
    given = ["--model", name, "--preset", preset, "--data-dir", str(data_dir), "--out", str(out)]
    return [*given, *COMMON, *warm, *more]


def call(*given: str) -> Done:
    """The command in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.showwarning = lambda text, *_: print(f"WARNING {text}", file=sys.stderr)
        patch.setattr(sys, "argv", ["train.py", *given])
        try:
            command(train.main)()
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            code = stop.code
    return Done(code, out.getvalue(), err.getvalue())


def error_line(done: Done) -> str:
    """The one line of a command that refused its input before it began to train."""
    assert done.code == 2, done
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, done.err
    return done.err


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(folder).tensors)


def assert_same(a: Path, b: Path) -> None:
    """Weights, average and optimizers, bit by bit."""
    found, expected = tensors_of(a), tensors_of(b)
    assert found.keys() == expected.keys()
    assert {key.partition(".")[0] for key in found} == {"model", "ema", "optimizer"}
    different = [k for k, v in expected.items() if not torch.equal(v, found[k])]
    assert not different
    assert checkpoint.load(a).step == checkpoint.load(b).step


def log_of(folder: Path) -> list[tuple[int, str, float]]:
    """Every line of the run's log but those of its time, in order."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    entries = [(e["step"], e["tag"], e["value"]) for e in map(json.loads, lines)]
    return [e for e in entries if not e[1].startswith(("speed/", "progress/training_seconds"))]


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
