"""Reads gz and tar.gz files that may be hostile: into memory, bounded, by known names only."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from common.errors import InputError

__all__ = ["read_gzip", "read_tar"]

# What the standard library raises for corrupt files. A chain of long names nests deeply.
CORRUPT_ARCHIVE_ERRORS = (
    tarfile.TarError,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    ValueError,
    RecursionError,
)


def read_gzip(archive: Path, max_bytes: int) -> bytes:
    """The unpacked content.

    Raises:
        InputError: the file is corrupt, or unpacks to more than `max_bytes`.
    """
    try:
        with gzip.open(archive) as stream:
            content = stream.read(max_bytes + 1)
    except CORRUPT_ARCHIVE_ERRORS as error:
        raise InputError(f"it is not a complete gz file ({error})") from error
    if len(content) > max_bytes:
        raise InputError(f"it unpacks to more than {max_bytes:,} bytes")
    return content


def read_tar(
    archive: Path, folder: str, wanted: Mapping[str, str], max_bytes: int, max_members: int
) -> dict[str, bytes]:
    """The regular files `.../folder/name` of a tar.gz, for each name in `wanted`, by wanted[name].

    Names in the archive are only compared, never used as paths; links, devices and files that
    claim to be sparse are ignored. Of several files of one name the first counts.

    Raises:
        InputError: the archive is corrupt, lacks a file, has more than `max_members` members or
            unpacks to more than `max_bytes`.
    """
    content = read_gzip(archive, max_bytes)
    found: dict[str, bytes] = {}
    try:
        # "r|" never seeks back, so that no header can make it read in a circle.
        with tarfile.open(fileobj=io.BytesIO(content), mode="r|") as tar:
            for count, member in enumerate(tar, 1):
                if count > max_members:
                    raise InputError(f"it has more than {max_members:,} members")
                # The next header: tarfile would read for years to skip a claimed exabyte.
                if tar.offset > len(content):
                    raise EOFError("it ends too early")
                path = PurePosixPath(member.name)
                if not member.isreg() or member.issparse() or ".." in path.parts:
                    continue
                key = wanted.get(path.name) if path.parent.name == folder else None
                if key and key not in found and not path.is_absolute():
                    file = tar.extractfile(member)
                    assert file is not None  # regular files have one
                    found[key] = file.read()
    except CORRUPT_ARCHIVE_ERRORS as error:
        raise InputError(f"it is not a complete tar.gz file ({error})") from error
    if absent := [key for key in wanted.values() if key not in found]:
        raise InputError(f"it lacks {len(absent):,} files, {absent[0]} first")
    return found
