"""What a converter takes and gives: sounds, pictures, and its errors."""

from __future__ import annotations

import dataclasses
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from converters.header import ConverterError, Header, PictureFormat, SoundFormat

__all__ = [
    "BLOCK", "ConverterError", "ConverterWarning", "Picture", "Sound", "crc_of", "header_beside",
    "warn",
]  # fmt: skip

BLOCK = 1 << 16  # samples of each channel that are read or written at once


class ConverterWarning(UserWarning):
    """What was lost or had to be assumed; the message names it."""


def warn(text: str) -> None:
    """Issues a ConverterWarning. The text names the file and what was lost or assumed."""
    warnings.warn(text, ConverterWarning, stacklevel=2)


@dataclass(frozen=True)
class Sound:
    """A sound that is read block by block, as often as wanted."""

    format: SoundFormat
    blocks: Callable[[int], Iterator[np.ndarray]]
    """n -> blocks of n (the last one fewer) samples of each channel, (n, n_channels), together
    format.n_samples of them, of format.dtype: int16, int32, float32 or float64."""
    header: Header | None = None
    """How it was made, if it was made from a picture."""
    name: str = "the sound"
    """For messages."""

    @classmethod
    def of(
        cls, samples: np.ndarray, sample_rate: int, subtype: str = "", container: str = "WAV"
    ) -> Sound:
        """(n,) or (n, n_channels) of int16, int32, float32 or float64, held in memory."""
        samples = samples[:, None] if samples.ndim == 1 else samples
        natural = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
        subtype = subtype or natural[str(samples.dtype)]
        n_samples, n_channels = samples.shape
        format = SoundFormat(sample_rate, n_channels, n_samples, subtype, container)
        if samples.dtype != format.dtype:
            raise ConverterError(f"samples of {subtype} are {format.dtype}, not {samples.dtype}")
        return cls(
            format, lambda n: (samples[start : start + n] for start in range(0, n_samples, n))
        )

    def samples(self) -> np.ndarray:
        """All of it at once: (n_samples, n_channels) of format.dtype."""
        # Not allocated at once: a header can promise more than there is.
        none = np.empty((0, self.format.n_channels), self.format.dtype)
        return np.concatenate([none, *self.blocks(BLOCK)])

    def floats(self, n: int = BLOCK) -> Iterator[np.ndarray]:
        """Blocks of (n, n_channels) float64; integers in [-1, 1)."""
        scale = self.format.full_scale
        for block in self.blocks(n):
            yield block.astype(np.float64) / scale


@dataclass(frozen=True)
class Picture:
    """Pixels and what is written beside them."""

    pixels: np.ndarray
    """(height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA; uint8 or uint16
    (grey only)."""
    header: Header | None = None
    """How it was made, if it was made from a sound."""
    chunks: Mapping[bytes, bytes] = field(default_factory=dict)
    """Private PNG chunks: name -> content."""
    name: str = "the picture"
    """For messages."""

    @property
    def format(self) -> PictureFormat:
        height, width, *colours = self.pixels.shape
        return PictureFormat(width, height, (colours or [1])[0], 8 * self.pixels.itemsize)

    @property
    def edited(self) -> bool:
        """Whether the pixels are no longer those that the header was written for."""
        return self.header is not None and self.header.crc != crc_of(self.pixels)

    def sealed(self, header: Header) -> Picture:
        """With the header, which from here on knows these pixels."""
        return dataclasses.replace(
            self, header=dataclasses.replace(header, crc=crc_of(self.pixels))
        )


def header_beside(text: str | bytes | None, name: str) -> Header | None:
    """The header that a file carries beside its content; a damaged one is ignored with a warning."""
    try:
        return None if text is None else Header.from_json(text)
    except ConverterError as error:
        warn(f"{name}: its header cannot be used: {error}")
        return None


def crc_of(array: np.ndarray) -> int:
    """CRC-32 of the values, row by row."""
    return zlib.crc32(np.ascontiguousarray(array).tobytes())
