"""A small untrained run, speech, and the command in this process."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import torch

import datasets
import draw
import models
from datasets.offline import synthesize
from drawing import outputs
from training.checkpoint import NAME, Checkpoint, write
from training.run import Run

RATE = 22050


class Done(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Done]


def write_run(folder: Path, preset: str = "reference", **changes: Any) -> Path:
    """An untrained run of a small CGAN."""
    spec = datasets.spec("audio2image", changes.get("labels", "none"))
    config = models.presets("cgan")[preset]
    if preset == "reference":
        config = dataclasses.replace(config, **{"width": 8, "encoder_width": 8})
    torch.manual_seed(0)
    tensors = {f"ema.{k}": v for k, v in config.build(spec).state_dict().items()}
    run = Run(
        model="cgan", preset=preset, config=dataclasses.asdict(config), data="offline",
        data_fingerprint="none", task="audio2image", split="official", pairing="resampled",
        labels="none", seed=0,
        precision="32-true", x_shape=spec.x_shape, c_shape=spec.c_shape,
        marks=(20.0, 60.0), code="test",
    )  # fmt: skip
    run = dataclasses.replace(run, **changes)
    write(folder / NAME, Checkpoint(run, 5000, 1.5, 0, tensors))
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def speech() -> dict[str, np.ndarray]:
    """By word, in [-1, 1] at 22,050 Hz."""
    words = ("five", "six", "eight")
    spoken = synthesize([("en-us+f2", word, 150, 50, 50) for word in words])
    return {word: samples / 32768 for word, samples in zip(words, spoken, strict=True)}


@pytest.fixture
def sounds(speech: dict[str, np.ndarray], tmp_path: Path) -> Path:
    """A folder with three words in different formats, and a file that is no sound."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for (word, samples), suffix in zip(speech.items(), ("wav", "mp3", "flac"), strict=True):
        soundfile.write(folder / f"{word}.{suffix}", np.pad(samples, RATE), RATE)
    (folder / "notes.txt").write_text("no sound")
    return folder


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """The command; drawings go to tmp_path / 'drawings' unless told otherwise."""
    monkeypatch.setattr(outputs, "FOLDER", tmp_path / "drawings")
    monkeypatch.setattr(draw, "FOLDER", tmp_path / "drawings")

    def run_command(*arguments: str | Path) -> Done:
        argv = ["draw.py", "--device", "cpu", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", argv)
        code = 0
        try:
            draw.main()
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            code = stop.code
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run_command
