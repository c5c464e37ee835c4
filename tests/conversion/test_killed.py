"""Kills at random moments: nothing is left behind, or the next run removes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from common.files import ROOT
from common.interrupts import SIGNALS
from tests.conversion.calls import RATE, contents

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

N_KILLS = 30
SECONDS = 2.0  # in which a process ends, with all its children, on a machine that is not loaded
MODES = {
    "picture": ("a.wav", "-o", "out/a.png"),
    "tiles": ("a.wav", "--with", "pack", "--width", "64", "--height", "64", "--out", "out/"),
    "sound": ("p.png", "--with", "tone", "-o", "out/p.wav"),
    "batch": ("in", "--with", "pack", "--width", "64", "--height", "64", "--out", "out",
              "--jobs", "3"),
    "stream": ("-", "-", "--with", "pack"),
}  # fmt: skip


@dataclass
class Run:
    """The command in a session of its own, with a folder of its own for temporary files."""

    folder: Path
    mode: str

    def __post_init__(self) -> None:
        self.temporary = self.folder / "t"
        self.temporary.mkdir(exist_ok=True)
        self.log, self.stdout = self.folder / "log", self.folder / "stdout"
        self.start()

    def start(self, *more: str) -> None:
        with (
            (self.folder / "a.wav").open("rb") as stdin,
            self.stdout.open("wb") as stdout,
            self.log.open("wb") as log,
        ):
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "convert.py"), *MODES[self.mode], *more],
                stdin=stdin, stdout=stdout, stderr=log, cwd=self.folder, start_new_session=True,
                env=os.environ | {"TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"},
            )  # fmt: skip

    def wait_for_guard(self) -> None:
        """Until the first import has installed its handlers: before, Python itself starts."""
        status = Path(f"/proc/{self.process.pid}/status")
        caught = 0
        while self.process.poll() is None and not caught >> (signal.SIGHUP - 1) & 1:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
            caught = int(fields["SigCgt"], 16)
            time.sleep(0.001)

    def wait_for_temporary(self) -> None:
        """Until something is being written."""
        while self.process.poll() is None and not list(self.folder.glob("out/.*/*")):
            time.sleep(0.005)

    def send(self, number: signal.Signals, group: bool = False) -> float:
        """Sends a signal; returns the seconds until the last process has ended."""
        start = time.monotonic()
        if self.process.poll() is None:
            (os.killpg if group else os.kill)(self.process.pid, number)
        self.process.wait(60)
        while self.processes() and time.monotonic() < start + 60:
            time.sleep(0.005)
        return time.monotonic() - start

    def processes(self) -> list[str]:
        """Those of the session that live."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = path.read_text().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            state, _, _, session = rest.split()[:4]
            if state != "Z" and int(session) == self.process.pid:
                found.append(name)
        return found

    def outputs(self) -> dict[str, bytes]:
        """What lies in the outputs' folder, and what went to standard output in the stream mode."""
        out = self.folder / "out"
        found = contents(out) if out.exists() else {}
        return found | ({"": self.stdout.read_bytes()} if self.mode == "stream" else {})

    def temporaries(self) -> list[Path]:
        return [*self.temporary.iterdir(), *self.folder.glob("**/.*")]

    def clear(self) -> None:
        for path in (self.folder / "out").glob("*"):
            path.unlink()


def limit() -> float:
    return SECONDS * (1 + 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


@pytest.fixture
def inputs() -> Iterator[Path]:
    """A folder with a short name, as the path of a socket must not be long."""
    with tempfile.TemporaryDirectory(prefix="k") as name:
        _write_inputs(Path(name))
        yield Path(name)


def _write_inputs(folder: Path) -> None:
    random_ = np.random.default_rng(0)
    (folder / "in").mkdir()
    for name, n in (("a.wav", 400_000), *((f"in/{i}.wav", 100_000) for i in range(6))):
        noise = random_.integers(-3000, 3000, n).astype(np.int16)
        soundfile.write(folder / name, noise, RATE, "PCM_16")
    Image.fromarray(random_.integers(0, 256, (96, 128), dtype=np.uint8)).save(folder / "p.png")


def undisturbed(folder: Path, mode: str) -> tuple[dict[str, bytes], tuple[float, float]]:
    """The right outputs, and the seconds from the first import to the work and to the end."""
    run = Run(folder, mode)
    run.wait_for_guard()
    start = time.monotonic()
    while not list(run.temporary.iterdir()):
        time.sleep(0.001)
    imports = time.monotonic() - start
    assert run.process.wait(120) == 0, run.log.read_text()
    seconds = time.monotonic() - start
    assert run.log.read_text().count("\n") == (mode == "stream")
    assert not run.temporaries()
    expected = run.outputs()
    assert expected
    run.clear()
    return expected, (imports, seconds)


def check_whole(found: dict[str, bytes], expected: dict[str, bytes], groups: bool) -> None:
    """Every output is whole or absent; so are all tiles of a sound."""
    if "" in expected:  # what has gone through a pipe cannot be taken back
        assert expected[""].startswith(found.pop("", b""))
    assert found.items() <= expected.items()
    if groups:
        for stem in {name[:2] for name in found}:
            assert {n for n in found if n[:2] == stem} == {n for n in expected if n[:2] == stem}


def check_stopped(run: Run, number: signal.Signals, expected: dict[str, bytes]) -> None:
    said = run.log.read_text()
    if run.process.returncode == 0:  # it had written everything
        assert run.outputs() == expected
    else:
        assert run.process.returncode in (128 + number, -number), said
    lines = [line for line in said.splitlines() if " -> " not in line]  # the plan of the stream
    assert lines in ([], ["stopped"]), said
    assert not run.temporaries()
    check_whole(run.outputs(), expected, groups=True)
    assert not run.processes()


def check_killed(run: Run, expected: dict[str, bytes]) -> None:
    check_whole(
        {name: data for name, data in run.outputs().items() if not name.startswith(".")},
        expected,
        groups=False,
    )
    assert not run.processes()
    run.start("--force")
    assert run.process.wait(120) == 0, run.log.read_text()
    assert run.outputs() == expected
    assert not run.temporaries()


def moments(mode: str, seconds: tuple[float, float]) -> Iterator[tuple[random.Random, float]]:
    """Every second one is at any time, imports included, the others are during the work."""
    draw = random.Random(mode)
    for i in range(N_KILLS):
        yield draw, draw.uniform(seconds[0] * (i % 2), seconds[1])


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_signals_at_random_moments_leave_nothing(inputs: Path, mode: str) -> None:
    expected, seconds = undisturbed(inputs, mode)
    for draw, moment in moments(mode, seconds):
        number = draw.choice(SIGNALS)
        run = Run(inputs, mode)
        run.wait_for_guard()
        time.sleep(moment)
        took = run.send(number, group=draw.random() < 0.5)  # as a terminal does, or `kill`
        print(mode, number.name, f"{moment:.2f} of {seconds[1]:.2f} s: {took:.2f} s",
              run.process.returncode, len(run.outputs()))  # fmt: skip
        check_stopped(run, number, expected)
        assert took < limit(), f"{number.name} after {moment:.2f} s"
        run.clear()


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_the_next_run_removes_what_kills_at_random_moments_leave(inputs: Path, mode: str) -> None:
    expected, seconds = undisturbed(inputs, mode)
    for _, moment in moments(mode, seconds):
        run = Run(inputs, mode)
        run.wait_for_guard()
        time.sleep(moment)
        took = run.send(signal.SIGKILL)
        print(mode, f"{moment:.2f} of {seconds[1]:.2f} s: {took:.2f} s left",
              *(path.name for path in run.temporaries()))  # fmt: skip
        check_killed(run, expected)
        assert took < limit()
        run.clear()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_that_write_end_with_their_parent(inputs: Path, number: signal.Signals) -> None:
    run = Run(inputs, "batch")
    run.wait_for_temporary()
    took = run.send(number)
    assert run.process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert took < limit() and not run.processes()
    if number == signal.SIGKILL:
        assert run.temporaries()
        run.start("--force")
        assert run.process.wait(120) == 0, run.log.read_text()
    assert not run.temporaries()
