"""Shade and phase of each bin <-> pixels.

Shades and phases are (n_channels, n_rows, n_columns), lowest row first. In a picture high
frequencies are on top and channels are stacked, the first on top. Where a profile has two planes,
each channel's plane of shades is above its plane of phases.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from converters.colors import convert_pixels
from converters.palettes import GREY, colorize, levels_of

__all__ = ["PROFILES", "PixelEncoding"]

PALE = 16
MAX_STEPS = 255 // PALE + 1


@dataclass(frozen=True)
class PixelEncoding:
    """How a profile shows a bin, in pixels without their palette.

    A phase that the pixels do not hold is NaN.
    """

    n_levels: int
    """Of shade; 0 is black."""
    n_phases: int
    """Of the phase plane; 0: it has none."""
    in_color: bool = False
    """RGB, whose hue is the phase, and whose darkest colour divides the levels more finely: in
    files of earlier versions it is 0."""
    palette: str = GREY
    """By which levels are shown, of 8 bits without phases."""

    @property
    def planes_per_channel(self) -> int:
        """Planes that are stacked for each channel."""
        return 2 if self.n_phases else 1

    @property
    def has_phase(self) -> bool:
        return self.in_color or self.n_phases > 0

    @cached_property
    def shades(self) -> np.ndarray:
        """(n_codes,) in [0, 1]: of the codes that `decode` returns."""
        levels = np.arange(self.n_levels)
        if not self.in_color:
            return levels / (self.n_levels - 1)
        parts = np.minimum(np.arange(MAX_STEPS + 1) / _steps(levels)[:, None], 1)
        return np.minimum((levels[:, None] + parts) / (self.n_levels - 1), 1).ravel()

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.n_levels == 256 else np.uint16)

    def convert(self, pixels: np.ndarray, name: str) -> np.ndarray:
        """Pixels of this encoding that another program has saved in its own format."""
        if self.palette != GREY and pixels.ndim == 3:
            opaque = convert_pixels(pixels, True, np.uint8, name)
            return levels_of(opaque, self.palette)
        return convert_pixels(pixels, self.in_color, self.dtype, name)

    def show(self, pixels: np.ndarray) -> np.ndarray:
        """The inverse of `convert`: pixels as they are in a file."""
        return colorize(pixels, self.palette)

    def encode(self, shade: np.ndarray, phase: np.ndarray) -> np.ndarray:
        """Shade in [0, 1] and phase in radians -> (height, n_columns) or (height, n_columns, 3)."""
        exact = shade * (self.n_levels - 1)
        if self.in_color:
            rgb = _hsv_to_rgb(*_split(exact), phase * (3 / np.pi) % 6)  # (3, k, n_rows, n_columns)
            stacked = np.moveaxis(rgb[:, :, ::-1], 0, -1)
            return stacked.reshape(-1, *stacked.shape[2:]).astype(np.uint8)
        level = np.rint(exact)
        planes = level[:, None]
        if self.n_phases:
            # Code 0 is left for bins without phase: black ones, and what is painted there later.
            turns = phase / (2 * np.pi) % 1
            code = 1 + np.rint(turns * (self.n_phases - 1)) % (self.n_phases - 1)
            code = np.where(level > 0, code * (65536 // self.n_phases), 0)
            planes = np.stack([level, code], 1)  # (k, 2, n_rows, n_columns)
        return planes[:, :, ::-1].reshape(-1, level.shape[-1]).astype(self.dtype)

    def decode(self, pixels: np.ndarray, n_channels: int) -> tuple[np.ndarray, np.ndarray]:
        """The inverse of `encode`: codes of shades (see `shades`), and phase in radians."""
        planes = pixels.reshape(n_channels, self.planes_per_channel, -1, *pixels.shape[1:])
        planes = planes[:, :, ::-1]
        if self.in_color:
            return _rgb_to_hsv(planes[:, 0])
        level = planes[:, 0].astype(np.intp)
        if not self.n_phases:
            return level, np.full(level.shape, np.nan)
        code = planes[:, 1] // (65536 // self.n_phases)
        phase = (code - 1.0) * (2 * np.pi / (self.n_phases - 1))
        return level, np.where(code > 0, phase, np.nan)


PROFILES = {
    "colour": PixelEncoding(256, 0, in_color=True),
    "16+8": PixelEncoding(65536, 256),
    "16+16": PixelEncoding(65536, 65536),
    "magnitude": PixelEncoding(256, 0),
}


def _steps(level: np.ndarray) -> np.ndarray:
    """Into how many steps the darkest of a pixel's colours divides a level: more grey than a
    sixteenth would be seen."""
    return level // PALE + 1


def _split(exact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Level between 0 and 255 -> whole levels, and steps of the rest."""
    level = np.floor(exact)
    part = np.rint((exact - level) * _steps(level))
    full = part >= _steps(level)
    return level + full, np.where(full, 0, part)


def _hsv_to_rgb(value: np.ndarray, darkest: np.ndarray, sextant: np.ndarray) -> np.ndarray:
    """Brightest and darkest colour, and hue in sixths of a turn, red first -> (3, ...) RGB."""
    red = np.abs(sextant - 3) - 1
    green = 2 - np.abs(sextant - 2)
    blue = 2 - np.abs(sextant - 4)
    return np.rint(darkest + (value - darkest) * np.stack([red, green, blue]).clip(0, 1))


def _rgb_to_hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., 3) uint8 -> codes of shades, and hue in radians; the hue of grey is NaN."""
    red, green, blue = (rgb[..., i].astype(np.int16) for i in range(3))
    value = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    chroma = value - darkest
    span = np.maximum(chroma, 1)
    sextant = np.where(
        value == red,
        (green - blue) / span,
        np.where(value == green, (blue - red) / span + 2, (red - green) / span + 4),
    )
    # What is painted in grey or pale colours is of whole levels.
    part = np.where(darkest <= _steps(value), darkest, 0)
    code = value.astype(np.intp) * (MAX_STEPS + 1) + part
    return code, np.where(chroma > 0, sextant * (np.pi / 3), np.nan)
