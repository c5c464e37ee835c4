"""Samples as bytes, and bytes as sounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import soundfile

from converters.header import DTYPES, ConverterError, SoundFormat
from converters.media import Sound, warn

__all__ = ["IN_MEMORY", "LINEAR", "Samples", "cut", "sound_of", "written"]

IN_MEMORY = 1 << 22  # bytes that wait in memory before a temporary file takes them
LINEAR = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
# What comes back as it was. Decoding and encoding again changes no sample, of u-law and A-law too.
EXACT = (*LINEAR, "PCM_S8", "ULAW", "ALAW")
CONTAINERS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "AU", "CAF")
PLAIN = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}


@dataclass(frozen=True)
class Samples:
    """Samples as bytes: little-endian, as many as the subtype needs, as a WAV file has them.

    What has no whole number of bytes of its own (u-law, ADPCM, Vorbis) is kept as it is decoded.
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
    def frame(self) -> int:
        """Bytes of one sample of each channel."""
        return self.n_bytes * self.n_channels

    def to_bytes(self, samples: np.ndarray) -> bytes:
        """(n, n_channels) of dtype -> n frames.

        Raises:
            ConverterError: a sample has more bits than the subtype.
        """
        little = np.ascontiguousarray(samples, self.dtype.newbyteorder("<"))
        wide = little.view(np.uint8).reshape(-1, self.dtype.itemsize)
        spare = self.dtype.itemsize - self.n_bytes  # low bytes that must be 0
        if wide[:, :spare].any():
            raise ConverterError(
                f"the samples have more bits than {self.subtype}: give them their true subtype"
            )
        return self._unsigned(wide[:, spare:]).tobytes()

    def from_bytes(self, content: bytes) -> np.ndarray:
        """The inverse of `to_bytes`."""
        kept = np.frombuffer(content, np.uint8).reshape(-1, self.n_bytes)
        wide = np.zeros((len(kept), self.dtype.itemsize), np.uint8)
        wide[:, self.dtype.itemsize - self.n_bytes :] = self._unsigned(kept)
        little = wide.view(self.dtype.newbyteorder("<"))
        return little.astype(self.dtype, copy=False).reshape(-1, self.n_channels)

    def _unsigned(self, content: np.ndarray) -> np.ndarray:
        """WAV files have 8 bits with an offset; its own inverse."""
        return content ^ np.uint8(0x80) if self.subtype == "PCM_U8" else content


def cut(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size` (the last one shorter); no more is read than is due."""
    buffer = bytearray()
    for block in blocks:
        buffer += block
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)


def sound_of(
    content: Callable[[], Iterator[bytes]], samples: Samples, format: SoundFormat, name: str
) -> Sound:
    """The sound of these bytes; content is called whenever the sound is read."""

    def blocks(n: int) -> Iterator[np.ndarray]:
        return (samples.from_bytes(piece) for piece in cut(content(), n * samples.frame))

    return Sound(format, blocks, name=name)


def written(format: SoundFormat, name: str) -> SoundFormat:
    """As it was, or where it cannot be written so without loss, as what holds the same samples."""
    for container in (format.container, "WAV"):
        for subtype in (format.subtype, PLAIN[str(format.dtype)]):
            fits = container in CONTAINERS and soundfile.check_format(container, subtype)
            unreadable = container == "FLAC" and not format.n_samples  # as libsndfile writes it
            if fits and not unreadable and subtype in EXACT:
                if (container, subtype) != (format.container, format.subtype):
                    warn(
                        f"{name}: {format.container} with {format.subtype} cannot be written again "
                        f"without loss: the same samples are written as {container} with {subtype}"
                    )
                return dataclasses.replace(format, container=container, subtype=subtype)
    raise AssertionError("a WAV file holds every PLAIN subtype")
