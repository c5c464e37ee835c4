"""Child processes that end with their parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from common.files import ROOT
from common.interrupts import PARENT

__all__ = ["run_script"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_script(script: str, arguments: Sequence[str]) -> int:
    """Runs one of our scripts, or with a name like `evaluation.self_test` one of our modules, its
    output shown; returns its exit code.

    The child ends with this process, however it ends: signals are passed on to it, which lets a
    training save its run, and where this process is killed the child gets a SIGTERM (on Linux).
    After a signal that was passed on, this process exits with 128 + its number.
    """
    environment = os.environ | {PARENT: str(os.getpid())}
    what = [str(ROOT / script)]
    if not script.endswith(".py"):
        paths = (str(ROOT), os.environ.get("PYTHONPATH"))
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        what = ["-m", script]
    # In a group of its own: a Ctrl-C on the terminal reaches it once, through this process.
    child = subprocess.Popen(
        [sys.executable, *what, *arguments], env=environment, start_new_session=True
    )
    with _forward_signals(child) as caught:
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
    if caught:
        sys.exit(128 + caught[0])
    return code


@contextlib.contextmanager
def _forward_signals(child: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Signals to this process go to the child: the first as SIGTERM, a third as SIGKILL."""
    caught: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        child.send_signal(signal.SIGTERM if len(caught) < 3 else signal.SIGKILL)

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
