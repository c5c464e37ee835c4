"""The log of a run: every line once, whatever happened to the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

import datasets
import models
from models import Phase
from training.run import Run
from training.run_log import NAME, RunLog, read_scalars

PHASES: Sequence[Phase] = (
    models.presets("cvae")["reference"].build(datasets.spec("audio2image")).phases()
)
CONFIG = dataclasses.asdict(models.presets("cvae")["reference"])
RUN = Run(
    model="cvae", preset="reference", config=CONFIG, data="offline", data_fingerprint="0" * 64,
    task="audio2image", split="official", pairing="resampled", seed=0, precision="32-true",
    x_shape=(1, 28, 28), c_shape=(1, 64, 64), code="abc",
)  # fmt: skip


def session(folder: Path, first: int, position: int, n: int) -> tuple[RunLog, list[int]]:
    """Logs n steps; the log and its position before each."""
    log = RunLog(folder, RUN, PHASES, first, position)
    positions = []
    for step in range(first, first + n):
        positions.append(log.position())
        log.scalars(step, {"loss/generator": float(step)})
    return log, positions


def steps(folder: Path) -> list[int]:
    return read_scalars(folder).get("loss/generator", ([], []))[0]


def test_a_resume_without_steps_keeps_the_position(tmp_path: Path) -> None:
    """A log that was cut knows its new size, also where nothing is written after the cut."""
    log, positions = session(tmp_path, 0, 0, 9)
    log.close()
    log, _ = session(tmp_path, 5, positions[5], 0)
    assert log.position() == positions[5]
    log.close()
    log, later = session(tmp_path, 5, positions[5], 3)
    assert later[0] == positions[5]
    log.close()
    assert steps(tmp_path) == [0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("size", [0, 30, 100])
def test_a_shortened_log_is_continued_behind_its_last_whole_line(size: int, tmp_path: Path) -> None:
    log, _ = session(tmp_path, 0, 0, 5)
    position = log.position()
    assert not log.is_short
    log.close()
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data[:size])
    whole = data[:size].count(b"\n")
    log, _ = session(tmp_path, 5, position, 2)
    assert log.is_short
    log.close()
    assert steps(tmp_path) == [*range(whole), 5, 6]


def test_a_deleted_log_starts_again(tmp_path: Path) -> None:
    log, _ = session(tmp_path, 0, 0, 5)
    position = log.position()
    log.close()
    (tmp_path / NAME).unlink()
    log, _ = session(tmp_path, 5, position, 2)
    assert log.is_short
    log.close()
    assert steps(tmp_path) == [5, 6]


def test_the_last_validation_is_found(tmp_path: Path) -> None:
    log = RunLog(tmp_path, RUN, PHASES)
    assert log.last_validation == -1
    log.scalars(3, {"validation/accuracy": 0.5})
    log.scalars(7, {"loss/generator": 0.5})
    position = log.position()
    log.close()
    log = RunLog(tmp_path, RUN, PHASES, 8, position)
    assert log.last_validation == 3
    log.close()
