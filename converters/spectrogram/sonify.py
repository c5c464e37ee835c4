"""Any picture -> a sound whose spectrogram it is, and that sound -> the picture."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from converters.media import Sound
from converters.spectrogram.axis import Axis
from converters.spectrogram.companding import Companding
from converters.spectrogram.reconstruction import reconstruct_spectra
from converters.spectrogram.streams import (
    columns_per_block,
    rechunk,
    stream_samples,
    stream_spectra,
)

__all__ = ["crc_of_int16", "image_to_sound", "sound_to_image"]

PEAK = 10 ** (-1 / 20)  # of the samples: -1 dBFS


def image_to_sound(
    shade: np.ndarray, axis: Axis, companding: Companding, n_fft: int, hop: int
) -> tuple[np.ndarray, float]:
    """The samples of a picture, whose phases are reconstructed.

    Args:
        shade: (height, width) in [0, 1], high frequencies on top, one row for each of the axis.

    Returns:
        (n,) int16, and the magnitude of white in it.
    """
    margin = _margin(n_fft, hop)

    def polar() -> Iterator[np.ndarray]:
        padded = np.pad(shade[::-1], ((0, 0), (margin, margin)))
        step = columns_per_block(1, n_fft)
        for start in range(0, padded.shape[1], step):
            magnitude = companding.magnitude(padded[None, :, start : start + step])
            yield np.stack([magnitude, np.full(magnitude.shape, np.nan)])

    spectra = reconstruct_spectra(polar(), axis, n_fft, hop, has_phase=False)
    samples = np.concatenate([each[:, 0] for each in stream_samples(spectra, n_fft, hop)])
    highest = np.abs(samples).max()
    gain = PEAK / highest if highest else 1.0
    return np.rint(samples * gain * 32767).astype(np.int16), float(gain * 32767 / 32768)


def sound_to_image(
    sound: Sound, width: int, axis: Axis, companding: Companding, peak: float, n_fft: int, hop: int
) -> np.ndarray:
    """(height, width) in [0, 1]: the inverse of `image_to_sound`, for the first channel."""
    margin = _margin(n_fft, hop)
    columns = []
    n_columns = 0
    for spectra in rechunk(stream_spectra(sound, n_fft, hop), columns_per_block(1, n_fft), 2):
        if n_columns >= margin + width:
            break
        magnitude = axis.to_rows(np.abs(spectra[:1]))[0] / (peak or 1.0)
        columns.append(companding.shade(magnitude.clip(0, 1))[::-1].astype(np.float32))
        n_columns += magnitude.shape[1]
    shades = np.concatenate(columns, 1)[:, margin : margin + width]
    return np.pad(shades, ((0, 0), (0, width - shades.shape[1])))


def crc_of_int16(sound: Sound) -> int:
    """CRC-32 of the first channel as 16-bit samples, whatever the file's subtype."""
    crc = 0
    for block in sound.floats():
        samples = np.rint(np.nan_to_num(block[:, 0]) * 32768).clip(-32768, 32767)
        crc = zlib.crc32(samples.astype(np.int16).tobytes(), crc)
    return crc


def _margin(n_fft: int, hop: int) -> int:
    """Columns of silence before and after a picture: all of its edges sound then, too."""
    return n_fft // hop
