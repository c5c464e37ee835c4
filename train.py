"""Trains one model on one task, split and seed.

python train.py --model cgan
python train.py --model cgan --help       # its settings
python train.py --model cgan --resume     # continues where it stopped
"""

from __future__ import annotations

import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
import dataclasses
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from lightning_fabric import seed_everything
from tyro.conf import OmitArgPrefixes, arg

import datasets
import models
from common.command_line import flags, parse, value_of
from common.errors import InputError, command, suggest
from common.files import exclusive
from datasets import (
    Augment,
    Batches,
    Labels,
    PairedDataset,
    SoundAs,
    Task,
    check_augment,
    check_pairing,
    default_augment,
)
from datasets.splits import part
from models import Config
from training import checkpoint
from training.fabric import Device, launch
from training.loop import Trainer
from training.memory import check_batch_size
from training.run import (
    MARKS,
    Precision,
    Run,
    build,
    check_marks,
    check_settings,
    code_version,
    default_config,
)
from training.schedule import TERA, Schedule
from training.session import Intervals, Session, mark_folder, restore
from training.validation import Validation


@dataclass(frozen=True)
class Options:
    """Settings of a run, the same for every model."""

    data: str = "auto"
    """MNIST-FSDD where it is or can be downloaded, else the offline set (auto); one of them
    (mnist-fsdd, offline); or your own (folder:PATH, see python -m datasets --help)."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are or go; $DATA_DIR, else data/."""
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


def main() -> None:
    name, preset, options, config = _read_arguments(sys.argv[1:])
    fabric = launch(options.device, options.precision)
    dataset = datasets.load(options.data, options.data_dir, options.size, options.color)
    for note in dataset.notes:
        print(f"note: {note}", file=sys.stderr)
    run = _describe(name, preset, options, config, dataset)
    check_augment(run.augment, run.task, run.sound_as)
    folder = options.out or run.folder()
    found = _previous(folder, run, options.resume)

    seed_everything(options.seed, verbose=False)
    model = build(config, run.spec)
    check_batch_size(build(config, run.spec), fabric.device)
    model = model.to(fabric.device)
    train = part(dataset, options.split, "train").seen_as(run.sound_as).to(fabric.device)
    batches = Batches(
        train, options.pairing, config.batch_size, options.seed, fabric.global_rank, options.labels,
        options.task, run.augment, config.both_ways,
    )  # fmt: skip
    schedule = Schedule.of(run, fabric.device, model)
    trainer = Trainer(model, schedule, batches, fabric, config.ema)
    if found:
        restore(trainer, found)
        _refuse_passed_marks(options.marks, schedule, trainer.step, folder)
    run = run.continued_from(found.run) if found else run
    validation = Validation(dataset, options.split, options.task, run.sound_as)
    intervals = Intervals(options.checkpoint_every, options.validate_every)
    end = options.steps or schedule.steps(options.marks[-1] * TERA)
    try:
        with exclusive(folder, "training") if fabric.is_global_zero else nullcontext():
            session = Session(trainer, schedule, run, folder, found, validation, intervals)
            stopped_by = session.go(end)
    except OSError as error:
        raise InputError(
            f"cannot write in {folder}: {error.strerror}; what was there before is intact"
        ) from error
    _print_summary(session, stopped_by, options)
    if fabric.world_size > 1:  # else a process may abort at its end
        fabric.barrier()
        torch.distributed.destroy_process_group()
    if stopped_by:
        sys.exit(128 + stopped_by)


def _read_arguments(arguments: list[str]) -> tuple[str, str, Options, Config]:
    name = value_of("--model", arguments)
    if name is None:
        if {"-h", "--help"} & set(arguments):
            print(f"{__doc__}\nmodels and presets:")
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
    config = default_config(name, preset, value_of("--pairing", arguments) or Options.pairing)
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
    check_marks(options.marks)
    if options.steps is not None and options.steps < 1:
        raise InputError("--steps must be at least 1")
    if not 0 <= options.seed < 1 << 32:
        raise InputError(f"--seed must be in [0, 2^32), not {options.seed}")
    return options


def _describe(
    name: str, preset: str, options: Options, config: Config, dataset: PairedDataset
) -> Run:
    spec = dataset.spec(options.task, options.labels, options.sound_as)
    return Run(
        model=name, preset=preset, config=dataclasses.asdict(config), data=dataset.name,
        data_fingerprint=dataset.fingerprint, task=options.task, split=options.split,
        pairing=options.pairing, labels=options.labels, seed=options.seed,
        precision=options.precision, x_shape=spec.x_shape, c_shape=spec.c_shape,
        marks=options.marks, code=code_version(), processes=int(os.environ.get("WORLD_SIZE", 1)),
        n_digits=spec.n_digits, sound_as=options.sound_as,
        augment=options.augment
        or default_augment(options.task, options.split, options.sound_as),
    )  # fmt: skip


def _previous(folder: Path, run: Run, resume: str) -> checkpoint.Checkpoint | None:
    path = folder / checkpoint.NAME
    if not path.exists():
        if resume == "yes":
            raise InputError(f"nothing to resume: there is no {path}; start without --resume")
        return None
    if resume == "no":
        raise InputError(f"{folder} holds a run: add --resume to continue it, or choose --out")
    found = checkpoint.load(path)
    if different := run.differences(found.run):
        raise InputError(
            f"{folder} holds another run: {', '.join(different)} differ; choose another --out"
        )
    return found


def _refuse_passed_marks(
    marks: Sequence[float], schedule: Schedule, step: int, folder: Path
) -> None:
    for mark in marks:
        passed = schedule.steps(mark * TERA) <= step
        if passed and not (mark_folder(folder, mark) / checkpoint.NAME).exists():
            raise InputError(
                f"{folder} is past {mark:g} TFLOP and was not kept there: leave it out of --marks, "
                "or choose another --out"
            )


def _print_summary(session: Session, stopped_by: int | None, options: Options) -> None:
    if not session.main:
        return
    path = session.folder / checkpoint.NAME
    steps, watch = session.trainer.step - session.first_step, session.trainer.watch.seconds
    total = session.seconds - session.before
    shares = {k: v / total for k, v in watch.items()} | {"other": 1 - sum(watch.values()) / total}
    print(
        f"{steps} steps in {session.seconds - session.before:.0f} s; the loop's time: "
        + ", ".join(f"{k} {v:.1%}" for k, v in shares.items())
    )
    if not steps:
        print("nothing was left to do: give more --marks, or --steps, to continue")
    if session.trainer.step < (begin := session.schedule.draws_from):
        print(f"the generator is not trained yet: its first update is in step {begin}")
    if sign := session.divergence():
        print(f"warning: the run diverged ({sign}): try a lower --lr", file=sys.stderr)
    print(f"checkpoint: {path}")
    if stopped_by:
        print(f"stopped by signal {stopped_by}; to continue, add --resume to the same command")
    data = []
    if options.data.startswith(datasets.FOLDER):
        data = ["--data", options.data]
    elif options.data_dir != datasets.default_dir():
        data = ["--data-dir", str(options.data_dir)]
    print("evaluate:   " + shlex.join(["python", "evaluate.py", "--checkpoint", str(path), *data]))
    print("charts:     " + shlex.join(["tensorboard", "--logdir", str(session.folder)]))


if __name__ == "__main__":
    command(main)()
