"""A summary of the data, an audit that no two splits share any, and a contact sheet of examples.

python -m datasets                    # MNIST-FSDD
python -m datasets folder:PATH        # your own
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import ROOT, write_atomically
from common.plots import contact_sheet, png
from converters.mel64.features import MEL64
from datasets.audit import audit
from datasets.base import DIGITS, SPLITS, PairedDataset
from datasets.splits import part, recording_split

MAX_ROWS = 20  # of the contact sheet
COLUMNS = ("train", "train", "validation")  # only the evaluator reads test examples


@dataclass(frozen=True)
class Options:
    """Summarizes the data, checks that no two splits share any, and draws examples."""

    data: Annotated[str, tyro.conf.Positional] = "auto"
    """mnist-fsdd, offline, auto (the first where it is there or can be had, else the second); or
    your own: folder:PATH with PATH/images/<class>/* and PATH/sounds/<class>/*, at least 10 files
    in each, or folder:PATH.csv with the columns image, sound, class and, if wanted, speaker and
    split."""
    size: int = 28
    """Of the images of a folder, in pixels."""
    color: datasets.Color = "auto"
    """Of the images of a folder; auto: grey if all are."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    split: str = "official"
    """'official' or 'speaker:NAME'."""
    out: Path = ROOT / "results" / "runs" / "contact-sheet.png"
    """The contact sheet, a PNG file."""


def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m datasets")
    dataset = datasets.load(options.data, options.data_dir, options.size, options.color)
    index = recording_split(dataset, options.split)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 100
    channels, size, _ = dataset.spec("audio2image").x_shape
    console.print(
        f"data: {dataset.name}, split {options.split}: {len(dataset.classes)} classes, images of "
        f"{size} x {size}, in {'colour' if channels == 3 else 'grey'}"
    )
    for note in dataset.notes:
        console.print(f"note: {note}", soft_wrap=True)
    console.print(f"fingerprint: {dataset.fingerprint}", soft_wrap=True)
    console.print(by_digit(dataset, index))
    console.print(by_speaker(dataset, index))
    console.print(durations(dataset, index))

    shared = [(name, n) for name, _, n in audit(dataset, options.split) if n]
    if shared:
        found = " and ".join(f"{n:,} of the {name}" for name, n in shared)
        raise InputError(f"{found} of '{dataset.name}' are in two splits (by content hash)")
    console.print("audit by content hash: nothing is in two splits")

    write_atomically(options.out, draw(dataset, options.split))
    console.print(f"contact sheet: {options.out}", soft_wrap=True)
    console.print(f"next: {_train_command(options)}", soft_wrap=True)


def by_digit(dataset: PairedDataset, index: Tensor) -> Table:
    """The number of images and recordings of each digit in each split."""
    images, recordings, n = dataset.images, dataset.recordings, len(dataset.classes)
    counts = torch.stack(
        [images.digit[images.split == i].bincount(minlength=n) for i in range(len(SPLITS))]
        + [recordings.digit[index == i].bincount(minlength=n) for i in range(len(SPLITS))]
    )  # (6, n)
    table = Table(box=SIMPLE_HEAD, show_footer=True)
    table.add_column("digit" if dataset.classes == DIGITS else "class", "all")
    for i, row in enumerate(counts):
        head = f"{'images' if i < len(SPLITS) else 'recordings'}\n{SPLITS[i % len(SPLITS)]}"
        table.add_column(head, f"{int(row.sum()):,}", justify="right", no_wrap=True)
    for digit, column in enumerate(counts.T.tolist()):
        table.add_row(dataset.classes[digit], *(f"{n:,}" for n in column))
    return table


def by_speaker(dataset: PairedDataset, index: Tensor) -> Table:
    """The speakers of each split, with their numbers of recordings."""
    speakers = dataset.recordings.speakers
    table = Table(box=SIMPLE_HEAD)
    table.add_column("split")
    table.add_column("speakers", justify="right")
    table.add_column("recordings of each")
    for i, name in enumerate(SPLITS):
        counts = dataset.recordings.speaker[index == i].bincount(minlength=len(speakers)).tolist()
        listed = [
            f"{speaker or 'unknown'} {n:,}"
            for speaker, n in zip(speakers, counts, strict=True)
            if n
        ]
        table.add_row(name, str(len(listed)), ", ".join(listed))
    return table


def durations(dataset: PairedDataset, index: Tensor) -> str:
    """Quantiles of the words' durations, without those of the test split."""
    clips = dataset.recordings.clips[index != SPLITS.index("test")]
    sounding = clips != 0  # (n, n_samples)
    first = sounding.int().argmax(1)
    last = clips.shape[1] - 1 - sounding.flip(1).int().argmax(1)
    seconds = (last - first + 1).double() / MEL64.sample_rate
    low, median, high = seconds.quantile(torch.tensor([0.05, 0.5, 0.95]).double()).tolist()
    return (
        f"durations (train and validation): median {median:.2f} s, 90 % within {low:.2f} .."
        f" {high:.2f} s, the longest {float(seconds.max()):.2f} s of a window of"
        f" {MEL64.n_samples / MEL64.sample_rate:.3f} s"
    )


def draw(dataset: PairedDataset, split: str) -> bytes:
    """The contact sheet, a PNG: a row for each digit, the examples drawn with a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    train, validation = part(dataset, split, "train"), part(dataset, split, "validation")
    parts = {"train": train, "validation": validation}

    def one_of(digits: Tensor, digit: int) -> int:
        members = (digits == digit).nonzero().squeeze(1)
        if not len(members):
            raise InputError(f"split '{split}' has no example of digit {digit} to draw")
        return int(members[torch.randint(len(members), (), generator=generator)])

    def examples(digit: int) -> Iterator[tuple[Tensor, Tensor, Tensor, tuple[str, str, str]]]:
        for name in COLUMNS:
            p = parts[name]
            x, c = one_of(p.image_digit, digit), one_of(p.sound_digit, digit)
            speaker = dataset.recordings.speakers[int(p.speaker[c])]
            yield p.images[x], p.clips[c], p.sounds[c], (p.classes[digit], speaker, name)

    shown = range(min(len(dataset.classes), MAX_ROWS))
    rows = [list(zip(*examples(digit), strict=True)) for digit in shown]
    images, clips, pictures = (torch.stack([torch.stack(row[i]) for row in rows]) for i in range(3))
    return png(contact_sheet(images, clips, pictures, [row[3] for row in rows]))


def _train_command(options: Options) -> str:
    """The command that trains on the same data."""
    words = ["python", "train.py", "--model", "cgan"]
    if options.data != "auto":
        words += ["--data", options.data]
    if options.size != 28:
        words += ["--size", str(options.size)]
    if options.color != "auto":
        words += ["--color", options.color]
    if options.data_dir != datasets.default_dir():
        words += ["--data-dir", str(options.data_dir)]
    if options.data.startswith(datasets.FOLDER):
        words += ["--marks", "2"]  # of few files there is little to learn
    if options.split != "official":
        words += ["--split", options.split]
    return shlex.join(words)


if __name__ == "__main__":
    command(main)()
