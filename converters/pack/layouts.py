"""Layouts of bytes in the pixels of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from converters.pack.samples import Samples

__all__ = ["PackLayout", "PlanarLayout", "RgbLayout"]


class PackLayout(Protocol):
    """Where the bytes of content lie in a tile of width x height pixels.

    Raw pixels are (height, bytes of a row) uint8, 16 bits with the high byte first. Their first
    `start` bytes, row after row, are reserved for the header.
    """

    @property
    def n_colours(self) -> int:
        """Of a pixel: 1 or 3."""

    @property
    def bits(self) -> int:
        """Of a colour: 8 or 16."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def start(self) -> int:
        """Bytes."""

    @property
    def capacity(self) -> int:
        """Bytes of content in a full tile."""

    def height_of(self, n: int) -> int:
        """Rows of a tile with n bytes of content: 0 to capacity."""

    def fill(self, content: bytes) -> np.ndarray:
        """Content -> raw pixels."""

    def read(self, raw: np.ndarray, n: int) -> bytes:
        """The inverse of `fill` for n bytes of content."""


@dataclass(frozen=True)
class RgbLayout:
    """Bytes one after the other in R, G, B."""

    width: int
    height: int
    start: int
    pad_last: bool = False
    """Whether the last tile is as high as the others."""
    n_colours: ClassVar[int] = 3
    bits: ClassVar[int] = 8

    @property
    def capacity(self) -> int:
        return 3 * self.width * self.height - self.start

    def height_of(self, n: int) -> int:
        return self.height if self.pad_last else max(1, -(-(self.start + n) // (3 * self.width)))

    def fill(self, content: bytes) -> np.ndarray:
        raw = np.zeros((self.height_of(len(content)), 3 * self.width), np.uint8)
        raw.reshape(-1)[self.start : self.start + len(content)] = np.frombuffer(content, np.uint8)
        return raw

    def read(self, raw: np.ndarray, n: int) -> bytes:
        return raw.reshape(-1)[self.start : self.start + n].tobytes()


@dataclass(frozen=True)
class PlanarLayout:
    """Neighbouring samples are neighbouring pixels, in an order-preserving encoding.

    8-bit samples are 8-bit grey pixels, 16-bit samples 16-bit ones; of more bits, the high 16 are
    one plane and each further 16 (of 24 bits: 8) another. Planes are stacked, the high ones of all
    channels first. Silence is mid-grey. Floats are in the totalOrder of IEEE 754, so that each
    bit pattern, NaNs included, has its own pixels.
    """

    samples: Samples
    width: int
    min_height: int
    """A tile is higher where a row of every plane needs it."""
    start: int
    n_colours: ClassVar[int] = 1

    @property
    def bits(self) -> int:
        return 8 if self.samples.n_bytes == 1 else 16

    @property
    def n_planes(self) -> int:
        return self.samples.n_channels * -(-self.samples.n_bytes // 2)

    @property
    def header_rows(self) -> int:
        return -(-self.start // (self.width * self.bits // 8))

    @property
    def plane_rows(self) -> int:
        return max(1, (self.min_height - self.header_rows) // self.n_planes)

    @property
    def height(self) -> int:
        return max(self.min_height, self.header_rows + self.n_planes)

    @property
    def capacity(self) -> int:
        return self.plane_rows * self.width * self.samples.bytes_per_frame

    def height_of(self, n: int) -> int:
        if n == self.capacity:
            return self.height
        return max(1, self.header_rows + self.n_planes * self._rows(n))

    def _rows(self, n: int) -> int:
        return -(-(n // self.samples.bytes_per_frame) // self.width)

    def fill(self, content: bytes) -> np.ndarray:
        words = self._to_words(content)  # (n_planes, n)
        n, rows = words.shape[1], self._rows(len(content))
        grey = np.full((self.height_of(len(content)), self.width), 1 << self.bits - 1, words.dtype)
        area = grey[self.header_rows :][: self.n_planes * rows].reshape(self.n_planes, -1)
        area[:, :n] = words
        return grey.view(np.uint8)

    def read(self, raw: np.ndarray, n: int) -> bytes:
        grey = raw.view(">u2" if self.bits == 16 else np.uint8)
        area = grey[self.header_rows :][: self.n_planes * self._rows(n)]
        return self._from_words(
            area.reshape(self.n_planes, -1)[:, : n // self.samples.bytes_per_frame]
        )

    def _to_words(self, content: bytes) -> np.ndarray:
        """Bytes of n frames -> (n_planes, n) unsigned words in the order of the samples."""
        n_bytes, n_channels = self.samples.n_bytes, self.samples.n_channels
        samples = np.frombuffer(content, np.uint8).reshape(-1, n_bytes)
        if n_bytes == 3:
            samples = np.pad(samples, ((0, 0), (1, 0)))
        values = np.ascontiguousarray(samples).view(f"<u{samples.shape[1]}")
        words = (values ^ self._flip_mask(values, False)).astype(f">u{samples.shape[1]}")
        words = words.view(">u2" if self.bits == 16 else np.uint8)
        words = words.reshape(-1, n_channels, self.n_planes // n_channels)
        return words.transpose(2, 1, 0).reshape(self.n_planes, -1)

    def _from_words(self, words: np.ndarray) -> bytes:
        """The inverse of `_to_words`."""
        n_bytes, n_channels = self.samples.n_bytes, self.samples.n_channels
        words = words.reshape(self.n_planes // n_channels, n_channels, -1).transpose(2, 1, 0)
        size = n_bytes + n_bytes % 2 if n_bytes > 1 else 1
        ordered = np.ascontiguousarray(words).reshape(-1, size * 8 // self.bits).view(f">u{size}")
        values = (ordered ^ self._flip_mask(ordered, True)).astype(f"<u{size}")
        return values.view(np.uint8).reshape(-1, size)[:, size - n_bytes :].tobytes()

    def _flip_mask(self, values: np.ndarray, ordered: bool) -> np.ndarray:
        """The bits to flip between samples and unsigned numbers of the same order (`ordered`)."""
        n_bits = 8 * values.itemsize
        sign, all_bits = 1 << n_bits - 1, (1 << n_bits) - 1
        native = values.dtype.newbyteorder("=").type
        if self.samples.subtype == "PCM_U8":
            return native(0)
        if self.samples.dtype.kind == "i":
            return native(sign)
        negative = (values >= sign) != ordered
        return np.where(negative, native(all_bits), native(sign))
