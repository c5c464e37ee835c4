"""What identifies a run, and where it lives."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import warnings
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import models
from common.errors import InputError, suggest
from common.files import ROOT
from converters.sound_as import MEL64
from datasets import Augment, Labels, Task, TaskSpec, default_augment, pairs_last
from models import Config, GenerativeModel

__all__ = [
    "MARKS", "RUNS", "Precision", "Run", "baselines_folder", "build", "check_marks",
    "check_settings", "code_version", "config_from", "default_config", "run_folder",
]  # fmt: skip


RUNS = ROOT / "results" / "runs"
MARKS = (20.0, 60.0)  # TFLOP of training at which every model is scored
Precision = Literal["32-true", "bf16-mixed"]


def run_folder(
    root: Path, model: str, preset: str, data: str, task: Task, split: str, pairing: str,
    labels: Labels, seed: int, sound_as: str = MEL64, augment: Augment | None = None,
) -> Path:  # fmt: skip
    """The folder of a run below `root`: the one scheme for all commands."""
    what = f"{data}-{task}-{split.replace(':', '-')}-{pairing}-labels-{labels}"
    what += f"-as-{sound_as}" if sound_as != MEL64 else ""
    usual = default_augment(task, split, sound_as)
    what += f"-augment-{augment}" if augment not in (None, usual) else ""
    return root / model / preset / what / f"seed{seed}"


def baselines_folder(root: Path, data: str, task: Task, split: str) -> Path:
    """The folder of the baselines of a task and split below `root`."""
    return root / "baselines" / f"{data}-{task}-{split.replace(':', '-')}"


@dataclass(frozen=True)
class Run:
    """model x preset x settings x data x task x split x pairing x labels x seed."""

    model: str
    preset: str
    config: dict[str, Any]
    data: str
    data_fingerprint: str
    task: Task
    split: str
    pairing: str
    labels: Labels
    seed: int
    precision: str
    x_shape: tuple[int, int, int]
    c_shape: tuple[int, int, int]
    marks: tuple[float, ...]  # TFLOP of training at which it is scored, ascending
    code: str  # the commit; of every session, where they differ
    processes: int = 1
    n_digits: int = 10  # or classes
    sound_as: str = MEL64
    augment: Augment = "pictures"  # what of heard sounds is varied in training

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec(self.task, self.x_shape, self.c_shape, self.labels, self.n_digits)

    def folder(self) -> Path:
        """Where the run lives by default."""
        return run_folder(
            RUNS,
            self.model,
            self.preset,
            self.data,
            self.task,
            self.split,
            self.pairing,
            self.labels,
            self.seed,
            self.sound_as,
            self.augment,
        )

    def build(self) -> GenerativeModel:
        """A new model with the run's settings.

        Raises:
            InputError: no such model or preset here, or its settings are not this version's.
        """
        presets = models.presets(self.model)
        if self.preset not in presets:
            raise InputError(
                f"unknown preset '{self.preset}' of model '{self.model}': "
                f"{suggest(self.preset, presets)}"
            )
        return build(config_from(presets[self.preset], self.config), self.spec)

    def other_way(self) -> Run:
        """The run of a model that serves both tasks, as one of the other task.

        Raises:
            InputError: its model serves one.
        """
        preset = models.presets(self.model).get(self.preset)
        if preset is None or not preset.both_ways:
            raise InputError(f"a run of {self.task}: '{self.model}' does not serve the other task")
        if self.labels != "none":
            raise InputError(
                f"a run of {self.task} with labels {self.labels}: the other task needs images that "
                "were aligned, with labels none"
            )
        task: Task = "image2audio" if self.task == "audio2image" else "audio2image"
        return dataclasses.replace(self, task=task, x_shape=self.c_shape, c_shape=self.x_shape)

    def continued_from(self, earlier: Run) -> Run:
        """This run, resumed: its code is that of every session."""
        known = earlier.code.split(", ")
        codes = known if self.code in known else [*known, self.code]
        return dataclasses.replace(self, code=", ".join(codes))

    def differences(self, other: Run) -> list[str]:
        """The fields that must agree to resume `other` with this run, and do not."""
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        for each in (mine, theirs):
            each |= {f"config.{k}": v for k, v in each.pop("config").items()}
            each.pop("code")
            each["the first mark"] = each.pop("marks")[0]  # decides when phases run
        keys = sorted(mine.keys() | theirs.keys())
        return [key for key in keys if _plain(mine.get(key)) != _plain(theirs.get(key))]


def default_config(model: str, preset: str, pairing: str, is_paired: bool = True) -> Config:
    """The settings of a preset, with those that a pairing asks for."""
    config = models.presets(model)[preset]
    if not is_paired:
        return config.for_unpaired()
    return config.for_lasting_pairs() if pairs_last(pairing) else config


def config_from(preset: Config, settings: dict[str, Any]) -> Config:
    """The preset with other settings, as a file gives them.

    Raises:
        InputError: a setting that the preset does not have, or a value that it cannot take.
    """
    types = get_type_hints(type(preset))
    hints = {field.name: types[field.name] for field in dataclasses.fields(preset)}
    for key, value in settings.items():
        if key not in hints:
            raise InputError(f"setting '{key}' is not one of this model: written by other code?")
        if get_origin(hints[key]) is Literal:
            if value not in get_args(hints[key]):
                raise InputError(f"setting '{key}': {suggest(str(value), get_args(hints[key]))}")
        elif type(value) is not hints[key] and (type(value), hints[key]) != (int, float):
            raise InputError(f"setting '{key}' has an unusable value: {value!r:.60}")
    if missing := hints.keys() - settings.keys():
        raise InputError(f"setting '{min(missing)}' is missing: written by other code?")
    return check_settings(dataclasses.replace(preset, **settings))


def check_settings(config: Config) -> Config:
    """The same, if its numbers can be.

    Raises:
        InputError: a number that is negative or not finite, or out of its range.
    """
    for name, value in vars(config).items():
        if isinstance(value, int | float) and not 0 <= value < math.inf:
            flag = "--" + name.replace("_", "-")
            raise InputError(f"{flag} must be a number that is not negative, not {value!r:.40}")
    if config.batch_size < 1:
        raise InputError("--batch-size must be at least 1")
    if not 0 <= config.ema < 1:
        raise InputError(f"--ema must be in [0, 1), not {config.ema}")
    return config


def check_marks(marks: tuple[float, ...]) -> None:
    """That they are numbers above 0 that ascend.

    Raises:
        InputError: they are not.
    """
    rising = all(low < high < math.inf for low, high in pairwise((0.0, *marks)))
    if not marks or not rising:
        given = " ".join(f"{mark:g}" for mark in marks)
        raise InputError(f"--marks are TFLOP above 0 that ascend, such as 20 60, not '{given}'")


def build(config: Config, spec: TaskSpec) -> GenerativeModel:
    """A new model.

    Raises:
        InputError: these settings make no network.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of networks without weights: refused below
            model = config.build(spec)
    except (ValueError, RuntimeError, MemoryError) as error:
        why = str(error).partition("\n")[0]
        raise InputError(f"these settings make no network: {why}") from error
    if empty := [name for name, p in model.named_parameters() if not p.numel()]:
        raise InputError(f"these settings make a network without weights: {empty[0]} is empty")
    return model


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@cache
def code_version() -> str:
    """The commit of the checkout, with '+' where files differ from it; 'unknown' outside git."""
    git = ("git", "-C", str(ROOT))
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", "*.py"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")
