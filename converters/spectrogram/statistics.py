"""First-pass statistics of a sound, which decide how its pictures are shaded."""

from __future__ import annotations

import numpy as np

from converters.media import Sound
from converters.spectrogram.axis import Axis
from converters.spectrogram.companding import adaptive_exponent
from converters.spectrogram.streams import stream_spectra

__all__ = ["peak_and_exponent"]

LEVELS = np.linspace(-300, 900, 2401)  # dB


def peak_and_exponent(
    sound: Sound, axis: Axis, n_fft: int, hop: int, adaptive: bool
) -> tuple[float, float]:
    """The greatest magnitude of all rows, and the exponent that suits their median (1.0 unless
    adaptive)."""
    peak = 0.0
    counts = np.zeros(len(LEVELS) - 1, np.int64)
    for spectra in stream_spectra(sound, n_fft, hop):
        rows = axis.to_rows(spectra)
        if not adaptive:
            peak = max(peak, float((np.square(rows.real) + np.square(rows.imag)).max(initial=0)))
            continue
        magnitude = np.abs(rows)
        peak = max(peak, float(magnitude.max(initial=0)))
        counts += np.histogram(20 * np.log10(magnitude[magnitude > 0]), LEVELS)[0]
    if not adaptive:
        return float(np.sqrt(peak)), 1.0
    median = LEVELS[np.searchsorted(counts.cumsum(), counts.sum() / 2)]
    return peak, adaptive_exponent(10 ** (median / 20) / peak) if peak else 1.0
