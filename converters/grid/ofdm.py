"""OFDM: where a picture lies in time and frequency, its modulation and demodulation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfft

__all__ = ["OfdmLayout", "resample"]

MIN_SYMBOL = 0.016  # s, without its prefix
PILOTS = 2  # white rows above, and as many below


@dataclass(frozen=True)
class OfdmLayout:
    """Where a picture of some size lies in time and frequency."""

    height: int
    width: int
    n_planes: int
    n_fft: int  # samples of a symbol without its prefix
    prefix: int  # samples of the cyclic prefix
    first_bin: int  # of the lowest pilot
    bins_per_row: int
    symbols_per_column: int

    @classmethod
    def of(
        cls, height: int, width: int, n_planes: int, rate: int,
        f_min: float, f_max: float, prefix: float, seconds: float,
    ) -> OfdmLayout:  # fmt: skip
        """The shortest symbols that hold a picture between f_min and f_max, in Hz.

        Args:
            rate: samples per second.
            prefix: s.
            seconds: minimum duration of all symbols together.
        """
        n_fft = max(MIN_SYMBOL * rate, (height + 2 * PILOTS + 1) * rate / (f_max - f_min))
        n_fft = next_fast_len(int(np.ceil(n_fft)), real=True)
        first, last = int(np.ceil(f_min * n_fft / rate)), int(f_max * n_fft / rate)
        bins_per_row = (last + 1 - first - 2 * PILOTS) // height
        n_prefix = int(np.ceil(prefix * rate))
        period = n_fft + n_prefix
        symbols_per_column = max(1, int(np.ceil(seconds * rate / (period * n_planes * width))))
        return cls(
            height, width, n_planes, n_fft, n_prefix, first, bins_per_row, symbols_per_column
        )

    @property
    def period(self) -> int:
        """Samples from symbol to symbol."""
        return self.n_fft + self.prefix

    @property
    def n_bins(self) -> int:
        return self.height * self.bins_per_row + 2 * PILOTS

    @cached_property
    def column_of_symbol(self) -> np.ndarray:
        """(n_symbols,) index over the columns of all planes; -1: white.

        White columns stand before each plane and after the last one.
        """
        planes = np.arange(self.n_planes * self.width).reshape(self.n_planes, self.width)
        padded = np.pad(planes, ((0, 0), (1, 0)), constant_values=-1)
        return np.repeat(np.append(padded, -1), self.symbols_per_column)

    @property
    def n_symbols(self) -> int:
        return (self.n_planes * (self.width + 1) + 1) * self.symbols_per_column

    @property
    def phases(self) -> np.ndarray:
        """(n_bins,) turns; quadratic phases keep the peak low (Newman 1965)."""
        return np.arange(self.n_bins) ** 2 / (2 * self.n_bins)

    def to_columns(self, values: np.ndarray) -> np.ndarray:
        """(height, width, n_planes) -> (n_planes * width, height), the lowest row first."""
        return values[::-1].transpose(2, 1, 0).reshape(-1, self.height)

    def to_planes(self, columns: np.ndarray) -> np.ndarray:
        """The inverse of `to_columns`; missing columns are zero."""
        missing = self.n_planes * self.width - len(columns)
        columns = np.pad(columns, ((0, missing), (0, 0)))
        return columns.reshape(self.n_planes, self.width, self.height).transpose(2, 1, 0)[::-1]

    def amplitudes(self, columns: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """(m, n_bins) of the symbols with these indices; columns (n_planes * width, height)."""
        column = self.column_of_symbol[symbols]
        picture = np.where(column[:, None] < 0, 1.0, columns[column])
        picture = np.repeat(picture, self.bins_per_row, axis=1)
        return np.pad(picture, ((0, 0), (PILOTS, PILOTS)), constant_values=1.0)

    def modulate(self, amplitudes: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """(m, n_bins) -> (m, period) samples; phases are continuous from symbol to symbol."""
        bins = self.first_bin + np.arange(self.n_bins)
        spectrum = np.zeros((len(symbols), self.n_fft // 2 + 1), complex)
        turns = self.phases + bins * (symbols[:, None] * self.period % self.n_fft) / self.n_fft
        spectrum[:, bins] = amplitudes * np.exp(2j * np.pi * turns)
        return irfft(spectrum, self.n_fft)[:, np.arange(self.period) % self.n_fft]

    def demodulate(self, samples: np.ndarray) -> np.ndarray:
        """(m, n_fft) samples of symbols -> (m, n_bins) complex carriers."""
        spectrum = rfft(samples)[:, self.first_bin : self.first_bin + self.n_bins]
        return spectrum.astype(np.complex64)

    def equalize(self, carriers: np.ndarray) -> np.ndarray:
        """(m, n_bins) of the first m symbols -> (n, height) levels in 0 to 1 of whole columns."""
        symbols = np.arange(len(carriers))
        bins = self.first_bin + np.arange(self.n_bins)
        turns = bins * (symbols[:, None] * self.period % self.n_fft) / self.n_fft
        carriers = carriers * np.exp(-2j * np.pi * turns)
        carriers /= self._drift(carriers)
        column = self.column_of_symbol[: len(carriers)]
        white = carriers[column < 0].mean(axis=0)[PILOTS:-PILOTS]
        picture = carriers[column >= 0, PILOTS:-PILOTS]
        per_column, per_row = self.symbols_per_column, self.bins_per_row
        n = len(picture) // per_column
        cells = (picture * white.conj()).real[: n * per_column]
        weight = (np.abs(white) ** 2).reshape(self.height, per_row).sum(axis=1)
        summed = cells.reshape(n, per_column, self.height, per_row).sum(axis=(1, 3))
        return summed / (per_column * np.maximum(weight, 1e-30))

    def _drift(self, carriers: np.ndarray) -> np.ndarray:
        """(m, n_bins) complex gain of each symbol relative to the first: level, phase and delay."""
        first = carriers[: self.symbols_per_column].mean(axis=0)
        ends = []
        for end in (slice(None, PILOTS), slice(-PILOTS, None)):
            ratio = carriers[:, end] @ first[end].conj()
            ratio = ratio / np.maximum(np.sum(np.abs(first[end]) ** 2), 1e-30)
            gain = np.log(np.maximum(np.abs(ratio), 1e-3))
            ends.append(gain + 1j * np.unwrap(np.angle(ratio)))
        place = np.linspace(0, 1, self.n_bins)
        return np.exp(ends[0][:, None] * (1 - place) + ends[1][:, None] * place)


def resample(blocks: Iterable[np.ndarray], rate: float, target: int) -> Iterator[np.ndarray]:
    """Blocks (n,) of samples -> blocks at the target rate; rates in Hz."""
    stream = soxr.ResampleStream(rate, target, 1, dtype="float64", quality="VHQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0), last=True)
