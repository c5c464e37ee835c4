"""Files that are converted in processes of their own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import soundfile

from conversion.batch import DIED, Done, Planned, convert_all
from conversion.plan import Request
from converters import presets

PACK = presets()["pack"]["rgb"]


def sounds(folder: Path, n: int) -> list[tuple[Path, ...]]:
    groups = []
    for i in range(n):
        path = folder / f"{i}.wav"
        soundfile.write(path, np.full(1000, i, np.int16), 8000)
        groups.append((path,))
    return groups


def test_each_file_is_planned_and_then_done(tmp_path: Path) -> None:
    groups = sounds(tmp_path, 5)
    request = Request(PACK, folder=tmp_path / "out")
    planned = {}
    with contextlib.closing(convert_all(groups, request, 2)) as events:
        for event in events:
            if isinstance(event, Planned):
                assert not any(path.exists() for path in event.outputs)
                planned[event.group] = event.outputs
            else:
                assert event == Done(event.group, "")
                assert all(path.exists() for path in planned.pop(event.group))
    assert not planned and len(list((tmp_path / "out").iterdir())) == 5
    assert not multiprocessing.active_children()


def test_a_process_that_dies_takes_one_file_with_it(tmp_path: Path) -> None:
    groups = sounds(tmp_path, 3)
    request = Request(PACK, folder=tmp_path / "out")
    ended = {}
    with contextlib.closing(convert_all(groups, request, 1)) as events:
        for event in events:
            if isinstance(event, Planned) and event.group == groups[0]:
                (process,) = multiprocessing.active_children()
                assert process.pid
                os.kill(process.pid, signal.SIGKILL)
                process.join()
            if isinstance(event, Done):
                ended[event.group] = event.error
    assert ended == {groups[0]: DIED, groups[1]: "", groups[2]: ""}
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert not multiprocessing.active_children()


def test_what_is_not_followed_to_the_end_is_stopped(tmp_path: Path) -> None:
    groups = sounds(tmp_path, 4)
    with contextlib.closing(convert_all(groups, Request(PACK), 2)) as events:
        next(events)
    assert not multiprocessing.active_children()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
