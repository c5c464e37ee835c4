"""How a script ends early: by Ctrl-C at any moment, by a signal, with its parent process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["PARENT", "end_with_parent", "ended_by_signals", "guard_imports"]

PARENT = "SYNESTHESIA_PARENT"  # the variable in which a child finds the process that started it
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _stop(number: int, frame: FrameType | None) -> None:
    # Not by an exception: libraries that are half loaded would print traces of their own.
    os.write(2, b"stopped\n")
    os._exit(128 + number)


def guard_imports() -> None:
    """Ctrl-C ends the process in one line; for the seconds in which libraries are loaded."""
    # A process that was started to ignore Ctrl-C goes on ignoring it.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt again, SIGTERM and SIGHUP raise SystemExit."""

    def stop(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    before = {n: signal.signal(n, stop) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """In a child of `processes.run_script`: SIGTERM when the parent dies, or has died already."""
    parent = os.environ.pop(PARENT, "")
    if not parent.isdigit() or not sys.platform.startswith("linux"):
        return
    import ctypes  # only here: it is slow to load

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(128 + signal.SIGTERM)
