"""Many files, converted in worker processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from common.files import ROOT
from conversion.batch import TERMINATED, Done, Planned, convert_all
from conversion.plan import Settings
from converters import presets
from converters.sound_files import read_sound
from tests.conversion.calls import (
    call,
    picture_file,
    same_pixels,
    same_samples,
    sound_file,
    succeed,
)

PACK = presets()["pack"]["rgb"]


def sounds(folder: Path, n: int) -> list[tuple[Path, ...]]:
    groups: list[tuple[Path, ...]] = []
    for i in range(n):
        path = folder / f"{i}.wav"
        soundfile.write(path, np.full(1000, i, np.int16), 8000)
        groups.append((path,))
    return groups


def test_each_file_is_planned_and_then_done(tmp_path: Path) -> None:
    groups = sounds(tmp_path, 5)
    settings = Settings(PACK, out_folder=tmp_path / "out")
    planned = {}
    with contextlib.closing(convert_all(groups, settings, 2)) as events:
        for event in events:
            if isinstance(event, Planned):
                assert not any(path.exists() for path in event.outputs)
                planned[event.group] = event.outputs
            else:
                assert event == Done(event.group, "")
                assert all(path.exists() for path in planned.pop(event.group))
    assert not planned and len(list((tmp_path / "out").iterdir())) == 5
    assert not multiprocessing.active_children()


def test_a_worker_that_is_killed_fails_one_file(tmp_path: Path) -> None:
    groups = sounds(tmp_path, 3)
    settings = Settings(PACK, out_folder=tmp_path / "out")
    ended = {}
    with contextlib.closing(convert_all(groups, settings, 1)) as events:
        for event in events:
            if isinstance(event, Planned) and event.group == groups[0]:
                (process,) = multiprocessing.active_children()
                assert process.pid
                os.kill(process.pid, signal.SIGKILL)
                process.join()
            if isinstance(event, Done):
                ended[event.group] = event.error
    assert ended == {groups[0]: TERMINATED, groups[1]: "", groups[2]: ""}
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert not multiprocessing.active_children()


def test_closing_the_iterator_stops_the_workers(tmp_path: Path) -> None:
    groups = sounds(tmp_path, 4)
    with contextlib.closing(convert_all(groups, Settings(PACK), 2)) as events:
        next(events)
    assert not multiprocessing.active_children()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_one_bad_file_does_not_stop_the_rest(folder: Path) -> None:
    (folder / "in" / "deep").mkdir(parents=True)
    for i in range(3):
        sound_file(folder / "in" / f"{i}.wav", n_samples=100 * i + 100)
        picture_file(folder / "in" / f"{i}.bmp", seed=i)
    sound_file(folder / "in" / "deep" / "4.wav")
    (folder / "in" / "bad.wav").write_bytes(b"RIFF\0\0\0\0WAVEjunk")
    (folder / "in" / "empty.png").touch()
    (folder / "in" / "notes.txt").write_text("neither")
    (folder / "in" / ".hidden.wav").write_text("x")
    (folder / "in" / "0.preview.png").write_text("x")
    done = call("in", "in/**/4.wav", "--with", "pack", "--out", "out")
    assert done.code == 2
    lines = sorted(
        line.partition(", ")[0] + ")" for line in done.out.splitlines() if " -> " in line
    )
    assert lines == sorted(
        [f"in/{i}.wav -> out/{i}_SR8000.png  (pack)" for i in range(3)]
        + [f"in/{i}.bmp -> out/{i}.wav  (pack)" for i in range(3)]
        + ["in/deep/4.wav -> out/4_SR8000.png  (pack)"]
    )
    assert "7 done, 2 failed\n" in done.out
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "in/bad.wav" in errors[0] and "in/empty.png: the file is empty" in errors[1]
    back = succeed("out", "--out", "back")
    assert "7 done, 0 failed\n" in back.out
    for i in range(3):
        wavs = (folder / "in" / f"{i}.wav", folder / "back" / f"{i}.decoded.wav")
        assert same_samples(*wavs)
        pictures = (folder / "in" / f"{i}.bmp", folder / "back" / f"{i}.decoded.png")
        assert same_pixels(*pictures)


def test_two_files_do_not_become_one(folder: Path) -> None:
    for name in ("x", "y"):
        (folder / name).mkdir()
        picture_file(folder / name / "a.png")
    sound_file(folder / "b.wav")
    done = call("x/a.png", "y/a.png", "b.wav", "--with", "pack", "--force", "--out", "out")
    assert done.code == 2 and "2 done, 1 failed" in done.out
    assert "a.wav is also the output of " in done.err
    assert read_sound(folder / "out" / "a.wav").header


def test_folders_named_like_our_packages_are_not_imported(folder: Path) -> None:
    for name in ("converters", "conversion", "numpy"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
    for name in ("a.wav", "b.wav"):
        sound_file(folder / name)
    line = [sys.executable, str(ROOT / "convert.py"), "a.wav", "b.wav", "--with", "pack"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_workers_start_shows_no_trace(folder: Path) -> None:
    for name in ("a.wav", "b.wav"):
        sound_file(folder / name)
    # The workers import for longer than this.
    code = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv.pop(1))
import convert
from conversion import batch

start = batch._start_worker
def start_and_interrupt(*given):
    threading.Timer(0.2, os.killpg, (0, signal.SIGINT)).start()
    return start(*given)

batch._start_worker = start_and_interrupt
convert.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), "a.wav", "b.wav", "--with", "pack"],
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stderr) == (130, "stopped\n")
