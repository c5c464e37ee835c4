"""Many files at a time, in processes of their own: what happens to one does not stop the others.

A process plans a file and waits; this one checks that the outputs are free, shows them, and lets
the process go on. So every name is shown before anything is written under it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from common.files import ROOT
from conversion.messages import reason, warnings_told
from conversion.plan import OutputExists, Request, plan
from converters import kinds

__all__ = ["Done", "Group", "Planned", "convert_all"]

Group = tuple[Path, ...]
DIED = "its process died; perhaps there was not enough memory: try --jobs 1"


@dataclass(frozen=True)
class Planned:
    """What will be written."""

    group: Group
    outputs: tuple[Path, ...]
    what: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """How it ended."""

    group: Group
    error: str
    """Empty: well."""
    warnings: tuple[str, ...] = ()
    exists: bool = False
    """Whether nothing was done because the output is there."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    group: Group | None = None
    """What it works on."""

    def give(self, todo: deque[Group]) -> None:
        self.group = todo.popleft() if todo else None
        if self.group:
            self.pipe.send(self.group)


def convert_all(
    groups: Sequence[Group], request: Request, n_jobs: int, dry_run: bool = False
) -> Generator[Planned | Done]:
    """Converts files, or groups of tiles; tells of each what is planned, if anything, and its end.

    Closing the iterator stops all processes, and nothing is left half-written.
    """
    todo = deque(groups)
    inputs = {mark for group in groups for path in group for mark in _marks(path)}
    outputs: dict[Path, Path] = {}
    workers: dict[Connection, _Worker] = {}

    def start() -> None:
        worker = _started(request, dry_run)
        workers[worker.pipe] = worker
        worker.give(todo)

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
                    yield Done(worker.group, DIED)
                    del workers[pipe]
                    if todo:
                        start()
                    continue
                yield event
                if isinstance(event, Planned):
                    objection = _objection(event, inputs, outputs)
                    go_on = not objection and not dry_run
                    outputs |= {path.resolve(): event.group[0] for path in event.outputs}
                    with contextlib.suppress(OSError):  # that it died is told when it is read
                        pipe.send(go_on)
                    if go_on:
                        continue
                    yield Done(event.group, objection)
                worker.give(todo)
    finally:
        _stop(workers.values())


def _marks(path: Path) -> set[Path | tuple[int, int]]:
    """What tells a file: its place, whichever way leads there, and for hard links its inode."""
    marks: set[Path | tuple[int, int]] = {path.resolve()}
    with contextlib.suppress(OSError):  # it is not there yet
        marks.add((path.stat().st_dev, path.stat().st_ino))
    return marks


def _objection(
    event: Planned, inputs: set[Path | tuple[int, int]], outputs: dict[Path, Path]
) -> str:
    """Why the plan cannot be followed beside the others; empty if it can."""
    for path in event.outputs:
        if _marks(path) & inputs:
            return f"{path} is an input, too: choose another --out"
        if other := outputs.get(path.resolve()):
            return f"{path} is also what {other} becomes: convert one of them alone"
    return ""


def _started(request: Request, dry_run: bool) -> _Worker:
    # Not forked from this process, whose threads would be missing in the copy.
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:  # it imports once what all need
        _find_modules_here()
        context.set_forkserver_preload([__name__, *(kind.__module__ for kind in kinds().values())])
    ours, its = context.Pipe()
    process = context.Process(target=_work, args=(its, request, dry_run), daemon=True)
    process.start()
    its.close()  # so that its end is the pipe's end
    return _Worker(process, ours)


def _find_modules_here() -> None:
    """The server of forks does not see this process's path, only its environment."""
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(ROOT) not in known:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), *known]))


def _stop(workers: Iterable[_Worker]) -> None:
    workers = list(workers)
    for worker in workers:
        worker.pipe.close()
        if worker.group and worker.process.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGINT)
    for worker in workers:
        worker.process.join()


def _work(pipe: Connection, request: Request, dry_run: bool) -> None:
    """What a worker does until its pipe is closed, or a signal stops it."""
    signal.signal(signal.SIGINT, _interrupt_once)
    with contextlib.suppress(KeyboardInterrupt, EOFError, OSError):
        while True:
            if done := _convert(pipe.recv(), request, dry_run, pipe):
                pipe.send(done)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    """A second signal shall not interrupt the cleaning up after the first."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _convert(group: Group, request: Request, dry_run: bool, pipe: Connection) -> Done | None:
    """None: it was planned only."""
    told: list[str] = []
    try:
        with warnings_told(told.append):
            work = plan(group, request, dry_run=dry_run)
            work.check(request.force)
            pipe.send(Planned(group, work.touched, work.what, tuple(told)))
            told.clear()
            if not pipe.recv():
                return None
            work.write()
    except OutputExists as error:
        return Done(group, reason(error), tuple(told), exists=True)
    except Exception as error:  # of one file; the others go on
        return Done(group, reason(error), tuple(told))
    return Done(group, "", tuple(told))
