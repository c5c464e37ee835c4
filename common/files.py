"""Where the checkout is, and files that are never half written."""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from common.errors import InputError
from common.interrupts import at_stop

__all__ = [
    "ROOT",
    "check_writable",
    "exclusive",
    "naming",
    "read_rows",
    "remove_temporaries",
    "replacing",
    "temporary_folder",
    "write_atomically",
    "write_rows",
]

ROOT = Path(__file__).resolve().parent.parent
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a quota, a limit
UNFINISHED = re.compile(r"\..*-unfinished-[0-9a-f]{16}(\..*)?", re.DOTALL)


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """A disk that is full names this path in its error, not a temporary file or none."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            error.filename = str(path)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the same folder; it takes the path's place when the block ends well."""
    names = naming(path)
    with names, _temporary(path.parent, path.name, path.suffix, _create_file) as temporary:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """A hidden folder that is removed at the end, with all that is in it."""
    with _temporary(parent, name, "", partial(os.mkdir, mode=0o700)) as folder:
        yield folder


@contextmanager
def _temporary(
    parent: Path, name: str, suffix: str, create: Callable[[Path], None]
) -> Iterator[Path]:
    path = parent / f".{name[:40]}-unfinished-{secrets.token_hex(8)}{suffix}"
    with at_stop(lambda: _remove(path)), ExitStack() as lock:
        try:
            while not path.exists():  # another process may remove it before it is locked
                lock.close()
                create(path)
                with suppress(OSError):  # where a disk has no locks, nobody removes anything
                    descriptor = os.open(path, os.O_RDONLY)
                    lock.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield path
        finally:
            _remove(path)


def _create_file(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_temporaries(folder: Path) -> None:
    """Removes what killed processes left of `replacing` and `temporary_folder` in a folder.

    A process holds a lock on what it is still writing: that stays, as does what belongs to another
    user or cannot be removed.
    """
    try:
        found = [folder / name for name in os.listdir(folder) if UNFINISHED.fullmatch(name)]
    except OSError:  # there is no such folder, or it cannot be read
        return
    for path in found:
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.geteuid():
                    _remove(path)
            finally:
                os.close(descriptor)


def check_writable(folder: Path) -> None:
    """Makes the folder and tries it, before the work whose results go there.

    Raises:
        InputError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise InputError(
            f"cannot write in {folder}: {error.strerror}; give another --out"
        ) from error


@contextmanager
def exclusive(folder: Path, purpose: str, wait: float = 0) -> Iterator[None]:
    """No other process has the folder for the same purpose meanwhile; a killed one leaves no lock.

    Args:
        wait: for so many seconds.

    Raises:
        InputError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{purpose}.lock", timeout=wait)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"another {purpose} runs in {folder}: wait, or choose --out") from None
    try:
        yield
    finally:
        lock.release()


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file, and its folders, in one piece.

    Raises:
        InputError: the disk is full or the place cannot be written; what was there stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        why = "no space left: free some and try again" if error.errno in FULL else error.strerror
        raise InputError(f"cannot write {path}: {why}; what was there before is intact") from error


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A CSV file with a column for every name in any row; written as `write_atomically` does."""
    text = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none if there is no such file.

    Raises:
        InputError: it is no such file, or damaged.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV file: {error}") from error
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise InputError(
                f"{path}: line {number} has not a cell for each column: is it cut off?"
            )
    return rows
