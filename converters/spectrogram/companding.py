"""Companding: magnitudes of many orders to shades that an eye can distinguish, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["SCALES", "Companding", "adaptive_exponent"]

SCALES = ("power", "decibel", "double-log", "adaptive", "linear")
MEDIAN_SHADE = 0.4  # of a sound's median magnitude under `adaptive`


@dataclass(frozen=True)
class Companding:
    """Magnitude in [0, 1] <-> shade, 0 black to 1 white; both rise together from 0."""

    scale: str
    """One of SCALES."""
    exponent: float = 1.0
    """Of `power` and `adaptive`."""
    floor: float = 100.0
    """In dB below the loudest: what `decibel` shows as black, and where `double-log` begins to be
    logarithmic."""

    def shade(self, magnitude: np.ndarray) -> np.ndarray:
        if self.scale == "linear":
            return magnitude
        if self.scale in ("power", "adaptive"):
            return magnitude**self.exponent
        if self.scale == "decibel":
            return (1 + 20 / self.floor * np.log10(np.maximum(magnitude, 1e-300))).clip(0)
        return np.log1p(np.log1p(magnitude / self._threshold)) / self._span

    def magnitude(self, shade: np.ndarray) -> np.ndarray:
        """The inverse of `shade`; black is silence."""
        if self.scale == "linear":
            return shade
        if self.scale in ("power", "adaptive"):
            return shade ** (1 / self.exponent)
        if self.scale == "decibel":
            return np.where(shade > 0, 10 ** ((shade - 1) * self.floor / 20), 0.0)
        return np.expm1(np.expm1(shade * self._span)) * self._threshold

    @property
    def _threshold(self) -> float:
        return 10 ** (-self.floor / 20)

    @property
    def _span(self) -> float:
        return math.log1p(math.log1p(1 / self._threshold))


def adaptive_exponent(median: float) -> float:
    """The exponent under which the median magnitude, relative to the loudest, is a middle shade."""
    if not 0 < median < 1:
        return 1.0
    return float(np.clip(math.log(MEDIAN_SHADE) / math.log(median), 0.1, 1.0))
