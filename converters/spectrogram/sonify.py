"""Any picture heard as a spectrogram, and a sound seen as that picture."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from converters.media import Sound
from converters.spectrogram.axis import Axis
from converters.spectrogram.companding import Range
from converters.spectrogram.reconstruction import spectra_shown
from converters.spectrogram.streams import at_once, cut, samples_of, spectra_of

__all__ = ["LEVEL", "crc_of_int16", "heard", "margin", "seen"]

LEVEL = 10 ** (-1 / 20)  # of the highest peak: -1 dBFS


def margin(n_fft: int, hop: int) -> int:
    """Columns of silence before and after a picture, so that its edges are heard as well."""
    return n_fft // hop


def heard(
    shade: np.ndarray, axis: Axis, range_: Range, n_fft: int, hop: int
) -> tuple[np.ndarray, float]:
    """A picture without phase.

    Args:
        shade: (height, width) in [0, 1], high frequencies on top, one row for each of the axis.

    Returns:
        (n,) int16, and the magnitude that white has in it.
    """
    silent = margin(n_fft, hop)

    def polar() -> Iterator[np.ndarray]:
        padded = np.pad(shade[::-1], ((0, 0), (silent, silent)))
        for start in range(0, padded.shape[1], at_once(1, n_fft)):
            magnitude = range_.magnitude(padded[None, :, start : start + at_once(1, n_fft)])
            yield np.stack([magnitude, np.full(magnitude.shape, np.nan)])

    spectra = spectra_shown(polar(), axis, n_fft, hop, has_phase=False)
    samples = np.concatenate([each[:, 0] for each in samples_of(spectra, n_fft, hop)])
    highest = np.abs(samples).max()
    gain = LEVEL / highest if highest else 1.0
    return np.rint(samples * gain * 32767).astype(np.int16), float(gain * 32767 / 32768)


def seen(
    sound: Sound, width: int, axis: Axis, range_: Range, peak: float, n_fft: int, hop: int
) -> np.ndarray:
    """(height, width) in [0, 1]: the inverse of `heard`, for the first channel."""
    silent = margin(n_fft, hop)
    columns = []
    n_kept = 0
    for spectra in cut(spectra_of(sound, n_fft, hop), at_once(1, n_fft), 2):
        if n_kept >= silent + width:
            break
        magnitude = axis.rows(np.abs(spectra[:1]))[0] / (peak or 1.0)
        columns.append(range_.shade(magnitude.clip(0, 1))[::-1].astype(np.float32))
        n_kept += magnitude.shape[1]
    shades = np.concatenate(columns, 1)[:, silent : silent + width]
    return np.pad(shades, ((0, 0), (0, width - shades.shape[1])))


def crc_of_int16(sound: Sound) -> int:
    """CRC-32 of the first channel with 16 bits, whatever the file keeps of a sample."""
    crc = 0
    for block in sound.floats():
        samples = np.rint(np.nan_to_num(block[:, 0]) * 32768).clip(-32768, 32767)
        crc = zlib.crc32(samples.astype(np.int16).tobytes(), crc)
    return crc
