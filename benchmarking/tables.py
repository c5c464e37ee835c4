"""Tables of rows: speakers never heard first, means over seeds with intervals, paired differences.

A line is a group of runs that differ in their seed and split alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from benchmarking.columns import COLUMNS, Column
from benchmarking.seeds import Interval, Row, difference, mean, order, splits_of
from common import markdown

__all__ = [
    "NEW", "Cell", "Table", "by_mark", "by_measure", "full_tables", "grouped", "headline",
    "is_baseline", "kind_of", "kinds", "label_of", "markdown_of", "notes", "pair_tables",
]  # fmt: skip

GROUP = ("model", "of_model", "preset", "pairing", "labels", "training_precision")
NEW, ALL = "speakers never heard", ""
HEADINGS = {NEW: "never heard"}
LABELS = {"": "", "none": "", "warm-start": ", labels"}
REAL = {"audio2image": "real test images", "image2audio": "real recordings"}
PRECISIONS = {"32-true": "fp32", "bf16-mixed": "bf16"}
Group = list[Row]


class Cell(NamedTuple):
    """Text, and what stands smaller beside it."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class Table:
    """Of texts; the first cell of a line names it.

    Attributes:
        groups: over the headings: texts, and how many columns each spans; none: no such line.
    """

    title: str
    headings: list[str]
    lines: list[list[Cell]]
    groups: Sequence[tuple[str, int]] = ()


def kind_of(split: str) -> str:
    """What a split tests: speakers that were in training (official), or one that was not."""
    return NEW if split.startswith("speaker:") else split


def kinds(rows: Iterable[Row]) -> list[str]:
    """The kinds of split that occur; speakers never heard stand first."""
    return sorted({kind_of(row["split"]) for row in rows}, key=lambda kind: (kind != NEW, kind))


def grouped(rows: Sequence[Row]) -> list[Group]:
    """Rows that differ in seed and split alone: by rank of the preset, then accuracy."""

    def key(row: Row) -> tuple[str, ...]:
        return tuple(row.get(name, "") for name in GROUP)

    def rank(group: Group) -> tuple[int, str, float, str]:
        preset = group[0]["preset"]
        rank = {"reference": 0, "": 2}.get(preset, 1)  # baselines last
        return rank, preset, -_main_accuracy(group), label_of(group[0])

    rows = sorted(rows, key=lambda row: (key(row), row["split"], int(row["seed"] or 0)))
    return sorted((list(group) for _, group in itertools.groupby(rows, key)), key=rank)


def label_of(row: Row) -> str:
    """The name to show of all seeds and splits."""
    label = row["model"] + (f" ({row['preset']})" if row["preset"] else "")
    label += f" of {row['of_model']}" if row["of_model"] else ""
    if row["pairing"] not in ("", "resampled"):
        label += f", {row['pairing']}"
    label += LABELS.get(row["labels"], f", {row['labels']}")
    return label + ("*" if row["needs_label"] == "True" else "")


def is_baseline(row: Row) -> bool:
    """Whether it is of no model."""
    return not row["preset"]


def headline(rows: Sequence[Row]) -> Table:
    """The main table: of each headline metric the mean over speakers never heard, and beside it
    that of `official`.

    Args:
        rows: of one dataset, task and mark.
    """
    there, columns = kinds(rows), [c for c in _present(COLUMNS, rows) if c.is_headline]
    of_column = {column: there if column.is_of_split else [ALL] for column in columns}
    metrics = [(column, kind) for column in columns for kind in of_column[column]]

    def of_kind(rows: Sequence[Row], kind: str) -> Group:
        return [row for row in rows if kind in (ALL, kind_of(row["split"]))]

    lines = [
        [
            Cell(label_of(group[0])),
            Cell(
                " + ".join(_runs(of_kind(group, kind)) or "0" for kind in there)
                if group[0]["seed"]
                else ""
            ),
            *(_cell(of_kind(group, kind), column) for column, kind in metrics),
        ]
        for group in grouped(rows)
    ]
    real = [_real_cell(of_kind(rows, kind), column) for column, kind in metrics]
    lines.append([Cell(REAL[rows[0]["task"]]), Cell(""), *real])
    if len(there) == 1:
        return Table("all models", ["model", "runs", *(c.heading for c in columns)], lines)
    groups = [("", 2), *((column.heading, len(of_column[column])) for column in columns)]
    headings = ["model", "runs", *(HEADINGS.get(kind, kind) for _, kind in metrics)]
    return Table("all models", headings, lines, groups)


def full_tables(rows: Sequence[Row]) -> list[Table]:
    """For each kind of split a table of all columns.

    Args:
        rows: of one dataset, task and mark.
    """
    tables = []
    for kind in kinds(rows):
        there = [row for row in rows if kind_of(row["split"]) == kind]
        columns, lines = _present(COLUMNS, there), []
        for group in grouped(there):
            commits = {row["code_trained"] or row["code_evaluated"] for row in group}
            lines.append(
                [
                    Cell(label_of(group[0])),
                    Cell(_runs(group)),
                    Cell(PRECISIONS.get(group[0]["training_precision"], "")),
                    *(_cell(group, column) for column in columns),
                    Cell(", ".join(sorted(commits))),
                ]
            )
        real = [_real_cell(there, column) for column in columns]
        lines.append([Cell(REAL[there[0]["task"]]), Cell(""), Cell(""), *real, Cell("")])
        headings = ["model", "runs", "precision", *(c.heading for c in columns), "commit"]
        speakers = sorted(row["split"].partition(":")[2] for row in there)
        names = f": {', '.join(dict.fromkeys(speakers))}" if kind == NEW else ""
        tables.append(Table(kind + names, headings, lines))
    return tables


def pair_tables(rows: Sequence[Row]) -> list[Table]:
    """For each kind of split the differences of runs that differ in one thing alone (the model, the
    preset, the pairing, ...), and of runs and baselines that use one: with intervals, and how often
    their order holds.

    Args:
        rows: of one dataset, task and mark.
    """
    tables = []
    for kind in kinds(rows):
        there = [row for row in rows if row["seed"] and kind_of(row["split"]) == kind]
        columns = [column for column in _present(COLUMNS, there) if column.is_compared]
        headings = ["first minus second", "pairs", *["difference", "order holds"] * len(columns)]
        groups = [("", 2), *((column.title, 2) for column in columns)]
        lines = []
        for one, two in itertools.combinations(grouped(there), 2):
            if not _are_compared(one[0], two[0]):
                continue
            keys = {_unit(row) for row in one} & {_unit(row) for row in two}
            first, second = ([row for row in g if _unit(row) in keys] for g in (one, two))
            if keys:
                name = f"{_name(one[0], two[0])} - {_name(two[0], one[0])}"
                cells = (_pair_cells(first, second, column) for column in columns)
                lines.append([Cell(name), Cell(_runs(first)), *itertools.chain(*cells)])
        if lines:
            tables.append(Table(kind, headings, lines, groups))
    return tables


def markdown_of(table: Table) -> str:
    """A table in Markdown, without its title."""

    def text(cell: Cell) -> str:
        shown = f"{cell.text} ({cell.detail})" if cell.detail else cell.text
        return shown.replace("|", "\\|")

    over = [name for name, n in table.groups for _ in range(n)] or [""] * len(table.headings)
    pairs = zip(over, table.headings, strict=True)
    headings = [", ".join(filter(None, pair)) for pair in pairs]
    return markdown.table(headings, [[text(cell) for cell in line] for line in table.lines])


def notes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """The columns of these rows, and what they mean."""
    return [(column.title, column.about) for column in _present(COLUMNS, rows)]


def by_measure(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """The rows of each dataset and task, which were measured alike; audio2image first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["task"]):
        found.setdefault((row["data"], row["task"]), []).append(row)
    return found


def by_mark(rows: Sequence[Row]) -> list[tuple[float | None, Group]]:
    """The marks, the last first, each with its rows and those that have none: the baselines."""
    marks: list[float | None] = [*{float(row["mark_tflop"]) for row in rows if row["mark_tflop"]}]
    return [
        (mark, [row for row in rows if not row["mark_tflop"] or float(row["mark_tflop"]) == mark])
        for mark in sorted(marks, key=lambda mark: -(mark or 0)) or [None]
    ]


def _present(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    return [column for column in columns if any(row.get(column.metric) for row in rows)]


def _main_accuracy(group: Group) -> float:
    """The mean over speakers never heard, else that of the first kind of split."""
    first = kinds(group)[0]
    splits = splits_of([row for row in group if kind_of(row["split"]) == first])
    return fmean(fmean(float(row["accuracy"]) for row in each) for each in splits.values())


def _runs(group: Sequence[Row]) -> str:
    """How many runs a mean is over: speakers x seeds, or seeds."""
    if not group or not group[0]["seed"]:
        return ""
    splits = splits_of(group)
    seeds = {len(each) for each in splits.values()}
    n = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)}-{max(seeds)}"
    if kind_of(group[0]["split"]) == NEW:
        return f"{len(splits)} x {n}"
    return n


def _cell(group: Sequence[Row], column: Column) -> Cell:
    if not group or not all(row.get(column.metric) for row in group):
        return Cell("")
    found = mean(group, column.metric, column.bounds)
    return Cell(column.show(found.value), _ends(found, column) if column.has_interval else "")


def _ends(found: Interval, column: Column, sign: bool = False) -> str:
    if found.low is None or found.high is None:
        return ""
    return f"{column.show(found.low, sign)}..{column.show(found.high, sign)}"


def _real_cell(rows: Sequence[Row], column: Column) -> Cell:
    """What real images score in place of samples; the same for all rows of a split."""
    name = f"{column.metric}_real"
    splits = splits_of([row for row in rows if row.get(name)])
    if not splits:
        return Cell("")
    return Cell(column.show(fmean(float(each[0][name]) for each in splits.values())))


def _are_compared(one: Row, two: Row) -> bool:
    differ = {name for name in GROUP if one.get(name, "") != two.get(name, "")}
    if is_baseline(one) != is_baseline(two):
        differ -= {"of_model", "preset"}
    return len(differ) == 1


def _unit(row: Row) -> tuple[str, str]:
    return row["split"], row["seed"]


def _name(row: Row, other: Row) -> str:
    """The label, with the precision where it is the difference."""
    precision = row["training_precision"]
    differs = precision != other["training_precision"]
    return label_of(row) + (f", {PRECISIONS.get(precision, precision)}" if differs else "")


def _pair_cells(first: Group, second: Group, column: Column) -> tuple[Cell, Cell]:
    if not all(row.get(column.metric) for row in (*first, *second)):
        return Cell(""), Cell("")
    found = difference(first, second, column.metric)
    held = order(first, second, column.metric)
    share = "" if held.resamples is None else f"{held.resamples:.0%} of resamples"
    return (
        Cell(column.show(found.value, sign=True), _ends(found, column, sign=True)),
        Cell(f"{held.units} of {held.n_units}", share),
    )
