"""Sound files, folders of them and the microphone -> the word in each."""

from __future__ import annotations

import difflib
import itertools
import re
import sys
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import soundfile

from common.errors import InputError
from common.progress import Progress
from conversion.messages import reason, report_warnings
from converters import ConverterError, Sound
from converters.sound_files import read_sound
from datasets.words import Word, extract_word
from drawing.microphone import record

__all__ = ["SUFFIXES", "Row", "expand", "file_name", "read_words"]

SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".oga"}


@dataclass(frozen=True)
class Row:
    """A sound in which a word was found."""

    path: Path  # as the user gave it
    file: str  # the start of the names of its files
    word: Word
    recording: Sound | None  # from the microphone


def read_words(paths: Sequence[Path], microphone: bool) -> tuple[list[Row], list[str]]:
    """The words of all sounds, and why the others have none."""
    rows: list[Row] = []
    failed: list[str] = []
    sources: list[tuple[Path, Callable[[], Sound]]] = []
    if microphone:
        sources.append((Path("microphone"), record))
    for path in paths:
        try:
            sources += [(file, partial(read_sound, file)) for file in expand(path, SUFFIXES)]
        except (InputError, OSError) as error:
            failed.append(_reason(error, path))
    with (
        report_warnings(lambda text: print(f"warning: {text}", file=sys.stderr)),
        Progress("reading", len(sources), unit="sound") as bar,
    ):
        for path, read in sources:
            try:
                sound = read()
                word = extract_word(sound)
            except (InputError, ConverterError, OSError, MemoryError) as error:
                failed.append(_reason(error, path))
            else:
                recording = sound if read is record else None
                rows.append(
                    Row(path, file_name(path.stem, [row.file for row in rows]), word, recording)
                )
            bar.update()
    return rows, failed


def expand(path: Path, suffixes: Collection[str], what: str = "sound") -> list[Path]:
    """The file of this name, or the files in the folder of this name that end so.

    Raises:
        InputError: there are none.
    """
    if path.is_dir():
        inside = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
        if found := [p for p in inside if p.suffix.lower() in suffixes]:
            return found
        raise InputError(f"{path}: no {what} files in this folder")
    if not path.exists():
        there = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, there, n=1)
        hint = f": did you mean {path.parent / near[0]}?" if near else ""
        raise InputError(f"{path}: no such file or folder{hint}")
    return [path]


def _reason(error: Exception, path: Path) -> str:
    text = str(error) if isinstance(error, InputError) else reason(error)
    return text if str(path) in text else f"{path}: {text}"


def file_name(text: str, others: Collection[str] = ()) -> str:
    """Of letters, digits, - and _ of ASCII alone, and none of the others."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9-]+", "_", plain).strip("_-")[:60] or "sound"
    taken = {name.lower() for name in others}
    names = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(2)))
    return next(each for each in names if each.lower() not in taken)
