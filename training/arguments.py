"""What `train.py` is told: its own settings and those of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, arg

import datasets
import models
from common.command_line import flags, parse, value_of
from common.errors import InputError, suggest
from datasets import Augment, Labels, SoundAs, Task, check_pairing
from models import Config
from training.fabric import Device
from training.run import MARKS, Precision, check_marks, check_settings, default_config

__all__ = ["Options", "read_arguments"]

UNPAIRED = ("resampled", "none", "official")  # pairing, labels and split of what has none


@dataclass(frozen=True)
class Options:
    """Settings of a run, the same for every model."""

    data: str = "auto"
    """MNIST-FSDD where it is or can be downloaded, else the offline set (auto); one of them
    (mnist-fsdd, offline); or your own (folder:PATH, see python -m datasets --help)."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are or go; $DATA_DIR, else data/."""
    images: Path | None = None
    """A folder of images that are no pairs with the --sounds, in place of --data: for a model that
    serves both ways (--model bridge)."""
    sounds: Path | None = None
    """A folder of sounds, with --images."""
    size: int = 28
    """Of the images of a folder, in pixels."""
    color: datasets.Color = "auto"
    """Of the images of a folder; auto: grey if all are."""
    task: Task = "audio2image"
    """Which modality is generated from which."""
    split: str = "official"
    """'official', or 'speaker:NAME': that speaker is held out of training."""
    pairing: str = "resampled"
    """A fresh image of the digit at every draw (resampled), one of K lasting partners of the
    recording (fixed-1, fixed-4 ...; one-to-one is fixed-1), or, the control, one of any digit
    (shuffled)."""
    labels: Labels = "none"
    """What learns from digit labels: nothing (none); the warm start, by naming digits (warm-start);
    the same, and the model gets the digit that it names and nothing else of the sound (cascade)."""
    sound_as: SoundAs = "mel64"
    """As which picture a sound is heard or said: the level of mel bands (mel64), of equal bands
    (linear) or of semitones (tones), level and phase in color (complex), bytes of the samples above
    each other (planes) or in red, green and blue (packed-rgb)."""
    augment: Augment | None = None
    """What of a heard sound is varied in training: nothing (none); its mel64 picture (pictures), by
    default with --split official; the same, warped less and smoothed along frequency (smoothed), by
    default where a speaker is held out; the clip before it becomes a picture (clips), by default of
    all other pictures."""
    seed: int = 0
    """Of weights, batches and noise."""
    marks: tuple[float, ...] = MARKS
    """FLOPs of training, in TFLOP, at which the run is kept to be scored. It ends at the last; the
    warm start is a share of the first."""
    steps: int | None = None
    """End after so many steps instead, to try something out: what is not at a mark is no row of a
    table."""
    device: Device = "auto"
    """Where to train."""
    precision: Precision = "32-true"
    """Of the forward pass; the weights are float32."""
    out: Path | None = None
    """The run's folder; by default under results/runs/, named after what it is."""
    resume: Literal["no", "yes", "auto"] = "no"
    """Continue the run in that folder: `--resume` alone is yes, auto continues if there is one."""
    checkpoint_every: int = 250
    """Steps between checkpoints."""
    validate_every: int = 500
    """Steps between validations and sample grids. 0: only at marks and at the end."""


def read_arguments(arguments: list[str], about: str) -> tuple[str, str, Options, Config]:
    name = value_of("--model", arguments)
    if name is None:
        if {"-h", "--help"} & set(arguments):
            print(f"{about}\nmodels and presets:")
            for each in models.names():
                print(f"  {each:8} {', '.join(models.presets(each))}")
            print("With --model, the settings of that model are listed too.\n")
            parse(Options, None, ["--help"], "train.py --model MODEL [--preset PRESET]")
        raise InputError(f"--model is missing; there are: {', '.join(models.names())}")
    presets = models.presets(name)
    preset = value_of("--preset", arguments) or "reference"
    if preset not in presets:
        raise InputError(f"unknown preset '{preset}' of model '{name}': {suggest(preset, presets)}")
    _refuse_foreign_flags(name, preset, arguments)
    pairing = value_of("--pairing", arguments) or Options.pairing
    config = default_config(name, preset, pairing, value_of("--images", arguments) is None)
    chosen = dataclasses.make_dataclass(
        "Chosen",
        [
            (
                "model",
                Annotated[
                    Literal[models.names()],
                    arg(help="Which model.", help_behavior_hint="(required)"),
                ],
                name,
            ),
            ("preset", Annotated[Literal[tuple(presets)], arg(help="Its settings.")], preset),
            ("run", OmitArgPrefixes[Options]),
            (name, OmitArgPrefixes[type(config)]),  # type: ignore[misc]
        ],
        kw_only=True,
    )
    default = chosen(run=Options(), **{name: config})
    parsed: Any = parse(chosen, default, _with_resume(arguments), "train.py")
    options, config = _check_options(parsed.run), check_settings(getattr(parsed, name))
    if options.task not in config.tasks:
        raise InputError(
            f"--task {options.task}: '{name} ({preset})' serves {', '.join(config.tasks)}"
        )
    if options.images and not config.both_ways:
        raise InputError(
            f"'{name} ({preset})' would learn nothing of --images and --sounds, which are "
            "no pairs: give --model bridge"
        )
    return name, preset, options, config


def _with_resume(arguments: Sequence[str]) -> list[str]:
    """`--resume` alone is `--resume yes`."""
    bare = {
        i for i, (argument, following) in enumerate(pairwise([*arguments, "--"]))
        if argument == "--resume" and following.startswith("--")
    }  # fmt: skip
    return [f"{argument}=yes" if i in bare else argument for i, argument in enumerate(arguments)]


def _refuse_foreign_flags(name: str, preset: str, arguments: list[str]) -> None:
    mine = flags(Options, type(models.presets(name)[preset]))
    mine |= {"--model", "--preset", "--help"}
    for argument in arguments:
        flag = argument.partition("=")[0].replace("_", "-")
        if not flag.startswith("--") or flag in mine:
            continue
        owners = [
            f"{other} ({kind})"
            for other in models.names()
            for kind, config in models.presets(other).items()
            if flag in flags(type(config))
        ]
        hint = f"it belongs to {', '.join(owners)}" if owners else suggest(flag, sorted(mine))
        raise InputError(f"{name} ({preset}) has no flag {flag}: {hint}")


def _check_options(options: Options) -> Options:
    if options.checkpoint_every < 1 or options.validate_every < 0:
        raise InputError("--checkpoint-every must be at least 1, --validate-every at least 0")
    check_pairing(options.pairing)
    if options.images and (options.pairing, options.labels, options.split) != UNPAIRED:
        raise InputError("--images and --sounds have no --pairing, --labels or --split")
    check_marks(options.marks)
    if options.steps is not None and options.steps < 1:
        raise InputError("--steps must be at least 1")
    if not 0 <= options.seed < 1 << 32:
        raise InputError(f"--seed must be in [0, 2^32), not {options.seed}")
    return options
