"""Shares of samples for the page: which digits are confused, and accuracy by speaker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from benchmarking import groups
from benchmarking.seeds import Row

__all__ = ["Matrix", "by_speaker", "confusions"]


class Matrix(NamedTuple):
    """A table of shares in [0, 1], shaded."""

    title: str
    columns: Sequence[str]
    lines: Sequence[tuple[str, Sequence[float | None]]]


def confusions(rows: Sequence[Row]) -> list[Matrix]:
    """Of each group, all its runs together: the shares of each requested digit."""
    found = []
    for group in groups.grouped(rows):
        matrices = [json.loads(row["confusion"]) for row in group]
        lines = []
        for digit, parts in enumerate(zip(*matrices, strict=True)):
            counts = [sum(cells) for cells in zip(*parts, strict=True)]
            lines.append((str(digit), [count / max(sum(counts), 1) for count in counts]))
        found.append(Matrix(groups.label_of(group[0]), [str(d) for d in range(len(lines))], lines))
    return found


def by_speaker(kind: str, rows: Sequence[Row]) -> Matrix:
    """Accuracy of each group by the speaker of the recording, over seeds."""
    lines, names = [], sorted({name for row in rows for name in json.loads(row["by_speaker"])})
    for group in groups.grouped(rows):
        values: dict[str, list[float]] = {}
        for row in group:
            for name, estimate in json.loads(row["by_speaker"]).items():
                values.setdefault(name, []).append(float(estimate["value"]))
        cells = [fmean(values[name]) if name in values else None for name in names]
        lines.append((groups.label_of(group[0]), cells))
    return Matrix(kind, names, lines)
