"""Orthogonal subcarriers: where a picture lies in time and frequency, and how it is read there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfft

__all__ = ["Layout", "resampled"]

SYMBOL = 0.016  # s, least length without its prefix
PILOTS = 2  # white rows above, and below


@dataclass(frozen=True)
class Layout:
    """Where a picture of some size lies in time and frequency."""

    height: int
    width: int
    n_planes: int
    n_fft: int  # samples of a symbol without its prefix
    prefix: int  # samples
    first: int  # Fourier bin of the lowest pilot
    spread: int  # bins of a row
    hold: int  # symbols of a column

    @classmethod
    def of(
        cls, height: int, width: int, n_planes: int, rate: int,
        f_min: float, f_max: float, prefix: float, seconds: float,
    ) -> Layout:  # fmt: skip
        """The shortest symbols that hold a picture between f_min and f_max, in Hz.

        Args:
            rate: samples per second.
            prefix: s.
            seconds: what all symbols together take at least.
        """
        n_fft = max(SYMBOL * rate, (height + 2 * PILOTS + 1) * rate / (f_max - f_min))
        n_fft = next_fast_len(int(np.ceil(n_fft)), real=True)
        first, last = int(np.ceil(f_min * n_fft / rate)), int(f_max * n_fft / rate)
        spread = (last + 1 - first - 2 * PILOTS) // height
        n_prefix = int(np.ceil(prefix * rate))
        hold = max(1, int(np.ceil(seconds * rate / ((n_fft + n_prefix) * n_planes * width))))
        return cls(height, width, n_planes, n_fft, n_prefix, first, spread, hold)

    @property
    def period(self) -> int:
        """Samples from symbol to symbol."""
        return self.n_fft + self.prefix

    @property
    def n_bins(self) -> int:
        return self.height * self.spread + 2 * PILOTS

    @cached_property
    def source(self) -> np.ndarray:
        """(n_columns,) which column each symbol shows, counted over all planes; -1: white.

        White stands before each plane and after the last one.
        """
        planes = np.arange(self.n_planes * self.width).reshape(self.n_planes, self.width)
        framed = np.pad(planes, ((0, 0), (1, 0)), constant_values=-1)
        return np.repeat(np.append(framed, -1), self.hold)

    @property
    def n_columns(self) -> int:
        return (self.n_planes * (self.width + 1) + 1) * self.hold

    @property
    def phases(self) -> np.ndarray:
        """(n_bins,) turns; quadratic ones keep the peak low (Newman 1965)."""
        return np.arange(self.n_bins) ** 2 / (2 * self.n_bins)

    def columns(self, values: np.ndarray) -> np.ndarray:
        """(height, width, n_planes) -> (n_planes * width, height), the lowest row first."""
        return values[::-1].transpose(2, 1, 0).reshape(-1, self.height)

    def planes(self, columns: np.ndarray) -> np.ndarray:
        """The inverse of `columns`; columns that are not there are zero."""
        missing = self.n_planes * self.width - len(columns)
        columns = np.pad(columns, ((0, missing), (0, 0)))
        return columns.reshape(self.n_planes, self.width, self.height).transpose(2, 1, 0)[::-1]

    def amplitudes(self, columns: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """(m, n_bins) of the symbols with these numbers; columns (n_planes * width, height)."""
        source = self.source[numbers]
        picture = np.where(source[:, None] < 0, 1.0, columns[source])
        picture = np.repeat(picture, self.spread, axis=1)
        return np.pad(picture, ((0, 0), (PILOTS, PILOTS)), constant_values=1.0)

    def sines(self, amplitudes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """(m, period) samples; a sine goes on from symbol to symbol as if it never stopped."""
        bins = self.first + np.arange(self.n_bins)
        spectrum = np.zeros((len(numbers), self.n_fft // 2 + 1), complex)
        turns = self.phases + bins * (numbers[:, None] * self.period % self.n_fft) / self.n_fft
        spectrum[:, bins] = amplitudes * np.exp(2j * np.pi * turns)
        return irfft(spectrum, self.n_fft)[:, np.arange(self.period) % self.n_fft]

    def carriers(self, samples: np.ndarray) -> np.ndarray:
        """(m, n_fft) samples of symbols -> (m, n_bins) complex."""
        spectrum = rfft(samples)[:, self.first : self.first + self.n_bins]
        return spectrum.astype(np.complex64)

    def levels(self, carriers: np.ndarray) -> np.ndarray:
        """(m, n_bins) of the first m symbols -> (n, height) in 0 to 1, of n columns.

        Only columns that are whole count.
        """
        numbers = np.arange(len(carriers))
        bins = self.first + np.arange(self.n_bins)
        turns = bins * (numbers[:, None] * self.period % self.n_fft) / self.n_fft
        carriers = carriers * np.exp(-2j * np.pi * turns)
        carriers /= self._drift(carriers)
        source = self.source[: len(carriers)]
        white = carriers[source < 0].mean(axis=0)[PILOTS:-PILOTS]
        picture = carriers[source >= 0, PILOTS:-PILOTS]
        n = len(picture) // self.hold
        cells = (picture * white.conj()).real[: n * self.hold]
        weight = (np.abs(white) ** 2).reshape(self.height, self.spread).sum(axis=1)
        summed = cells.reshape(n, self.hold, self.height, self.spread).sum(axis=(1, 3))
        return summed / (self.hold * np.maximum(weight, 1e-30))

    def _drift(self, carriers: np.ndarray) -> np.ndarray:
        """(m, n_bins) by what gain, phase and delay each symbol differs from the first."""
        first = carriers[: self.hold].mean(axis=0)
        ends = []
        for end in (slice(None, PILOTS), slice(-PILOTS, None)):
            ratio = carriers[:, end] @ first[end].conj()
            ratio = ratio / np.maximum(np.sum(np.abs(first[end]) ** 2), 1e-30)
            gain = np.log(np.maximum(np.abs(ratio), 1e-3))
            ends.append(gain + 1j * np.unwrap(np.angle(ratio)))
        place = np.linspace(0, 1, self.n_bins)
        return np.exp(ends[0][:, None] * (1 - place) + ends[1][:, None] * place)


def resampled(blocks: Iterable[np.ndarray], rate: float, target: int) -> Iterator[np.ndarray]:
    """Samples in blocks (n,), from one rate to another, both in Hz."""
    stream = soxr.ResampleStream(rate, target, 1, dtype="float64", quality="VHQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0), last=True)
