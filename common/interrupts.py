"""How a script ends early: by Ctrl-C at any moment, by a signal, with its parent process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

__all__ = [
    "PARENT",
    "SIGNALS",
    "at_stop",
    "end_with",
    "end_with_parent",
    "ended_by_signals",
    "guard_imports",
    "stopped_at_once",
    "uninterrupted",
]

PARENT = "SYNESTHESIA_PARENT"  # the variable in which a child finds the process that started it
PR_SET_PDEATHSIG = 1  # linux/prctl.h
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_cleanups: list[Callable[[], None]] = []
_n_uninterrupted = 0
_waiting: list[int] = []  # signals that arrived in `uninterrupted`


def _exit_quietly(number: int) -> NoReturn:
    # Not by an exception: one that is raised within a callback or a destructor is lost, and
    # libraries that are half loaded would print traces of their own.
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    for cleanup in reversed(_cleanups):
        with contextlib.suppress(Exception):
            cleanup()
    os._exit(128 + number)


def _exit(number: int) -> NoReturn:
    bar = b"\r\033[K" if os.isatty(2) else b""  # in whose line the cursor may be
    os.write(2, bar + b"stopped\n")
    _exit_quietly(number)


def _raise(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


_react: Callable[[int], NoReturn] = _exit


def _handle(number: int, frame: FrameType | None) -> None:
    if _n_uninterrupted:
        _waiting.append(number)
    else:
        _react(number)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """A signal that arrives in this block acts at its end. For short blocks."""
    global _n_uninterrupted
    _n_uninterrupted += 1
    try:
        yield
    finally:
        _n_uninterrupted -= 1
        if _waiting and not _n_uninterrupted:
            _react(_waiting.pop())


@contextlib.contextmanager
def at_stop(cleanup: Callable[[], None]) -> Iterator[None]:
    """Where a signal ends the process at once within this block, the cleanup is called before.

    It must be fast, and correct wherever it interrupts the block.
    """
    _cleanups.append(cleanup)
    try:
        yield
    finally:
        _cleanups.remove(cleanup)


def guard_imports(quietly: bool = False) -> None:
    """Signals end the process in one line; for the seconds in which libraries are loaded.

    Args:
        quietly: whether they print nothing, here and in processes that are forked from this one.
    """
    global _react
    if quietly:
        _react = _exit_quietly
    for number in SIGNALS:
        # A process that was started to ignore a signal goes on ignoring it.
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _handle)


@contextlib.contextmanager
def _handled(react: Callable[[int], NoReturn]) -> Iterator[None]:
    global _react
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    outer, before = _react, {number: signal.getsignal(number) for number in SIGNALS}
    _react = react
    for number, handler in before.items():
        if handler not in (signal.SIG_IGN, None):
            signal.signal(number, _handle)
    try:
        yield
    finally:
        _react = outer
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def ended_by_signals() -> contextlib.AbstractContextManager[None]:
    """Ctrl-C raises KeyboardInterrupt, SIGTERM and SIGHUP raise SystemExit."""
    return _handled(_raise)


def stopped_at_once(quietly: bool = False) -> contextlib.AbstractContextManager[None]:
    """All three signals clean up (`at_stop`) and end the process; no exception is raised.

    Args:
        quietly: whether nothing is printed.
    """
    return _handled(_exit_quietly if quietly else _exit)


def end_with_parent() -> None:
    """`end_with` the process that has set `PARENT` in the environment, if there is one."""
    parent = os.environ.pop(PARENT, "")
    if parent.isdigit():
        end_with(int(parent))


def end_with(parent: int) -> None:
    """This process gets SIGTERM when its parent dies, and exits if it is dead (on Linux).

    Args:
        parent: the process id of the parent.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # only here: it is slow to load

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
