"""Children end with their parent, and scripts end in one line, whenever they are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from common import processes
from common.files import ROOT
from common.interrupts import PARENT

CHILD = """
import common.guard
import sys, time
from pathlib import Path
from common.errors import command
@command
def main():
    try:
        Path(sys.argv[1]).write_text(str(__import__("os").getpid()))
        time.sleep(60)
    finally:
        Path(sys.argv[1]).with_suffix(".ended").touch()
main()
"""
PARENT_SCRIPT = """
import sys
from pathlib import Path
from common import processes
processes.ROOT = Path(sys.argv[1]).parent
sys.exit(processes.run_script("child.py", sys.argv[1:]))
"""


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it hangs"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def parent(tmp_path: Path) -> subprocess.Popen[str]:
    """A script that has started another; the child's process id is in the file `pid`."""
    (tmp_path / "child.py").write_text(CHILD)
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT_SCRIPT, str(tmp_path / "pid")],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_child_ends_with_its_parent(
    number: signal.Signals, parent: subprocess.Popen[str], tmp_path: Path
) -> None:
    child = int((tmp_path / "pid").read_text())
    assert is_alive(child)
    parent.send_signal(number)
    _, err = parent.communicate(timeout=30)
    wait_for(lambda: not is_alive(child), 10)
    assert (tmp_path / "pid.ended").exists()
    assert parent.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert "Traceback" not in err


def test_a_module_of_ours_runs_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "ours"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "child.py").write_text("import sys, ours; sys.exit(len(sys.argv) + 40)")
    monkeypatch.setattr(processes, "ROOT", tmp_path)
    monkeypatch.chdir("/")
    assert processes.run_script("ours.child", ["a"]) == 42


def test_a_child_whose_parent_is_dead_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "child.py"), str(tmp_path / "pid")],
        env=os.environ | {"PYTHONPATH": str(ROOT), PARENT: "1"}, capture_output=True, timeout=30,
    )  # fmt: skip
    assert ran.returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "pid").exists()


@pytest.mark.parametrize("script", ["train.py", "convert.py", "evaluate.py", "benchmark.py"])
def test_interrupted_while_it_loads_it_ends_in_a_line(script: str) -> None:
    """From the moment on that the script's own first line has run."""
    code = (
        "import runpy, signal, sys, threading, time, os; sys.argv = [sys.argv[1], '--help'];"
        "import common.guard;"
        "threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start();"
        "runpy.run_path(sys.argv[0], run_name='__main__'); time.sleep(1)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 130
    assert ran.stderr == "stopped\n"
