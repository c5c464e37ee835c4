"""Palettes: levels of grey as colours that are easier to tell apart, and back.

Those of matplotlib, all of rising lightness, which the colour-blind can read (Nunez, Anderton &
Renslow, "Optimizing colormaps with consideration for color vision deficiency", 2018).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from converters.colors import LUMA

__all__ = ["GREY", "PALETTES", "colorize", "levels_of", "recognize"]

GREY = "grey"
PALETTES = (GREY, "magma", "viridis", "cividis")
FAR = 40.0  # of a colour from all of a palette: painted by hand
NEAR = 30.0  # of colours in a JPEG of a palette
DARK = 32  # all palettes are alike there
MIN_BRIGHT = 64  # pixels that show a palette
SHARE = 0.9  # of the bright pixels of a picture: a barcode is white
MAX_SAMPLE = 20_000  # pixels


def colorize(levels: np.ndarray, name: str) -> np.ndarray:
    """(...) uint8 -> (..., 3) uint8; in grey as it is."""
    return levels if name == GREY else _table(name)[levels]


def levels_of(pixels: np.ndarray, name: str) -> np.ndarray:
    """The inverse of `colorize`; a colour that is not of the palette is taken by its luminance.

    Args:
        pixels: (..., 3) uint8.

    Returns:
        (...) uint8.
    """
    packed = pixels.reshape(-1, 3).astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, index = np.unique(packed, return_inverse=True)
    colors = found[:, None] >> np.array([16, 8, 0], np.uint32) & 255
    distance, level = _tree(name).query(colors)
    luminance = np.maximum.accumulate(_table(name) @ LUMA)
    by_luminance = np.interp(colors @ LUMA, luminance, np.arange(256))
    level = np.where(distance < FAR, level, np.rint(by_luminance))
    level[colors.max(1) == 0] = 0
    level[colors.min(1) == 255] = 255
    return level.astype(np.uint8)[index.ravel()].reshape(pixels.shape[:-1])


def recognize(pixels: np.ndarray) -> str:
    """The palette of a picture by its colours; grey where it has none.

    Args:
        pixels: of any picture.
    """
    if pixels.ndim != 3 or pixels.dtype != np.uint8:
        return GREY
    colors = pixels[..., :3].reshape(-1, 3)
    colors = colors[:: max(len(colors) // MAX_SAMPLE, 1)]
    colors = colors[colors.max(1) >= DARK]
    if len(colors) < MIN_BRIGHT or (np.ptp(colors, axis=1) < DARK).mean() > 1 - SHARE / 2:
        return GREY
    near = {name: (_tree(name).query(colors)[0] < NEAR).mean() for name in PALETTES[1:]}
    best = max(near, key=lambda name: near[name])
    return best if near[best] > SHARE else GREY


@cache
def _table(name: str) -> np.ndarray:
    """(256, 3) uint8."""
    from matplotlib import colormaps  # here, as it is slow to import

    return np.rint(colormaps[name](np.arange(256))[:, :3] * 255).astype(np.uint8)


@cache
def _tree(name: str) -> cKDTree:
    return cKDTree(_table(name))
