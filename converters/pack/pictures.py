"""Pictures as 16-bit samples: a header, then the bytes of the pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from converters.header import ConverterError, Header, PictureFormat
from converters.media import BLOCK, Picture, Sound, crc_of
from converters.pack.samples import rechunk
from converters.pack.tiles import max_header_bytes
from converters.picture_files import MAX_PIXELS

__all__ = ["find_in_sound", "picture_to_samples", "sound_to_picture"]


def picture_to_samples(picture: Picture, header: Header) -> tuple[np.ndarray, Header]:
    """(n,) int16, and the header with the offset of the pixels in them."""
    start = max_header_bytes(header) // 2 * 2
    header = dataclasses.replace(header, facts={"start": start})
    little = picture.pixels.astype(picture.pixels.dtype.newbyteorder("<"))
    content = header.to_bytes().ljust(start, b"\0") + little.tobytes()
    content += bytes(len(content) % 2)
    return np.frombuffer(content, "<i2").astype(np.int16), header


def sound_to_picture(sound: Sound, format: PictureFormat, header: Header) -> Picture:
    """The inverse of `picture_to_samples`; samples after the pixels are ignored.

    Raises:
        ConverterError: the sound is too short, or its samples were changed.
    """
    start = header.fact("start", int, 0, 1 << 20)
    n_values = format.width * format.height * format.n_colours
    size = start + n_values * format.bits // 8
    if format.width * format.height > MAX_PIXELS:
        raise ConverterError(f"{sound.name}: holds a picture of over {MAX_PIXELS:,} pixels")
    if 2 * sound.format.n_samples < size:
        raise ConverterError(f"{sound.name}: too short for its picture")
    content = next(rechunk(_words(sound, BLOCK), size))
    pixels = np.frombuffer(content, f"<u{format.bits // 8}", n_values, start)
    pixels = pixels.astype(f"u{format.bits // 8}").reshape(format.height, format.width, -1)
    pixels = pixels[..., 0] if format.n_colours == 1 else pixels
    if crc_of(pixels) != header.crc:
        raise ConverterError(f"{sound.name}: edited or damaged: its checksum does not match")
    return Picture(pixels, name=sound.name)


def find_in_sound(sound: Sound) -> Header | None:
    """The header in the first samples, of whatever subtype; None where there is none."""
    try:
        size = Header.size_in(next(rechunk(_words(sound, 8), 16), b""))
        if size is None:
            return None
        header = Header.from_bytes(next(rechunk(_words(sound, BLOCK), size), b""))
    except ConverterError:
        return None
    return header if (header.kind, header.made_from) == ("pack", "picture") else None


def _words(sound: Sound, n: int) -> Iterator[bytes]:
    """The first channel as 16-bit samples, little-endian, in blocks of n samples.

    Raises:
        ConverterError: a sample has more than 16 bits.
    """
    for block in sound.floats(n):
        words = block[:, 0] * 2.0**15
        if not ((words == np.rint(words)) & (words >= -(2**15)) & (words < 2**15)).all():
            raise ConverterError(f"{sound.name}: its samples are no longer of 16 bits")
        yield words.astype("<i2").tobytes()
