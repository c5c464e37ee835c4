"""A first reading of a sound: what decides how its pictures are shaded."""

from __future__ import annotations

import numpy as np

from converters.media import Sound
from converters.spectrogram.axis import Axis
from converters.spectrogram.companding import adapted_exponent
from converters.spectrogram.streams import spectra_of

__all__ = ["survey"]

LEVELS = np.linspace(-300, 900, 2401)  # dB


def survey(sound: Sound, axis: Axis, n_fft: int, hop: int, adaptive: bool) -> tuple[float, float]:
    """The greatest magnitude of all rows, and the exponent that suits their median (1.0 unless
    adaptive)."""
    peak = 0.0
    counts = np.zeros(len(LEVELS) - 1, np.int64)
    for spectra in spectra_of(sound, n_fft, hop):
        power = np.abs(axis.rows(spectra)) if adaptive else _square(axis.rows(spectra))
        peak = max(peak, float(power.max(initial=0)))
        if adaptive:
            counts += np.histogram(20 * np.log10(power[power > 0]), LEVELS)[0]
    if not adaptive:
        return float(np.sqrt(peak)), 1.0
    median = LEVELS[np.searchsorted(counts.cumsum(), counts.sum() / 2)]
    return peak, adapted_exponent(10 ** (median / 20) / peak) if peak else 1.0


def _square(z: np.ndarray) -> np.ndarray:
    return np.square(z.real) + np.square(z.imag)
