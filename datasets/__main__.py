"""What data there are, the proof that no split shares any, and a sheet of examples to look at.

python -m datasets
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.plots import contact_sheet, png
from converters.mel64.features import MEL64
from datasets.audit import audit
from datasets.base import SPLITS, PairedDataset
from datasets.splits import part, recording_split

RUNS = Path(__file__).resolve().parents[1] / "results" / "runs"  # not committed
SHOWN = ("train", "train", "validation")  # only the evaluator looks at test examples


@dataclass(frozen=True)
class Options:
    """Prints what data there are, and draws some."""

    data: datasets.Data = "auto"
    """Which data."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    split: str = "official"
    """'official' or 'speaker:NAME'."""
    out: Path = RUNS / "contact-sheet.png"
    """The contact sheet, a PNG file."""


def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m datasets")
    source = datasets.load(options.data, options.data_dir)
    index = recording_split(source, options.split)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100
    console.print(f"data: {source.name}, split {options.split}")
    console.print(f"fingerprint: {source.fingerprint}", soft_wrap=True)
    console.print(by_digit(source, index))
    console.print(by_speaker(source, index))
    console.print(durations(source, index))

    shared = [(name, n) for name, _, n in audit(source, options.split) if n]
    if shared:
        found = " and ".join(f"{n:,} of the {name}" for name, n in shared)
        raise InputError(f"{found} of '{source.name}' are in two splits (by content hash)")
    console.print("audit by content hash: nothing is in two splits")

    _save(options.out, draw(source, options.split))
    console.print(f"contact sheet: {options.out}", soft_wrap=True)
    console.print(f"next: {_next(options)}", soft_wrap=True)


def by_digit(source: PairedDataset, index: Tensor) -> Table:
    """How many images and recordings of each digit are in each split."""
    images, recordings = source.images, source.recordings
    counts = torch.stack(
        [images.digit[images.split == i].bincount(minlength=10) for i in range(len(SPLITS))]
        + [recordings.digit[index == i].bincount(minlength=10) for i in range(len(SPLITS))]
    )  # (6, 10)
    table = Table(box=SIMPLE_HEAD, show_footer=True)
    table.add_column("digit", "all")
    for i, row in enumerate(counts):
        head = f"{'images' if i < len(SPLITS) else 'recordings'}\n{SPLITS[i % len(SPLITS)]}"
        table.add_column(head, f"{int(row.sum()):,}", justify="right", no_wrap=True)
    for digit, column in enumerate(counts.T.tolist()):
        table.add_row(str(digit), *(f"{n:,}" for n in column))
    return table


def by_speaker(source: PairedDataset, index: Tensor) -> Table:
    """Who speaks in each split, and how often."""
    speakers = source.recordings.speakers
    table = Table(box=SIMPLE_HEAD)
    table.add_column("split")
    table.add_column("speakers", justify="right")
    table.add_column("recordings of each")
    for i, name in enumerate(SPLITS):
        counts = source.recordings.speaker[index == i].bincount(minlength=len(speakers)).tolist()
        who = [f"{speaker} {n:,}" for speaker, n in zip(speakers, counts, strict=True) if n]
        table.add_row(name, str(len(who)), ", ".join(who))
    return table


def durations(source: PairedDataset, index: Tensor) -> str:
    """How long the words are, without those of the test split."""
    clips = source.recordings.clips[index != SPLITS.index("test")]
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


def draw(source: PairedDataset, split: str) -> bytes:
    """The contact sheet: one row for each digit, the examples drawn at random but always alike."""
    generator = torch.Generator().manual_seed(0)
    parts = {"train": part(source, split, "train"), "validation": part(source, split, "validation")}

    def one_of(digits: Tensor, digit: int) -> int:
        there = (digits == digit).nonzero().squeeze(1)
        if not len(there):
            raise InputError(f"split '{split}' has no example of digit {digit} to draw")
        return int(there[torch.randint(len(there), (), generator=generator)])

    def examples(digit: int) -> Iterator[tuple[Tensor, Tensor, Tensor, tuple[str, str, str]]]:
        for name in SHOWN:
            p = parts[name]
            x, c = one_of(p.x_digit, digit), one_of(p.c_digit, digit)
            speaker = source.recordings.speakers[int(p.c_speaker[c])]
            yield p.x[x], p.clips[c], p.c[c], (str(digit), speaker, name)

    rows = [list(zip(*examples(digit), strict=True)) for digit in range(10)]
    images, clips, pictures = (torch.stack([torch.stack(row[i]) for row in rows]) for i in range(3))
    return png(contact_sheet(images, clips, pictures, [row[3] for row in rows]))


def _save(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; give another --out") from error


def _next(options: Options) -> str:
    """The command that trains on the data just shown."""
    words = ["python", "train.py", "--model", "cgan"]
    if options.data != "auto":
        words += ["--data", options.data]
    if options.data_dir != datasets.default_dir():
        words += ["--data-dir", str(options.data_dir)]
    if options.split != "official":
        words += ["--split", options.split]
    return shlex.join(words)


if __name__ == "__main__":
    command(main)()
