"""Opening a file as what it is; the tiles of one sound, read in order and written together."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import soundfile
from PIL import Image

from common.files import replacing
from conversion.naming import PICTURES, count_hint, number_hint
from converters import ConverterError, Header, Picture, Sound, find_header
from converters.picture_files import KEY, READABLE, read_picture, write_picture
from converters.sound_files import read_sound

__all__ = [
    "by_header",
    "header_of",
    "is_picture",
    "opened",
    "read_tiles",
    "write_bytes",
    "write_tiles",
]

RIFF = ("WAV", "WAVEX", "RF64")  # these have the header in a chunk
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


def header_of(path: Path) -> Header | None:
    """The header beside the content, which is not read; None where there is none.

    Damage is told when the file is opened.
    """
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_picture(path):
            with Image.open(path, formats=READABLE) as image:
                info = image.info
            text = info.get(KEY) or info.get("comment") or info.get("xmp") or b""
        else:
            with _without_stderr(), soundfile.SoundFile(path) as file:
                format, text = file.format, file.comment
            if format in RIFF:
                return read_sound(path).header
        text = text if isinstance(text, bytes) else str(text).encode()
        return Header.from_json(text.removeprefix(KEY.encode()))
    return None


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
        raise ConverterError(_incomplete(first.name, n_tiles, paths))
    for i, path in enumerate(paths):
        picture = opened(path) if i else first
        own = find_header(picture) if i else header
        if not isinstance(picture, Picture) or _common(own) != _common(header):
            raise ConverterError(f"{path}: not a tile of the same sound as {paths[0].name}")
        if own is not None and own.tile != i:
            raise ConverterError(f"{path}: tile {own.tile + 1}, where {i + 1} was to be: rename it")
        yield picture


def _incomplete(name: str, n_tiles: int, paths: tuple[Path, ...]) -> str:
    """What is wrong with the number of tiles."""
    there = {own.tile + 1 if (own := header_of(path)) else number_hint(path) for path in paths}
    missing = (str(i) for i in range(1, n_tiles + 1) if i not in there)
    some = list(islice(missing, 10))
    if not some:
        return f"{name}: one of {n_tiles} tiles, but {len(paths)} files look like one: part them"
    more = " and more" if next(missing, None) else ""
    return (
        f"{name}: one of {n_tiles} tiles; {', '.join(some)}{more} missing: bring the others into "
        "the same folder"
    )


def by_header(groups: Iterable[tuple[Path, ...]]) -> list[tuple[Path, ...]]:
    """The same groups, but tiles whose names do not tell go together as their headers tell.

    What is missing is looked for beside them.
    """
    found: dict[str | Path, list[Path]] = {}
    for group in groups:
        first = header_of(group[0]) if group[0].suffix.lower() in PICTURES else None
        whole = first is None or first.n_tiles == len(group)
        found.setdefault(group[0] if whole else _sound_in(first), []).extend(group)
    return [
        (*paths,) if isinstance(key, Path) else _tiles_of(key, paths)
        for key, paths in found.items()
    ]


def _tiles_of(sound: str, paths: list[Path]) -> tuple[Path, ...]:
    """All tiles of a sound, in order."""
    tiles = {path: header_of(path) for path in paths}
    first = tiles[paths[0]]
    assert first
    if len({tile and tile.tile for tile in tiles.values()}) < first.n_tiles:
        beside = sorted(paths[0].parent.iterdir())
        tiles |= {p: header_of(p) for p in beside if p.suffix.lower() in PICTURES}
    mine = {p.resolve(): (h.tile, p) for p, h in tiles.items() if h and _sound_in(h) == sound}
    return tuple(path for _, path in sorted(mine.values()))


def _sound_in(header: Header | None) -> str:
    """The same for all tiles of a sound."""
    common = _common(header)
    return common.to_json() if common else ""


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
