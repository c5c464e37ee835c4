"""The header in the pixels: black and white blocks along the lower edge.

Re-saving a picture drops what is written beside its pixels, and JPEG blurs them; blocks of black
and white outlast both. They are read from the lower left corner to the right, row by row upwards,
each byte's highest bit first.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from converters.header import MAX_HEADER, ConverterError, Header
from converters.media import Picture, crc_of

__all__ = ["header_in", "strip_height", "with_strip"]

WIDE = 256  # pixels; from here on blocks are 2 x 2
FIRST = 10  # bytes that tell how many there are


def with_strip(pixels: np.ndarray, header: Header) -> np.ndarray:
    """The pixels above a strip with the header, which knows their CRC.

    Args:
        pixels: (height, width) or (height, width, 3); uint8 or uint16.
    """
    content = dataclasses.replace(header, crc=crc_of(pixels)).to_bytes()
    width, size = pixels.shape[1], _block(pixels.shape[1])
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    n_rows = _n_rows(len(content), width, size)
    white = np.iinfo(pixels.dtype).max
    blocks = np.zeros(n_rows * (width // size), pixels.dtype)
    blocks[: len(bits)] = bits * pixels.dtype.type(white)
    blocks = blocks.reshape(n_rows, -1)[::-1].repeat(size, 0).repeat(size, 1)
    strip = np.zeros((n_rows * size, *pixels.shape[1:]), pixels.dtype)
    strip[:, : blocks.shape[1]].T[...] = blocks.T  # in all colours
    return np.concatenate([pixels, strip])


def strip_height(header: Header, width: int) -> int:
    """Pixels that the strip is high, but for a row of blocks: the header's CRC changes its size."""
    size = _block(width)
    return _n_rows(len(header.to_bytes()), width, size) * size


def header_in(picture: Picture) -> Header | None:
    """The header in the strip of a picture that has its size still. Quick where there is none."""
    for size in (1, 2):
        if picture.pixels.shape[1] < size or (head := _read(picture.pixels, size, FIRST)) is None:
            continue
        n_bytes = Header.size_in(head)
        if n_bytes is None or n_bytes > MAX_HEADER:
            continue
        content = _read(picture.pixels, size, n_bytes)
        if content is None:
            continue
        try:
            header = Header.from_bytes(content)
        except ConverterError:
            continue
        above = len(picture.pixels) - _n_rows(n_bytes, picture.pixels.shape[1], size) * size
        if header.crc == crc_of(picture.pixels[:above]):
            header = dataclasses.replace(header, crc=crc_of(picture.pixels))
        return header
    return None


def _read(pixels: np.ndarray, size: int, n_bytes: int) -> bytes | None:
    """The first bytes of a strip of blocks of this size."""
    n_rows = _n_rows(n_bytes, pixels.shape[1], size)
    if n_rows * size > len(pixels):
        return None
    strip = pixels[len(pixels) - n_rows * size :, : pixels.shape[1] // size * size]
    strip = strip[..., :3].mean(-1) if strip.ndim == 3 else strip
    blocks = strip.reshape(n_rows, size, -1, size).mean((1, 3))[::-1]
    bits = blocks.ravel()[: 8 * n_bytes] > np.iinfo(pixels.dtype).max / 2
    return np.packbits(bits).tobytes()


def _block(width: int) -> int:
    return 2 if width >= WIDE else 1


def _n_rows(n_bytes: int, width: int, size: int) -> int:
    """Rows of blocks."""
    return -(-8 * n_bytes // (width // size))
