"""Frequency axes: which rows of a picture show which bins of a spectrum, as explicit matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import linalg, sparse

from converters.header import ConverterError

__all__ = ["AXES", "Axis", "bins_between", "make_axis"]

AXES = ("linear", "log", "mel")
MAX_CELLS = 8_400_000  # of a matrix, 64 MiB: 4096 rows of 2049 bins
LOBE = 4  # bins to each side: 60 dB below the tone
RIDGE = 1e-9  # of the greatest eigenvalue: far below the resolution of 16 bits


@dataclass(frozen=True)
class Axis:
    """Bins -> rows, lowest first, and back."""

    centers: np.ndarray
    """(n_rows,) in bins."""
    matrix: sparse.csr_array | None = None
    """(n_rows, n_bins); None where a row is a bin."""
    inverse: np.ndarray | None = None
    """(n_bins, n_rows): the pseudo-inverse of `matrix`."""

    @property
    def n_rows(self) -> int:
        return len(self.centers)

    @property
    def exact(self) -> bool:
        return self.matrix is None

    def to_rows(self, bins: np.ndarray) -> np.ndarray:
        """(k, n_bins, n_columns) real or complex -> (k, n_rows, n_columns)."""
        return bins if self.matrix is None else np.stack([self.matrix @ each for each in bins])

    def to_bins(self, rows: np.ndarray) -> np.ndarray:
        """(k, n_rows, n_columns) real or complex -> (k, n_bins, n_columns), by least squares."""
        if self.inverse is None:
            return rows
        if np.iscomplexobj(rows):
            return self.inverse @ rows.real + 1j * (self.inverse @ rows.imag)
        return self.inverse @ rows

    def lobes(self, n_bins: int) -> sparse.csr_array:
        """(n_bins, n_rows): the spectrum of a tone at the frequency of each row, under a Hann
        window, its phase counted from the middle of the frame."""
        bins = np.round(self.centers)[:, None] + np.arange(-LOBE, LOBE + 1)
        offset = bins - self.centers[:, None]
        rest = np.where(np.isclose(np.abs(offset), 1), 2.0, 1 - offset**2)
        value = np.where(rest == 2, 0.5, np.sinc(offset) / rest)
        row = np.broadcast_to(np.arange(self.n_rows)[:, None], bins.shape)
        inside = (bins >= 0) & (bins < n_bins)
        where = bins[inside].astype(np.intp), row[inside]
        return sparse.csr_array((value[inside], where), shape=(n_bins, self.n_rows))


@lru_cache(maxsize=2)
def make_axis(
    name: str, n_rows: int, n_fft: int, sample_rate: int, f_min: float, f_max: float = 0.0
) -> Axis:
    """An axis from f_min to f_max in Hz; f_max 0: half the sample rate.

    Each row is a triangle over the bins, from the row below to the row above, or one bin to each
    side where rows are closer than bins; its weights sum to 1.

    Raises:
        ConverterError: no such axis, one with too many rows, or f_max above half the sample rate.
    """
    n_bins = n_fft // 2 + 1
    if f_max > sample_rate / 2:
        raise ConverterError(
            f"f_max is {f_max:g} Hz: a sound of {sample_rate} Hz has no more than "
            f"{sample_rate / 2:g} Hz"
        )
    hertz = _row_frequencies(name, n_rows, f_max or sample_rate / 2, f_min)
    center = hertz * n_fft / sample_rate  # in bins
    if name == "linear" and n_rows == bins_between(n_fft, sample_rate, f_min, f_max):
        center = round(center[0]) + np.arange(n_rows, dtype=np.float64)
        if n_rows == n_bins:
            return Axis(center)
    if n_rows * n_bins > MAX_CELLS:
        raise ConverterError(
            f"an axis of {n_rows} rows for {n_bins} bins is too large: take fewer rows or a "
            "smaller n_fft"
        )
    steps = np.maximum(np.diff(center), 1) if n_rows > 1 else np.array([float(n_bins)])
    below = np.append(steps[:1], steps)[:n_rows]
    above = np.append(steps, steps[-1:])[:n_rows]
    offset = np.arange(n_bins) - center[:, None]  # (n_rows, n_bins)
    matrix = (1 - np.where(offset < 0, -offset / below[:, None], offset / above[:, None])).clip(0)
    matrix /= matrix.sum(1, keepdims=True)
    return Axis(center, sparse.csr_array(matrix), _pseudo_inverse(matrix))


def bins_between(n_fft: int, sample_rate: int, f_min: float, f_max: float) -> int:
    """The number of bins from the one nearest to f_min to the one nearest to f_max (0: half the
    sample rate)."""
    first, last = (round(hertz * n_fft / sample_rate) for hertz in (f_min, f_max))
    return (last if f_max else n_fft // 2) - first + 1


def _row_frequencies(name: str, n_rows: int, f_max: float, f_min: float) -> np.ndarray:
    """(n_rows,) in Hz, lowest first."""
    if name == "linear":
        return np.linspace(f_min, f_max, n_rows)
    f_min = min(f_min, f_max / 2)
    if name == "log":
        return np.geomspace(f_min, f_max, n_rows)
    if name == "mel":  # O'Shaughnessy, "Speech communication" (1987)
        mel = np.linspace(np.log1p(f_min / 700), np.log1p(f_max / 700), n_rows)
        return 700 * np.expm1(mel)
    raise ConverterError(f"there is no axis {name!r}: take one of {', '.join(AXES)}")


def _pseudo_inverse(matrix: np.ndarray) -> np.ndarray:
    """(n_bins, n_rows); the ridge keeps it bounded where no row depends on a bin."""
    wide = matrix.shape[0] < matrix.shape[1]
    gram = matrix @ matrix.T if wide else matrix.T @ matrix
    # No eigenvalue is above the greatest sum of a row.
    gram[np.diag_indices(len(gram))] += RIDGE * gram.sum(1).max()
    factor = linalg.cho_factor(gram, overwrite_a=True, check_finite=False)
    solved = linalg.cho_solve(factor, matrix if wide else matrix.T, check_finite=False)
    return np.ascontiguousarray(solved.T if wide else solved)
