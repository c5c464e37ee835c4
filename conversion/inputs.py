"""Resolves the file arguments of the command: inputs, and where their outputs go."""

from __future__ import annotations

import difflib
import glob
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import soundfile

from common.files import naming
from conversion.files import merge_tiles, read_header
from conversion.naming import DECODED, PICTURES, PREVIEW, group_tiles
from converters import ConverterError
from converters.sound_files import WRITABLE

__all__ = ["Output", "find_groups", "resolve_output", "split_output"]

STREAM = "-"
SOUNDS = {*WRITABLE, ".oga", ".opus", *(f".{f.lower()}" for f in soundfile.available_formats())}


@dataclass(frozen=True)
class Output:
    """Where outputs go: to a file, into a folder, or (neither) beside the inputs."""

    file: Path | None = None
    folder: Path | None = None
    spool: Path | None = None
    """A temporary folder for what comes from standard input and, if it is also `folder`, for what
    goes to standard output."""

    @property
    def to_stdout(self) -> bool:
        return self.folder is not None and self.folder == self.spool

    def hide_spool(self, text: str) -> str:
        """The text with the names of temporary files in place of their paths."""
        return text.replace(f"{self.spool}{os.sep}", "")


def split_output(files: Sequence[str], out: str | None) -> tuple[list[str], str | None]:
    """The names of the inputs and of the output, which may be the second of two files.

    Args:
        out: the output if it was given by a flag.

    Raises:
        ConverterError: the second of two files could be either.
    """
    names = list(files)
    if out is None and len(names) == 2 and _is_output(*names):
        out = names.pop()
    return names, out


def find_groups(
    names: Sequence[str],
    spool: Path,
    all_types: bool = False,
    separate: bool = False,
    all_origins: bool = False,
) -> list[tuple[Path, ...]]:
    """The files of these names, folders and patterns, each with the tiles that belong to it.

    Args:
        spool: an empty folder for what comes from standard input.
        all_types: whether all files of a folder are included, not only sounds and pictures.
        separate: whether each tile is a picture of its own.
        all_origins: whether outputs of this command are included where a folder has others, too.

    Raises:
        ConverterError: a name has no file.
    """
    if not names:
        raise ConverterError("no input: give a file, a folder, or - for standard input")
    paths = dict.fromkeys(
        path for name in names for path in _expand(name, spool, all_types, separate, all_origins)
    )
    return [(path,) for path in paths] if separate else merge_tiles(group_tiles(paths))


def _is_output(first: str, second: str) -> bool:
    """Whether the second of two names is the output of the first."""
    path = Path(second)
    if second == STREAM or path.is_dir() or not _matches(second):
        return True
    if first != STREAM and _type(first) == _type(second):
        return False  # a sound is never converted to a sound
    raise ConverterError(
        f"{second} exists: to overwrite it, write --out {second} --force; to convert both files, "
        "add --out FOLDER"
    )


def _type(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return "picture" if suffix in PICTURES else "sound" if suffix in SOUNDS else suffix


def _matches(name: str) -> list[Path]:
    """The file or folder of this name, else those that match it as a pattern."""
    path = Path(name)
    return [path] if path.exists() else sorted(map(Path, glob.glob(name, recursive=True)))


def _expand(
    name: str, spool: Path, all_types: bool, separate: bool, all_origins: bool
) -> Iterator[Path]:
    if name == STREAM:
        if sys.stdin.isatty():
            raise ConverterError("standard input (-) is a terminal: redirect a file to it with <")
        yield _spool(sys.stdin.buffer, spool / "stdin")
        return
    found = _matches(name)
    if not found:
        parent = Path(name).parent
        near = [p.name for p in parent.iterdir()] if parent.is_dir() else []
        near = difflib.get_close_matches(Path(name).name, near, n=1)
        hint = f": did you mean {parent / near[0]}?" if near else ""
        raise ConverterError(f"{name}: no such file or folder{hint}")
    if found != [Path(name)]:  # a pattern, which may match folders, too
        yield from (p for p in found if p.is_file() and not p.name.endswith(PREVIEW))
        return
    (path,) = found
    if path.is_file():
        yield path
        return
    if not path.is_dir():  # a pipe can be read only once
        with path.open("rb") as pipe:
            yield _spool(pipe, spool / f"pipe-{path.name}")
        return
    inside = [p for p in sorted(path.iterdir()) if p.is_file() and p.name[0] != "."]
    fit = [p for p in inside if all_types or _type(p.name) in ("picture", "sound")]
    fit = [p for p in fit if not p.name.endswith(PREVIEW)]
    if not fit:
        raise ConverterError(f"{name}: no sounds or pictures in this folder")
    yield from fit if all_origins else _originals(fit, separate)


def _originals(paths: Sequence[Path], ignore_headers: bool) -> Sequence[Path]:
    """The files that this command did not make; if there are none, those that it encoded; else all.

    Args:
        ignore_headers: whether encoded files count as originals.
    """
    encoded = [p for p in paths if not p.stem.endswith(DECODED)]
    originals = encoded if ignore_headers else [p for p in encoded if not read_header(p)]
    return originals or encoded or paths


def _spool(stream: BinaryIO, path: Path) -> Path:
    with naming(path.parent), path.open("xb") as file:
        shutil.copyfileobj(stream, file)
    return path


def resolve_output(out: str | None, groups: Sequence[tuple[Path, ...]], spool: Path) -> Output:
    """Where the outputs of all groups go.

    Args:
        out: as the user named it.
        spool: as given to `find_groups`.

    Raises:
        ConverterError: the outputs do not fit there.
    """
    many = len(groups) > 1
    if out == STREAM:
        if many:
            raise ConverterError("several outputs cannot go to standard output: use --out FOLDER")
        if sys.stdout.isatty():
            raise ConverterError("standard output (-) is a terminal: name an output file")
        return Output(folder=spool, spool=spool)
    if out is None:
        if any(group[0].parent == spool for group in groups):
            raise ConverterError(
                "standard input and pipes have no file name: name the output, or - for standard "
                "output"
            )
        return Output(spool=spool)
    path = Path(out)
    if path.is_dir() or out.endswith(("/", os.sep)):
        return Output(folder=path, spool=spool)
    if many:
        if path.exists() or _type(out) in ("picture", "sound"):
            raise ConverterError(f"{out}: several inputs need an output folder, not a file")
        return Output(folder=path, spool=spool)
    return Output(file=path, spool=spool)
