"""Converts many files in worker processes, so that the failure of one does not stop the others.

A worker plans a file and waits; the main process checks that the outputs do not collide, reports
them, and only then lets the worker write. So every name is shown before anything is written.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from common.files import ROOT
from conversion.messages import reason, report_warnings
from conversion.plan import OutputExistsError, Settings
from conversion.planning import make_plan
from converters import kinds

__all__ = ["TERMINATED", "Done", "Group", "Planned", "convert_all"]

Group = tuple[Path, ...]
"""A file, or all tiles of one sound."""
TERMINATED = "the worker process was terminated, perhaps for lack of memory: try --jobs 1"


@dataclass(frozen=True)
class Planned:
    """What will be written."""

    group: Group
    outputs: tuple[Path, ...]
    preview: Path | None
    description: str
    warnings: tuple[str, ...]

    @property
    def targets(self) -> tuple[Path, ...]:
        """All files that will be written."""
        return (*self.outputs, self.preview) if self.preview else self.outputs


@dataclass(frozen=True)
class Done:
    """How a conversion ended."""

    group: Group
    error: str
    """Empty: it succeeded."""
    warnings: tuple[str, ...] = ()
    exists: bool = False
    """Whether nothing was done because the output exists."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    group: Group | None = None
    """What it works on."""

    def assign(self, todo: deque[Group]) -> None:
        """Sends it the next group, if there is one."""
        self.group = todo.popleft() if todo else None
        if self.group:
            self.pipe.send(self.group)


def convert_all(
    groups: Sequence[Group], settings: Settings, n_jobs: int, dry_run: bool = False
) -> Generator[Planned | Done]:
    """Converts files, or groups of tiles.

    Yields for each group its plan, unless planning fails, and its end. Closing the iterator stops
    all workers, and nothing is left half-written.
    """
    todo = deque(groups)
    inputs = {identity for group in groups for path in group for identity in _identities(path)}
    outputs: dict[Path, Path] = {}
    workers: dict[Connection, _Worker] = {}

    def start() -> None:
        worker = _start_worker(settings, dry_run)
        workers[worker.pipe] = worker
        worker.assign(todo)

    try:
        for _ in range(min(n_jobs, len(groups))):
            start()
        while busy := [pipe for pipe, worker in workers.items() if worker.group]:
            for pipe in wait(busy):
                assert isinstance(pipe, Connection)
                worker = workers[pipe]
                assert worker.group
                try:
                    event = pipe.recv()
                except (EOFError, OSError):
                    yield Done(worker.group, TERMINATED)
                    del workers[pipe]
                    if todo:
                        start()
                    continue
                yield event
                if isinstance(event, Planned):
                    conflict = _conflict(event, inputs, outputs)
                    proceed = not conflict and not dry_run
                    outputs |= {path.resolve(): event.group[0] for path in event.targets}
                    with contextlib.suppress(OSError):  # a dead worker is noticed at the next recv
                        pipe.send(proceed)
                    if proceed:
                        continue
                    yield Done(event.group, conflict)
                worker.assign(todo)
    finally:
        _stop(workers.values())


def _identities(path: Path) -> set[Path | tuple[int, int]]:
    """By which a file is recognized: its resolved path and, because of hard links, its inode."""
    found: set[Path | tuple[int, int]] = {path.resolve()}
    with contextlib.suppress(OSError):  # it does not exist yet
        found.add((path.stat().st_dev, path.stat().st_ino))
    return found


def _conflict(
    event: Planned, inputs: set[Path | tuple[int, int]], outputs: dict[Path, Path]
) -> str:
    """Why the plan cannot be carried out beside the others; empty if it can."""
    for path in event.targets:
        if _identities(path) & inputs:
            return f"{path} is also an input: choose another --out"
        if other := outputs.get(path.resolve()):
            return f"{path} is also the output of {other}: convert one of them alone"
    return ""


def _start_worker(settings: Settings, dry_run: bool) -> _Worker:
    # Not forked from this process: a fork would lack its threads.
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:  # the server imports once what every worker needs
        context.set_forkserver_preload([__name__, *(kind.__module__ for kind in kinds().values())])
        resource_tracker.ensure_running()  # else `start` does it, and thereby unblocks Ctrl-C
    ours, its = context.Pipe()
    process = context.Process(target=_work, args=(its, settings, dry_run), daemon=True)
    with _import_path(), _interrupts_blocked():
        process.start()
    its.close()  # so that the end of the worker closes the pipe
    return _Worker(process, ours)


@contextlib.contextmanager
def _import_path() -> Iterator[None]:
    """Lets the fork server find our packages, and nothing in the working directory.

    Unlike a worker, it inherits this process's environment but not its sys.path.
    """
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}
    path = [str(ROOT), before["PYTHONPATH"]]
    os.environ |= {"PYTHONPATH": os.pathsep.join(filter(None, path)), "PYTHONSAFEPATH": "1"}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Delays Ctrl-C; a process that is started meanwhile inherits this until it unblocks it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(workers: Iterable[_Worker]) -> None:
    workers = list(workers)
    for worker in workers:
        worker.pipe.close()
        if worker.group and worker.process.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGINT)
    for worker in workers:
        worker.process.join()


def _work(pipe: Connection, settings: Settings, dry_run: bool) -> None:
    """Runs in a worker until its pipe is closed or a signal stops it."""
    with contextlib.suppress(KeyboardInterrupt, EOFError, OSError):
        signal.signal(signal.SIGINT, _interrupt_once)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        while True:
            if done := _convert(pipe.recv(), settings, dry_run, pipe):
                pipe.send(done)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    """Raises KeyboardInterrupt; a second signal must not interrupt the cleanup."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _convert(group: Group, settings: Settings, dry_run: bool, pipe: Connection) -> Done | None:
    """None: the main process rejected the plan, or this is a dry run."""
    warned: list[str] = []
    try:
        with report_warnings(warned.append):
            plan = make_plan(group, settings, dry_run=dry_run)
            plan.check(settings.force)
            pipe.send(Planned(group, plan.outputs, plan.preview, plan.description, tuple(warned)))
            warned.clear()
            if not pipe.recv():
                return None
            plan.write()
    except OutputExistsError as error:
        return Done(group, reason(error), tuple(warned), exists=True)
    except Exception as error:  # of this file; the others go on
        return Done(group, reason(error), tuple(warned))
    return Done(group, "", tuple(warned))
