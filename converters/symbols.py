"""Shared by converters: checks of options, pixels as bytes, blocks of samples, decoding errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from converters.header import ConverterError, Header, PictureFormat
from converters.media import Sound, crc_of, warn

__all__ = [
    "bytes_to_pixels", "check_ranges", "check_size", "mono", "pixels_to_bytes", "reblock",
    "warn_of_errors", "windows",
]  # fmt: skip

MAX_SAMPLE = 1e6  # files of floating point can hold anything


def pixels_to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Pixels -> (height, width, n) uint8: a grey level, its high and low byte, or colours."""
    if pixels.dtype == np.uint16:
        return np.stack([pixels >> 8, pixels & 0xFF], axis=-1).astype(np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def bytes_to_pixels(values: np.ndarray, bits: int) -> np.ndarray:
    """The inverse of `pixels_to_bytes`; bits of a colour: 8 or 16."""
    if bits == 16:
        return values[..., 0].astype(np.uint16) << 8 | values[..., 1]
    return values[..., 0] if values.shape[2] == 1 else values


def check_ranges(options: object, **ranges: tuple[float, float]) -> None:
    """Raises ConverterError: an option is outside its (minimum, maximum), or not a number."""
    for name, (min_, max_) in ranges.items():
        value = getattr(options, name)
        if not min_ <= value <= max_:
            raise ConverterError(f"{name}: {value} is not from {min_} to {max_}")


def check_size(picture: PictureFormat, max_pixels: int, name: str) -> None:
    """Raises ConverterError: the picture has more pixels, or colours of 16 bits."""
    if picture.width * picture.height > max_pixels:
        raise ConverterError(
            f"{name}: {picture.width} x {picture.height} pixels are more than {max_pixels:,}: "
            "make the picture smaller"
        )
    if picture.bits == 16 and picture.n_colours > 1:
        raise ConverterError(f"{name}: colours of 16 bits are not supported")


def mono(sound: Sound) -> Iterator[np.ndarray]:
    """The mean of the channels: blocks (n,) float64, finite, within +-MAX_SAMPLE."""
    for block in sound.floats():
        finite = np.nan_to_num(block, posinf=0.0, neginf=0.0)
        yield finite.clip(-MAX_SAMPLE, MAX_SAMPLE).mean(axis=1)


def reblock(pieces: Iterable[np.ndarray], n: int) -> Iterator[np.ndarray]:
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


def warn_of_errors(
    name: str, pixels: np.ndarray, header: Header | None, n_read: int, n_doubtful: int
) -> None:
    """Warns of pixels that are missing, doubtful or wrong; silent when all are proved right.

    Args:
        n_read: pixels that the sound holds, of which n_doubtful are doubtful.
    """
    findings = []
    n_pixels = pixels.shape[0] * pixels.shape[1]
    if n_read < n_pixels:
        findings.append(f"the sound ends after {n_read} of {n_pixels} pixels, the rest is black")
    if n_doubtful:
        findings.append(f"{n_doubtful} of {n_read} pixels are doubtful")
    if header is None:
        findings.append("there is no header, so no checksum to verify the pixels")
    elif header.crc != crc_of(pixels):
        findings.append("the checksum does not match: some pixels are wrong")
    elif findings:
        findings.append("the checksum matches: all pixels are right")
    if findings:
        warn(f"{name}: {'; '.join(findings)}")
