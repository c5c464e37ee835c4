"""What the trainer survives: signals, kills, a full disk, values that are not finite."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch

import models
import train
from common.errors import command
from common.files import ROOT
from tests.training.runs import (
    arguments,
    assert_same,
    call,
    log_of,
)
from training import checkpoint, loop, validation
from training.checkpoint import NAME
from training.run_log import read_scalars

# Processes are forked from one that has imported everything.


def _child(
    given: list[str], log: Path, stall_at: int, file_size: int | None, stall_validation: int
) -> None:
    """The command in a process of its own; validation only where it is to stall."""
    # Blocked if the tests of convert.py have started the fork server in this process.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    torch.set_num_threads(1)
    sys.argv = ["train.py", *given]
    if stall_validation:
        _stall(validation.Validation, "metrics", stall_validation, log.parent / "stalled")
        validation.N_SAMPLES = 60
        loop.Trainer.flush_every = 1
    else:
        train.Validation = lambda *given: None  # type: ignore[assignment,misc]
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    real, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == stall_at:
            (log.parent / "stalled").touch()
            time.sleep(600)
        real(descriptor)

    os.fsync = fsync  # type: ignore[assignment]
    with log.open("w", buffering=1) as file:
        sys.stdout = sys.stderr = file
        command(train.main)()


def _stall(owner: type, name: str, at: int, mark: Path) -> None:
    """From its call number `at` on the method only waits; -1: never."""
    real, calls = getattr(owner, name), 0

    def method(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            mark.touch()
            time.sleep(600)
        return real(self, *arguments)

    setattr(owner, name, method)


@pytest.fixture(scope="module")
def start() -> Callable[..., BaseProcess]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train", "pytest"])

    def begin(
        given: list[str],
        log: Path,
        stall_at: int = 0,
        file_size: int | None = None,
        stall_validation: int = 0,
    ) -> BaseProcess:
        arguments = (given, log, stall_at, file_size, stall_validation)
        process = context.Process(target=_child, args=arguments)
        process.start()
        return process

    return begin


def wait_for(condition: Callable[[], bool], process: BaseProcess) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert process.is_alive(), "it ended too early"
        assert time.monotonic() < until, "it hangs"
        time.sleep(0.002)


def finish(process: BaseProcess) -> int | None:
    process.join(60)
    assert not process.is_alive(), "it hangs"
    return process.exitcode


@pytest.fixture(scope="module")
def whole(
    start: Callable[..., BaseProcess], offline_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of ten steps that nothing disturbed; like the others, with one thread."""
    folder = tmp_path_factory.mktemp("whole")
    log = folder / "log"
    given = arguments(offline_dir, folder, "cgan", "--steps", "10")
    assert finish(start(given, log)) == 0, log.read_text()
    return folder


def test_killed_during_a_write_it_resumes(
    start: Callable[..., BaseProcess], offline_dir: Path, tmp_path: Path, whole: Path
) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    given = arguments(offline_dir, folder, "cgan", "--steps", "10", "--checkpoint-every", "2")
    process = start(given, log, stall_at=6)  # the third save: the log first
    wait_for((tmp_path / "stalled").exists, process)
    process.kill()
    assert finish(process) == -signal.SIGKILL
    assert checkpoint.load(folder).step == 4
    assert len(list(folder.glob(".checkpoint*"))) == 1
    assert finish(start([*given, "--resume"], log)) == 0, log.read_text()
    assert not list(folder.glob(".checkpoint*"))
    assert_same(folder, whole)
    assert log_of(folder) == log_of(whole)


@pytest.mark.parametrize("n_kills", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_killed_again_and_again_it_resumes(
    n_kills: int, start: Callable[..., BaseProcess], offline_dir: Path, tmp_path: Path, whole: Path
) -> None:
    folder, log, rng = tmp_path / "run", tmp_path / "log", random.Random(0)
    given = arguments(offline_dir, folder, "cgan", "--steps", "10", "--checkpoint-every", "1")
    kills = 0
    while True:
        before = (folder / NAME).exists()
        process = start([*given, "--resume"] if before else given, log)
        if kills == n_kills:
            break
        # From the moment that it works: what comes before writes nothing.
        seen = set(folder.glob("events*")) if folder.exists() else set()
        wait_for(lambda: set(folder.glob("events*")) != seen, process)  # noqa: B023
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        finish(process)
        kills += 1
        assert len(list(folder.glob(".checkpoint*"))) <= 1
    assert finish(process) == 0, log.read_text()
    assert_same(folder, whole)
    assert log_of(folder) == log_of(whole)


@pytest.mark.slow
@pytest.mark.parametrize("steps", ["8", "9"])  # with and without a checkpoint before the last
def test_killed_within_any_validation_nothing_of_the_log_is_lost_or_doubled(
    steps: str, start: Callable[..., BaseProcess], offline_dir: Path, tmp_path: Path
) -> None:
    given = ("--steps", steps, "--checkpoint-every", "2", "--validate-every", "3")
    undisturbed = tmp_path / "undisturbed"
    log, mark = tmp_path / "log", tmp_path / "stalled"
    arguments_of = lambda folder: arguments(offline_dir, folder, "cgan", *given)  # noqa: E731
    process = start(arguments_of(undisturbed), log, stall_validation=-1)
    assert finish(process) == 0, log.read_text()
    n = len(read_scalars(undisturbed)["validation/accuracy"][0])
    for at in range(1, n + 1):
        folder = tmp_path / f"killed{at}"
        mark.unlink(missing_ok=True)
        process = start(arguments_of(folder), log, stall_validation=at)
        wait_for(mark.exists, process)
        process.kill()
        finish(process)
        for _ in range(2):  # the second session has nothing to do
            more = [*arguments_of(folder), "--resume", "auto"]
            assert finish(start(more, log, stall_validation=-1)) == 0, log.read_text()
        assert_same(folder, undisturbed)
        assert log_of(folder) == log_of(undisturbed)


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)],
)
def test_a_signal_ends_the_step_and_keeps_it(
    number: signal.Signals,
    start: Callable[..., BaseProcess],
    offline_dir: Path,
    tmp_path: Path,
    whole: Path,
) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    given = arguments(offline_dir, folder, "cgan", "--checkpoint-every", "1")
    process = start([*given, "--steps", "100000"], log)
    wait_for((folder / NAME).exists, process)
    assert process.pid
    os.kill(process.pid, number)
    assert finish(process) == 128 + number
    said = log.read_text()
    assert "add --resume to the same command" in said
    assert "Traceback" not in said
    step = checkpoint.load(folder).step
    assert step >= 1
    other = tmp_path / "other"
    steps = str(max(step, 10))
    assert finish(start([*given, "--steps", steps, "--resume"], log)) == 0, log.read_text()
    if step <= 10:
        assert_same(folder, whole)
    else:
        assert finish(start([*arguments(offline_dir, other, "cgan"), "--steps", steps], log)) == 0
        assert_same(folder, other)


@pytest.mark.parametrize(("file_size", "what"), [(1 << 20, NAME), (60_000, "cannot write in")])
def test_a_full_disk_leaves_the_previous_checkpoint(
    file_size: int,
    what: str,
    start: Callable[..., BaseProcess],
    offline_dir: Path,
    tmp_path: Path,
    whole: Path,
) -> None:
    """The disk is full for a checkpoint, or already for the charts."""
    folder, log = tmp_path / "run", tmp_path / "log"
    given = arguments(offline_dir, folder, "cgan", "--checkpoint-every", "2")
    if what == NAME:
        assert finish(start([*given, "--steps", "2"], log)) == 0
    kept = (folder / NAME).read_bytes() if what == NAME else None
    more = ["--resume"] if kept else []
    charts = -1 if what != NAME else 0  # those of validation are large
    full = start([*given, "--steps", "10", *more], log, 0, file_size, charts)
    assert finish(full) == 2
    said = log.read_text()
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if "error: " in line]
    assert said.endswith(line + "\n")
    assert what in line
    assert not list(folder.glob(".checkpoint*"))
    if kept:
        assert (folder / NAME).read_bytes() == kept
    assert finish(start([*given, "--steps", "10", *more], log)) == 0, log.read_text()
    assert_same(folder, whole)


def test_the_script_itself_is_killed_and_resumes(
    offline_dir: Path, tmp_path: Path, whole: Path
) -> None:
    folder = tmp_path / "run"
    given = arguments(
        offline_dir, folder, "cgan", "--checkpoint-every", "1", "--validate-every", "0"
    )
    script = [sys.executable, "train.py", *given]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def begin(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*script, *more], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    with begin("--steps", "10") as process:
        while not (folder / NAME).exists() and process.poll() is None:
            time.sleep(0.005)
        process.kill()
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with begin("--steps", "10", "--resume") as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert not [line for line in err.splitlines() if "arning" in line]
    assert_same(folder, whole)


# Values that are not finite


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", models.names())
def test_a_loss_that_is_not_finite_stops_the_run(
    name: str, offline_dir: Path, tmp_path: Path
) -> None:
    given = arguments(offline_dir, tmp_path, name, "--lr", "1e30", "--checkpoint-every", "1")
    done = call(*given, "--steps", "30")
    assert done.code == 2
    line = done.err.splitlines()[-1]
    assert line.startswith("error: ")
    assert " at step " in line or " after step " in line
    assert any(kind in line for kind in ("loss/", "loss_terms/", "grad_norm/", "model.")), line
    found = checkpoint.load(tmp_path)
    assert found.step >= 3
    assert "the last good checkpoint is intact" in line
    assert all(value.isfinite().all() for value in found.tensors.values())


@pytest.mark.usefixtures("quick")
def test_weights_that_are_not_finite_are_never_saved(offline_dir: Path, tmp_path: Path) -> None:
    """The loss of the step that ruins the weights is still finite."""
    given = arguments(offline_dir, tmp_path, "cvae", "--lr", "1e39", "--checkpoint-every", "1")
    done = call(*given, "--steps", "5")
    assert done.code == 2
    assert "model." in done.err.splitlines()[-1]
    found = checkpoint.load(tmp_path)
    assert found.step == 3
    assert all(value.isfinite().all() for value in found.tensors.values())
