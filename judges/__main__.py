"""Trains the judges.

python -m judges --data mnist-fsdd
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import write_atomically
from datasets import part
from judges import Kind, Which, load_judge, weights_path
from judges.training import held_out_data, packed, train_judge


@dataclass(frozen=True)
class Options:
    """Trains the judges and writes their weights."""

    data: Literal["mnist-fsdd", "offline"] = "mnist-fsdd"
    """Which images."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    kind: tuple[Kind, ...] = ("image", "sound")
    """Of what."""
    judge: tuple[Which, ...] = ("a", "b")
    """Which of the two."""
    epochs: int = 10
    """Passes over the training data."""


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m judges")
    if options.epochs < 1:
        raise InputError(f"--epochs {options.epochs}: at least 1")
    dataset = datasets.load(options.data, options.data_dir)
    train, held_out = (part(dataset, "official", name) for name in ("train", "validation"))
    for kind, which in itertools.product(options.kind, options.judge):
        path = weights_path(dataset.name, which, kind)
        write_atomically(path, packed(train_judge(train, kind, which, options.epochs)))
        judge = load_judge(dataset.name, which, kind=kind)
        for name, x, digit in held_out_data(held_out, kind):
            accuracy = (judge(x)[1].argmax(1) == digit).float().mean().item()
            print(f"{path}: {path.stat().st_size} bytes, {accuracy:.2%} on validation {name}")


if __name__ == "__main__":
    main()
