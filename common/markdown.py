"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["table"]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table without a final line break.

    Raises:
        ValueError: a row has not one cell for each title.
    """
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        if len(row) != len(titles):
            raise ValueError(f"{len(row)} cells under {len(titles)} titles: {row}")
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)
