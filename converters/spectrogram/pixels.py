"""Shade and phase of each bin <-> pixels.

Shades and phases are (n_channels, n_rows, n_columns), lowest row first. In a picture high
frequencies are on top and channels are stacked, the first on top. Where a profile has two planes,
each channel's plane of shades is above its plane of phases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from converters.colors import convert_pixels
from converters.header import ConverterError

__all__ = ["PLANES", "Planes", "planes_of"]


@dataclass(frozen=True)
class Planes:
    """How a profile shows a bin. A phase that it does not tell is NaN."""

    n_levels: int
    """Of shade; 0 is black."""
    n_phases: int
    """Of the phase plane; 0: it has none."""
    colour: bool = False
    """Hue is phase."""

    @property
    def per_channel(self) -> int:
        """Planes that are stacked for each channel."""
        return 2 if self.n_phases else 1

    @property
    def has_phase(self) -> bool:
        return self.colour or self.n_phases > 0

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.n_levels == 256 else np.uint16)

    def converted(self, pixels: np.ndarray, name: str) -> np.ndarray:
        """Pixels of this profile that another program has saved in its own way."""
        return convert_pixels(pixels, self.colour, self.dtype, name)

    def pixels(self, shade: np.ndarray, phase: np.ndarray) -> np.ndarray:
        """Shade in [0, 1] and phase in radians -> (height, n_columns) or (height, n_columns, 3)."""
        level = np.rint(shade * (self.n_levels - 1))
        if self.colour:
            colours = _hue(level, phase * (3 / np.pi) % 6)  # (3, k, n_rows, n_columns)
            stacked = np.moveaxis(colours[:, :, ::-1], 0, -1)
            return stacked.reshape(-1, *stacked.shape[2:]).astype(np.uint8)
        planes = level[:, None]
        if self.n_phases:
            # Code 0 is left for bins without phase: black ones, and what is painted there later.
            turns = phase / (2 * np.pi) % 1
            code = 1 + np.rint(turns * (self.n_phases - 1)) % (self.n_phases - 1)
            code = np.where(level > 0, code * (65536 // self.n_phases), 0)
            planes = np.stack([level, code], 1)  # (k, 2, n_rows, n_columns)
        return planes[:, :, ::-1].reshape(-1, level.shape[-1]).astype(self.dtype)

    def bins(self, pixels: np.ndarray, n_channels: int) -> tuple[np.ndarray, np.ndarray]:
        """The inverse of `pixels`: levels of shade, integer; phase in radians."""
        stacked = pixels.reshape(n_channels, self.per_channel, -1, *pixels.shape[1:])[:, :, ::-1]
        if self.colour:
            return _level_and_phase(stacked[:, 0])
        level = stacked[:, 0].astype(np.intp)
        if not self.n_phases:
            return level, np.full(level.shape, np.nan)
        code = stacked[:, 1] // (65536 // self.n_phases)
        phase = (code - 1.0) * (2 * np.pi / (self.n_phases - 1))
        return level, np.where(code > 0, phase, np.nan)


PLANES = {
    "colour": Planes(256, 0, colour=True),
    "16+8": Planes(65536, 256),
    "16+16": Planes(65536, 65536),
    "magnitude": Planes(256, 0),
}


def planes_of(profile: str) -> Planes:
    """Raises ConverterError: it has no planes."""
    if profile not in PLANES:
        raise ConverterError(f"there is no profile {profile!r}: take one of {', '.join(PLANES)}")
    return PLANES[profile]


def _hue(level: np.ndarray, sixth: np.ndarray) -> np.ndarray:
    """HSV with full saturation -> (3, ...) RGB: the colour circle in sixths, red first."""
    red = np.abs(sixth - 3) - 1
    green = 2 - np.abs(sixth - 2)
    blue = 2 - np.abs(sixth - 4)
    return np.rint(level * np.stack([red, green, blue]).clip(0, 1))


def _level_and_phase(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., 3) uint8 -> value and hue of HSV; grey has no hue."""
    red, green, blue = (rgb[..., i].astype(np.int16) for i in range(3))
    most = np.maximum(np.maximum(red, green), blue)
    chroma = most - np.minimum(np.minimum(red, green), blue)
    span = np.maximum(chroma, 1)
    sixth = np.where(
        most == red,
        (green - blue) / span,
        np.where(most == green, (blue - red) / span + 2, (red - green) / span + 4),
    )
    return most.astype(np.intp), np.where(chroma > 0, sixth * (np.pi / 3), np.nan)
