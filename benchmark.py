"""Trains and evaluates a matrix of runs, and writes the table and the figures.

    python benchmark.py --quick     # the four models, 2.5 minutes each -> results/quick/
    python benchmark.py             # both presets, up to 10 minutes each -> results/

A run that is finished is kept, one that was interrupted goes on, so the same command can be
given again at any time.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import models
import report
from commandline import parse
from datasets._pairing import Pairing
from errors import InputError, command, suggest
from evaluation.references import REFERENCES
from evaluation.scorecard import NAME as SCORECARD
from training import checkpoint
from training.run import ROOT

RUNS = ROOT / "results" / "runs"


@dataclass(frozen=True)
class Options:
    """What to train, for how long, and where the results go."""

    quick: bool = False
    """The `reference` presets for 2.5 minutes each, into results/quick/."""
    models: tuple[str, ...] = ()
    """Which models; all by default."""
    presets: tuple[str, ...] = ("reference", "source")
    """Which presets."""
    seeds: tuple[int, ...] = (0,)
    """Which seeds."""
    split: str = "official"
    """'official' or 'speaker:NAME'."""
    pairing: Pairing = "resampled"
    """How sounds get their images."""
    max_seconds: float = 600.0
    """Longest training of a run."""
    data: datasets.Data = "auto"
    """Which data."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    out: Path | None = None
    """Where table and figures go; by default results/, or results/quick/ with --quick."""
    fresh: bool = False
    """Train again what is finished."""
    report: bool = False
    """Only write table and figures again from the rows that there are."""
    readme: bool = False
    """Put the table into README.md as well."""


@dataclass(frozen=True)
class Job:
    """One run of the matrix."""

    model: str
    preset: str
    seed: int
    folder: Path


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "benchmark.py")
    if options.quick:
        # A short run cannot spend a third of its time on the warm start.
        options = dataclasses.replace(options, presets=("reference",), max_seconds=150.0)
    out = options.out or ROOT / "results" / ("quick" if options.quick else "")
    jobs = plan(options)
    failed = [] if options.report else run_all(jobs, options, out)
    report.write(out, {f"{job.model} ({job.preset})": job.folder for job in jobs})
    shown = {
        job.model: job.folder
        for job in jobs
        if job.preset == "reference" and (job.folder / checkpoint.NAME).exists()
    }
    if shown:
        source = datasets.load(options.data, options.data_dir)
        report.side_by_side(out, shown, source, options.split)
    if options.readme:
        report.into_readme(out)
    print(f"table:   {out / report.TABLE}\nfigures: {out / report.FIGURES}")
    print(f"charts:  tensorboard --logdir {RUNS}")
    if failed:
        raise InputError(f"{len(failed)} of the runs failed: {', '.join(failed)}; see above")


def plan(options: Options) -> list[Job]:
    """The runs, presets first, so that a matrix that is stopped early is still a comparison."""
    names = options.models or models.names()
    data = datasets.resolve(options.data, options.data_dir)
    where = f"{data}-{options.split.replace(':', '-')}-{options.pairing}"
    jobs = []
    for preset in options.presets:
        for seed in options.seeds:
            for name in names:
                if preset not in models.presets(name):
                    raise InputError(
                        f"model '{name}' has no preset '{preset}': "
                        f"{suggest(preset, models.presets(name))}"
                    )
                budget = f"{options.max_seconds:g}s"
                folder = RUNS / budget / name / preset / where / f"seed{seed}"
                jobs.append(Job(name, preset, seed, folder))
    return jobs


def run_all(jobs: list[Job], options: Options, out: Path) -> list[str]:
    """Runs the references, then every job; the table is written after each. Returns failures."""
    data = ("--data-dir", str(options.data_dir.resolve()))
    failed = []
    name = datasets.resolve(options.data, options.data_dir)
    folder = RUNS / "reference" / f"{name}-{options.split.replace(':', '-')}"
    cards = [folder / reference / SCORECARD for reference in REFERENCES]
    if options.fresh or not all(card.exists() for card in cards):
        _python("evaluate.py", "--reference", *REFERENCES, "--data", options.data,
                "--split", options.split, "--out", str(folder), *data)  # fmt: skip
    for card in cards:
        if card.exists():
            report.add_row(out, json.loads(card.read_text()))
        else:
            failed.append(card.parent.name)
    for i, job in enumerate(jobs):
        label = f"{job.model} ({job.preset}), seed {job.seed}"
        print(f"[{i + 1}/{len(jobs)}] {label}", flush=True)
        if not _one(job, options, data):
            failed.append(label)
            continue
        report.add_row(out, json.loads((job.folder / SCORECARD).read_text()))
    return failed


def _one(job: Job, options: Options, data: tuple[str, str]) -> bool:
    if options.fresh:
        shutil.rmtree(job.folder, ignore_errors=True)
    if (job.folder / SCORECARD).exists():
        print(f"  kept as it is: {job.folder} (--fresh trains it again)")
        return True
    arguments = [
        "--model", job.model, "--preset", job.preset, "--seed", str(job.seed),
        "--split", options.split, "--pairing", options.pairing, "--data", options.data,
        "--max-seconds", str(options.max_seconds), "--out", str(job.folder), *data,
    ]  # fmt: skip
    known = {f.name for f in dataclasses.fields(models.presets(job.model)[job.preset])}
    if options.quick and "warm_start" in known:
        arguments += ["--warm-start", str(QUICK_WARM_START)]
    if (job.folder / checkpoint.NAME).exists():
        arguments.append("--resume")
    return _python("train.py", *arguments) and _python(
        "evaluate.py", "--checkpoint", str(job.folder), *data
    )


QUICK_WARM_START = 400


def _python(script: str, *arguments: str) -> bool:
    """Runs one of our commands as a person would; what it prints is shown."""
    return subprocess.run([sys.executable, str(ROOT / script), *arguments]).returncode == 0


if __name__ == "__main__":
    main()
