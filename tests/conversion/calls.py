"""Calls of convert.py in this process, and files for them."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import convert
from converters.picture_files import read_picture
from converters.sound_files import read_sound

RATE = 8000
SMALL = ("--with", "pack", "--width", "64", "--height", "64")  # 12 kB in a tile


@dataclasses.dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def call(*given: str | Path, stdin: bytes = b"") -> Result:
    """Runs the command in this process."""
    buffer = io.BytesIO()
    out, err, code = io.TextIOWrapper(buffer), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.simplefilter("error")  # converters' are reported; others are bugs
        patch.setattr(sys, "argv", ["convert.py", *map(str, given)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            convert.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    out.flush()
    return Result(code, buffer.getvalue().decode(), err.getvalue())


def succeed(*given: str | Path) -> Result:
    """Runs the command, which must end well and without a warning."""
    done = call(*given)
    assert (done.code, done.err) == (0, ""), done
    return done


def fail(*given: str | Path) -> str:
    """The error of a call that does nothing, in one line."""
    done = call(*given)
    assert done.code == 2, done
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, done.err
    assert " -> " not in done.out
    return done.err


def fail_while_writing(*given: str) -> str:
    """The error of a call that shows its plan, fails and leaves no output."""
    before = contents(Path())
    done = call(*given)
    assert done.code == 2
    assert done.err.startswith("error: ") and done.err.count("\n") == 1, done.err
    assert contents(Path()) == before
    return done.err


def fail_late(*given: str) -> str:
    """The error of a call that fails after it has shown its plan."""
    done = call(*given)
    assert done.code == 2 and done.err.count("\n") == 1, done.err
    return done.err


def speech(n_samples: int = 4000, n_channels: int = 2) -> np.ndarray:
    """(n_samples, n_channels) in [-1, 1]."""
    time = np.arange(n_samples)[:, None] / RATE
    pitch = 200 * np.arange(1, n_channels + 1)
    noise = np.random.default_rng(0).standard_normal((n_samples, n_channels))
    return 0.4 * np.sin(2 * np.pi * pitch * time) * np.sin(5 * time) + 0.01 * noise


def sound_file(path: Path, subtype: str = "PCM_16", n_samples: int = 4000) -> Path:
    soundfile.write(path, speech(n_samples), RATE, subtype)
    return path


def picture_file(path: Path, width: int = 24, height: int = 18, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pixels_of(path: Path) -> np.ndarray:
    return read_picture(path).pixels


def same_samples(first: Path, second: Path) -> bool:
    return np.array_equal(read_sound(first).samples(), read_sound(second).samples())


def same_pixels(first: Path, second: Path) -> bool:
    return np.array_equal(pixels_of(first), pixels_of(second))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def strip(path: Path) -> None:
    """Removes everything but the pixels."""
    Image.fromarray(pixels_of(path)).save(path)
