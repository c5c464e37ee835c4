"""Progress of work that takes seconds, for whoever shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, Protocol

__all__ = ["progress", "show_progress"]


class Bar(AbstractContextManager[Any], Protocol):
    """A progress bar, such as tqdm's."""

    def update(self, n: int) -> object: ...


_make: ContextVar[Callable[[str, int], Bar] | None] = ContextVar("make", default=None)


@contextlib.contextmanager
def show_progress(make: Callable[[str, int], Bar]) -> Iterator[None]:
    """Progress is shown meanwhile.

    Args:
        make: name of the work, number of its rounds -> its bar.
    """
    token = _make.set(make)
    try:
        yield
    finally:
        _make.reset(token)


@contextlib.contextmanager
def progress(name: str, n_rounds: int) -> Iterator[Callable[[], object]]:
    """A function to be called after each round, by any thread."""
    make = _make.get()
    if make is None:
        yield lambda: None
        return
    with make(name, n_rounds) as bar:
        yield lambda: bar.update(1)
