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
    """The header in the barcode of a picture that was not resized. Quick where there is none."""
    for size in (1, 2):
        if picture.pixels.shape[1] < size:
            continue
        prefix = _read(picture.pixels, size, PREFIX)
        n_bytes = None if prefix is None else Header.size_in(prefix)
        if n_bytes is None or n_bytes > MAX_HEADER:
            continue
        content = _read(picture.pixels, size, n_bytes)
        if content is None:
            continue
        try:
            header = Header.from_bytes(content)
        except ConverterError:
            continue
        above = len(picture.pixels) - _count_rows(n_bytes, picture.pixels.shape[1], size) * size
        if header.crc == crc_of(picture.pixels[:above]):
            header = dataclasses.replace(header, crc=crc_of(picture.pixels))
        return header
    return None


def _read(pixels: np.ndarray, size: int, n_bytes: int) -> bytes | None:
    """The first bytes of a barcode with blocks of this size."""
    n_rows = _count_rows(n_bytes, pixels.shape[1], size)
    if n_rows * size > len(pixels):
        return None
    barcode = pixels[len(pixels) - n_rows * size :, : pixels.shape[1] // size * size]
    barcode = barcode[..., :3].mean(-1) if barcode.ndim == 3 else barcode
    blocks = barcode.reshape(n_rows, size, -1, size).mean((1, 3))[::-1]
    bits = blocks.ravel()[: 8 * n_bytes] > np.iinfo(pixels.dtype).max / 2
    return np.packbits(bits).tobytes()


def _block_size(width: int) -> int:
    return 2 if width >= WIDE else 1


def _count_rows(n_bytes: int, width: int, size: int) -> int:
    """Rows of blocks."""
    return -(-8 * n_bytes // (width // size))
