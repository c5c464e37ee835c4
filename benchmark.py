"""Trains and evaluates a matrix of runs, and writes the table and the figures.

    python benchmark.py --quick     # the four models, 2.5 minutes each -> results/quick/
    python benchmark.py             # both presets, up to 10 minutes each -> results/
    python benchmark.py --converters    # the fixed converters -> results/converters.md

A run that is finished is kept, one that was interrupted goes on, so the same command can be
given again at any time.
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

import datasets
import models
from benchmarking import converter_report, report, round_trips, signals
from common.command_line import parse
from common.errors import InputError, command, suggest
from common.files import ROOT
from datasets.base import PairedDataset
from datasets.pairing import Pairing
from datasets.splits import recording_split
from evaluate import PROTOCOL
from evaluation import outputs
from evaluation.baselines import REFERENCES
from evaluation.outputs import NAME as SCORECARD
from judges import load_judge
from models._base import Config
from training import checkpoint

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
    converters: bool = False
    """Instead of models, measure the fixed converters: into results/converters.md."""
    readme: bool = False
    """Put the table into README.md as well."""


@dataclass(frozen=True)
class Job:
    """One run of the matrix."""

    model: str
    preset: str
    config: Config
    seed: int
    folder: Path

    @property
    def label(self) -> str:
        """What to call it, also in figures."""
        return f"{self.model} ({self.preset})" + (f", seed {self.seed}" if self.seed else "")


@command
def main() -> None:
    options = _checked(parse(Options, None, sys.argv[1:], "benchmark.py"))
    signal.signal(signal.SIGTERM, _stop)
    out = options.out or ROOT / "results" / ("quick" if options.quick else "")
    # Loaded first: only then is it known which data there are, and every run names them.
    source = datasets.load(options.data, options.data_dir)
    if options.converters:
        measure_converters(source, out)
        return
    jobs = plan(options, source)
    failed = [] if options.report else run_all(jobs, options, source, out)
    if failed and not report.read_rows(out):
        raise InputError(f"every run failed: {', '.join(failed)}; see above")
    report.write(out)
    here = [job for job in jobs if (job.folder / SCORECARD).exists()]
    pictures = out / report.FIGURES / _where(options, source)
    for preset in dict.fromkeys(job.preset for job in here):
        runs = {job.label: job.folder for job in here if job.preset == preset}
        report.copy_figures(pictures, preset, runs)
    shown = {
        job.model: job.folder
        for job in here
        if (job.preset, job.seed) == ("reference", options.seeds[0])
    }
    if shown:
        report.side_by_side(pictures, shown, source, options.split)
    if options.readme:
        report.into_readme(out)
    print(f"table:   {out / report.TABLE}\nfigures: {pictures}")
    print(f"charts:  tensorboard --logdir {options.runs}")
    if failed:
        raise InputError(f"{len(failed)} of the runs failed: {', '.join(failed)}; see above")


def measure_converters(source: PairedDataset, out: Path) -> None:
    """Every converter through files, channels and back: table, rows and charts."""
    with tempfile.TemporaryDirectory() as name, tqdm(total=round_trips.n_measured()) as bar:
        signals.write(Path(name), source)

        def tell(what: str) -> None:
            bar.set_description(what)
            bar.update()

        rows = round_trips.measure_all(Path(name), tell)
    converter_report.write(rows, out)
    print(f"table:   {out / converter_report.TABLE}\nfigures: {out / report.FIGURES}")


def _checked(options: Options) -> Options:
    usual = Options()
    if options.quick:
        if (options.presets, options.max_seconds) != (usual.presets, usual.max_seconds):
            raise InputError("--quick sets --presets and --max-seconds itself: leave them out")
        options = dataclasses.replace(options, presets=("reference",), max_seconds=150.0)
    presets = {p for name in options.models or models.names() for p in models.presets(name)}
    for preset in options.presets:
        if preset not in presets:
            raise InputError(f"unknown preset '{preset}': {suggest(preset, sorted(presets))}")
    if not options.max_seconds > 0:
        raise InputError(f"--max-seconds {options.max_seconds:g}: more than 0")
    if any(not 0 <= seed < 2**32 for seed in options.seeds):
        raise InputError("--seeds are whole numbers of 0 to 4294967295")
    return options


def _where(options: Options, source: PairedDataset) -> str:
    return f"{source.name}-{options.split.replace(':', '-')}-{options.pairing}"


def plan(options: Options, source: PairedDataset) -> list[Job]:
    """The runs, presets first, so that a matrix that is stopped early is still a comparison."""
    recording_split(source, options.split)  # refuses an unknown one
    budget = "quick" if options.quick else f"{options.max_seconds:g}s"
    jobs = []
    for preset, seed, name in itertools.product(
        options.presets, options.seeds, options.models or models.names()
    ):
        if preset in models.presets(name):
            config = models.presets(name)[preset]
            if options.quick and hasattr(config, "warm_start"):
                # A short run cannot spend a third of its time on the warm start.
                config = dataclasses.replace(config, warm_start=400)  # type: ignore[call-arg]
            place = options.runs / budget / name / preset / _where(options, source)
            jobs.append(Job(name, preset, config, seed, place / f"seed{seed}"))
    return jobs


def run_all(jobs: list[Job], options: Options, source: PairedDataset, out: Path) -> list[str]:
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
        for path in cards:
            report.add_row(out, outputs.read(path))
    for i, job in enumerate(jobs):
        print(f"[{i + 1}/{len(jobs)}] {job.label}", flush=True)
        if _one(job, options, source, data):
            report.add_row(out, outputs.read(job.folder / SCORECARD))
        else:
            failed.append(job.label)
    return failed


def _one(job: Job, options: Options, source: PairedDataset, data: tuple[str, str]) -> bool:
    """Trains what is not finished, evaluates what is not scored by these judges."""
    path = job.folder / checkpoint.NAME
    if options.fresh:
        shutil.rmtree(job.folder, ignore_errors=True)
    found = checkpoint.load(path, groups=("ema",)) if path.exists() else None
    if found is not None and (changed := _changed(job.config, found.run.config)):
        print(f"error: {job.folder} was trained with another {', '.join(changed)}: "
              "--fresh trains it again", file=sys.stderr)  # fmt: skip
        return False
    if found is None or (found.step < job.config.steps and found.seconds < options.max_seconds):
        arguments = [
            "--model", job.model, "--preset", job.preset, "--seed", str(job.seed),
            "--split", options.split, "--pairing", options.pairing, "--data", source.name,
            "--max-seconds", str(options.max_seconds), "--out", str(job.folder), *data,
        ]  # fmt: skip
        for name in _changed(job.config, dataclasses.asdict(models.presets(job.model)[job.preset])):
            arguments += ["--" + name.replace("_", "-"), str(getattr(job.config, name))]
        if found is not None:
            arguments.append("--resume")
        if not _python("train.py", *arguments):
            return False
    elif _is_current(job.folder / SCORECARD, source, found):
        print(f"  kept as it is: {job.folder} (--fresh trains it again)")
        return True
    return _python("evaluate.py", "--checkpoint", str(job.folder), *data)


def _changed(config: Config, other: Mapping[str, object]) -> list[str]:
    """The settings that differ, but for the length of the run."""
    mine = dataclasses.asdict(config)
    return [k for k, v in mine.items() if k != "steps" and k in other and other[k] != v]


def _is_current(
    path: Path, source: PairedDataset, found: checkpoint.Checkpoint | None = None
) -> bool:
    """Whether a scorecard is of these data, judges and protocol, and of the weights found."""
    try:
        card = outputs.read(path)
    except InputError:
        return False
    made = card["fingerprint"]
    judges = [load_judge(source.name, which).sha256 for which in "ab"]
    return (
        (made["protocol"], made["data_sha256"]) == (PROTOCOL, source.fingerprint)
        and [made["judge_a"], made["judge_b"]] == judges
        and card["subject"]["weights_sha256"] == (found.weights_sha256() if found else None)
    )


def _python(script: str, *arguments: str) -> bool:
    """Runs one of our commands as a person would; what it prints is shown."""
    child = subprocess.Popen([sys.executable, str(ROOT / script), *arguments])
    try:
        return child.wait() == 0
    except BaseException:  # stopped: so is the command, which saves what it has first
        child.send_signal(signal.SIGINT)
        child.wait()
        raise


def _stop(number: int, frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
