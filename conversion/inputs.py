"""What the file arguments of the command mean: inputs, and where the outputs go."""

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

from conversion.files import by_header, header_of
from conversion.naming import DECODED, PICTURES, PREVIEW, grouped
from converters import ConverterError
from converters.sound_files import WRITABLE

__all__ = ["Output", "groups_of", "inputs_and_out", "output_of"]

STREAM = "-"
SOUNDS = {*WRITABLE, ".oga", ".opus", *(f".{f.lower()}" for f in soundfile.available_formats())}


@dataclass(frozen=True)
class Output:
    """Where outputs go: a file, a folder, or (neither) beside the input."""

    file: Path | None = None
    folder: Path | None = None
    spool: Path | None = None
    """Standard input lies here and, if it is the folder, what goes to standard output."""

    @property
    def to_stdout(self) -> bool:
        return self.folder is not None and self.folder == self.spool

    def readable(self, text: str) -> str:
        """The text, in which standard input and output go by their names."""
        return text.replace(f"{self.spool}{os.sep}", "")


def inputs_and_out(files: Sequence[str], out: str | None) -> tuple[list[str], str | None]:
    """The names of the inputs and, if there is one, of the output.

    Raises:
        ConverterError: it is not clear which is which.
    """
    names = list(files)
    if out is None and len(names) == 2 and _is_output(*names):
        out = names.pop()
    return names, out


def groups_of(
    names: Sequence[str],
    spool: Path,
    every: bool = False,
    apart: bool = False,
    outputs: bool = False,
) -> list[tuple[Path, ...]]:
    """The files of these names, folders and patterns, each with the tiles that belong to it.

    Args:
        spool: an empty folder for what comes from standard input.
        every: whether all files of a folder are meant, not only sounds and pictures.
        apart: whether tiles are pictures as any others.
        outputs: whether what this command made is meant in any folder, too.

    Raises:
        ConverterError: there is nothing there.
    """
    if not names:
        raise ConverterError("no input: name a file, a folder or - (see --help)")
    paths = dict.fromkeys(
        path for name in names for path in _expanded(name, spool, every, apart, outputs)
    )
    return [(path,) for path in paths] if apart else by_header(grouped(paths))


def _is_output(first: str, second: str) -> bool:
    """Whether the second of two names is where the first one goes."""
    path = Path(second)
    if second == STREAM or path.is_dir() or not _matches(second):
        return True
    if first != STREAM and _type(first) == _type(second):
        return False  # a sound does not become a sound
    raise ConverterError(
        f"{second} is there: if it is the output, say --out {second} --force; if it is an input, "
        "say where both go: --out FOLDER"
    )


def _type(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return "picture" if suffix in PICTURES else "sound" if suffix in SOUNDS else suffix


def _matches(name: str) -> list[Path]:
    """The file or folder of this name, else those that fit it as a pattern."""
    path = Path(name)
    return [path] if path.exists() else sorted(map(Path, glob.glob(name, recursive=True)))


def _expanded(name: str, spool: Path, every: bool, apart: bool, outputs: bool) -> Iterator[Path]:
    if name == STREAM:
        if sys.stdin.isatty():
            raise ConverterError(
                "- is standard input, and that is a terminal: give it a file with <"
            )
        yield _spooled(sys.stdin.buffer, spool / "stdin")
        return
    found = _matches(name)
    if not found:
        parent = Path(name).parent
        near = [p.name for p in parent.iterdir()] if parent.is_dir() else []
        near = difflib.get_close_matches(Path(name).name, near, n=1)
        hint = f": did you mean {parent / near[0]}?" if near else ""
        raise ConverterError(f"{name}: there is no such file{hint}")
    if found != [Path(name)]:  # a pattern, which may fit folders, too
        yield from (p for p in found if p.is_file() and not p.name.endswith(PREVIEW))
        return
    (path,) = found
    if path.is_file():
        yield path
        return
    if not path.is_dir():  # a pipe can be read only once
        with path.open("rb") as pipe:
            yield _spooled(pipe, spool / f"pipe-{path.name}")
        return
    inside = [p for p in sorted(path.iterdir()) if p.is_file() and p.name[0] != "."]
    fit = [p for p in inside if every or _type(p.name) in ("picture", "sound")]
    fit = [p for p in fit if not p.name.endswith(PREVIEW)]
    if not fit:
        raise ConverterError(f"{name}: there is no sound or picture in this folder")
    yield from fit if outputs else _originals(fit, apart)


def _originals(paths: Sequence[Path], apart: bool) -> Sequence[Path]:
    """What this command did not make; else what can be decoded; else all.

    Args:
        apart: whether what can be decoded is taken as any other file.
    """
    encoded = [p for p in paths if not p.stem.endswith(DECODED)]
    originals = encoded if apart else [p for p in encoded if not header_of(p)]
    return originals or encoded or paths


def _spooled(stream: BinaryIO, path: Path) -> Path:
    with path.open("xb") as file:
        shutil.copyfileobj(stream, file)
    return path


def output_of(out: str | None, groups: Sequence[tuple[Path, ...]], spool: Path) -> Output:
    """Where the outputs of all groups go.

    Raises:
        ConverterError: they cannot go there.
    """
    many = len(groups) > 1
    if out == STREAM:
        if many:
            raise ConverterError("several outputs are no one stream: give --out FOLDER")
        if sys.stdout.isatty():
            raise ConverterError("- is standard output, and that is a terminal: name a file")
        return Output(folder=spool, spool=spool)
    if out is None:
        if any(group[0].parent == spool for group in groups):
            raise ConverterError(
                "standard input has no name, nor has a pipe: name the output, or - for a stream"
            )
        return Output(spool=spool)
    path = Path(out)
    if path.is_dir() or out.endswith(("/", os.sep)):
        return Output(folder=path, spool=spool)
    if many:
        if path.exists() or _type(out) in ("picture", "sound"):
            raise ConverterError(f"{out}: several files do not fit into one: name a folder")
        return Output(folder=path, spool=spool)
    return Output(file=path, spool=spool)
