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
from pathlib import Path

import torch
from lightning_fabric import seed_everything

import datasets
from common.errors import InputError, command
from common.files import exclusive
from datasets import Batches, PairedDataset, check_augment, default_augment
from datasets.splits import part
from models import Config
from training import checkpoint
from training.arguments import Options, read_arguments
from training.fabric import launch
from training.loop import Trainer
from training.memory import check_batch_size
from training.run import Run, build, code_version
from training.schedule import TERA, Schedule
from training.session import Intervals, Session, mark_folder, restore
from training.unpaired import UnpairedValidation
from training.validation import Validation


def main() -> None:
    name, preset, options, config = read_arguments(sys.argv[1:], __doc__ or "")
    fabric = launch(options.device, options.precision)
    dataset = datasets.load(
        options.data, options.data_dir, options.size, options.color, options.images, options.sounds
    )
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
    validation = (
        Validation(dataset, options.split, options.task, run.sound_as)
        if dataset.is_paired
        else UnpairedValidation(dataset, run.sound_as)
    )
    intervals = Intervals(options.checkpoint_every, options.validate_every)
    end = options.steps or schedule.steps(options.marks[-1] * TERA)
    try:
        with exclusive(folder, "training") if fabric.is_global_zero else nullcontext():
            session = Session(trainer, schedule, run, folder, found, validation, intervals)
            if session.main and end < schedule.draws_from:
                begin = schedule.draws_from
                print(
                    f"note: the generator has its first update in step {begin}: after {end} steps "
                    "nothing can be drawn",
                    file=sys.stderr,
                )
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
    print(_next_command(path, options))
    print("charts:     " + shlex.join(["tensorboard", "--logdir", str(session.folder)]))


def _next_command(path: Path, options: Options) -> str:
    words = ["python", "evaluate.py", "--checkpoint", str(path)]
    if options.images and options.sounds:
        files = [str(options.images), str(options.sounds)]
        return "convert:    " + shlex.join(
            ["python", "-m", "drawing.both_ways", *words[2:], *files]
        )
    if options.data.startswith(datasets.FOLDER):
        words += ["--data", options.data]
    elif options.data_dir != datasets.default_dir():
        words += ["--data-dir", str(options.data_dir)]
    return "evaluate:   " + shlex.join(words)


if __name__ == "__main__":
    command(main)()
