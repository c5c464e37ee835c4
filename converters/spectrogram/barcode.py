"""The header in the pixels: a barcode of black and white blocks along the lower edge.

Re-saving a picture drops its metadata, and JPEG blurs it; blocks of black and white survive both.
They are read from the lower left corner to the right, row by row upwards, each byte's highest bit
first.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from converters.header import MAX_HEADER, ConverterError, Header
from converters.media import Picture, crc_of

__all__ = ["add_barcode", "barcode_height", "read_barcode"]

WIDE = 256  # pixels; from here on blocks are 2 x 2
PREFIX = 10  # bytes that hold the header's size
MAX_SCALE = 8  # to which a picture may have been made wider, or narrower
MIN_WIDTH = 64


def add_barcode(pixels: np.ndarray, header: Header) -> np.ndarray:
    """The pixels above a barcode of the header, its CRC set to theirs.

    Args:
        pixels: (height, width) or (height, width, 3); uint8 or uint16.
    """
    content = dataclasses.replace(header, crc=crc_of(pixels)).to_bytes()
    width, size = pixels.shape[1], _block_size(pixels.shape[1])
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    n_rows = _count_rows(len(content), width, size)
    white = np.iinfo(pixels.dtype).max
    blocks = np.zeros(n_rows * (width // size), pixels.dtype)
    blocks[: len(bits)] = bits * pixels.dtype.type(white)
    blocks = blocks.reshape(n_rows, -1)[::-1].repeat(size, 0).repeat(size, 1)
    barcode = np.zeros((n_rows * size, *pixels.shape[1:]), pixels.dtype)
    barcode[:, : blocks.shape[1]].T[...] = blocks.T  # in all colours
    return np.concatenate([pixels, barcode])


def barcode_height(header: Header, width: int) -> int:
    """In pixels, give or take a row of blocks: the header's CRC changes its compressed size."""
    size = _block_size(width)
    return _count_rows(len(header.to_bytes()), width, size) * size


def read_barcode(picture: Picture) -> Header | None:
    """The header in the barcode of a picture whose height was not changed. Quick where there is
    none."""
    width = picture.pixels.shape[1]
    for size in (1, 2):
        found = _parse(picture.pixels, size) if width >= size else None
        if found is None:
            continue
        header, n_bytes = found
        above = len(picture.pixels) - _count_rows(n_bytes, width, size) * size
        if header.crc == crc_of(picture.pixels[:above]):
            header = dataclasses.replace(header, crc=crc_of(picture.pixels))
        return header
    return _read_scaled(picture)


def _read_scaled(picture: Picture) -> Header | None:
    """The header in the barcode of a picture that was made wider or narrower."""
    width = picture.pixels.shape[1]
    made = np.arange(max(width // MAX_SCALE, MIN_WIDTH), width * MAX_SCALE)
    size = np.where(made >= WIDE, 2, 1)
    magic = np.unpackbits(np.frombuffer(Header.MAGIC, np.uint8)).astype(bool)
    centers = (np.arange(len(magic)) + 0.5) * (size * width / made)[:, None]
    lowest = _sample(_grey(picture.pixels[-1:]), centers)[0]
    alike = ((lowest > np.iinfo(picture.pixels.dtype).max / 2) == magic).all(1)
    for n in made[alike].tolist():
        x = (np.arange(n // _block_size(n)) + 0.5) * (_block_size(n) * width / n)
        blocks = (
            _sample(_grey(picture.pixels), x).repeat(_block_size(n), 1).astype(picture.pixels.dtype)
        )
        if found := _parse(blocks, _block_size(n)):
            return found[0]
    return None


def _sample(rows: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Rows at places between their pixels, of which the first is from 0 to 1."""
    place = (x - 0.5).clip(0, rows.shape[1] - 1)
    left = place.astype(np.intp)
    right = np.minimum(left + 1, rows.shape[1] - 1)
    return rows[:, left] + (place - left) * (rows[:, right].astype(np.float64) - rows[:, left])


def _parse(pixels: np.ndarray, size: int) -> tuple[Header, int] | None:
    """The header, and its size in bytes."""
    prefix = _read(pixels, size, PREFIX)
    n_bytes = None if prefix is None else Header.size_in(prefix)
    if n_bytes is None or n_bytes > MAX_HEADER:
        return None
    content = _read(pixels, size, n_bytes)
    try:
        return None if content is None else (Header.from_bytes(content), n_bytes)
    except ConverterError:
        return None


def _grey(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., :3].mean(-1) if pixels.ndim == 3 else pixels


def _read(pixels: np.ndarray, size: int, n_bytes: int) -> bytes | None:
    """The first bytes of a barcode with blocks of this size."""
    n_rows = _count_rows(n_bytes, pixels.shape[1], size)
    if n_rows * size > len(pixels):
        return None
    barcode = pixels[len(pixels) - n_rows * size :, : pixels.shape[1] // size * size]
    blocks = _grey(barcode).reshape(n_rows, size, -1, size).mean((1, 3))[::-1]
    bits = blocks.ravel()[: 8 * n_bytes] > np.iinfo(pixels.dtype).max / 2
    return np.packbits(bits).tobytes()


def _block_size(width: int) -> int:
    return 2 if width >= WIDE else 1


def _count_rows(n_bytes: int, width: int, size: int) -> int:
    """Rows of blocks."""
    return -(-8 * n_bytes // (width // size))
