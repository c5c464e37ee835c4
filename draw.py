"""Draws what you say: finds the spoken digit in each sound file and draws it with trained models.

python draw.py --checkpoint RUN my.wav
python draw.py --checkpoint RUN OTHER_RUN recordings/ -n 4     # models side by side
python draw.py --checkpoint RUN --microphone
"""

from __future__ import annotations

import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
import io
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg

import datasets
from common.command_line import names_last, parse
from common.errors import InputError, command
from common.files import check_writable
from drawing.draws import Drawn, draw, names_of
from drawing.outputs import FOLDER, check_free, printable, write
from drawing.sounds import Row, read_words
from judges import load_judge
from models import GenerativeModel
from training import checkpoint
from training.schedule import Schedule


@dataclass(frozen=True)
class Options:
    """Finds the spoken digit in each sound and draws it with trained models."""

    sounds: Annotated[
        Positional[tuple[Path, ...]],
        arg(
            metavar="SOUND [SOUND ...]",
            help="Sound files, and folders of them.",
            help_behavior_hint="",
        ),
    ] = ()
    checkpoint: Annotated[
        UseAppendAction[tuple[Path, ...]], arg(metavar="RUN [RUN ...]", help_behavior_hint="")
    ] = ()
    """A run's folder or its checkpoint; several stand side by side."""
    microphone: Annotated[FlagCreatePairsOff[bool], arg(help_behavior_hint="")] = False
    """Record three seconds from the microphone; needs the package sounddevice."""
    draws: Annotated[int, arg(aliases=["-n"])] = 8
    """Images that each model draws for each sound."""
    seed: int = 0
    """Of the noise, which is the same for all sounds."""
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """A folder for what is made; by default a new one in results/drawings/."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to draw. auto: a GPU if there is one."""


@command
def main() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the locale cannot write
    options = parse(Options, None, names_last(sys.argv[1:], "--microphone"), "draw.py")
    runs, paths = _split(options)
    device = _device(options.device)
    found = [checkpoint.load(path, groups=("ema",)) for path in runs]
    built = [_build(each, path, device) for each, path in zip(found, runs, strict=True)]
    check_writable(options.out or FOLDER)
    rows, failed = read_words(paths, options.microphone)
    if rows:
        heard_as = (each.run.sound_as for each in found)
        hearing = zip(built, heard_as, strict=True)
        models = dict(zip(names_of(found), hearing, strict=True))
        judge = load_judge(found[0].run.data, "a", device)
        drawn = draw(rows, models, judge, options.draws, options.seed, device)
        _show(rows, drawn)
        for line in write(rows, drawn, options.out):
            print(line)
        print("next:     " + _next_command(runs, paths, options) + "   # other draws")
    for text in failed:
        print(f"error: {text}", file=sys.stderr)
    if failed:
        sys.exit(2)


def _split(options: Options) -> tuple[list[Path], list[Path]]:
    """The runs and the sounds: a run that is named after another one is among the sounds."""
    if not 1 <= options.draws <= 100:
        raise InputError(f"-n must be from 1 to 100, not {options.draws}")
    if not 0 <= options.seed < 1 << 32:
        raise InputError(f"--seed must be in [0, 2^32), not {options.seed}")
    if options.out:
        check_free(options.out)

    def is_run(path: Path) -> bool:
        return path.suffix == ".safetensors" or (path / checkpoint.NAME).is_file()

    runs = [*options.checkpoint, *filter(is_run, options.sounds)]
    sounds = [path for path in options.sounds if not is_run(path)]
    if not runs:
        raise InputError(
            "--checkpoint is missing: give the folder of a run, such as one that "
            "`python train.py --model cgan` makes"
        )
    if not sounds and not options.microphone:
        raise InputError("no sound: give files or folders, or --microphone")
    return [checkpoint.find(run) for run in dict.fromkeys(runs)], sounds


def _device(name: str) -> torch.device:
    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if name == "auto":
        name = next((each for each, there in available.items() if there()), "cpu")
    elif not available.get(name, lambda: True)():
        raise InputError(f"--device {name}: this machine has none; try --device cpu")
    return torch.device(name)


def _build(found: checkpoint.Checkpoint, path: Path, device: torch.device) -> GenerativeModel:
    if found.run.data.startswith(datasets.OWN):
        raise InputError(
            f"{path}: a model of your own data '{found.run.data}'; draw.py draws digits"
        )
    if found.run.spec != datasets.spec("audio2image", found.run.labels, found.run.sound_as):
        raise InputError(f"{path}: a model of {found.run.task}, which draws no images of sounds")
    model = found.build_model(device)
    if found.step < Schedule.of(found.run).draws_from:
        print(
            f"{path}: the generator is not trained yet: the run's warm start is not over",
            file=sys.stderr,
        )
    return model


def _show(rows: Sequence[Row], drawn: Sequence[Drawn]) -> None:
    for i, row in enumerate(rows):
        read = [
            f"{each.name} draws {reading[0]} ({100 * reading[1]:.0f} %)"
            for each in drawn
            for reading in [each.reading(i)]
        ]
        where = f"a word of {row.word.seconds:.2f} s at {row.word.start:.2f} s"
        print("; ".join([f"{printable(row.path)}: {where}", *read]))


def _next_command(runs: Sequence[Path], paths: Sequence[Path], options: Options) -> str:
    given = [run.parent if run.name == checkpoint.NAME else run for run in runs]
    words = ["--checkpoint", *map(printable, [*given, *paths])]
    words += ["--microphone"] * options.microphone
    words += ["-n", str(options.draws), "--seed", str(options.seed + 1)]
    return shlex.join(["python", "draw.py", *words])


if __name__ == "__main__":
    main()
