"""A matrix of runs: models x presets x tasks x pictures of sound x splits x pairings x labels x
seeds, by our commands.

A run that is finished is kept, and one that was interrupted resumes. Several matrices may share
folders: a run that another process has is left to it, and looked at again at the end.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import models
from benchmarking import costs, jobs, report
from benchmarking.jobs import Baselines, Job, Planned, SelfTest, trained_task
from common.errors import InputError, suggest
from common.files import ROOT
from datasets import (
    Augment,
    Labels,
    PairedDataset,
    SoundAs,
    Task,
    check_augment,
    check_pairing,
    check_split,
    default_augment,
)  # fmt: skip
from evaluation import self_test
from evaluation.run_baselines import RunBaseline
from training.run import MARKS, RUNS, Precision, baselines_folder, check_marks, run_folder

__all__ = ["Options", "check", "plan", "run", "run_all"]

PRESETS = ("reference", "original")
QUICK_MARKS = (10.0,)
SECONDS_BETWEEN_LOOKS = 5.0  # at runs that other processes have


@dataclass(frozen=True)
class Options:
    """Trains and evaluates models, then writes tables, figures and the report."""

    quick: bool = False
    """The `reference` presets to 10 TFLOP, into results/demo/, which git ignores."""
    dry_run: bool = False
    """Print the plan and its cost, and do nothing."""
    models: tuple[str, ...] = ()
    """Which models; all by default."""
    presets: tuple[str, ...] = ()
    """Which presets, of the models that have them; `reference` and `original` by default."""
    tasks: tuple[Task, ...] = ("audio2image",)
    """What is drawn of what."""
    splits: tuple[str, ...] = ("official",)
    """'official', 'speaker:NAME' for a speaker who is never heard in training."""
    pairings: tuple[str, ...] = ("resampled",)
    """How sounds get their images: resampled, one-to-one, fixed-K or shuffled."""
    labels: tuple[Labels, ...] = ("none",)
    """What learns from digit labels: nothing, the warm start alone, or a cascade."""
    sound_as: tuple[SoundAs, ...] = ("mel64",)
    """As which pictures sounds are heard and said; see train.py."""
    augment: Augment | None = None
    """What of a heard sound is varied in training; see train.py."""
    seeds: tuple[int, ...] = (0,)
    """Which seeds."""
    precision: Precision = "32-true"
    """Of the forward pass in training."""
    marks: tuple[float, ...] = MARKS
    """TFLOP of training at which every run is scored; it ends at the last."""
    data: datasets.Data = "auto"
    """Which data."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    out: Path | None = None
    """Where tables and figures go; by default results/, or results/demo/ with --quick."""
    runs: Path | None = None
    """Where the runs go; by default results/runs/, or results/demo/runs/ with --quick."""
    fresh: bool = False
    """Train finished runs again."""


def run(options: Options) -> None:
    """The whole matrix, its tables and its figures.

    Raises:
        InputError: the options do not fit, or some runs failed; what succeeded is written before.
    """
    options = check(options)
    assert options.out and options.runs
    out = options.out
    report.read_rows(out)  # refuses an older format before hours of training
    # Loaded first: only then is it known which data there are, and every run names them.
    dataset = datasets.load(options.data, options.data_dir)
    planned = plan(options, dataset)
    if options.dry_run:
        costs.show(planned, costs.costs(planned, dataset))
        print("next: the same command without --dry-run")
        return
    failed = run_all(planned, options, dataset)
    if failed and not report.read_rows(out):
        raise InputError(f"every run failed: {'; '.join(failed)}; see above")
    report.write(out, options.runs, options.data_dir)
    print(f"report:  {out / report.PAGE}\ntable:   {out / report.TABLE}")
    print(f"figures: {out / report.FIGURES}")
    print(f"next:    tensorboard --logdir {options.runs}")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(planned)} failed: {'; '.join(failed)}; see above; the same "
            "command tries them again"
        )


def check(options: Options) -> Options:
    """The options, with those that --quick sets.

    Raises:
        InputError: they do not fit each other, or the models.
    """
    if options.quick:
        if options.presets or options.marks != Options.marks:
            raise InputError("--quick sets --presets and --marks itself: leave them out")
        options = dataclasses.replace(options, presets=("reference",), marks=QUICK_MARKS)
    demo = ROOT / "results" / "demo"
    options = dataclasses.replace(
        options,
        out=options.out or (demo if options.quick else ROOT / "results"),
        runs=options.runs or (demo / "runs" if options.quick else RUNS),
    )
    presets = {p for name in options.models or models.names() for p in models.presets(name)}
    for preset in options.presets:
        if preset not in presets:
            raise InputError(f"unknown preset '{preset}': {suggest(preset, sorted(presets))}")
    if not presets & {*(options.presets or PRESETS)}:
        raise InputError(f"give --presets: none of the models has {' or '.join(PRESETS)}")
    chosen = [
        models.presets(name)[preset]
        for name in options.models or models.names()
        for preset in (options.presets or PRESETS)
        if preset in models.presets(name)
    ]
    for task in options.tasks:
        if not any(task in preset.tasks or preset.both_ways for preset in chosen):
            raise InputError(f"none of these models and presets serves --tasks {task}")
    for name in ("tasks", "splits", "pairings", "labels", "sound_as", "seeds"):
        if not getattr(options, name):
            raise InputError(f"--{name.replace('_', '-')} needs a value")
    for task, sound_as in itertools.product(options.tasks, options.sound_as):
        augment = options.augment or default_augment(task, "official", sound_as)
        check_augment(augment, task, sound_as)
    for pairing in options.pairings:
        check_pairing(pairing)
    check_marks(options.marks)
    if any(not 0 <= seed < 2**32 for seed in options.seeds):
        raise InputError("--seeds are whole numbers of 0 to 4294967295")
    return options


def plan(options: Options, dataset: PairedDataset) -> list[Planned]:
    """The baselines, then the runs: presets first, then seeds, so that a matrix that is stopped
    early is still a comparison; and the self-test of the metrics.

    Raises:
        InputError: an unknown split.
    """
    for split in options.splits:
        check_split(dataset, split)
    root, data = options.runs or RUNS, dataset.name
    planned: list[Planned] = [
        Baselines(data, task, split, baselines_folder(root, data, task, split))
        for task, split in dict.fromkeys(itertools.product(options.tasks, options.splits))
    ]
    for preset, seed, task, sound_as, labels, pairing, split, name in itertools.product(
        options.presets or PRESETS, options.seeds, options.tasks, options.sound_as, options.labels,
        options.pairings, options.splits, options.models or models.names(),
    ):  # fmt: skip
        config = models.presets(name).get(preset)
        if config is None or not (task in config.tasks or config.both_ways):
            continue
        trained = trained_task(name, preset, task)
        heard = sound_as, options.augment or default_augment(trained, split, sound_as)
        what = (name, preset, data, task, split, pairing, labels, seed)
        folder = run_folder(root, name, preset, data, trained, *what[4:], *heard)
        there = {(job.folder, job.task) for job in planned if isinstance(job, Job)}
        if (folder, task) not in there:
            job = Job(*what, options.precision, options.marks, folder, *heard)
            planned.append(dataclasses.replace(job, baselines=_baselines(job, planned)))
    if data == self_test.DATA and "audio2image" in options.tasks:
        planned.append(SelfTest(data, root / "self-test", options.out or ROOT / "results"))
    return planned


def _baselines(job: Job, before: Sequence[Planned]) -> tuple[RunBaseline, ...]:
    """A cascade is scored with the true digit, too; and what a warm start recognizes is looked up,
    the first model's alone: the others' begin alike and take the same share of the FLOPs."""
    if getattr(models.presets(job.model)[job.preset], "warm_start", 0) == 0:
        return ()
    names = ("preset", "task", "split", "pairing", "labels", "sound_as", "augment", "seed")
    same = (b for b in before if isinstance(b, Job) and b.baselines)
    if any(all(getattr(b, name) == getattr(job, name) for name in names) for b in same):
        return ("label",) if job.labels == "cascade" else ()
    return ("lookup", "label") if job.labels == "cascade" else ("lookup",)


def run_all(planned: Sequence[Planned], options: Options, dataset: PairedDataset) -> list[str]:
    """Does every job; each adds its rows at once. Returns the labels of what failed."""
    assert options.out
    data = ("--data-dir", str(options.data_dir.resolve()))
    waiting, failed, counter = [*planned], [], _Counter(planned)
    waited = False
    while waiting:
        busy = []
        for job in waiting:
            if not waited:
                print(f"{counter} {job.label}", flush=True)
            # What another process has just done is fresh.
            outcome = jobs.do(job, dataset, data, options.fresh and not waited)
            if outcome == "busy":
                busy.append(job)
                if not waited:
                    print("  left to another process, which is at it", flush=True)
                continue
            if outcome == "failed" or not _add_rows(options.out, job):
                failed.append(job.label)
            counter.add(job)
            if waited:
                print(f"{counter} {outcome}: {job.label}", flush=True)
        waiting = busy
        if waiting:
            if not waited:
                names = "; ".join(job.label for job in waiting)
                print(f"waiting for what other processes have: {names}", flush=True)
            waited = True
            time.sleep(SECONDS_BETWEEN_LOOKS)
    return failed


def _add_rows(out: Path, job: Planned) -> bool:
    try:
        for card in job.cards():
            report.add_row(out, card)
    except InputError as error:
        jobs.print_error(error)
        return False
    return True


class _Counter:
    """How far the whole is, as text: jobs, TFLOP, and the time that is left at the pace so far."""

    def __init__(self, planned: Sequence[Planned]) -> None:
        self.n, self.total = len(planned), sum(job.tflop for job in planned)
        self.to_train = {job: job.tflop for job in planned if not job.is_trained()}
        self.n_done, self.trained, self.start = 0, 0.0, time.monotonic()

    def add(self, job: Planned) -> None:
        self.n_done += 1
        self.trained += self.to_train.pop(job, 0.0)

    def __str__(self) -> str:
        left = sum(self.to_train.values())
        text = f"[{self.n_done} of {self.n}, {self.total - left:g} of {self.total:g} TFLOP"
        if self.trained:
            pace = (time.monotonic() - self.start) / self.trained
            text += f", about {costs.duration(pace * left)} left"
        return text + "]"
