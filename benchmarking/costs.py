"""What a matrix will cost, before it runs: FLOPs counted, seconds by a few real updates here."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lightning_fabric import Fabric
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import datasets
import models
from benchmarking.jobs import Job, Planned, is_busy
from common.errors import InputError
from datasets import Batches, PairedDataset, part
from training import checkpoint
from training.loop import Trainer
from training.run import Precision, Run, code_version, default_config
from training.schedule import TERA, Schedule

__all__ = ["Cost", "costs", "duration", "show"]

TIMED_STEPS = 3


@dataclass(frozen=True)
class Cost:
    """Of a job. The scoring is not counted.

    Attributes:
        tflop, done: of the whole training, and of what is done.
        rate: TFLOP/s here; None: nothing is left to be trained.
        state: in words.
    """

    tflop: float
    done: float
    rate: float | None
    state: str

    @property
    def seconds(self) -> float:
        return (self.tflop - self.done) / self.rate if self.rate else 0.0


def costs(jobs: Sequence[Planned], dataset: PairedDataset) -> list[Cost]:
    """Of each job. Nothing is written."""
    schedules: dict[tuple[str, ...], Schedule] = {}
    rates: dict[tuple[str, ...], float] = {}
    found = []
    for job in jobs:
        scored = f"{len(job.scorecards(dataset))} of {len(job.paths)} scored"
        if not isinstance(job, Job):
            found.append(Cost(0.0, 0.0, None, scored))
            continue
        kind = (
            *(job.model, job.preset, job.task, job.pairing, job.labels, job.sound_as),
            job.augment,
        )
        run = _describe(job, dataset)
        if kind not in schedules:
            schedules[kind] = Schedule.of(run)
        schedule = schedules[kind]
        tflop = schedule.until(schedule.steps(job.tflop * TERA)) / TERA
        done = tflop if job.is_trained() else schedule.until(_steps_done(job)) / TERA
        rate, state = None, "trained" if done >= tflop else "started" if done else "new"
        if done < tflop:
            if kind not in rates:
                rates[kind] = measure_rate(run, job.precision, dataset)
            rate = rates[kind]
            if is_busy(job):
                state = "another process trains it"
        found.append(Cost(tflop, min(done, tflop), rate, f"{state}, {scored}"))
    return found


def measure_rate(run: Run, precision: Precision, dataset: PairedDataset) -> float:
    """TFLOP/s of some updates of a new model, after its warm start."""
    fabric = Fabric(accelerator="auto", devices=1, precision=precision)
    model = run.build().to(fabric.device)
    # A first mark of nothing: each window of phases has its least length, a step.
    schedule = Schedule.of(dataclasses.replace(run, marks=(1e-9,)), fabric.device, model)
    train = part(dataset, run.split, "train").seen_as(run.sound_as).to(fabric.device)
    batches = Batches(
        train,
        run.pairing,
        run.config["batch_size"],
        run.seed,
        0,
        run.labels,
        run.task,
        run.augment,
        models.presets(run.model)[run.preset].both_ways,
    )
    trainer = Trainer(model, schedule, batches, fabric, run.config["ema"])
    for _ in range(schedule.draws_from):
        trainer.advance()
    trainer.flush()
    begin, start = trainer.step, time.perf_counter()
    for _ in range(TIMED_STEPS):
        trainer.advance()
    trainer.flush()  # waits for the device
    flops = schedule.until(trainer.step) - schedule.until(begin)
    return flops / TERA / (time.perf_counter() - start)


def show(jobs: Sequence[Planned], found: Sequence[Cost]) -> None:
    """Prints the plan."""
    table = Table(box=SIMPLE_HEAD)
    for name in ("", "TFLOP", "done", "GFLOP/s here", "to train", "state"):
        table.add_column(name, justify="left" if name in ("", "state") else "right")
    for job, cost in zip(jobs, found, strict=True):
        rate = f"{1000 * cost.rate:,.0f}" if cost.rate else ""
        left = duration(cost.seconds) if cost.rate else ""
        numbers = (f"{cost.tflop:,.3g}", f"{cost.done:,.3g}") if cost.tflop else ("", "")
        table.add_row(job.label, *numbers, rate, left, cost.state)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 120
    console.print(table)
    total, done = sum(c.tflop for c in found), sum(c.done for c in found)
    print(
        f"{len(jobs)} jobs: {total:,.4g} TFLOP of training, {done:,.4g} of them done; "
        f"{duration(sum(c.seconds for c in found))} left here, one run at a time, and the scoring"
    )


def duration(seconds: float) -> str:
    """In words: 40 s, 12 min, 3 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _describe(job: Job, dataset: PairedDataset) -> Run:
    spec = datasets.spec(job.trained_task, job.labels, job.sound_as)
    config = default_config(job.model, job.preset, job.pairing)
    return Run(
        job.model, job.preset, dataclasses.asdict(config), job.data, dataset.fingerprint,
        job.trained_task, job.split, job.pairing, job.labels, job.seed, job.precision,
        spec.x_shape, spec.c_shape, job.marks, code_version(), sound_as=job.sound_as,
        augment=job.augment,
    )  # fmt: skip


def _steps_done(job: Job) -> int:
    path = job.folder / checkpoint.NAME
    try:
        return checkpoint.load(path, groups=()).step if path.exists() else 0
    except InputError:
        return 0
