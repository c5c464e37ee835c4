"""The log of a run: every line once, whatever happened to the file."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import datasets
import models
from models import Phase
from training import run_log
from training.run import Run, run_folder
from training.run_log import NAME, SOUNDS, RunLog, read_scalars, write_sounds

PHASES: Sequence[Phase] = (
    models.presets("cvae")["reference"].build(datasets.spec("audio2image")).phases()
)
CONFIG = dataclasses.asdict(models.presets("cvae")["reference"])
RUN = Run(
    model="cvae", preset="reference", config=CONFIG, data="offline", data_fingerprint="0" * 64,
    task="audio2image", split="official", pairing="resampled", labels="none",
    seed=0, precision="32-true",
    x_shape=(1, 28, 28), c_shape=(1, 64, 64), marks=(20.0, 60.0), code="abc",
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


def test_hyperparameters_are_all_that_identifies_a_run(tmp_path: Path) -> None:
    """Runs of both tasks stand in one table of TensorBoard."""
    run = dataclasses.replace(
        RUN, task="image2audio", split="speaker:theo", labels="cascade", sound_as="tones",
        augment="clips",
    )  # fmt: skip
    RunLog(tmp_path, run, PHASES).close()
    events = EventAccumulator(str(tmp_path)).Reload()
    content = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    given = HParamsPluginData.FromString(content).session_start_info.hparams
    names = [*inspect.signature(run_folder).parameters][1:]
    assert {name: given[name].string_value for name in names if name != "seed"} == {
        "model": "cvae", "preset": "reference", "data": "offline", "task": "image2audio",
        "split": "speaker:theo", "pairing": "resampled", "labels": "cascade",
        "sound_as": "tones", "augment": "clips",
    }  # fmt: skip
    assert given["seed"].number_value == 0 and given["beta"].number_value == CONFIG["beta"]


def test_sounds_are_written_once_for_all_runs_of_a_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "RUNS", tmp_path / "results")
    mine = run_folder(
        tmp_path / "mine", "cvae", "reference", "offline", "audio2image", "official", "resampled",
        "none", 0,
    )  # fmt: skip
    for folder in (mine, tmp_path / "results" / "a", tmp_path / "c"):
        write_sounds(folder, RUN, torch.rand(10, 8192))
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    place = Path("sounds", "offline-official", SOUNDS)
    assert files == [tmp_path / root / place for root in ("c", "mine", "results")]
    events = EventAccumulator(str(files[0].parent), {"audio": 0}).Reload()
    assert {*events.Tags()["audio"]} == {f"condition/{digit}" for digit in range(10)}

    before = [path.stat() for path in files]
    for folder in (mine, tmp_path / "results" / "b", tmp_path / "c"):  # another run, and resumed
        write_sounds(folder, RUN, torch.rand(10, 8192))
    assert [path.stat() for path in files] == before
    assert files == sorted(path for path in tmp_path.rglob("*") if path.is_file())
