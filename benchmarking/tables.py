"""Tables of rows: speakers never heard first, means over seeds with intervals, paired differences.

A line is a group of runs that differ in their seed and split alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from benchmarking.columns import COLUMNS, Column
from benchmarking.groups import (
    NEW,
    Group,
    augments_otherwise,
    by_mark,
    grouped,
    identity,
    is_baseline,
    is_plain,
    is_usual,
    kind_of,
    kinds,
    label_of,
)
from benchmarking.seeds import Interval, Row, difference, mean, order, splits_of
from common import markdown

__all__ = [
    "Cell", "Table", "cell_of", "ends_of", "full_tables", "headlines", "markdown_of", "notes",
    "pair_tables", "runs_of",
]  # fmt: skip

REAL = {"audio2image": "real test images", "image2audio": "real recordings"}
PRECISIONS = {"32-true": "fp32", "bf16-mixed": "bf16"}


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


def headlines(rows: Sequence[Row]) -> list[Table]:
    """The main tables: of each headline metric the mean. First speakers never heard; then of each
    other split the plain runs and the baselines, and apart the runs with other pairings or digit
    labels, beside the plain ones of the same model and mark. Runs that hear or speak as other
    pictures, or with another augmentation than the default, are in the full tables alone.

    Args:
        rows: of one dataset and task, at all marks.
    """
    found = []
    for kind in kinds(rows):
        there = [
            row for row in rows
            if kind_of(row["split"]) == kind and is_usual(row) and not augments_otherwise(row)
        ]  # fmt: skip
        if not there:
            continue
        if kind == NEW:
            found.append(_headline(NEW, there))
            continue
        plain = [row for row in there if is_plain(row)]
        other = [row for row in there if not is_plain(row)]
        if plain:
            found.append(_headline(kind, plain))
        if other:
            marks = {_mark_of(row) for row in other}
            beside = [row for row in plain if _mark_of(row) in marks]
            found.append(_headline(f"{kind}, other pairings and digit labels", [*beside, *other]))
    return found


def _mark_of(row: Row) -> tuple[str, ...]:
    names = ("model", "of_model", "preset", "training_precision", "mark_tflop")
    return tuple(row[name] for name in names)


def _headline(title: str, rows: Sequence[Row]) -> Table:
    columns = [column for column in _present(COLUMNS, rows) if column.is_headline]
    runs: list[Group] = []
    baselines: dict[tuple[str, ...], Group] = {}
    for _, there in by_mark(rows):
        runs += grouped([row for row in there if not is_baseline(row)])
        for group in grouped([row for row in there if is_baseline(row)]):
            baselines[(*identity(group[0]).values(), group[0]["mark_tflop"])] = group
    shown = [*runs, *baselines.values()]
    named = [(label_of(group[0]), group[0]["mark_tflop"]) for group in shown]
    lines = [
        [
            Cell(label_of(group[0]) + (_precision(group[0]) if named.count(name) > 1 else "")),
            Cell(f"{float(group[0]['mark_tflop']):g}" if group[0]["mark_tflop"] else ""),
            Cell(runs_of(group) + _without(group, rows)),
            *(cell_of(group, column) for column in columns),
        ]
        for group, name in zip(shown, named, strict=True)
    ]
    real = (_real_cell(rows, column) for column in columns)
    lines.append([Cell(REAL[rows[0]["task"]]), Cell(""), Cell(""), *real])
    return Table(title, ["model", "TFLOP", "runs", *(c.heading for c in columns)], lines)


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
                    Cell(runs_of(group)),
                    Cell(PRECISIONS.get(group[0]["training_precision"], "")),
                    *(cell_of(group, column) for column in columns),
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
                lines.append([Cell(name), Cell(runs_of(first)), *itertools.chain(*cells)])
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


def _present(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    return [column for column in columns if any(row.get(column.metric) for row in rows)]


def _without(group: Sequence[Row], rows: Sequence[Row]) -> str:
    """The speakers that others of the table have, and this does not: means are not of the same."""
    missing = {row["split"] for row in rows} - {row["split"] for row in group}
    names = ", ".join(sorted(split.partition(":")[2] for split in missing))
    return f", without {names}" if names else ""


def runs_of(group: Sequence[Row]) -> str:
    """How many runs a mean is over: speakers x seeds, or seeds; of a baseline the speakers."""
    if not group:
        return ""
    splits = splits_of(group)
    if not group[0]["seed"]:
        return f"{len(splits)}" if kind_of(group[0]["split"]) == NEW else ""
    seeds = {len(each) for each in splits.values()}
    n = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)}-{max(seeds)}"
    if kind_of(group[0]["split"]) == NEW:
        return f"{len(splits)} x {n}"
    return n


def cell_of(group: Sequence[Row], column: Column) -> Cell:
    """The mean over the runs of a group, and its interval; empty if a run lacks it."""
    if not group or not all(row.get(column.metric) for row in group):
        return Cell("")
    found = mean(group, column.metric, column.bounds)
    return Cell(column.show(found.value), ends_of(found, column) if column.has_interval else "")


def ends_of(found: Interval, column: Column, sign: bool = False) -> str:
    """Nothing where both ends look like the value."""
    if found.low is None or found.high is None:
        return ""
    value, low, high = (column.show(each, sign) for each in (found.value, found.low, found.high))
    return "" if low == value == high else f"{low}..{high}"


def _real_cell(rows: Sequence[Row], column: Column) -> Cell:
    """What real images score in place of samples; the same for all rows of a split."""
    name = f"{column.metric}_real"
    splits = splits_of([row for row in rows if row.get(name)])
    if not splits:
        return Cell("")
    return Cell(column.show(fmean(float(each[0][name]) for each in splits.values())))


def _are_compared(one: Row, two: Row) -> bool:
    differ = {name for name, _ in identity(one).items() ^ identity(two).items()}
    if is_baseline(one) != is_baseline(two):
        differ -= {"preset"}
        if (one["of_model"] or one["model"]) == (two["of_model"] or two["model"]):
            differ -= {"of_model"}
    return len(differ) == 1


def _unit(row: Row) -> tuple[str, str]:
    return row["split"], row["seed"]


def _name(row: Row, other: Row) -> str:
    """The label, with the precision where it is the difference."""
    differs = row["training_precision"] != other["training_precision"]
    return label_of(row) + (_precision(row) if differs else "")


def _precision(row: Row) -> str:
    precision = row["training_precision"]
    return f", {PRECISIONS.get(precision, precision)}" if precision else ""


def _pair_cells(first: Group, second: Group, column: Column) -> tuple[Cell, Cell]:
    if not all(row.get(column.metric) for row in (*first, *second)):
        return Cell(""), Cell("")
    found = difference(first, second, column.metric)
    held = order(first, second, column.metric)
    share = "" if held.resamples is None else f"{held.resamples:.0%} of resamples"
    return (
        Cell(column.show(found.value, sign=True), ends_of(found, column, sign=True)),
        Cell(f"{held.units} of {held.n_units}", share),
    )
