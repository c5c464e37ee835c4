"""Pixels of any picture as grey, or as the kind of pixels that a converter had written."""

from __future__ import annotations

import numpy as np

from converters.media import warn

__all__ = ["convert_pixels", "to_grey"]

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def to_grey(pixels: np.ndarray, name: str) -> np.ndarray:
    """Luminance, over black where the picture is transparent.

    Args:
        pixels: (height, width), (height, width, 3) or (height, width, 4); uint8 or uint16.
        name: of the picture, for warnings of what is lost.

    Returns:
        (height, width) float64 in [0, 1].
    """
    white = np.iinfo(pixels.dtype).max
    if pixels.ndim == 2:
        return pixels / white
    opaque = pixels
    if pixels.shape[2] == 4:
        opaque = _over_black(pixels)
        if (opaque != pixels[..., :3]).any():
            warn(f"{name}: what is transparent is taken as black")
    if (opaque[..., :1] != opaque[..., 1:]).any():
        warn(f"{name}: colours are taken as the grey of their luminance")
    return np.einsum("hwc,c->hw", opaque, LUMA) / white


def convert_pixels(
    pixels: np.ndarray, in_color: bool, dtype: np.dtype | type, name: str
) -> np.ndarray:
    """Pixels that another program has saved in its own way, as they were written.

    Args:
        pixels: (height, width), (height, width, 3) or (height, width, 4); uint8 or uint16.
        in_color: whether they were RGB; else they were grey.
        dtype: uint8 or uint16.
        name: of the picture, for warnings of what is lost.

    Returns:
        (height, width) or (height, width, 3) of dtype.
    """
    dtype = np.dtype(dtype)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = _over_black(pixels)
    if in_color:
        pixels = np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels
    elif pixels.ndim == 3:
        grey = (pixels == pixels[..., :1]).all()
        pixels = pixels[..., 0] if grey else np.rint(pixels @ LUMA).astype(pixels.dtype)
    if pixels.dtype == dtype:
        return pixels
    warn(f"{name}: was saved with {8 * pixels.itemsize} bits, not {8 * dtype.itemsize}")
    wide = pixels.astype(np.uint32)
    return (wide * 257 if pixels.itemsize == 1 else wide >> 8).astype(dtype)


def _over_black(pixels: np.ndarray) -> np.ndarray:
    white = np.iinfo(pixels.dtype).max
    return np.rint(pixels[..., :3] * (pixels[..., 3:] / white)).astype(pixels.dtype)
