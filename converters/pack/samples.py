"""Samples as bytes, and bytes as sounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import soundfile

from converters.header import DTYPES, SUBTYPES, ConverterError, SoundFormat
from converters.media import Sound, warn

__all__ = ["LINEAR", "SPOOL_BYTES", "Samples", "bytes_to_sound", "rechunk", "writable_format"]

SPOOL_BYTES = 1 << 22  # kept in memory, before a temporary file goes to disk
LINEAR = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
# Written without loss: decoding and encoding changes no sample, of u-law and A-law either.
EXACT = (*LINEAR, "PCM_S8", "ULAW", "ALAW")
CONTAINERS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "AU", "CAF")


@dataclass(frozen=True)
class Samples:
    """Samples as bytes, as in a WAV file: little-endian, as many bytes as the subtype needs.

    Compressed subtypes (u-law, ADPCM, Vorbis) are represented by their decoded samples.
    """

    subtype: str
    n_channels: int

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(DTYPES[self.subtype])

    @property
    def n_bytes(self) -> int:
        """Of one sample."""
        return {"PCM_S8": 1, "PCM_U8": 1, "PCM_24": 3}.get(self.subtype, self.dtype.itemsize)

    @property
    def bytes_per_frame(self) -> int:
        """Of one sample of each channel."""
        return self.n_bytes * self.n_channels

    def to_bytes(self, samples: np.ndarray) -> bytes:
        """(n, n_channels) of dtype -> the bytes of n frames.

        Raises:
            ConverterError: a sample has more bits than the subtype.
        """
        little = np.ascontiguousarray(samples, self.dtype.newbyteorder("<"))
        wide = little.view(np.uint8).reshape(-1, self.dtype.itemsize)
        n_unused = self.dtype.itemsize - self.n_bytes  # low bytes, which must be 0
        if wide[:, :n_unused].any():
            raise ConverterError(
                f"the samples have more bits than {self.subtype}: choose a subtype that holds them"
            )
        return self._flip_offset(wide[:, n_unused:]).tobytes()

    def from_bytes(self, content: bytes) -> np.ndarray:
        """The inverse of `to_bytes`."""
        narrow = np.frombuffer(content, np.uint8).reshape(-1, self.n_bytes)
        wide = np.zeros((len(narrow), self.dtype.itemsize), np.uint8)
        wide[:, self.dtype.itemsize - self.n_bytes :] = self._flip_offset(narrow)
        little = wide.view(self.dtype.newbyteorder("<"))
        return little.astype(self.dtype, copy=False).reshape(-1, self.n_channels)

    def _flip_offset(self, content: np.ndarray) -> np.ndarray:
        """Two's complement <-> offset binary, which 8-bit samples of WAV files have."""
        return content ^ np.uint8(0x80) if self.subtype == "PCM_U8" else content


def rechunk(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size` (the last one shorter), each as soon as it is complete."""
    buffer = bytearray()
    for block in blocks:
        buffer += block
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)


def bytes_to_sound(
    content: Callable[[], Iterator[bytes]], samples: Samples, format: SoundFormat, name: str
) -> Sound:
    """The sound of these bytes; content is called each time that the sound is read."""

    def blocks(n: int) -> Iterator[np.ndarray]:
        pieces = rechunk(content(), n * samples.bytes_per_frame)
        return map(samples.from_bytes, pieces)

    return Sound(format, blocks, name=name)


def writable_format(format: SoundFormat, name: str) -> SoundFormat:
    """The format, or, with a warning, the nearest one that is written without loss."""
    for container in (format.container, "WAV"):
        for subtype in (format.subtype, SUBTYPES[str(format.dtype)]):
            lossless = container in CONTAINERS and subtype in EXACT
            # libsndfile writes empty FLAC files that it cannot read.
            unreadable = container == "FLAC" and not format.n_samples
            if lossless and soundfile.check_format(container, subtype) and not unreadable:
                if (container, subtype) != (format.container, format.subtype):
                    warn(
                        f"{name}: {format.container} with {format.subtype} cannot be written "
                        f"without loss: the same samples are written as {container} with {subtype}"
                    )
                return dataclasses.replace(format, container=container, subtype=subtype)
    raise AssertionError("a WAV file holds all of SUBTYPES")
