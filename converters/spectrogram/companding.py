"""Range compression: magnitudes over many orders to shades that an eye can tell, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from converters.header import ConverterError

__all__ = ["RANGES", "Range", "adapted_exponent"]

RANGES = ("power", "decibel", "double-log", "adaptive", "linear")
MIDDLE = 0.4  # shade of a sound's median magnitude under `adaptive`


@dataclass(frozen=True)
class Range:
    """Magnitude, 1 the loudest -> shade, 0 black to 1 white; both rise together from 0."""

    name: str
    exponent: float = 1.0
    """Of `power` and `adaptive`."""
    floor: float = 100.0
    """In dB under the loudest: what `decibel` shows as black, and where `double-log` begins to be
    logarithmic."""

    def shade(self, magnitude: np.ndarray) -> np.ndarray:
        if self.name == "linear":
            return magnitude
        if self.name in ("power", "adaptive"):
            return magnitude**self.exponent
        if self.name == "decibel":
            return (1 + 20 / self.floor * np.log10(np.maximum(magnitude, 1e-300))).clip(0)
        if self.name == "double-log":
            return np.log1p(np.log1p(magnitude / self._least)) / self._span
        raise ConverterError(f"there is no range {self.name!r}: take one of {', '.join(RANGES)}")

    def magnitude(self, shade: np.ndarray) -> np.ndarray:
        """The inverse of `shade`; black is silence."""
        if self.name == "linear":
            return shade
        if self.name in ("power", "adaptive"):
            return shade ** (1 / self.exponent)
        if self.name == "decibel":
            return np.where(shade > 0, 10 ** ((shade - 1) * self.floor / 20), 0.0)
        if self.name == "double-log":
            return np.expm1(np.expm1(shade * self._span)) * self._least
        raise ConverterError(f"there is no range {self.name!r}: take one of {', '.join(RANGES)}")

    @property
    def _least(self) -> float:
        return 10 ** (-self.floor / 20)

    @property
    def _span(self) -> float:
        return math.log1p(math.log1p(1 / self._least))


def adapted_exponent(median: float) -> float:
    """The exponent under which the median magnitude, 1 the loudest, is a middle shade."""
    if not 0 < median < 1:
        return 1.0
    return float(np.clip(math.log(MIDDLE) / math.log(median), 0.1, 1.0))
