"""The residual of a picture: the differences between its sound and the samples that were encoded.

It is stored for each tile in a private PNG chunk, with a CRC for every SEGMENT columns, so that it
applies to an edited picture where that is unchanged. A computer that adds in another order may get
samples that differ by 1e-15; where that could change a rounding, the sample itself is stored.
"""

from __future__ import annotations

import bz2
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from converters.header import ConverterError, SoundFormat

__all__ = ["CHUNK", "SEGMENT", "Residual", "round_samples"]

CHUNK = b"reSd"  # ancillary, private, not safe to copy when pixels change
SEGMENT = 8  # columns
HEAD = struct.Struct("<BBIII")  # version, bytes of a number, its unit, segments, near ties
VERSION = 1
MAX_SAMPLES = 1 << 25  # of a tile: no more than it has pixels
TIE = 2.0**-40  # of full scale: what is nearer to the middle of two samples is a near tie
# Low bits that are always 0 in samples of a subtype.
SPARE_BITS = {
    "PCM_S8": 8, "PCM_U8": 8, "PCM_24": 8, "ALAC_20": 12, "ALAC_24": 8, "DWVW_12": 4, "DWVW_24": 8,
}  # fmt: skip


def round_samples(floats: np.ndarray, format: SoundFormat) -> np.ndarray:
    """Samples with full scale 1 -> the nearest ones of a format, of its dtype."""
    if format.dtype.kind == "f":
        return floats.astype(format.dtype)
    step = _step(format)
    scaled = np.rint(floats * (format.full_scale / step)) * step
    return scaled.clip(-format.full_scale, format.full_scale - step).astype(format.dtype)


@dataclass(frozen=True)
class Residual:
    """Of the samples that are complete with a tile."""

    crcs: np.ndarray
    """(n_segments,) uint32: of the pixels of each segment of columns."""
    difference: np.ndarray
    """(n, n_channels) int64: samples minus the rounded ones of the picture."""
    ties: np.ndarray
    """(n_ties,) uint32: indices of near ties among the samples, row by row."""
    tie_samples: np.ndarray
    """(n_ties,) int64: the samples there."""

    @classmethod
    def from_samples(
        cls, pixels: np.ndarray, floats: np.ndarray, samples: np.ndarray, format: SoundFormat
    ) -> Residual:
        """Of the picture's sound, as floats, and the samples; both (n, n_channels)."""
        scaled = floats * (format.full_scale / _step(format))
        near = np.abs(np.abs(scaled - np.rint(scaled)) - 0.5) < TIE * format.full_scale
        difference = samples.astype(np.int64) - round_samples(floats, format)
        difference[near] = 0
        ties = np.flatnonzero(near).astype(np.uint32)
        return cls(_crcs(pixels), difference, ties, samples.ravel()[ties].astype(np.int64))

    def apply(self, floats: np.ndarray, format: SoundFormat) -> np.ndarray:
        """The picture's sound, as floats, -> the samples."""
        samples = np.ascontiguousarray(round_samples(floats, format) + self.difference)
        samples.reshape(-1)[self.ties] = self.tie_samples  # a view, as the samples lie in order
        limits = np.iinfo(format.dtype)
        return samples.clip(limits.min, limits.max).astype(format.dtype)

    def to_bytes(self, format: SoundFormat) -> bytes:
        step = _step(format)
        unit = step if not (self.difference % step).any() else 1
        # Sign in the lowest bit; then a plane for each byte, most of whose values are 0.
        difference = self.difference.T // unit
        folded = ((difference << 1) ^ (difference >> 63)).astype("<u8").reshape(-1, 1)
        n_planes = max(1, -(-int(folded.max(initial=0)).bit_length() // 8))
        planes = folded.view(np.uint8)[:, :n_planes].T
        head = HEAD.pack(VERSION, n_planes, unit, len(self.crcs), len(self.ties))
        content = self.crcs.astype("<u4").tobytes() + self.ties.astype("<u4").tobytes()
        content += self.tie_samples.astype("<i8").tobytes()
        return head + content + bz2.compress(planes.tobytes())

    @classmethod
    def from_bytes(cls, content: bytes, n: int, n_channels: int) -> Residual:
        """The inverse of `to_bytes`, for n samples of each channel.

        Raises:
            ConverterError: it is damaged, or of other samples.
        """
        damaged = ConverterError("its residual is damaged or of another picture")
        if len(content) < HEAD.size:
            raise damaged
        version, n_planes, unit, n_segments, n_ties = HEAD.unpack_from(content)
        start = HEAD.size + 4 * n_segments + 12 * n_ties
        if version != VERSION or not 1 <= n_planes <= 8 or len(content) < start or unit > 1 << 12:
            raise damaged
        size = n_planes * n * n_channels
        if n * n_channels > MAX_SAMPLES:
            raise damaged
        try:
            raw = bz2.BZ2Decompressor().decompress(content[start:], size + 1)
        except (OSError, ValueError) as error:
            raise damaged from error
        at = HEAD.size
        crcs = np.frombuffer(content, "<u4", n_segments, at)
        ties = np.frombuffer(content, "<u4", n_ties, at + 4 * n_segments)
        tie_samples = np.frombuffer(content, "<i8", n_ties, at + 4 * (n_segments + n_ties))
        if len(raw) != size or (ties >= n * n_channels).any():
            raise damaged
        wide = np.zeros((n * n_channels, 8), np.uint8)
        wide[:, :n_planes] = np.frombuffer(raw, np.uint8).reshape(n_planes, -1).T
        folded = wide.view("<u8")[:, 0]
        difference = (folded >> 1).astype(np.int64) ^ -(folded & 1).astype(np.int64)
        return cls(crcs, unit * difference.reshape(n_channels, n).T, ties, tie_samples)

    def unchanged_columns(self, pixels: np.ndarray) -> np.ndarray:
        """(n_columns,) bool."""
        crcs = _crcs(pixels)
        if len(crcs) != len(self.crcs):
            return np.zeros(pixels.shape[1], bool)
        return (crcs == self.crcs).repeat(SEGMENT)[: pixels.shape[1]]


def _crcs(pixels: np.ndarray) -> np.ndarray:
    starts = range(0, pixels.shape[1], SEGMENT)
    return np.array(
        [zlib.crc32(pixels[:, start : start + SEGMENT].tobytes()) for start in starts], np.uint32
    )


def _step(format: SoundFormat) -> int:
    return 1 << SPARE_BITS.get(format.subtype, 0)
