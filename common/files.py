"""Where the checkout is, and files that are never half written."""

from __future__ import annotations

import csv
import errno
import io
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from common.errors import InputError

__all__ = [
    "ROOT",
    "check_writable",
    "exclusive",
    "read_rows",
    "remove_temporaries",
    "replacing",
    "write_atomically",
    "write_rows",
]

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the same folder; it takes the path's place when the block ends well."""
    handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        os.chmod(temporary, 0o666 & ~_umask())
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
def exclusive(folder: Path, purpose: str) -> Iterator[None]:
    """No other process has the folder for the same purpose meanwhile; a killed one leaves no lock.

    Raises:
        InputError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f".{purpose}.lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"another {purpose} runs in {folder}: wait, or choose --out") from None


def remove_temporaries(path: Path) -> None:
    """Removes what a killed process left of `replacing(path)`. Nobody may be writing it."""
    for stray in path.parent.glob(f"{_prefix(path)}*{path.suffix}"):
        stray.unlink(missing_ok=True)


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
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "no space left: free some and try again" if full else error.strerror
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
    """The rows of a CSV file; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _prefix(path: Path) -> str:
    return f".{path.name[:40]}-"


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
