"""Pixels of any picture as a kind of picture that is wanted."""

from __future__ import annotations

import warnings

import numpy as np

from converters.media import ConverterWarning
from converters.spectrogram.pixels import Planes

__all__ = ["as_planes", "grey_of"]

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def grey_of(pixels: np.ndarray, name: str) -> np.ndarray:
    """(height, width) float64 in [0, 1]: luminance, over black where it is seen through."""
    most = np.iinfo(pixels.dtype).max
    if pixels.ndim == 2:
        return pixels / most
    over = pixels
    if pixels.shape[2] == 4:
        over = _over_black(pixels)
        if (over != pixels[..., :3]).any():
            _warn(name, "what is transparent is taken as black")
    if (over[..., :1] != over[..., 1:]).any():
        _warn(name, "colours are taken as the grey of their luminance")
    return np.einsum("hwc,c->hw", over, LUMA) / most


def as_planes(pixels: np.ndarray, planes: Planes, name: str) -> np.ndarray:
    """Pixels of a spectrogram that a program has saved in its own way, as they were made."""
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = _over_black(pixels)
    if planes.colour:
        pixels = np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels
    elif pixels.ndim == 3:
        grey = (pixels == pixels[..., :1]).all()
        pixels = pixels[..., 0] if grey else np.rint(pixels @ LUMA).astype(pixels.dtype)
    if pixels.dtype == planes.dtype:
        return pixels
    _warn(name, f"was saved with {8 * pixels.itemsize} bits, not {8 * planes.dtype.itemsize}")
    wide = pixels.astype(np.uint32)
    return (wide * 257 if pixels.itemsize == 1 else wide >> 8).astype(planes.dtype)


def _over_black(pixels: np.ndarray) -> np.ndarray:
    most = np.iinfo(pixels.dtype).max
    return np.rint(pixels[..., :3] * (pixels[..., 3:] / most)).astype(pixels.dtype)


def _warn(name: str, what: str) -> None:
    warnings.warn(f"{name}: {what}", ConverterWarning, 4)
