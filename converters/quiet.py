"""Keeps C libraries from writing to the terminal; mpg123 and libtiff cannot be asked to."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["Captured", "captured_stderr", "silent_stderr"]


class Captured:
    """What was written meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def text(self) -> str:
        self._file.seek(0)
        return self._file.read(1 << 16).decode(errors="replace")


@contextlib.contextmanager
def captured_stderr() -> Iterator[Captured]:
    """What is written to file descriptor 2 goes to a file."""
    with tempfile.TemporaryFile() as file, _stderr_to(file.fileno()):
        yield Captured(file)


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """What is written to file descriptor 2 is dropped."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        with _stderr_to(null):
            yield
    finally:
        os.close(null)


@contextlib.contextmanager
def _stderr_to(descriptor: int) -> Iterator[None]:
    with contextlib.suppress(AttributeError, OSError, ValueError):  # none, or closed
        sys.stderr.flush()
    try:
        before = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        os.dup2(descriptor, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
