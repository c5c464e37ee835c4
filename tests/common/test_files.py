"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from common.files import ROOT, read_rows, remove_temporaries, write_atomically, write_rows


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES])
def test_a_write_that_fails_leaves_what_was_there(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.csv"
    write_atomically(path, b"good")

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(InputError) as said:
        write_atomically(path, b"new")
    why = os.strerror(number) if number == errno.EACCES else "no space left"
    assert why in str(said.value)
    assert str(path) in str(said.value)
    assert "\n" not in str(said.value)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file.csv", b"good")]


def test_content_is_on_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, order = tmp_path / "file.csv", []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        order.append(("fsync", os.fstat(descriptor).st_size, path.exists()))
        fsync(descriptor)

    def replaced(old: Path, new: Path) -> None:
        order.append(("replace", old.stat().st_size, path.exists()))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_atomically(path, b"12345")
    assert order == [("fsync", 5, False), ("replace", 5, False)]
    assert path.read_bytes() == b"12345"


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_atomically(tmp_path / "sub" / "file.csv", b"x")
    usual, written = (tmp_path / "usual").stat(), (tmp_path / "sub" / "file.csv").stat()
    assert stat.S_IMODE(written.st_mode) == stat.S_IMODE(usual.st_mode)


def test_rows_come_back_with_the_columns_of_all(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    assert read_rows(path) == []
    write_rows(path, [{"a": 1}, {"b": "x, y", "a": 2.5}])
    assert read_rows(path) == [{"a": "1", "b": ""}, {"a": "2.5", "b": "x, y"}]


WRITER = """
import sys, time
from pathlib import Path
from common.files import replacing, temporary_folder
here = Path(sys.argv[1])
with replacing(here / "file.csv") as file, temporary_folder(here, "tiles") as folder:
    for path in (file, folder / "1.png"):
        path.write_text("half of")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    mine = {".file.csv-unfinished-notes.csv", ".file.csv-123.csv", "a-unfinished-0123456789abcdef"}
    for name in mine:
        (tmp_path / name).touch()
    (tmp_path / ".link-unfinished-0123456789abcdef").symlink_to(tmp_path / ".file.csv-123.csv")
    mine = {path.name for path in tmp_path.iterdir()}

    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout and writer.stdout.readline() == "ready\n"
        remove_temporaries(tmp_path)
        assert len(list(tmp_path.iterdir())) == len(mine) + 2, "it is still being written"
        writer.kill()
    assert len(list(tmp_path.iterdir())) == len(mine) + 2
    remove_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == mine
    remove_temporaries(tmp_path / "no such folder")


def test_a_temporary_that_another_process_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = os.open

    def create(path: Path, *given: int, **named: int) -> int:
        descriptor = real(path, *given, **named)
        if "unfinished" in str(path):
            made.append(path)
            if len(made) == 1:
                Path(path).unlink()
        return descriptor

    monkeypatch.setattr(os, "open", create)
    write_atomically(tmp_path / "a.csv", b"1")
    assert len(made) > 2
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.csv", b"1")]
