"""There and back by two runs: how often is the digit kept?

    python -m evaluation.round_trips --to-image RUN --to-sound RUN

image -> speech -> image for test images, speech -> image -> speech for test recordings. What is
between them is a sound: pictures of speech go through the converter, there and at the end. Both
judges of each kind read every stage.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import ROOT, check_writable, exclusive, read_rows, write_rows
from converters.mel64.features import to_picture, to_sound
from converters.sound_as import MEL64
from evaluation.candidates import Candidate
from evaluation.estimates import Estimate, estimate_mean
from evaluation.evaluator import ImageEvaluator
from evaluation.image2audio.evaluator import SpeechEvaluator
from evaluation.judged import obeyed
from training import checkpoint
from training.run import Run, code_version

__all__ = ["NAME", "Stage", "trips"]

NAME = "round-trips.csv"
EVERY = 10  # of the test images: the converter needs hundredths of a second for each
N_DRAWS = 4  # for each test recording
OF_RUN = ("model", "preset", "pairing", "labels", "augment", "seed")
KEY = (
    *("trip", "stage", "data", "split"),
    *(f"{way}_{name}" for way in ("to_image", "to_sound") for name in (*OF_RUN, "step")),
)


class Stage(NamedTuple):
    """What is left of the digit at a stage of a trip, by both judges of what is there."""

    trip: str
    name: str
    n: int
    kept: Estimate


@dataclass(frozen=True)
class Options:
    """Sends test images to speech and back, and test recordings to images and back."""

    to_image: Annotated[Path, tyro.conf.arg(help_behavior_hint="(required)")]
    """A run of audio2image: its folder, that of a mark, or its checkpoint."""
    to_sound: Annotated[Path, tyro.conf.arg(help_behavior_hint="(required)")]
    """A run of image2audio, on the same data and split."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    out: Path = ROOT / "results"
    """The folder of round-trips.csv; rows of the same two runs are replaced."""


@torch.no_grad()
def trips(
    to_image: Candidate, to_sound_of: Candidate, images: ImageEvaluator, speech: SpeechEvaluator
) -> Iterator[Stage]:
    """The stages of both trips.

    Args:
        to_image, to_sound_of: what draws images of pictures of speech, and these of images.
    """
    test = images.test
    # There and back from images.
    digit = test.image_digit[::EVERY]
    unit = torch.arange(len(digit))
    spoken = heard(to_sound_of.draw(test.images[::EVERY], digit, images.generator("trip: speech")))
    drawn = to_image.draw(spoken, digit, images.generator("trip: images"))
    trip = "image -> speech -> image"
    yield _stage(trip, "test images", images, test.images[::EVERY], digit, unit)
    yield _stage(trip, "speech, heard", speech, spoken, digit, unit)
    yield _stage(trip, "images", images, drawn, digit, unit)
    # From recordings.
    unit = torch.arange(len(test.sounds)).repeat_interleave(N_DRAWS)
    digit = test.sound_digit[unit]
    drawn = to_image.draw(test.sounds[unit], digit, images.generator("trip back: images"))
    spoken = heard(to_sound_of.draw(drawn, digit, images.generator("trip back: speech")))
    trip = "speech -> image -> speech"
    yield _stage(trip, "test recordings", speech, test.sounds[unit], digit, unit)
    yield _stage(trip, "images", images, drawn, digit, unit)
    yield _stage(trip, "speech, heard", speech, spoken, digit, unit)


def heard(pictures: Tensor) -> Tensor:
    """(n, 64, 64) uint8, of the sounds that the converter makes of such."""
    return to_picture(to_sound(pictures)).to(pictures.device)


def _stage(
    trip: str, name: str, evaluator: ImageEvaluator | SpeechEvaluator, items: Tensor,
    digit: Tensor, unit: Tensor,
) -> Stage:  # fmt: skip
    right = obeyed(evaluator.features_of(items), digit)
    return Stage(trip, name, len(items), estimate_mean(right, unit, digit))


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m evaluation.round_trips")
    path = options.out / NAME
    check_writable(options.out)
    _read(path)  # refuses another file before minutes of drawing
    device, candidates = torch.device("cpu"), []
    runs: list[Run] = []
    about: dict[str, Any] = {"code": code_version()}
    for way, given, task in (
        ("to_image", options.to_image, "audio2image"),
        ("to_sound", options.to_sound, "image2audio"),
    ):
        found = checkpoint.load(checkpoint.find(given), groups=("ema",))
        if found.run.task != task:
            raise InputError(f"{given}: a run of {found.run.task}; one of {task} is wanted")
        if found.run.sound_as != MEL64:
            raise InputError(f"{given}: has sound as '{found.run.sound_as}'; trips go by {MEL64}")
        runs.append(found.run)
        candidates.append(Candidate.from_checkpoint(found, device))
        about |= {f"{way}_{name}": getattr(found.run, name) for name in OF_RUN}
        about |= {f"{way}_step": found.step, f"{way}_weights": found.weights_sha256()}
    first, second = runs
    for name in ("data", "data_fingerprint", "split"):
        if getattr(first, name) != getattr(second, name):
            raise InputError(f"the two runs are of another {name.replace('_', ' ')}")
    dataset = datasets.load(first.data, options.data_dir)
    if dataset.fingerprint != first.data_fingerprint:
        raise InputError(f"the data '{first.data}' here are not those of the runs")
    images = ImageEvaluator(dataset, first.split, device)
    speech = SpeechEvaluator(dataset, first.split, device)
    stages = [*trips(candidates[0], candidates[1], images, speech)]
    about |= {
        "data": first.data,
        "split": first.split,
        "judges_of_images": " ".join(judge.sha256 for judge in images.judges),
        "judges_of_sounds": " ".join(judge.sha256 for judge in speech.judges),
    }
    with exclusive(options.out, "round-trips", wait=60.0):
        rows = {tuple(row[name] for name in KEY): row for row in _read(path)}
        for stage in stages:
            row = {
                "trip": stage.trip, "stage": stage.name, "n": stage.n, "kept": stage.kept.value,
                "low": stage.kept.low, "high": stage.kept.high, **about,
            }  # fmt: skip
            rows[tuple(str(row[name]) for name in KEY)] = {k: str(v) for k, v in row.items()}
        write_rows(path, list(rows.values()))
    show(stages)
    print(path)


def _read(path: Path) -> list[dict[str, str]]:
    rows = read_rows(path)
    if rows and (missing := {*KEY} - rows[0].keys()):
        raise InputError(f"{path} has no column '{min(missing)}': move it away")
    return rows


def show(stages: list[Stage]) -> None:
    """Prints the digits that are left at each stage."""
    table = Table(box=SIMPLE_HEAD)
    for title in ("trip", "stage", "n", "digit kept", "95 % interval"):
        table.add_column(title, justify="right" if title in ("n", "digit kept") else "left")
    for trip, name, n, kept in stages:
        ends = f"{kept.low:.1%} .. {kept.high:.1%}" if kept.low is not None else ""
        table.add_row(trip, name, f"{n:,}", f"{kept.value:.1%}", ends)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100
    console.print(table)


if __name__ == "__main__":
    main()
