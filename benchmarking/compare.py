"""Any runs of train.py side by side, evaluated or not: a table and charts of their logs.

    python -m benchmarking.compare results/runs/*/reference/*/seed0
    python -m benchmarking.compare RUN RUN --out FOLDER

Validation data and judge B alone. Runs on other data or another split have a table and a chart of
their own: their numbers are not comparable.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

import datasets
from benchmarking.charts import Curves, comparison
from common.command_line import parse
from common.errors import InputError, command
from common.files import check_writable, write_atomically, write_rows
from common.markdown import table
from common.plots import png
from training import checkpoint
from training.run import RUNS, Run
from training.run_log import Scalars, read_scalars
from training.schedule import Schedule

__all__ = ["LoggedRun", "chart", "read", "write"]

NAME = "compare"
# What the numbers of one table agree in, and what else is named where it differs.
MEASURE = ("task", "data", "data_fingerprint", "split")
TREATMENT = ("pairing", "labels", "sound_as", "augment", "processes", "precision")
FORMS = {
    "seed": "seed {}", "labels": "labels {}", "sound_as": "sound as {}", "augment": "augment {}",
}  # fmt: skip
FLOPS, SECONDS = "progress/training_flops", "progress/training_seconds"


@dataclass(frozen=True)
class Options:
    """Compares runs: a table and charts of any of them."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of runs."""
    out: Path = RUNS.parent / NAME
    """Where compare.md, compare.csv and the charts go."""


@dataclass(frozen=True)
class LoggedRun:
    """A run and its log."""

    folder: Path
    run: Run
    scalars: Scalars

    @property
    def measure(self) -> tuple[str, ...]:
        return tuple(getattr(self.run, name) for name in MEASURE)

    def last(self) -> dict[str, float]:
        """The last validation: step, training_flops and training_seconds, its metrics; empty
        without one."""
        validations = {t: s for t, s in self.scalars.items() if t.startswith("validation/")}
        step = max((steps[-1] for steps, _ in validations.values()), default=None)
        if step is None:
            return {}
        there = {t: s for t, s in self.scalars.items() if t in {*validations, FLOPS, SECONDS}}
        return {"step": step} | {
            tag.partition("/")[2]: values[steps.index(step)]
            for tag, (steps, values) in there.items()
            if step in steps
        }


def read(folder: Path) -> LoggedRun:
    """A run and its log. FLOPs of logs without them are counted, seconds are known at its end.

    Raises:
        InputError: there is no run, or it is damaged.
    """
    found = checkpoint.load(folder, groups=())
    folder = folder if folder.is_dir() else folder.parent
    if found.run.n_digits == 1:
        raise InputError(
            f"{folder}: a run on images and sounds that are no pairs, which no judge compares: see "
            f"its charts: tensorboard --logdir {folder}"
        )
    scalars, run = read_scalars(folder), found.run
    steps = sorted({s for t, (all_, _) in scalars.items() if "validation/" in t for s in all_})
    ours = run.spec == datasets.spec(run.task, run.labels, run.sound_as)
    if ours and steps and scalars.get(FLOPS, ([], []))[0] != steps:
        count = Schedule.of(run)
        scalars[FLOPS] = (steps, [float(count.until(step)) for step in steps])
    if found.step in steps and found.step not in scalars.setdefault(SECONDS, ([], []))[0]:
        scalars[SECONDS][0].append(found.step)
        scalars[SECONDS][1].append(found.seconds)
    return LoggedRun(folder, run, scalars)


def labels(runs: Sequence[LoggedRun]) -> list[str]:
    """A short name for each run: its model, and in what else it differs from the others."""
    names = [each.run.model for each in runs]
    for field in ("task", "preset", "pairing", "labels", "sound_as", "augment", "seed"):
        values = [str(getattr(each.run, field)) for each in runs]
        if len({*values}) > 1:
            form = FORMS.get(field, "{}")
            names = [
                f"{name}, {form.format(value)}" for name, value in zip(names, values, strict=True)
            ]
    if len({*names}) == len(names):
        return names
    folders = [each.folder.resolve() for each in runs]
    common = os.path.commonpath([folder.parent for folder in folders])
    return [
        f"{name}: {folder.relative_to(common)}" if names.count(name) > 1 else name
        for name, folder in zip(names, folders, strict=True)
    ]


def chart(runs: Sequence[LoggedRun]) -> bytes:
    """The picture of runs of one measure, as a PNG file."""
    pairs = zip(labels(runs), runs, strict=True)
    return png(comparison([Curves(label, each.run.model, each.scalars) for label, each in pairs]))


def differences(runs: Sequence[LoggedRun]) -> list[str]:
    """A line for each thing in which runs differ and by which their numbers may not compare."""
    lines, names, seen = [], labels(runs), []
    for field in (*MEASURE, *TREATMENT):
        by_value: dict[str, list[str]] = {}
        for name, each in zip(names, runs, strict=True):
            by_value.setdefault(str(getattr(each.run, field)), []).append(name)
        if len(by_value) > 1 and [*by_value.values()] not in seen:
            seen.append([*by_value.values()])
            text = "; ".join(f"{value[:12]} ({', '.join(of)})" for value, of in by_value.items())
            apart = ", so that they have tables and charts apart" if field in MEASURE else ""
            lines.append(f"the runs differ in {field}{apart}: {text}")
    return lines


def write(runs: Sequence[LoggedRun], out: Path) -> str:
    """Writes compare.md, compare.csv and a chart for each measure; returns the tables as text."""
    measures = list(dict.fromkeys(each.measure for each in runs))
    text, rows = "", []
    for i, measure in enumerate(measures):
        alike = [each for each in runs if each.measure == measure]
        name = f"{NAME}{f'-{i + 1}' if len(measures) > 1 else ''}.png"
        run = alike[0].run
        title = f"{run.data}, {run.task}, split {run.split}"
        write_atomically(out / name, chart(alike))
        text += f"### {title}\n\n{_table(alike)}\n\n![{title}]({name})\n\n"
        rows += [
            {"label": label, "chart": name} | _row(each)
            for label, each in zip(labels(alike), alike, strict=True)
        ]
    notes = "".join(f"- {line}\n" for line in differences(runs))
    text = f"# Comparison\n\n{notes}\n{text}{FOOT}" if notes else f"# Comparison\n\n{text}{FOOT}"
    write_rows(out / f"{NAME}.csv", rows)
    write_atomically(out / f"{NAME}.md", text.encode())
    return text


FOOT = """Every row: the last validation of a run, on validation data, by judge B, with the averaged
weights. *coverage*: k = 5, *within digit*: with real and generated ones of the same digit; *FD*:
Frechet distance in the judge's features.
"""
COLUMNS = (
    # title, number, form
    ("step", "step", "{:,.0f}"),
    ("training TFLOP", "training_flops", "{:,.4g}"),
    ("training s", "training_seconds", "{:,.0f}"),
    ("accuracy %", "accuracy", "{:.1%}"),
    ("coverage within digit", "coverage_within_digit", "{:.3f}"),
    ("coverage", "coverage", "{:.3f}"),
    ("FD", "fd", "{:.2f}"),
    ("warm start %", "recognition_accuracy", "{:.1%}"),
)


def _table(runs: Sequence[LoggedRun]) -> str:
    lines = []
    for label, each in zip(labels(runs), runs, strict=True):
        found = {("fd" if "fd_" in name else name): v for name, v in each.last().items()}
        if "training_flops" in found:
            found["training_flops"] /= 1e12
        cells = [form.format(found[n]).rstrip("%") if n in found else "" for _, n, form in COLUMNS]
        lines.append([label, *cells])
    return table(("run", *(title for title, *_ in COLUMNS)), lines)


def _row(each: LoggedRun) -> dict[str, Any]:
    about = dataclasses.asdict(each.run) | {"config": json.dumps(each.run.config, sort_keys=True)}
    return {"folder": each.folder} | about | each.last()


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m benchmarking.compare")
    folders = list(dict.fromkeys(folder.resolve() for folder in options.runs))
    if not folders:
        raise InputError("no runs: give their folders")
    runs = [read(folder) for folder in folders]
    check_writable(options.out)
    print(write(runs, options.out))
    print(f"written: {options.out / NAME}.md, .csv, .png")


if __name__ == "__main__":
    main()
