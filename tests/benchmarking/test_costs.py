"""The plan of a matrix: FLOPs of each run, what is done, and what is left; nothing is written."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import datasets
import models
from benchmarking import costs, matrix
from benchmarking.costs import Cost
from benchmarking.jobs import Job
from common.files import exclusive
from datasets import PairedDataset
from training import checkpoint
from training.checkpoint import Checkpoint
from training.run import Run
from training.schedule import TERA, Schedule


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks: what they cost is counted in a moment."""
    config = dataclasses.replace(
        models.presets("cvae")["reference"], width=8, encoder_width=8, batch_size=8
    )  # type: ignore[call-arg]
    monkeypatch.setattr(models, "presets", lambda name: {"reference": config})


def jobs_of(dataset: PairedDataset, folder: Path, **more: Any) -> list[Any]:
    options = matrix.Options(models=("cvae",), presets=("reference",), runs=folder, **more)
    return matrix.plan(options, dataset)


def run_of(job: Job, dataset: PairedDataset) -> Run:
    spec = datasets.spec("audio2image", job.labels)
    config = dataclasses.asdict(models.presets(job.model)["reference"])
    return Run(
        "cvae", "reference", config, "offline", dataset.fingerprint, "audio2image", job.split,
        job.pairing, job.labels, job.seed, job.precision, spec.x_shape, spec.c_shape, job.marks, "",
    )  # fmt: skip


@pytest.mark.usefixtures("tiny")
def test_the_cost_of_each_run(
    offline_source: PairedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "measure_rate", lambda run, precision, dataset: 0.25)
    jobs = jobs_of(offline_source, tmp_path, marks=(0.1, 0.2), seeds=(0, 1, 2, 3))
    _, new, started, busy, trained = jobs
    run = run_of(new, offline_source)
    schedule = Schedule.of(run)
    total = schedule.until(schedule.steps(0.2 * TERA)) / TERA
    done = Checkpoint(dataclasses.replace(run, seed=1), 7, 1.0, 0, {})
    checkpoint.write(started.folder / checkpoint.NAME, done)
    for folder in (trained.folder, *trained.mark_folders):
        checkpoint.write(folder / checkpoint.NAME, Checkpoint(run, 9, 1.0, 0, {}))
    with exclusive(busy.folder, "training"):
        before = sorted(tmp_path.rglob("*"))
        found = costs.costs(jobs, offline_source)
        assert sorted(tmp_path.rglob("*")) == before
    n = len(jobs[0].paths)
    assert found == [
        Cost(0.0, 0.0, None, f"0 of {n} scored"),
        Cost(total, 0.0, 0.25, "new, 0 of 4 scored"),
        Cost(total, schedule.until(7) / TERA, 0.25, "started, 0 of 4 scored"),
        Cost(total, 0.0, 0.25, "another process trains it, 0 of 4 scored"),
        Cost(total, total, None, "trained, 0 of 4 scored"),
    ]
    assert 0.19 < total <= 0.2
    assert found[2].seconds == pytest.approx((total - schedule.until(7) / TERA) / 0.25)
    assert found[4].seconds == 0


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_rate_is_measured_by_updates(
    precision: Any, offline_source: PairedDataset, tmp_path: Path
) -> None:
    _, job = jobs_of(offline_source, tmp_path, precision=precision)
    rate = costs.measure_rate(run_of(job, offline_source), precision, offline_source)
    assert 1e-6 < rate < 1e3


def test_the_plan_is_shown_with_its_sums(
    offline_source: PairedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = jobs_of(offline_source, tmp_path, seeds=(0, 1))
    found = [Cost(0, 0, None, "x"), Cost(60, 15, 0.125, "started"), Cost(60, 60, None, "trained")]
    costs.show(jobs, found)
    said = capsys.readouterr().out
    (line,) = [line for line in said.splitlines() if "started" in line]
    assert line.split()[-7:] == ["(reference)", "60", "15", "125", "6", "min",
                                 "started"]  # fmt: skip
    assert "3 jobs: 120 TFLOP of training, 75 of them done; 6 min left here" in said


def test_a_dry_run_does_nothing(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(costs, "measure_rate", lambda run, precision, dataset: 0.25)
    options = matrix.Options(
        dry_run=True, models=("cvae",), data="offline", data_dir=offline_dir,
        out=tmp_path / "out", runs=tmp_path / "runs",
    )  # fmt: skip
    matrix.run(options)
    said = capsys.readouterr().out
    assert "cvae (original)" in said and "new, 0 of 2 scored" in said
    assert "next: the same command without --dry-run" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.4, "3 s"), (89, "89 s"), (91, "2 min"), (3599, "1 h 0 min"),
                          (12_120, "3 h 22 min")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert costs.duration(seconds) == text
