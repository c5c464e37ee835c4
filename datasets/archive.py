"""Reads gz and tar.gz files that may be hostile: into memory, bounded, by known names only."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from common.errors import InputError

__all__ = ["Bounds", "read_gzip", "read_tar"]

# What the standard library's readers raise on nonsense. A chain of long names nests deeply.
_NONSENSE = (
    tarfile.TarError,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    ValueError,
    RecursionError,
)


@dataclass(frozen=True)
class Bounds:
    """Above what the real archives need, and below what would hurt."""

    unpacked_bytes: int = 128 * 2**20  # of one archive; 47 MB is the largest
    members: int = 10_000  # of one archive; about 3,050


class _Bounded:
    """A stream that fails after `limit` bytes, and when read on and on after its end.

    tarfile would read there for years to skip a member that claims to be exabytes long.
    """

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self.stream, self.left, self.limit, self.patience = stream, limit, limit, 8

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(self.left + 1 if size < 0 else min(size, self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise InputError(f"it unpacks to more than {self.limit:,} bytes")
        self.patience -= not data
        if self.patience < 0:
            raise EOFError("it ends too early")
        return data


def read_gzip(archive: Path, bounds: Bounds) -> bytes:
    """The unpacked content."""
    try:
        with gzip.open(archive) as stream:
            return _Bounded(cast(BinaryIO, stream), bounds.unpacked_bytes).read()
    except _NONSENSE as error:
        raise InputError(f"it is no whole gz file ({error})") from error


def read_tar(
    archive: Path, folder: str, wanted: Mapping[str, str], bounds: Bounds
) -> dict[str, bytes]:
    """The regular files `.../folder/name` of a tar.gz, for each name in `wanted`, by wanted[name].

    Names in the archive are only compared, never used as paths; links, devices and files that
    claim to be sparse are as good as absent. Of several files of one name the first counts.
    """
    found: dict[str, bytes] = {}
    try:
        with gzip.open(archive) as stream:
            bounded = cast(BinaryIO, _Bounded(cast(BinaryIO, stream), bounds.unpacked_bytes))
            # "r|" never seeks, so that every byte is counted and no header can send it back.
            with tarfile.open(fileobj=bounded, mode="r|") as tar:
                for count, member in enumerate(tar, 1):
                    if count > bounds.members:
                        raise InputError(f"it has more than {bounds.members:,} members")
                    path = PurePosixPath(member.name)
                    if not member.isreg() or member.issparse() or ".." in path.parts:
                        continue
                    key = wanted.get(path.name) if path.parent.name == folder else None
                    if key and key not in found and not path.is_absolute():
                        content = tar.extractfile(member)
                        assert content is not None  # regular files have one
                        found[key] = content.read()
    except _NONSENSE as error:
        raise InputError(f"it is no whole tar.gz file ({error})") from error
    if absent := [key for key in wanted.values() if key not in found]:
        raise InputError(f"it lacks {len(absent):,} files, {absent[0]} first")
    return found
