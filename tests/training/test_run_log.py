"""What TensorBoard shows of runs beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.training.test_flops import small_run
from training import run_log
from training.run import run_folder
from training.run_log import SOUNDS, write_sounds


def test_sounds_are_written_once_for_all_runs_of_a_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "RUNS", tmp_path / "results")
    clips = torch.rand(10, 8192)
    mine = run_folder(tmp_path / "mine", "wgan", "reference", "offline", "official", "resampled", 0)
    for folder in (mine, tmp_path / "results" / "a", tmp_path / "results" / "b", tmp_path / "c"):
        for _ in range(2):  # the second resumes
            write_sounds(folder, small_run(), clips)
    found = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    roots = [Path(root, "sounds", "offline-official", SOUNDS) for root in ("c", "mine", "results")]
    assert found == roots
    events = EventAccumulator(str(tmp_path / found[0].parent), {"audio": 0}).Reload()
    assert {*events.Tags()["audio"]} == {f"condition/{digit}" for digit in range(10)}
