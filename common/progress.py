"""How far a long task is: a bar on a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Self

from tqdm import tqdm

__all__ = ["Progress"]

SECONDS_PER_LINE = 30.0


class Progress:
    """Counts steps, on standard error.

    Args:
        label: what runs.
        total: steps at its end.
        done: steps at its start.
        unit: what a step is.
        shown: False: it shows nothing (another process shows it).
    """

    def __init__(
        self, label: str, total: int, done: int = 0, unit: str = "step", shown: bool = True
    ) -> None:
        self.label, self.total, self.done, self.unit = label, total, done, unit
        self.start, self.first, self.last_line = time.perf_counter(), done, time.perf_counter()
        self.lines = shown and not sys.stderr.isatty()
        self.note = ""
        self.bar = tqdm(
            total=total, initial=done, unit=unit, desc=label, dynamic_ncols=True,
            disable=self.lines or not shown,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def update(self) -> None:
        """One step more."""
        self.done += 1
        self.bar.update()
        now = time.perf_counter()
        if self.lines and now - self.last_line >= SECONDS_PER_LINE:
            self.last_line = now
            pace = (self.done - self.first) / (now - self.start)
            left = (self.total - self.done) / pace
            print(
                f"{self.label}: {self.unit} {self.done:,} of {self.total:,}, {pace:.3g} "
                f"{self.unit}s/s, {left:.0f} s left{', ' if self.note else ''}{self.note}",
                file=sys.stderr, flush=True,
            )  # fmt: skip

    def annotate(self, note: str) -> None:
        """What stands behind the count from now on."""
        self.note = note
        self.bar.set_postfix_str(note)

    def close(self) -> None:
        self.bar.close()
