"""The inputs and outputs of a converter: sounds, pictures, and its errors and warnings."""

from __future__ import annotations

import dataclasses
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from converters.header import SUBTYPES, ConverterError, Header, PictureFormat, SoundFormat

__all__ = [
    "BLOCK", "ConverterError", "ConverterWarning", "Picture", "Sound", "crc_of", "parse_header",
    "report_damage", "rounded_blocks", "warn",
]  # fmt: skip

BLOCK = 1 << 16  # samples of each channel, read or written at once


class ConverterWarning(UserWarning):
    """Something was lost or had to be assumed; the message says what."""


def warn(text: str) -> None:
    """Issues a ConverterWarning. The text names the file and what was lost or assumed."""
    warnings.warn(text, ConverterWarning, stacklevel=2)


def report_damage(text: str, strict: bool) -> None:
    """Warns of a file that does not hold what it says.

    Raises:
        ConverterError: if `strict`.
    """
    if strict:
        raise ConverterError(f"{text}; --strict refuses it")
    warn(text)


@dataclass(frozen=True)
class Sound:
    """A sound that is read block by block, any number of times."""

    format: SoundFormat
    blocks: Callable[[int], Iterator[np.ndarray]]
    """n -> blocks (n, n_channels) of format.dtype (int16, int32, float32 or float64), the last one
    shorter, format.n_samples samples of each channel in all."""
    header: Header | None = None
    """How it was made, if it was made from a picture."""
    name: str = "the sound"
    """For messages."""
    n_claimed: int | None = None
    """Samples that the file promised, where they are not what was there."""
    damage: str = ""
    """What was wrong with the file that it was read from, for messages; empty: nothing."""

    @classmethod
    def of(
        cls, samples: np.ndarray, sample_rate: int, subtype: str = "", container: str = "WAV"
    ) -> Sound:
        """(n,) or (n, n_channels) of int16, int32, float32 or float64, held in memory."""
        samples = samples[:, None] if samples.ndim == 1 else samples
        subtype = subtype or SUBTYPES[str(samples.dtype)]
        n_samples, n_channels = samples.shape
        format = SoundFormat(sample_rate, n_channels, n_samples, subtype, container)
        if samples.dtype != format.dtype:
            raise ConverterError(f"{subtype} samples are {format.dtype}, not {samples.dtype}")
        return cls(
            format, lambda n: (samples[start : start + n] for start in range(0, n_samples, n))
        )

    def samples(self) -> np.ndarray:
        """All samples: (n_samples, n_channels) of format.dtype."""
        # Not allocated in advance: a header can promise more than there is.
        empty = np.empty((0, self.format.n_channels), self.format.dtype)
        return np.concatenate([empty, *self.blocks(BLOCK)])

    def floats(self, n: int = BLOCK) -> Iterator[np.ndarray]:
        """Blocks (n, n_channels) of float64; integers are scaled to [-1, 1)."""
        scale = self.format.full_scale
        for block in self.blocks(n):
            yield block.astype(np.float64) / scale


def rounded_blocks(
    sound: Sound, format: SoundFormat, bits: int, name: str, n: int
) -> Iterator[np.ndarray]:
    """The samples of a sound as those of another format, in blocks of n.

    Args:
        bits: of an integer of that format.
        name: of what is written, for a warning of samples that are clipped.
    """
    n_clipped = 0
    for values in sound.floats(n):
        if format.dtype.kind == "f":
            yield values.astype(format.dtype)
            continue
        half = 2.0 ** (bits - 1)
        steps = np.rint(np.nan_to_num(values, posinf=2.0, neginf=-2.0) * half)
        inside = np.clip(steps, -half, half - 1)
        n_clipped += int((inside != steps).sum())
        yield (inside * (format.full_scale / half)).astype(format.dtype)
    if n_clipped:
        warn(f"{name}: {n_clipped:,} samples beyond full scale were clipped")


@dataclass(frozen=True)
class Picture:
    """Pixels with their metadata."""

    pixels: np.ndarray
    """(height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA; uint8 or uint16
    (grey only)."""
    header: Header | None = None
    """How it was made, if it was made from a sound."""
    chunks: Mapping[bytes, bytes] = field(default_factory=dict)
    """Private PNG chunks: name -> content."""
    name: str = "the picture"
    """For messages."""
    damage: str = ""
    """What was wrong with the file that it was read from, for messages; empty: nothing."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Texts of other programs in the file: PNG keyword -> text, "exif N" -> value of tag N."""

    @property
    def format(self) -> PictureFormat:
        height, width = self.pixels.shape[:2]
        n_colours = self.pixels.shape[2] if self.pixels.ndim == 3 else 1
        return PictureFormat(width, height, n_colours, 8 * self.pixels.itemsize)

    @property
    def edited(self) -> bool:
        """Whether the pixels differ from those that the header was written for."""
        return self.header is not None and self.header.crc != crc_of(self.pixels)

    def with_header(self, header: Header) -> Picture:
        """The same pixels with the header, its CRC set to theirs."""
        return dataclasses.replace(
            self, header=dataclasses.replace(header, crc=crc_of(self.pixels))
        )


def parse_header(text: str | bytes | None, name: str) -> Header | None:
    """The header in a file's metadata, as JSON; a damaged one is ignored with a warning."""
    try:
        return None if text is None else Header.from_json(text)
    except ConverterError as error:
        warn(f"{name}: its header cannot be used: {error}")
        return None


def crc_of(array: np.ndarray) -> int:
    """CRC-32 of the values, row by row."""
    return zlib.crc32(np.ascontiguousarray(array).tobytes())
