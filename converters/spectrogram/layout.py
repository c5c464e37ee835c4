"""The geometry of a sound's tiles: where in a row of pictures its bins are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from scipy import ndimage

from converters.header import ConverterError, Header
from converters.media import Picture, warn
from converters.spectrogram.barcode import barcode_height
from converters.spectrogram.companding import Companding
from converters.spectrogram.pixels import PixelEncoding
from converters.spectrogram.streams import columns_per_block, count_columns

__all__ = ["TileLayout"]

# Of a tile: a minute of stereo at 48 kHz in any profile. One of a single column may have more.
MAX_PIXELS = 1 << 25
MAX_HEIGHT = 1 << 20
MIN_BINS = 1 << 18  # that any picture may become
BINS_PER_PIXEL = 64  # a picture may be made smaller by 8 in both directions
MAX_RESIZED = 64  # channels of a picture that was made smaller
STRETCH = "; the sound keeps its duration: for one that is as much longer or shorter, add --stretch"
MIXED = 0.95  # as colours are a little pale
BLUR = np.array([1, 2, 3, 4, 3, 2, 1]) / 16  # columns: over so many, a hue turns once in most bins
GREY_BLUR = np.array([1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]) / 36  # as luminance varies with each hue


@dataclass(frozen=True)
class TileLayout:
    """All that the meaning of a pixel depends on. Raises ConverterError on sizes too large."""

    encoding: PixelEncoding
    companding: Companding
    peak: float
    """The magnitude of white."""
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
    def width_for(height: int, max_width: int) -> int:
        """Columns of a tile of this height."""
        return max(1, min(max_width, MAX_PIXELS // height))

    @property
    def height(self) -> int:
        """In pixels, without the barcode."""
        return self.n_channels * self.encoding.planes_per_channel * self.n_rows

    @property
    def n_columns(self) -> int:
        return count_columns(self.n_samples, self.n_fft, self.hop)

    @property
    def n_tiles(self) -> int:
        return -(-self.n_columns // self.width)

    def width_of(self, tile: int) -> int:
        return min(self.width, self.n_columns - tile * self.width)

    def n_samples_of(self, tile: int) -> int:
        """Samples of each channel that are complete with this tile, and were not before."""
        last = min((tile + 1) * self.width, self.n_columns)
        return self._n_complete(last) - self._n_complete(tile * self.width)

    def _n_complete(self, n_columns: int) -> int:
        overlap = self.n_fft // self.hop
        return min(max(n_columns - overlap + 1, 0) * self.hop, self.n_samples)

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """(n_channels, n_rows, n) complex -> (height, n) or (height, n, 3)."""
        magnitude = np.abs(rows) / (self.peak or 1.0)
        return self.encoding.encode(self.companding.shade(magnitude.clip(0, 1)), np.angle(rows))

    def decode(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        """The inverse of `encode`, (2, n_channels, n_rows, n): blocks of magnitude and phase."""
        step = columns_per_block(self.n_channels, self.n_fft)
        for start in range(0, pixels.shape[1], step):
            code, phase = self.encoding.decode(pixels[:, start : start + step], self.n_channels)
            yield np.stack([self._magnitudes[code], phase])

    def decode_magnitude(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        """As `decode`, of pixels whose phases are not to be trusted: all are NaN."""
        levels = self._levels(pixels)
        white = self.encoding.n_levels - 1
        step = columns_per_block(self.n_channels, self.n_fft)
        for start in range(0, levels.shape[1], step):
            block = levels[:, start : start + step]
            planes = block.reshape(
                self.n_channels, self.encoding.planes_per_channel, self.n_rows, -1
            )
            shade = planes[:, 0, ::-1].clip(0, white) / white
            magnitude = self.peak * self.companding.magnitude(shade)
            yield np.stack([magnitude, np.full(magnitude.shape, np.nan)])

    def _levels(self, pixels: np.ndarray) -> np.ndarray:
        """(height, n) float: brightness. Where colours are mixed or lost it is no longer their
        maximum; the mean of a colour and its opposite is grey of half their brightness."""
        if not self.encoding.in_color:
            return pixels.astype(np.float32)
        blur = GREY_BLUR if (pixels == pixels[..., :1]).all() else BLUR
        mixed = ndimage.convolve1d(pixels.astype(np.float32), blur, axis=1)
        mixed = ndimage.convolve1d(mixed, np.array([1, 2, 1]) / 4, axis=0)
        return (mixed.max(-1) + mixed.min(-1)) * MIXED

    @cached_property
    def _magnitudes(self) -> np.ndarray:
        """(n_codes,): of each code of a shade."""
        return self.peak * self.companding.magnitude(self.encoding.shades)

    def check_work(self, picture: Picture) -> None:
        """Raises ConverterError: the sound would take more work than the picture is worth."""
        height, width = picture.pixels.shape[:2]
        n_bins = self.n_channels * (self.n_fft // 2 + 1) * self.width_of(0)
        resized = height < self.height
        if n_bins > max(MIN_BINS, BINS_PER_PIXEL * height * width) or (
            resized and self.n_channels > MAX_RESIZED
        ):
            raise ConverterError(
                f"{picture.name}: {width} x {height} pixels do not hold {self.n_channels} channels "
                f"of {self.n_rows} rows: its header is damaged or belongs to another picture"
            )

    def crop(self, picture: Picture, header: Header, tile: int) -> np.ndarray | None:
        """The pixels of a tile without its barcode; None where the picture was resized."""
        width = self.width_of(tile)
        if picture.pixels.shape[1] != width or not self.has_height(picture, header, width):
            return None
        return self.encoding.convert(picture.pixels[: self.height], picture.name)

    def has_height(self, picture: Picture, header: Header, width: int) -> bool:
        """Whether a picture has the height with which it was made, of this width."""
        barcode = barcode_height(header, width) if header.options.get("strip") else 0
        return 0 <= len(picture.pixels) - self.height <= 1.1 * barcode + 16

    def decode_resized(self, picture: Picture, header: Header, tile: int) -> Iterator[np.ndarray]:
        """As `decode_magnitude`, of a picture that was resized, which destroys phases.

        Raises:
            ConverterError: the picture cannot be a resized tile.
        """
        width = self.width_of(tile)
        given = picture.pixels.shape
        if not (1 / 8 < given[1] / width < 8 and 1 / 8 < given[0] / self.height < 8):
            raise ConverterError(
                f"{picture.name}: {given[1]} x {given[0]} pixels are no copy of a picture of "
                f"{width} x {self.height}: its header belongs to another, or it was cropped"
            )
        warn(
            f"{picture.name}: was resized from {width} to {given[1]} columns and from about "
            f"{self.height} to {given[0]} rows; its phases are reconstructed from the magnitudes"
            + (STRETCH if self.n_tiles == 1 and given[1] != width else "")
        )
        yield from self.decode_magnitude(self.scale(picture, header, tile, width))

    def scale(self, picture: Picture, header: Header, tile: int, width: int) -> np.ndarray:
        """The pixels of a tile that was resized, in its height and any width, without barcode."""
        made = self.width_of(tile)
        barcode = barcode_height(header, made) if header.options.get("strip") else 0
        height = max(1, round(len(picture.pixels) * self.height / (self.height + barcode)))
        if self.has_height(picture, header, made):
            height = self.height
        pixels = self.encoding.convert(picture.pixels[:height], picture.name)
        if pixels.shape[:2] == (self.height, width):
            return pixels
        size, how = (width, self.height), Image.Resampling.BICUBIC
        planes = np.moveaxis(np.atleast_3d(pixels), -1, 0).astype(np.float32)
        scaled = [np.asarray(Image.fromarray(plane).resize(size, how)) for plane in planes]
        joined = scaled[0] if pixels.ndim == 2 else np.stack(scaled, -1)
        return np.rint(joined).clip(0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
