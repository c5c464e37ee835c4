"""Where in a row of pictures the bins of a sound are: the geometry of its tiles."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from scipy import ndimage

from converters.header import ConverterError, Header
from converters.media import ConverterWarning, Picture
from converters.spectrogram.barcode import strip_height
from converters.spectrogram.companding import Range
from converters.spectrogram.pixels import Planes
from converters.spectrogram.streams import at_once, n_columns_of

__all__ = ["Layout"]

MAX_PIXELS = 8_400_000  # of a tile, where a tile of one column has no more
MAX_HEIGHT = 1 << 20
BLUR = np.array([1, 2, 3, 4, 3, 2, 1]) / 16  # columns: a hue goes round in most bins meanwhile


@dataclass(frozen=True)
class Layout:
    """All that decides what a pixel is. Raises ConverterError on what makes no picture."""

    planes: Planes
    range: Range
    peak: float
    """The magnitude that is white."""
    n_rows: int
    n_fft: int
    hop: int
    n_channels: int
    n_samples: int
    width: int
    """Columns of a tile; the last one may have fewer."""

    def __post_init__(self) -> None:
        if self.height > MAX_HEIGHT or (self.width > 1 and self.height * self.width > MAX_PIXELS):
            raise ConverterError(
                f"{self.n_channels} channels of {self.n_rows} rows are too many for a picture: "
                "take a smaller n_fft or fewer rows"
            )

    @staticmethod
    def width_for(height: int, most: int) -> int:
        return max(1, min(most, MAX_PIXELS // height))

    @property
    def height(self) -> int:
        """Pixels, without the strip."""
        return self.n_channels * self.planes.per_channel * self.n_rows

    @property
    def n_columns(self) -> int:
        return n_columns_of(self.n_samples, self.n_fft, self.hop)

    @property
    def n_tiles(self) -> int:
        return -(-self.n_columns // self.width)

    def width_of(self, tile: int) -> int:
        return min(self.width, self.n_columns - tile * self.width)

    def n_samples_of(self, tile: int) -> int:
        """Samples of each channel that are whole with this tile, and were not before."""
        return self._whole(min((tile + 1) * self.width, self.n_columns)) - self._whole(
            tile * self.width
        )

    def _whole(self, n_columns: int) -> int:
        overlap = self.n_fft // self.hop
        return min(max(n_columns - overlap + 1, 0) * self.hop, self.n_samples)

    def pixels(self, rows: np.ndarray) -> np.ndarray:
        """(n_channels, n_rows, n) complex -> (height, n) or (height, n, 3)."""
        magnitude = np.abs(rows) / (self.peak or 1.0)
        return self.planes.pixels(self.range.shade(magnitude.clip(0, 1)), np.angle(rows))

    def polar(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        """The inverse of `pixels`, (2, n_channels, n_rows, n): magnitude and phase, by pieces."""
        step = at_once(self.n_channels, self.n_fft)
        for start in range(0, pixels.shape[1], step):
            level, phase = self.planes.bins(pixels[:, start : start + step], self.n_channels)
            yield np.stack([self._magnitudes[level], phase])

    def phaseless(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        """As `polar`, of pixels whose phases are not to be trusted: they are NaN."""
        levels = self._levels(pixels)
        most = self.planes.n_levels - 1
        step = at_once(self.n_channels, self.n_fft)
        for start in range(0, levels.shape[1], step):
            piece = levels[:, start : start + step]
            stacked = piece.reshape(self.n_channels, self.planes.per_channel, self.n_rows, -1)
            magnitude = self.peak * self.range.magnitude(stacked[:, 0, ::-1].clip(0, most) / most)
            yield np.stack([magnitude, np.full(magnitude.shape, np.nan)])

    def _levels(self, pixels: np.ndarray) -> np.ndarray:
        """(height, n) float: brightness. Where colours are mixed or lost it is no longer their
        greatest; the mean of a colour and its opposite is grey of half their brightness."""
        if not self.planes.colour:
            return pixels.astype(np.float32)
        mixed = ndimage.convolve1d(pixels.astype(np.float32), BLUR, axis=1)
        mixed = ndimage.convolve1d(mixed, np.array([1, 2, 1]) / 4, axis=0)
        return mixed.max(-1) + mixed.min(-1)

    @cached_property
    def _magnitudes(self) -> np.ndarray:
        """(n_levels,): of each level of shade."""
        shades = np.linspace(0, 1, self.planes.n_levels)
        return self.peak * self.range.magnitude(shades)

    def cropped(self, picture: Picture, header: Header, tile: int) -> np.ndarray | None:
        """The pixels of a tile without its strip; None where the picture was resized."""
        width = self.width_of(tile)
        if picture.pixels.shape[1] != width or not self.is_high(picture, header, width):
            return None
        return self.planes.converted(picture.pixels[: self.height], picture.name)

    def is_high(self, picture: Picture, header: Header, width: int) -> bool:
        """Whether a picture is as high as it was made, of this width."""
        strip = strip_height(header, width) if header.options.get("strip") else 0
        return 0 <= len(picture.pixels) - self.height <= 1.1 * strip + 16

    def resized(self, picture: Picture, header: Header, tile: int) -> Iterator[np.ndarray]:
        """As `phaseless`, of a picture of another size: phases do not outlast that.

        Raises:
            ConverterError: a size that has nothing to do with the tile's.
        """
        width = self.width_of(tile)
        given = picture.pixels.shape
        if not (1 / 8 < given[1] / width < 8 and 1 / 8 < given[0] / self.height < 8):
            raise ConverterError(
                f"{picture.name}: {given[1]} x {given[0]} pixels are no copy of a picture of "
                f"{width} x {self.height}: its header belongs to another, or it was cropped"
            )
        warnings.warn(
            f"{picture.name}: was resized from {width} to {given[1]} columns and from about "
            f"{self.height} to {given[0]} rows; its phases are searched anew",
            ConverterWarning,
            2,
        )
        strip = strip_height(header, width) if header.options.get("strip") else 0
        height = max(1, round(len(picture.pixels) * self.height / (self.height + strip)))
        pixels = self.planes.converted(picture.pixels[:height], picture.name)
        size, how = (width, self.height), Image.Resampling.BICUBIC
        planes = np.moveaxis(np.atleast_3d(pixels), -1, 0).astype(np.float32)
        scaled = [np.asarray(Image.fromarray(plane).resize(size, how)) for plane in planes]
        yield from self.phaseless(scaled[0] if pixels.ndim == 2 else np.stack(scaled, -1))
