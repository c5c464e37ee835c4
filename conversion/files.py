"""Opening a file as what it is; the tiles of one sound, read in order and written together."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import soundfile

from conversion.naming import count_hint
from converters import ConverterError, Header, Picture, Sound, find_header
from converters._files import replacing
from converters._picture_files import read_picture, write_picture
from converters._sound_files import read_sound

__all__ = ["is_picture", "opened", "read_tiles", "write_bytes", "write_tiles"]

MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")  # of pictures


def is_picture(path: Path) -> bool:
    """Whether the content, not the name, is that of a picture file."""
    with path.open("rb") as file:
        start = file.read(12)
    return start.startswith(MAGIC) or (start[:4], start[8:]) == (b"RIFF", b"WEBP")


def opened(path: Path) -> Picture | Sound:
    """The file, read as what its content is.

    Raises:
        ConverterError: it is neither a picture nor a sound that can be read.
    """
    if is_picture(path):
        return read_picture(path)
    if not path.stat().st_size:
        raise ConverterError(f"{path}: the file is empty")
    if path.suffix.lower() == ".raw":  # libsndfile would take anything for raw samples
        raise ConverterError(f"{path}: raw samples do not tell their rate: make a WAV of them")
    try:
        with _without_stderr():
            soundfile.SoundFile(path).close()
    except soundfile.SoundFileError as error:
        raise ConverterError(f"{path}: not a sound or picture file that can be read") from error
    return read_sound(path)


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """The MP3 library writes its own comments on damaged files there."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def read_tiles(first: Picture, header: Header | None, paths: tuple[Path, ...]) -> Iterator[Picture]:
    """All tiles, each read when it is asked for.

    Args:
        first: what is in paths[0].
        header: its header.

    Raises:
        ConverterError: a tile is missing, or belongs to another sequence.
    """
    n_tiles = header.n_tiles if header else count_hint(paths[0]) or 1
    if n_tiles != len(paths):
        raise ConverterError(
            f"{first.name}: one of {n_tiles} tiles, but by their names (...-001-of-{n_tiles:03}) "
            f"{len(paths)} lie there: bring the others, and name them so"
        )
    for i, path in enumerate(paths):
        picture = opened(path) if i else first
        own = find_header(picture) if i else header
        if not isinstance(picture, Picture) or _common(own) != _common(header):
            raise ConverterError(f"{path}: not a tile of the same sound as {paths[0].name}")
        if own is not None and own.tile != i:
            raise ConverterError(f"{path}: tile {own.tile + 1}, where {i + 1} was to be: rename it")
        yield picture


def _common(header: Header | None) -> Header | None:
    """What all tiles of a sound have in common."""
    return header and dataclasses.replace(header, tile=0, crc=0, sha256="", facts={})


def write_tiles(tiles: Iterator[Picture], outputs: tuple[Path, ...]) -> None:
    """All of them, each when it is made, or none: they are moved into place when the last one is
    there."""
    with tempfile.TemporaryDirectory(prefix=".tiles-", dir=outputs[0].parent) as folder:
        for tile, path in zip(tiles, outputs, strict=True):
            write_picture(Path(folder) / path.name, tile)
        for path in outputs:
            os.replace(Path(folder) / path.name, path)


def write_bytes(blocks: Iterator[bytes], output: Path) -> None:
    """A file, whole or not at all."""
    with replacing(output) as temporary, temporary.open("wb") as file:
        file.writelines(blocks)
