"""How the bytes of samples lie in the pixels of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from converters.pack.samples import Samples

__all__ = ["Layout", "Planes", "Rgb"]


class Layout(Protocol):
    """Where the bytes of content lie in a tile of width x height pixels.

    Raw pixels are (height, bytes of a row) uint8, 16 bits with the high byte first. Their first
    `start` bytes, row after row, are the header's.
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
class Rgb:
    """Bytes one after the other in R, G, B."""

    width: int
    height: int
    start: int
    whole: bool = False
    """Whether the last tile is as high as the others."""
    n_colours: ClassVar[int] = 3
    bits: ClassVar[int] = 8

    @property
    def capacity(self) -> int:
        return 3 * self.width * self.height - self.start

    def height_of(self, n: int) -> int:
        return self.height if self.whole else max(1, -(-(self.start + n) // (3 * self.width)))

    def fill(self, content: bytes) -> np.ndarray:
        raw = np.zeros((self.height_of(len(content)), 3 * self.width), np.uint8)
        raw.reshape(-1)[self.start : self.start + len(content)] = np.frombuffer(content, np.uint8)
        return raw

    def read(self, raw: np.ndarray, n: int) -> bytes:
        return raw.reshape(-1)[self.start : self.start + n].tobytes()


@dataclass(frozen=True)
class Planes:
    """Neighbouring samples are neighbouring pixels, in the order of their values.

    8-bit samples are 8-bit grey pixels; 16 bits are 16-bit grey pixels; of more bits, the high 16
    are one plane and each further 16 (of 24 bits: 8) another. Planes are stacked: the high ones of
    all channels first. Silence is mid-grey. Floats are ordered as their bits are by IEEE 754's
    totalOrder, so that every one, NaNs too, has its pixels.
    """

    samples: Samples
    width: int
    least_height: int
    """A tile is higher where it must be to hold a row of every plane."""
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
        return max(1, (self.least_height - self.header_rows) // self.n_planes)

    @property
    def height(self) -> int:
        return max(self.least_height, self.header_rows + self.n_planes)

    @property
    def capacity(self) -> int:
        return self.plane_rows * self.width * self.samples.frame

    def height_of(self, n: int) -> int:
        if n == self.capacity:
            return self.height
        return max(1, self.header_rows + self.n_planes * self._rows(n))

    def _rows(self, n: int) -> int:
        return -(-(n // self.samples.frame) // self.width)

    def fill(self, content: bytes) -> np.ndarray:
        words = self._words(content)  # (n_planes, n)
        n, rows = words.shape[1], self._rows(len(content))
        grey = np.full((self.height_of(len(content)), self.width), 1 << self.bits - 1, words.dtype)
        area = grey[self.header_rows :][: self.n_planes * rows].reshape(self.n_planes, -1)
        area[:, :n] = words
        return grey.view(np.uint8)

    def read(self, raw: np.ndarray, n: int) -> bytes:
        grey = raw.view(">u2" if self.bits == 16 else np.uint8)
        area = grey[self.header_rows :][: self.n_planes * self._rows(n)]
        return self._content(area.reshape(self.n_planes, -1)[:, : n // self.samples.frame])

    def _words(self, content: bytes) -> np.ndarray:
        """Frames -> (n_planes, n) numbers that go up and down as the samples do."""
        n_bytes, n_channels = self.samples.n_bytes, self.samples.n_channels
        samples = np.frombuffer(content, np.uint8).reshape(-1, n_bytes)
        if n_bytes == 3:
            samples = np.pad(samples, ((0, 0), (1, 0)))
        values = np.ascontiguousarray(samples).view(f"<u{samples.shape[1]}")
        words = (values ^ self._flips(values, False)).astype(f">u{samples.shape[1]}")
        words = words.view(">u2" if self.bits == 16 else np.uint8)
        words = words.reshape(-1, n_channels, self.n_planes // n_channels)
        return words.transpose(2, 1, 0).reshape(self.n_planes, -1)

    def _content(self, words: np.ndarray) -> bytes:
        """The inverse of `_words`."""
        n_bytes, n_channels = self.samples.n_bytes, self.samples.n_channels
        words = words.reshape(self.n_planes // n_channels, n_channels, -1).transpose(2, 1, 0)
        size = n_bytes + n_bytes % 2 if n_bytes > 1 else 1
        ordered = np.ascontiguousarray(words).reshape(-1, size * 8 // self.bits).view(f">u{size}")
        values = (ordered ^ self._flips(ordered, True)).astype(f"<u{size}")
        return values.view(np.uint8).reshape(-1, size)[:, size - n_bytes :].tobytes()

    def _flips(self, values: np.ndarray, ordered: bool) -> np.ndarray:
        """The bits to flip so that unsigned numbers are in the samples' order, or to go back."""
        n_bits = 8 * values.itemsize
        sign, every = 1 << n_bits - 1, (1 << n_bits) - 1
        native = values.dtype.newbyteorder("=").type
        if self.samples.subtype == "PCM_U8":
            return native(0)
        if self.samples.dtype.kind == "i":
            return native(sign)
        negative = (values >= sign) != ordered
        return np.where(negative, native(every), native(sign))
