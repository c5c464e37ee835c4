"""Names of outputs and tiles.

Outputs are named after their inputs; nothing written inside a file becomes part of a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from converters.picture_files import WRITABLE

__all__ = [
    "DECODED", "PICTURES", "PREVIEW", "clashing_paths", "count_hint", "decoded_name",
    "encoded_name", "group_tiles", "number_hint", "plain_suffix", "preview_path", "rate_hint",
    "tile_paths",
]  # fmt: skip

PICTURES = {
    *WRITABLE, ".bmp", ".gif", ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm", ".tga",
}  # fmt: skip
PREVIEW = ".preview.png"
DECODED = ".decoded"  # between stem and suffix
TILE = re.compile(r"(?P<stem>.+)-(?P<number>\d{3,7})-of-(?P<count>\d{3,7})")
RATE = re.compile(r"_SR(\d{1,9})(?![0-9A-Za-z])")


def encoded_name(
    path: Path, suffix: str, sample_rate: int | None = None, whole: bool = False
) -> str:
    """song.flac -> song_SR44100.png: the rate in the name survives a lost header.

    Args:
        sample_rate: in Hz; None: not in the name.
        whole: whether the old suffix is kept: song.flac_SR44100.png.
    """
    hint = f"_SR{sample_rate}" if sample_rate is not None else ""
    return f"{path.name if whole else path.stem}{hint}{suffix}"


def decoded_name(path: Path, suffix: str, whole: bool = False) -> str:
    """song_SR44100-001-of-012.png -> song.decoded.wav: never the name of the original."""
    return f"{RATE.sub('', _split_tile(path)[0])}{path.suffix if whole else ''}{DECODED}{suffix}"


def clashing_paths(groups: Iterable[tuple[Path, ...]]) -> frozenset[Path]:
    """The first file of each group whose name differs from another's in the suffix only."""
    found: dict[tuple[Path, str, bool], list[Path]] = {}
    for path, *_ in groups:
        key = (path.parent, _split_tile(path)[0], path.suffix.lower() in PICTURES)
        found.setdefault(key, []).append(path)
    return frozenset(
        path for same in found.values() if len({p.suffix for p in same}) > 1 for path in same
    )


def number_hint(path: Path) -> int | None:
    """The number of the tile in its name, from 1; None: it is not named like a tile."""
    parts = TILE.fullmatch(path.stem)
    return int(parts["number"]) if parts else None


def rate_hint(path: Path) -> int | None:
    """The sample rate in the name, in Hz; None: there is none."""
    found = RATE.findall(path.stem)
    return int(found[-1]) if found else None


def count_hint(path: Path) -> int | None:
    """The number of all tiles in the name of one; None: it is not named like a tile."""
    count = _split_tile(path)[1]
    return int(count) if count else None


def tile_paths(path: Path, n_tiles: int) -> tuple[Path, ...]:
    """song.png -> song-001-of-003.png, ...; song.png itself if it is the only tile."""
    if n_tiles == 1:
        return (path,)
    width = max(3, len(str(n_tiles)))
    return tuple(
        path.with_name(f"{path.stem}-{i:0{width}}-of-{n_tiles:0{width}}{path.suffix}")
        for i in range(1, n_tiles + 1)
    )


def plain_suffix(path: Path) -> str:
    """The suffix if every file system allows it, else an empty string."""
    return path.suffix if re.fullmatch(r"\.[0-9A-Za-z]{1,16}", path.suffix) else ""


def preview_path(path: Path) -> Path:
    """The preview of an output, beside it."""
    return path.with_name(_split_tile(path)[0] + PREVIEW)


def group_tiles(paths: Iterable[Path]) -> list[tuple[Path, ...]]:
    """Each path with all its tiles in the same folder by their names, in order; none twice."""
    groups: dict[Path, tuple[Path, ...]] = {}
    for path in paths:
        group = _tiles_beside(path)
        groups.setdefault(group[0].absolute(), group)
    return list(groups.values())


def _tiles_beside(path: Path) -> tuple[Path, ...]:
    stem, count = _split_tile(path)
    if count is None or path.suffix.lower() not in PICTURES:
        return (path,)
    found = {}
    for other in path.parent.iterdir():
        parts = TILE.fullmatch(other.stem)
        if parts and (parts["stem"], parts["count"], other.suffix) == (stem, count, path.suffix):
            found[int(parts["number"])] = other
    return tuple(found[number] for number in sorted(found)) or (path,)


def _split_tile(path: Path) -> tuple[str, str | None]:
    """The stem without the tile's number, and the number of tiles as it is written."""
    parts = TILE.fullmatch(path.stem)
    return (parts["stem"], parts["count"]) if parts else (path.stem, None)
