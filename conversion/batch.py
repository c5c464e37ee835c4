"""Converts many files in worker processes, so that the failure of one does not stop the others.

A worker plans a file and waits; the main process checks that the outputs do not collide, reports
them, and only then lets the worker write. So every name is shown before anything is written.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import multiprocessing
import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from common.files import ROOT, remove_temporaries, temporary_folder
from common.interrupts import PARENT, at_stop, end_with, stopped_at_once
from conversion.messages import reason, report_warnings
from conversion.plan import OutputExistsError, Settings
from conversion.planning import make_plan
from converters import kinds

__all__ = ["TERMINATED", "Done", "Group", "Planned", "convert_all"]

Group = tuple[Path, ...]
"""A file, or all tiles of one sound."""
MAX_PARENT = 48  # characters; with the names in it, the path of a socket may have 103
PATIENCE = 1.0  # s in which a worker may clean up before it is killed
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
    folders: set[Path] = set()  # of the outputs

    def stop() -> None:
        _stop(workers.values())
        for folder in folders:  # of a worker that was killed
            remove_temporaries(folder)

    def start() -> None:
        worker = _start_worker(settings, dry_run)
        workers[worker.pipe] = worker
        worker.assign(todo)

    with at_stop(stop), contextlib.ExitStack() as end:
        end.callback(stop)
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
                    if proceed and (folder := event.outputs[0].parent) not in folders:
                        folders.add(folder)
                        remove_temporaries(folder)
                    with contextlib.suppress(OSError):  # a dead worker is noticed at the next recv
                        pipe.send(proceed)
                    if proceed:
                        continue
                    yield Done(event.group, conflict)
                worker.assign(todo)


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
    context = multiprocessing.get_context("forkserver")
    # The server imports once what every worker needs.
    modules = ["conversion.fork_server", __name__, *(kind.__module__ for kind in kinds().values())]
    context.set_forkserver_preload(modules)
    resource_tracker.ensure_running()  # else the server's start does it, and unblocks Ctrl-C
    _hold_socket()
    ours, its = context.Pipe()
    process = context.Process(target=_work, args=(its, settings, dry_run), daemon=True)
    with _server_environment():
        with _interrupts_blocked():
            forkserver.ensure_running()
        process.start()
    its.close()  # so that the end of the worker closes the pipe
    return _Worker(process, ours)


@functools.cache
def _hold_socket() -> None:
    """Lets the socket of the fork server lie in a folder that a later run removes after a kill."""
    parent = tempfile.gettempdir()
    if len(parent) > MAX_PARENT:
        parent = "/tmp"
        remove_temporaries(Path(parent))
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(temporary_folder(Path(parent), "socket"))
    # The folder that multiprocessing would otherwise create itself, and leave there.
    multiprocessing.current_process()._config["tempdir"] = str(folder)  # type: ignore[attr-defined]


@contextlib.contextmanager
def _server_environment() -> Iterator[None]:
    """Lets the fork server find our packages, nothing in the working directory, and its parent.

    Unlike a worker, it inherits this process's environment but not its sys.path.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    changes = {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", PARENT: str(os.getpid())}
    before = {name: os.environ.get(name) for name in changes}
    os.environ |= changes
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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(workers: Iterable[_Worker]) -> None:
    """Ends all workers; those that are busy clean up, or are killed if they take too long."""
    workers = list(workers)
    for worker in workers:
        worker.pipe.close()
        if worker.group:
            worker.process.terminate()
    until = time.monotonic() + PATIENCE
    for worker in workers:
        worker.process.join(max(0, until - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _work(pipe: Connection, settings: Settings, dry_run: bool) -> None:
    """Runs in a worker until its pipe is closed or a signal stops it."""
    main = multiprocessing.parent_process()
    with stopped_at_once(quietly=True), contextlib.suppress(EOFError, OSError):
        end_with(os.getppid())  # the server, which ends with the main process
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        while main and main.is_alive():
            if done := _convert(pipe.recv(), settings, dry_run, pipe):
                pipe.send(done)


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
