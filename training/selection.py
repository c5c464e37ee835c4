"""What settings were chosen by: the last validation metrics of runs, as rows.

    python -m training.selection results/runs/selection/cvae/* --out results/selection/cvae.csv

Validation data and judge B alone; nothing here sees the test part.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from common.command_line import parse
from common.errors import InputError, command
from common.files import write_rows
from training.checkpoint import find, load
from training.run_log import read_scalars
from training.schedule import TERA

__all__ = ["row_of"]


@dataclass(frozen=True)
class Options:
    """Prints the last validation metrics of runs, and writes them as rows."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs."""
    out: Path | None = None
    """A CSV file for the rows."""


def row_of(folder: Path) -> dict[str, Any]:
    """What the run is, and its last validation metrics with the step and FLOPs they are of.

    Raises:
        InputError: the folder holds no run, or one that was never validated.
    """
    run, scalars = load(find(folder), groups=()).run, read_scalars(folder)
    of_validation = {k: v for k, v in sorted(scalars.items()) if k.startswith("validation/")}
    if not of_validation:
        raise InputError(f"{folder}: no validation metrics: train it further")
    last = max(steps[-1] for steps, _ in of_validation.values())
    metrics = {
        tag.removeprefix("validation/"): values[-1]
        for tag, (steps, values) in of_validation.items()
        if steps[-1] == last
    }
    steps, flops = scalars["progress/training_flops"]
    seconds = scalars["progress/training_seconds"][1]
    at = steps.index(last)
    about = {
        "model": run.model, "preset": run.preset, "data": run.data, "task": run.task,
        "split": run.split, "pairing": run.pairing, "labels": run.labels,
        "sound_as": run.sound_as, "augment": run.augment, "seed": run.seed,
        "code": run.code, "step": last,
        "tflop": round(flops[at] / TERA, 2),
        "training_seconds": round(seconds[at]),
    }  # fmt: skip
    return about | {f"config.{k}": v for k, v in sorted(run.config.items())} | metrics


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m training.selection")
    rows = [row_of(folder) for folder in options.runs]
    if not rows:
        raise InputError("no runs: give their folders")
    names = list(dict.fromkeys(name for row in rows for name in row))
    differing = [
        n for n in names
        if len({str(row.get(n)) for row in rows}) > 1 and n not in ("code", "training_seconds")
    ]  # fmt: skip
    table = Table(box=SIMPLE_HEAD, title="validation data, judge B")
    for name in differing:
        table.add_column(name.removeprefix("config."), justify="right")
    for row in rows:
        cells = [row.get(name, "") for name in differing]
        table.add_row(*(f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    if options.out:
        write_rows(options.out, rows)
        print(options.out)


if __name__ == "__main__":
    main()
