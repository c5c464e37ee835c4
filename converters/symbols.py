"""What converters share that make symbols of pixels: bytes in, bytes out, and what to report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from converters.header import ConverterError, Header, PictureFormat
from converters.media import Sound, crc_of, warn

__all__ = [
    "bytes_of", "check_ranges", "check_size", "mono", "pixels_of", "reblocked", "tell_quality",
    "windows",
]  # fmt: skip

MAX_SAMPLE = 1e6  # files of floating point can hold anything


def bytes_of(pixels: np.ndarray) -> np.ndarray:
    """Pixels -> (height, width, n) uint8: a grey level, its high and low byte, or colours."""
    if pixels.dtype == np.uint16:
        return np.stack([pixels >> 8, pixels & 0xFF], axis=-1).astype(np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def pixels_of(values: np.ndarray, bits: int) -> np.ndarray:
    """The inverse of `bytes_of`."""
    if bits == 16:
        return values[..., 0].astype(np.uint16) << 8 | values[..., 1]
    return values[..., 0] if values.shape[2] == 1 else values


def check_ranges(options: object, **ranges: tuple[float, float]) -> None:
    """Raises ConverterError: an option is not from its least to its most, or not a number."""
    for name, (least, most) in ranges.items():
        value = getattr(options, name)
        if not least <= value <= most:
            raise ConverterError(f"{name}: {value} is not from {least} to {most}")


def check_size(picture: PictureFormat, most: int, name: str) -> None:
    """Raises ConverterError: the picture has more than so many pixels."""
    if picture.width * picture.height > most:
        raise ConverterError(
            f"{name}: {picture.width} x {picture.height} pixels are more than {most:,}: "
            "make the picture smaller"
        )
    if picture.bits == 16 and picture.n_colours > 1:
        raise ConverterError(f"{name}: no picture here has colours of 16 bits")


def mono(sound: Sound) -> Iterator[np.ndarray]:
    """The mean of the channels: blocks (n,) float64, finite, within +-MAX_SAMPLE."""
    for block in sound.floats():
        finite = np.nan_to_num(block, posinf=0.0, neginf=0.0)
        yield finite.clip(-MAX_SAMPLE, MAX_SAMPLE).mean(axis=1)


def reblocked(pieces: Iterable[np.ndarray], n: int) -> Iterator[np.ndarray]:
    """Pieces of any length -> blocks of n; the last one may have fewer."""
    held: list[np.ndarray] = []
    n_held = 0
    for piece in pieces:
        held.append(piece)
        n_held += len(piece)
        if n_held >= n:
            joined = np.concatenate(held)
            whole = n_held - n_held % n
            yield from (joined[start : start + n] for start in range(0, whole, n))
            held, n_held = [joined[whole:]], n_held - whole
    if n_held:
        yield np.concatenate(held)


def windows(blocks: Iterable[np.ndarray], starts: np.ndarray, length: int) -> Iterator[np.ndarray]:
    """Batches (m, length) of the windows that begin at `starts`, as far as the blocks reach.

    Args:
        blocks: (n,) each, one after the other.
        starts: (k,) whole numbers, 0 or more, ascending.
    """
    buffer, first, done = np.empty(0), 0, 0
    offsets = np.arange(length)
    for block in blocks:
        buffer = np.concatenate([buffer, block])
        ready = int(np.searchsorted(starts, first + len(buffer) - length, side="right"))
        if ready > done:
            yield buffer[starts[done:ready, None] - first + offsets]
            done = ready
        if done == len(starts):
            return
        passed = min(len(buffer), int(starts[done]) - first)
        buffer, first = buffer[passed:], first + passed


def tell_quality(
    name: str, pixels: np.ndarray, header: Header | None, n_there: int, n_doubtful: int
) -> None:
    """Warns of what is known to be missing, doubtful or wrong; silent when all is proved right."""
    said = []
    n_pixels = pixels.shape[0] * pixels.shape[1]
    if n_there < n_pixels:
        said.append(f"the sound ends after {n_there} of {n_pixels} pixels, the rest is black")
    if n_doubtful:
        said.append(f"{n_doubtful} of {n_there} pixels are doubtful")
    if header is None:
        said.append("there is no header, so no checksum to tell whether the pixels are right")
    elif header.crc != crc_of(pixels):
        said.append("the checksum does not fit: some pixels are wrong")
    elif said:
        said.append("the checksum fits: all pixels are right")
    if said:
        warn(f"{name}: {'; '.join(said)}")
