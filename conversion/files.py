"""Reads files by their content; reads the tiles of one sound in order, and writes them together."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from PIL import Image

from common.files import naming, replacing, temporary_folder
from common.interrupts import uninterrupted
from conversion.naming import PICTURES, count_hint, number_hint
from converters import ConverterError, Header, Picture, Sound, find_header
from converters.picture_files import KEY, READABLE, read_picture, write_picture
from converters.sound_files import NotASoundError, read_sound, read_sound_header

__all__ = [
    "is_picture",
    "merge_tiles",
    "read_file",
    "read_header",
    "read_tiles",
    "write_bytes",
    "write_tiles",
]

# First bytes of picture files.
MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
PORTABLE = re.compile(rb"P[1-6fF]\s")  # PBM, PGM, PPM, PFM
TGA_END = b"TRUEVISION-XFILE.\0"  # of most TGA files; they have no magic at their start


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its content, whatever its name."""
    with path.open("rb") as file:
        start = file.read(18)
        file.seek(max(path.stat().st_size - len(TGA_END), 0))
        end = file.read(len(TGA_END))
    if start.startswith(MAGIC) or (start[:4], start[8:12]) == (b"RIFF", b"WEBP"):
        return True
    return bool(PORTABLE.match(start)) or _is_tga(start, end, path.suffix.lower())


def _is_tga(start: bytes, end: bytes, suffix: str) -> bool:
    if len(start) < 18 or (end != TGA_END and suffix != ".tga"):
        return False
    has_map, kind, depth = start[1], start[2], start[16]
    return has_map < 2 and kind in (1, 2, 3, 9, 10, 11) and depth in (8, 15, 16, 24, 32)


def read_file(path: Path, strict: bool = False) -> Picture | Sound:
    """Reads a picture or sound by its content, whatever its name.

    Args:
        strict: whether a file that is cut off, or holds less or more than it says, is an error.

    Raises:
        ConverterError: the file is neither a picture nor a sound of a supported format.
    """
    if is_picture(path):
        return read_picture(path, strict=strict)
    if not path.stat().st_size:
        raise ConverterError(f"{path}: the file is empty")
    if path.suffix.lower() == ".raw":  # libsndfile would accept any content as raw samples
        raise ConverterError(f"{path}: raw samples have no sample rate: convert it to WAV first")
    try:
        return read_sound(path, strict=strict)
    except NotASoundError as error:
        raise ConverterError(f"{path}: not a sound or picture in a supported format") from error


def read_header(path: Path) -> Header | None:
    """The header beside the content, which is not read; None where there is none.

    Damage is reported by `read_file`.
    """
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_picture(path):
            with Image.open(path, formats=READABLE) as image:
                info = image.info
            text = info.get(KEY) or info.get("comment") or info.get("xmp") or b""
        else:
            return read_sound_header(path)
        text = text if isinstance(text, bytes) else str(text).encode()
        return Header.from_json(text.removeprefix(KEY.encode()))
    return None


def read_tiles(
    first: Picture, header: Header | None, paths: tuple[Path, ...], strict: bool = False
) -> Iterator[Picture]:
    """All tiles of a sound, read one by one.

    Args:
        first: the content of paths[0].
        header: its header.
        strict: as of `read_file`.

    Raises:
        ConverterError: a tile is missing, or belongs to another sequence.
    """
    n_tiles = header.n_tiles if header else count_hint(paths[0]) or 1
    if n_tiles != len(paths):
        raise ConverterError(_incomplete(first.name, n_tiles, paths))
    for i, path in enumerate(paths):
        picture = read_file(path, strict) if i else first
        own = find_header(picture) if i else header
        if not isinstance(picture, Picture) or _common(own) != _common(header):
            raise ConverterError(f"{path}: does not belong to the same sound as {paths[0].name}")
        if own is not None and own.tile != i:
            raise ConverterError(
                f"{path}: is tile {own.tile + 1}, but tile {i + 1} was expected: rename it"
            )
        yield picture


def _incomplete(name: str, n_tiles: int, paths: tuple[Path, ...]) -> str:
    """The error for tiles that are not as many as they should be."""
    found = {own.tile + 1 if (own := read_header(path)) else number_hint(path) for path in paths}
    missing = (str(i) for i in range(1, n_tiles + 1) if i not in found)
    some = list(islice(missing, 10))
    if not some:
        return (
            f"{name}: one of {n_tiles} tiles, but there are {len(paths)} files: remove the copies"
        )
    more = " and more" if next(missing, None) else ""
    return (
        f"{name}: one of {n_tiles} tiles; {', '.join(some)}{more} missing: put all of them "
        "into the same folder"
    )


def merge_tiles(groups: Iterable[tuple[Path, ...]]) -> list[tuple[Path, ...]]:
    """Merges groups whose headers say that they are tiles of one sound, such as renamed files.

    Missing tiles are searched for in the same folder.
    """
    found: dict[str | Path, list[Path]] = {}
    for group in groups:
        first = read_header(group[0]) if group[0].suffix.lower() in PICTURES else None
        complete = first is None or first.n_tiles == len(group)
        found.setdefault(group[0] if complete else _sound_key(first), []).extend(group)
    return [
        (*paths,) if isinstance(key, Path) else _find_tiles(key, paths)
        for key, paths in found.items()
    ]


def _find_tiles(sound: str, paths: list[Path]) -> tuple[Path, ...]:
    """All tiles of a sound, in order."""
    tiles = {path: read_header(path) for path in paths}
    first = tiles[paths[0]]
    assert first
    if len({tile and tile.tile for tile in tiles.values()}) < first.n_tiles:
        beside = sorted(paths[0].parent.iterdir())
        tiles |= {p: read_header(p) for p in beside if p.suffix.lower() in PICTURES}
    mine = {p.resolve(): (h.tile, p) for p, h in tiles.items() if h and _sound_key(h) == sound}
    return tuple(path for _, path in sorted(mine.values()))


def _sound_key(header: Header | None) -> str:
    """The same for all tiles of a sound."""
    common = _common(header)
    return common.to_json() if common else ""


def _common(header: Header | None) -> Header | None:
    """What all tiles of a sound have in common."""
    return header and dataclasses.replace(header, tile=0, crc=0, sha256="", facts={})


def write_tiles(tiles: Iterator[Picture], outputs: tuple[Path, ...]) -> None:
    """Writes tiles as they are made; all of them appear after the last one, or none does."""
    with temporary_folder(outputs[0].parent, "tiles") as folder:
        for tile, path in zip(tiles, outputs, strict=True):
            with naming(path):
                write_picture(folder / path.name, tile)
        with uninterrupted():
            for path in outputs:
                os.replace(folder / path.name, path)


def write_bytes(blocks: Iterator[bytes], output: Path) -> None:
    """Writes a file, whole or not at all."""
    with replacing(output) as temporary, temporary.open("wb") as file:
        file.writelines(blocks)
