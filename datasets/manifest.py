"""Which files MNIST and FSDD consist of, and whether a folder holds exactly those."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from common.errors import InputError

__all__ = ["STAGING", "Manifest", "State", "flaw", "read_manifest", "state", "verify"]

Manifest = Mapping[str, str]  # path under the data folder -> sha256
State = Literal["absent", "interrupted", "partial", "complete-looking"]

STAGING = ".download"  # folder of an unfinished download, under the data folder


@functools.cache
def read_manifest() -> Manifest:
    """The 4 files of MNIST and the 3,000 recordings of FSDD v1.0.10, as published."""
    lines = Path(__file__).with_name("mnist_fsdd.sha256").read_text("ascii").splitlines()
    return MappingProxyType({path: digest for digest, path in (line.split("  ") for line in lines)})


def state(data_dir: Path, manifest: Manifest | None = None) -> State:
    """What a caller may do with `data_dir`, judged by names alone.

    absent: MNIST, FSDD or both are missing entirely, the rest is complete: `fetch` may add them.
    interrupted: an earlier `fetch` did not finish: `fetch` completes it.
    partial: some files of MNIST or of FSDD are missing: the user decides, `verify` names them.
    complete-looking: every name is there: `verify` checks the contents.
    """
    manifest = read_manifest() if manifest is None else manifest
    there = {path: os.path.lexists(data_dir / path) for path in manifest}
    if all(there.values()):
        return "complete-looking"
    staging = data_dir / STAGING
    if staging.is_dir() and any(staging.iterdir()):
        return "interrupted"
    present, gone = (
        {p.split("/")[0] for p in there if there[p] == is_in} for is_in in (True, False)
    )
    return "partial" if present & gone else "absent"


def verify(data_dir: Path, manifest: Manifest | None = None) -> None:
    """Checks the sha256 of every file; an InputError names the first bad one and what to do."""
    manifest = read_manifest() if manifest is None else manifest
    bad = [
        (path, what)
        for path in manifest
        if (what := _flaw_on_disk(data_dir / path, manifest[path]))
    ]
    if bad:
        path, what = bad[0]
        others = f" (and {len(bad) - 1:,} more of {len(manifest):,} files)" if len(bad) > 1 else ""
        raise InputError(
            f"{data_dir / path} is {what}{others}; restore it, or move "
            f"{data_dir / path.split('/')[0]} away to have it downloaded again"
        )


def flaw(content: bytes, sha256: str) -> str | None:
    """What is wrong with a file's content, in one word."""
    if hashlib.sha256(content).hexdigest() == sha256:
        return None
    return "truncated" if len(content) < _stated_size(content) else "altered"


def _flaw_on_disk(path: Path, sha256: str) -> str | None:
    try:
        return flaw(path.read_bytes(), sha256)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror})"


def _stated_size(content: bytes) -> int:
    """The size in bytes that a WAV or idx file claims in its header; 1 for anything else."""
    if content[:4] == b"RIFF":
        return 8 + int.from_bytes(content[4:8], "little")
    if content[:3] == b"\0\0\x08" and len(content) > 3:  # idx of bytes, as all of MNIST is
        head = 4 + 4 * content[3]
        return head + prod(int.from_bytes(content[i : i + 4], "big") for i in range(4, head, 4))
    return 1
