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
from datasets._types import Source
from errors import InputError, command
from evaluate import PROTOCOL
from evaluation.references import REFERENCES
from evaluation.scorecard import NAME as SCORECARD
from metrics._judges import load_judge
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
    runs: Path = RUNS
    """Where the runs go."""
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

    @property
    def label(self) -> str:
        """What to call it, also in figures."""
        return f"{self.model} ({self.preset})" + (f", seed {self.seed}" if self.seed else "")


@command
def main() -> None:
    options = _checked(parse(Options, None, sys.argv[1:], "benchmark.py"))
    out = options.out or ROOT / "results" / ("quick" if options.quick else "")
    # Loaded first: only then is it known which data there are, and every run names them.
    source = datasets.load(options.data, options.data_dir)
    jobs = plan(options, source)
    failed = [] if options.report else run_all(jobs, options, source, out)
    if failed and not report.read_rows(out):
        raise InputError(f"every run failed: {', '.join(failed)}; see above")
    report.write(out)
    here = [job for job in jobs if (job.folder / SCORECARD).exists()]
    for preset in dict.fromkeys(job.preset for job in here):
        runs = {job.label: job.folder for job in here if job.preset == preset}
        report.copy_figures(out, preset, runs)
    shown = {
        job.model: job.folder
        for job in here
        if (job.preset, job.seed) == ("reference", options.seeds[0])
    }
    if shown:
        report.side_by_side(out, shown, source, options.split)
    if options.readme:
        report.into_readme(out)
    print(f"table:   {out / report.TABLE}\nfigures: {out / report.FIGURES}")
    print(f"charts:  tensorboard --logdir {options.runs}")
    if failed:
        raise InputError(f"{len(failed)} of the runs failed: {', '.join(failed)}; see above")


def _checked(options: Options) -> Options:
    if not options.quick:
        return options
    usual = Options()
    if (options.presets, options.max_seconds) != (usual.presets, usual.max_seconds):
        raise InputError("--quick sets --presets and --max-seconds itself: leave them out")
    return dataclasses.replace(options, presets=("reference",), max_seconds=150.0)


def plan(options: Options, source: Source) -> list[Job]:
    """The runs, presets first, so that a matrix that is stopped early is still a comparison."""
    for name in options.models:
        models.presets(name)  # refuses an unknown one
    where = f"{source.name}-{options.split.replace(':', '-')}-{options.pairing}"
    budget = "quick" if options.quick else f"{options.max_seconds:g}s"
    return [
        Job(name, preset, seed, options.runs / budget / name / preset / where / f"seed{seed}")
        for preset in options.presets
        for seed in options.seeds
        for name in options.models or models.names()
        if preset in models.presets(name)
    ]


def run_all(jobs: list[Job], options: Options, source: Source, out: Path) -> list[str]:
    """Scores the references, then does every job; each adds its row at once. Returns failures."""
    data = ("--data-dir", str(options.data_dir.resolve()))
    failed = []
    folder = options.runs / "reference" / f"{source.name}-{options.split.replace(':', '-')}"
    cards = [folder / reference / SCORECARD for reference in REFERENCES]
    if not all(_is_current(card, source) for card in cards) or options.fresh:
        print("references: " + ", ".join(REFERENCES), flush=True)
        if not _python("evaluate.py", "--reference", *REFERENCES, "--data", source.name,
                       "--split", options.split, "--out", str(folder), *data):  # fmt: skip
            failed.append("references")
    if not failed:
        for card in cards:
            report.add_row(out, json.loads(card.read_text()))
    for i, job in enumerate(jobs):
        print(f"[{i + 1}/{len(jobs)}] {job.label}", flush=True)
        if _one(job, options, source, data):
            report.add_row(out, json.loads((job.folder / SCORECARD).read_text()))
        else:
            failed.append(job.label)
    return failed


def _one(job: Job, options: Options, source: Source, data: tuple[str, str]) -> bool:
    """Trains what is not finished, evaluates what is not scored by these judges."""
    path = job.folder / checkpoint.NAME
    if options.fresh:
        shutil.rmtree(job.folder, ignore_errors=True)
    config = models.presets(job.model)[job.preset]
    found = checkpoint.load(path, groups=()) if path.exists() else None
    if found is None or (found.step < config.steps and found.seconds < options.max_seconds):
        arguments = [
            "--model", job.model, "--preset", job.preset, "--seed", str(job.seed),
            "--split", options.split, "--pairing", options.pairing, "--data", source.name,
            "--max-seconds", str(options.max_seconds), "--out", str(job.folder), *data,
        ]  # fmt: skip
        if options.quick and hasattr(config, "warm_start"):
            # A short run cannot spend a third of its time on the warm start.
            arguments += ["--warm-start", "400"]
        if found is not None:
            arguments.append("--resume")
        if not _python("train.py", *arguments):
            return False
    elif _is_current(job.folder / SCORECARD, source, found.step):
        print(f"  kept as it is: {job.folder} (--fresh trains it again)")
        return True
    return _python("evaluate.py", "--checkpoint", str(job.folder), *data)


def _is_current(path: Path, source: Source, step: int | None = None) -> bool:
    """Whether a scorecard is of these data, judges and protocol, and of the weights at `step`."""
    if not path.exists():
        return False
    card = json.loads(path.read_text())
    found = card["fingerprint"]
    judges = [load_judge(source.name, which).sha256 for which in "ab"]
    return (
        (found["protocol"], found["data_sha256"]) == (PROTOCOL, source.fingerprint)
        and [found["judge_a"], found["judge_b"]] == judges
        and card["cost"]["steps"] == step
    )


def _python(script: str, *arguments: str) -> bool:
    """Runs one of our commands as a person would; what it prints is shown."""
    return subprocess.run([sys.executable, str(ROOT / script), *arguments]).returncode == 0


if __name__ == "__main__":
    main()
