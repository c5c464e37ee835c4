"""A matrix of runs: every model and preset trained and evaluated by our commands.

A run that is finished is kept, and one that was interrupted resumes.
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import models
from benchmarking import report
from common.errors import InputError, suggest
from common.files import ROOT
from common.processes import run_script
from datasets import Labels, PairedDataset, check_pairing, check_split
from evaluation import outputs
from evaluation.baselines import BASELINES
from evaluation.evaluator import PROTOCOL
from judges import load_judge
from training import checkpoint
from training.run import MARKS, RUNS, Precision, Run, check_marks, run_folder
from training.session import mark_folder

__all__ = ["Job", "Options", "check", "plan", "run", "run_job"]

PRESETS = ("reference", "original")
QUICK_MARKS = (10.0,)


@dataclass(frozen=True)
class Options:
    """Trains and evaluates models, then writes the table and the figures."""

    quick: bool = False
    """The `reference` presets to 10 TFLOP, into results/demo/, which git ignores."""
    models: tuple[str, ...] = ()
    """Which models; all by default."""
    presets: tuple[str, ...] = ()
    """Which presets, of the models that have them; `reference` and `original` by default."""
    seeds: tuple[int, ...] = (0,)
    """Which seeds."""
    split: str = "official"
    """'official' or 'speaker:NAME'."""
    pairing: str = "resampled"
    """How sounds get their images: resampled, one-to-one, fixed-K or shuffled."""
    labels: Labels = "none"
    """What learns from digit labels: nothing, or the warm start alone."""
    precision: Precision = "32-true"
    """Of the forward pass in training."""
    marks: tuple[float, ...] = MARKS
    """TFLOP of training at which every run is scored; it ends at the last."""
    data: datasets.Data = "auto"
    """Which data."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    out: Path | None = None
    """Where table and figures go; by default results/, or results/demo/ with --quick."""
    runs: Path | None = None
    """Where the runs go; by default results/runs/, or results/demo/runs/ with --quick."""
    fresh: bool = False
    """Train finished runs again."""


@dataclass(frozen=True)
class Job:
    """One run of the matrix."""

    model: str
    preset: str
    seed: int
    folder: Path

    @property
    def label(self) -> str:
        return f"{self.model} ({self.preset})" + (f", seed {self.seed}" if self.seed else "")


def run(options: Options) -> None:
    """The whole matrix, its table and its figures.

    Raises:
        InputError: the options do not fit, or some runs failed; what succeeded is written before.
    """
    options = check(options)
    assert options.out and options.runs
    out = options.out
    report.read_rows(out)  # refuses an older format before hours of training
    # Loaded first: only then is it known which data there are, and every run names them.
    dataset = datasets.load(options.data, options.data_dir)
    jobs = plan(options, dataset)
    failed = run_all(jobs, options, dataset, out)
    if failed and not report.read_rows(out):
        raise InputError(f"every run failed: {', '.join(failed)}; see above")
    report.write(out, options.runs, options.data_dir)
    print(f"table:   {out / report.TABLE}\nfigures: {out / report.FIGURES}")
    print(f"charts:  tensorboard --logdir {options.runs}")
    if failed:
        raise InputError(f"{len(failed)} of the runs failed: {', '.join(failed)}; see above")


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
    check_pairing(options.pairing)
    check_marks(options.marks)
    if any(not 0 <= seed < 2**32 for seed in options.seeds):
        raise InputError("--seeds are whole numbers of 0 to 4294967295")
    return options


def plan(options: Options, dataset: PairedDataset) -> list[Job]:
    """The runs, presets first, so that a matrix that is stopped early is still a comparison.

    Raises:
        InputError: an unknown split.
    """
    check_split(dataset, options.split)
    where = (dataset.name, options.split, options.pairing, options.labels)
    jobs = []
    for preset, seed, name in itertools.product(
        options.presets or PRESETS, options.seeds, options.models or models.names()
    ):
        if preset in models.presets(name):
            folder = run_folder(options.runs or RUNS, name, preset, *where, seed)
            jobs.append(Job(name, preset, seed, folder))
    return jobs


def run_all(jobs: list[Job], options: Options, dataset: PairedDataset, out: Path) -> list[str]:
    """Scores the baselines, then does every job; each adds its row at once. Returns failures."""
    data = ("--data-dir", str(options.data_dir.resolve()))
    failed = []
    folder = (
        (options.runs or RUNS) / "baselines" / f"{dataset.name}-{options.split.replace(':', '-')}"
    )
    cards = [folder / name / outputs.NAME for name in BASELINES]
    if not all(_is_current(card, dataset) for card in cards) or options.fresh:
        print("baselines: " + ", ".join(BASELINES), flush=True)
        arguments = ["--data", dataset.name, "--split", options.split, "--out", str(folder), *data]
        if not _run("evaluate.py", "--baseline", *BASELINES, *arguments):
            failed.append("baselines")
    if not failed:
        for path in cards:
            report.add_row(out, outputs.read(path))
    for i, job in enumerate(jobs):
        print(f"[{i + 1}/{len(jobs)}] {job.label}", flush=True)
        if run_job(job, options, dataset):
            for mark in options.marks:
                report.add_row(out, outputs.read(mark_folder(job.folder, mark) / outputs.NAME))
        else:
            failed.append(job.label)
    return failed


def run_job(job: Job, options: Options, dataset: PairedDataset) -> bool:
    """Trains what is not finished, scores what is not scored by these judges, at each mark."""
    data = ("--data-dir", str(options.data_dir.resolve()))
    path = job.folder / checkpoint.NAME
    if options.fresh:
        shutil.rmtree(job.folder, ignore_errors=True)
    try:
        found = checkpoint.load(path, groups=()) if path.exists() else None
    except InputError as error:
        print(f"error: {error}; --fresh trains the run again", file=sys.stderr)
        return False
    if found is not None and (changed := _changes(job, options, found.run)):
        print(
            f"error: {job.folder} was trained with another {', '.join(changed)}: "
            "--fresh trains it again",
            file=sys.stderr,
        )
        return False
    kept = [mark_folder(job.folder, mark) for mark in options.marks]
    if not all((folder / checkpoint.NAME).exists() for folder in kept):
        arguments = ["--model", job.model, "--preset", job.preset, "--seed", str(job.seed)]
        arguments += ["--split", options.split, "--pairing", options.pairing]
        arguments += ["--labels", options.labels, "--precision", options.precision]
        arguments += ["--marks", *(f"{mark:g}" for mark in options.marks)]
        arguments += ["--out", str(job.folder), "--data", dataset.name, "--resume", "auto", *data]
        if not _run("train.py", *arguments):
            return False
    else:
        print(f"  already trained: {job.folder} (--fresh trains it again)")
    scored = True
    for folder in kept:
        average = checkpoint.load(folder, groups=("ema",))
        if not _is_current(folder / outputs.NAME, dataset, average):
            scored &= _run("evaluate.py", "--checkpoint", str(folder), *data)
    return scored


def _changes(job: Job, options: Options, run: Run) -> list[str]:
    """What of a run is not as it is to be."""
    config = dataclasses.asdict(models.presets(job.model)[job.preset])
    changed = [k for k, v in config.items() if k in run.config and run.config[k] != v]
    if run.precision != options.precision:
        changed.append("precision")
    return changed + (["first mark"] if run.marks[0] != options.marks[0] else [])


def _is_current(
    path: Path, dataset: PairedDataset, found: checkpoint.Checkpoint | None = None
) -> bool:
    """Whether a scorecard is of these data, judges and protocol, and of the weights found."""
    try:
        card = outputs.read(path)
    except InputError:
        return False
    made = card["fingerprint"]
    judges = [load_judge(dataset.name, which).sha256 for which in "ab"]
    return (
        (made["protocol"], made["data_sha256"]) == (PROTOCOL, dataset.fingerprint)
        and [made["judge_a"], made["judge_b"]] == judges
        and card["candidate"]["weights_sha256"] == (found.weights_sha256() if found else None)
    )


def _run(script: str, *arguments: str) -> bool:
    """Runs one of our commands, its output shown; False: it failed."""
    return run_script(script, arguments) == 0
