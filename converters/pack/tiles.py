"""Content in chained tiles: each has a header in its first pixels, with checksums."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from converters.header import MAX_HEADER, PREFIX, ConverterError, Header
from converters.media import Picture
from converters.pack.layouts import PackLayout
from converters.pack.samples import rechunk

__all__ = [
    "MAX_EXPAND", "convert_pixels", "count_tiles", "decode_tiles", "encode_tiles", "find_in_pixels",
    "max_header_bytes", "tile_header",
]  # fmt: skip

MAX_EXPAND = 16


def max_header_bytes(header: Header, **facts: int) -> int:
    """Upper bound on the size of the header of any tile, with these values of facts."""
    facts = {"start": 1 << 16, "before": 2**32 - 1, **facts}
    largest = dataclasses.replace(
        header, tile=(1 << 30) - 1, n_tiles=1 << 30, crc=2**32 - 1, sha256=64 * "f",
        facts={**header.facts, **facts},
    )  # fmt: skip
    return PREFIX + len(largest.to_json()) + 32  # deflate adds less to what it cannot compress


def count_tiles(layout: PackLayout, n_bytes: int) -> int:
    return max(1, -(-n_bytes // layout.capacity))


def encode_tiles(
    content: Iterable[bytes], n_bytes: int, layout: PackLayout, header: Header, expand: int,
    sha256: Callable[[], str],
) -> Iterator[Picture]:  # fmt: skip
    """Content of n_bytes -> tiles, made as the content is read.

    Inside the pixels a header's CRC is that of the unexpanded pixels behind it; the fact `before`
    is that of the previous tile (0 for the first), so that no tile can be replaced.

    Args:
        header: Common to all tiles.
        sha256: Called when all content was read.
    """
    n_tiles, before = count_tiles(layout, n_bytes), 0
    pieces = rechunk(content, layout.capacity)
    for tile in range(n_tiles):
        piece, last = next(pieces, b""), tile == n_tiles - 1
        if last:
            next(pieces, None)  # runs the content to its end, where its length is checked
        raw = layout.fill(piece)
        crc = _content_crc(raw, layout.start)
        own = dataclasses.replace(
            header, tile=tile, n_tiles=n_tiles, crc=crc, sha256=sha256() if last else "",
            facts={**header.facts, "before": before},
        )  # fmt: skip
        if layout.start:
            data = np.frombuffer(own.to_bytes(), np.uint8)
            raw.reshape(-1)[: len(data)] = data
        yield Picture(_expand(raw, layout, expand)).with_header(own)
        before = crc


def _expand(raw: np.ndarray, layout: PackLayout, expand: int) -> np.ndarray:
    if layout.bits == 16:
        raw = raw.view(">u2").astype(np.uint16)
    pixels = raw.reshape(len(raw), layout.width, 3) if layout.n_colours == 3 else raw
    return pixels.repeat(expand, 0).repeat(expand, 1) if expand > 1 else pixels


def decode_tiles(
    first: Picture, rest: Iterator[Picture], layout: PackLayout, n_bytes: int, expand: int,
    sha256: Callable[[], str],
) -> Iterator[bytes]:  # fmt: skip
    """The inverse of `encode_tiles`, one tile after the other.

    Args:
        first: A tile with a header.
        sha256: Of the content so far; called at its end.

    Raises:
        ConverterError: names the tile that is missing, foreign, misplaced, damaged or surplus.
    """
    before, common, header = 0, None, None
    n_tiles = count_tiles(layout, n_bytes)
    for tile in range(n_tiles):
        picture = next(rest, None) if tile else first
        if picture is None:
            raise ConverterError(f"tile {tile + 1} of {n_tiles} is missing")
        label = f"{picture.name} (tile {tile + 1} of {n_tiles})"
        header, in_pixels = tile_header(picture)
        if header is None:
            raise ConverterError(f"{label}: no header: it is another picture, or was edited")
        this = _common(header)
        common = common or this
        if this != common:
            raise ConverterError(f"{label}: belongs to another sound or file")
        if header.tile != tile:
            raise ConverterError(
                f"{label}: it is tile {header.tile + 1}: give all tiles, once and in order"
            )
        n = min(layout.capacity, n_bytes - tile * layout.capacity)
        raw = _raw(picture, layout, n, expand, label)
        crc = _content_crc(raw, layout.start)
        if picture.edited if not in_pixels else header.crc != crc:
            raise ConverterError(f"{label}: edited or damaged: its checksum does not match")
        if header.facts.get("before") != before:
            raise ConverterError(
                f"{label}: it does not follow the previous tile: it is of another sound or file"
            )
        before = crc
        yield layout.read(raw, n)
    if (surplus := next(rest, None)) is not None:
        raise ConverterError(f"{surplus.name}: one picture too many: there are {n_tiles} tiles")
    assert header is not None
    if header.sha256 != sha256():
        raise ConverterError(
            "the SHA-256 of the unpacked content differs from the one in the last tile"
        )


def _content_crc(raw: np.ndarray, start: int) -> int:
    return zlib.crc32(raw.reshape(-1)[start:].data)


def _common(header: Header) -> Header:
    facts = {key: value for key, value in header.facts.items() if key != "before"}
    return dataclasses.replace(header, tile=0, crc=0, sha256="", facts=facts)


def _raw(picture: Picture, layout: PackLayout, n: int, expand: int, label: str) -> np.ndarray:
    height, width = layout.height_of(n) * expand, layout.width * expand
    if picture.pixels.shape[:2] != (height, width):
        raise ConverterError(
            f"{label}: {picture.format.width} x {picture.format.height} pixels, where {width} x "
            f"{height} are expected: it was resized or cropped"
        )
    pixels = convert_pixels(picture.pixels[::expand, ::expand], layout.n_colours, layout.bits)
    if pixels is None:
        raise ConverterError(
            f"{label}: its pixels were changed: they are not {layout.n_colours} x {layout.bits} bit"
        )
    return np.ascontiguousarray(pixels, f">u{layout.bits // 8}").reshape(len(pixels), -1).view("u1")


def convert_pixels(pixels: np.ndarray, n_colours: int, bits: int) -> np.ndarray | None:
    """The same pixels in the mode that they were made in; None if their bits differ."""
    if 8 * pixels.itemsize != bits:
        return None
    if pixels.ndim == 2:
        return pixels if n_colours == 1 else pixels[..., None].repeat(3, 2)
    return pixels[..., :3] if n_colours == 3 else pixels[..., 0]


def tile_header(picture: Picture) -> tuple[Header | None, bool]:
    """The header in the pixels, else the one beside them, and whether it is in the pixels.

    The one in the pixels has precedence: its CRC holds in any mode that they were saved in.
    """
    header = find_in_pixels(picture.pixels)
    return (header, True) if header else (picture.header, False)


def find_in_pixels(pixels: np.ndarray) -> Header | None:
    """The header in the first pixels, of any mode and expansion; None where there is none."""
    views = [pixels[..., :3], pixels[..., 0]] if pixels.ndim == 3 else [pixels]
    for view in views:
        for expand in range(1, MAX_EXPAND + 1):
            size = Header.size_in(_leading(view, expand, PREFIX))
            if size is not None and size <= PREFIX + MAX_HEADER:
                try:
                    header = Header.from_bytes(_leading(view, expand, size))
                except ConverterError:
                    continue
                if (header.kind, header.made_from) == ("pack", "sound"):
                    return header
    return None


def _leading(pixels: np.ndarray, expand: int, n: int) -> bytes:
    """The first n bytes (or fewer) of pixels, each of them a block of expand x expand."""
    row_bytes = pixels[0, ::expand].nbytes
    rows = pixels[: -(-n // row_bytes) * expand : expand, ::expand]
    return rows.astype(rows.dtype.newbyteorder(">")).tobytes()[:n]
