"""One run of a matrix, by our commands: trained to its last mark and scored at each."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import models
from benchmarking import selftest
from benchmarking.current import is_current, ruler_of
from common.errors import InputError, escaped
from common.files import exclusive
from common.processes import run_script
from converters.sound_as import MEL64
from datasets import Augment, Labels, PairedDataset, Task, default_augment
from evaluation import outputs, self_test
from evaluation.baselines import BASELINES
from training import checkpoint
from training.run import Precision, Run, default_config
from training.session import mark_folder

__all__ = [
    "Baselines", "Job", "Outcome", "Planned", "SelfTest", "do", "is_busy", "print_error",
    "trained_task",
]  # fmt: skip

Outcome = Literal["done", "failed", "busy"]  # busy: another process has it


def trained_task(model: str, preset: str, task: Task) -> Task:
    """The task that a run is trained on to serve this one: another if its model serves both."""
    presets = models.presets(model) if model in models.names() else {}
    return "audio2image" if preset in presets and presets[preset].both_ways else task


@dataclass(frozen=True)
class Job:
    """One run of the matrix.

    Attributes:
        baselines: that use what it learned, scored at each mark beside it.
    """

    model: str
    preset: str
    data: str
    task: Task
    split: str
    pairing: str
    labels: Labels
    seed: int
    precision: Precision
    marks: tuple[float, ...]
    folder: Path
    sound_as: str = MEL64
    augment: Augment = "pictures"
    baselines: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        label = f"{self.model} ({self.preset})"
        given = (self.task, "audio2image"), (self.split, "official"), (self.pairing, "resampled")
        for value, usual in given:
            label += f", {value}" if value != usual else ""
        label += f", labels {self.labels}" if self.labels != "none" else ""
        label += f", sound as {self.sound_as}" if self.sound_as != MEL64 else ""
        if self._augments_otherwise:
            label += f", augment {self.augment}"
        return label + (f", seed {self.seed}" if self.seed else "")

    @property
    def _augments_otherwise(self) -> bool:
        return self.augment != default_augment(self.trained_task, self.split, self.sound_as)

    @property
    def tflop(self) -> float:
        return self.marks[-1]

    @property
    def mark_folders(self) -> list[Path]:
        return [mark_folder(self.folder, mark) for mark in self.marks]

    @property
    def trained_task(self) -> Task:
        """The one of its task, or the other one of a model that serves both."""
        return trained_task(self.model, self.preset, self.task)

    @property
    def paths(self) -> list[Path]:
        """Of the scorecards: at each mark its own, and those of its baselines."""
        way = "" if self.trained_task == self.task else self.task
        names = ("", *self.baselines)
        return [
            folder / way / name / outputs.NAME for folder in self.mark_folders for name in names
        ]

    def training(self) -> list[str]:
        """The arguments of train.py that make this run."""
        return [
            *("--model", self.model, "--preset", self.preset, "--data", self.data),
            *(
                "--task",
                self.trained_task,
                "--split",
                self.split,
                "--pairing",
                self.pairing,
                "--labels",
                self.labels,
            ),
            *(("--sound-as", self.sound_as) if self.sound_as != MEL64 else ()),
            *(("--augment", self.augment) if self._augments_otherwise else ()),
            *("--seed", str(self.seed), "--precision", self.precision),
            *("--marks", *(f"{mark:g}" for mark in self.marks)),
        ]

    def way(self) -> list[str]:
        """The arguments of evaluate.py that say which task, where the run is of another."""
        return [] if self.trained_task == self.task else ["--task", self.task]

    def is_trained(self) -> bool:
        return all((folder / checkpoint.NAME).exists() for folder in self.mark_folders)

    def scorecards(self, dataset: PairedDataset) -> list[Path]:
        """Those that are current."""
        found = []
        for folder in self.mark_folders:
            if (folder / checkpoint.NAME).exists():
                weights = checkpoint.load(folder, groups=("ema",)).weights_sha256()
                of_mark = [path for path in self.paths if folder in path.parents]
                found += [p for p in of_mark if is_current(p, dataset, self.task, weights)]
        return found

    def do(self, dataset: PairedDataset, data: Sequence[str], fresh: bool) -> bool:
        """Trains what is not finished, scores what is not scored by these judges, at each mark.

        Raises:
            InputError: the folder has another run.
        """
        if fresh and self.folder.exists():
            _empty(self.folder)
        path = self.folder / checkpoint.NAME
        try:
            found = checkpoint.load(path, groups=()) if path.exists() else None
        except InputError as error:
            raise InputError(f"{error}; --fresh trains the run again") from error
        if found is not None and (changed := self._changes(found.run)):
            raise InputError(
                f"{self.folder} was trained with another {', '.join(changed)}: --fresh trains it "
                "again"
            )
        if self.is_trained():
            print(f"  already trained: {self.folder} (--fresh trains it again)")
        else:
            where = ["--out", str(self.folder), "--resume", "auto", *data]
            if not _run("train.py", *self.training(), *where):
                return False
        current, results = self.scorecards(dataset), []
        for path in (each for each in self.paths if each not in current):
            name = path.parent.name
            of = ["--baseline", name] if name in self.baselines else []
            mark = next(folder for folder in self.mark_folders if folder in path.parents)
            results.append(_run("evaluate.py", "--checkpoint", str(mark), *self.way(), *of, *data))
        return all(results)

    def cards(self) -> list[dict[str, Any]]:
        return [outputs.read(path) for path in self.paths]

    def _changes(self, run: Run) -> list[str]:
        """What of a run is not as it is to be."""
        config = dataclasses.asdict(default_config(self.model, self.preset, self.pairing))
        changed = [k for k, v in config.items() if k in run.config and run.config[k] != v]
        names = ("precision", "sound_as", "augment")
        changed += [name for name in names if getattr(run, name) != getattr(self, name)]
        return changed + (["first mark"] if run.marks[0] != self.marks[0] else [])


@dataclass(frozen=True)
class Baselines:
    """All baselines of one task and split."""

    data: str
    task: Task
    split: str
    folder: Path
    tflop: float = 0.0

    @property
    def label(self) -> str:
        return f"baselines, {self.task}, {self.split}: {', '.join(BASELINES)}"

    @property
    def paths(self) -> list[Path]:
        return [self.folder / name / outputs.NAME for name in BASELINES]

    def is_trained(self) -> bool:
        return True

    def scorecards(self, dataset: PairedDataset) -> list[Path]:
        return [path for path in self.paths if is_current(path, dataset, self.task, None)]

    def do(self, dataset: PairedDataset, data: Sequence[str], fresh: bool) -> bool:
        if not fresh and self.scorecards(dataset) == self.paths:
            return True
        what = ["--task", self.task, "--data", self.data, "--split", self.split]
        where = ["--out", str(self.folder), *data]
        return _run("evaluate.py", "--baseline", *BASELINES, *what, *where)

    def cards(self) -> list[dict[str, Any]]:
        return [outputs.read(path) for path in self.paths]


@dataclass(frozen=True)
class SelfTest:
    """Of the metrics, whose outcome the report shows.

    Attributes:
        folder: of its lock alone.
        out: the folder that gets its file.
    """

    data: str
    folder: Path
    out: Path
    tflop: float = 0.0

    @property
    def label(self) -> str:
        return "self-test of the metrics"

    @property
    def paths(self) -> list[Path]:
        return [self.out / self_test.NAME]

    def is_trained(self) -> bool:
        return True

    def scorecards(self, dataset: PairedDataset) -> list[Path]:
        found = selftest.read(self.out)
        return self.paths if found and found.ruler == ruler_of(dataset, "audio2image") else []

    def do(self, dataset: PairedDataset, data: Sequence[str], fresh: bool) -> bool:
        """Whether there is an outcome; a ruler that breaks the order is the report's to say."""
        if fresh or not self.scorecards(dataset):
            _run("evaluation.self_test", "--data", self.data, "--out", str(self.out), *data)
        return bool(self.scorecards(dataset))

    def cards(self) -> list[dict[str, Any]]:
        return []


Planned = Job | Baselines | SelfTest


def do(job: Planned, dataset: PairedDataset, data: Sequence[str], fresh: bool) -> Outcome:
    """Does a job, unless another process is at it. What fails is printed.

    Args:
        data: arguments of our commands that say where the data are.
        fresh: whether what is there is removed first.
    """
    with ExitStack() as stack:
        try:
            # Beside the folder, which --fresh empties.
            lock = exclusive(job.folder.parent, f"{job.folder.name}-benchmark")
            stack.enter_context(lock)
        except InputError:
            return "busy"
        if is_busy(job):
            return "busy"
        try:
            return "done" if job.do(dataset, data, fresh) else "failed"
        except InputError as error:
            print_error(error)
            return "failed"


def is_busy(job: Planned) -> bool:
    """Whether a train.py of somebody else is training it."""
    if not isinstance(job, Job) or not (job.folder / ".training.lock").exists():
        return False  # asked of a run that nobody has begun, the lock would leave its file
    try:
        with exclusive(job.folder, "training"):
            return False
    except InputError:
        return True


def print_error(error: InputError) -> None:
    """As a command prints what ends it."""
    print(escaped(f"error: {error}"), file=sys.stderr)


def _empty(folder: Path) -> None:
    """Removes what is in a folder, but for the locks."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".lock":
            path.unlink()


def _run(script: str, *arguments: str) -> bool:
    """Runs one of our commands, its output shown; False: it failed."""
    return run_script(script, arguments) == 0
