"""Any picture -> a sound whose spectrogram it is, and that sound -> the picture."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image
from scipy import sparse

from converters.media import Sound
from converters.spectrogram.axis import Axis
from converters.spectrogram.companding import Companding
from converters.spectrogram.reconstruction import reconstruct_spectra, steady_phase
from converters.spectrogram.streams import (
    columns_per_block,
    rechunk,
    stream_samples,
    stream_spectra,
)

__all__ = ["Sonification", "crc_of_int16"]

PEAK = 10 ** (-1 / 20)  # of the samples: -1 dBFS


@dataclass(frozen=True)
class Sonification:
    """How pictures of one height become sounds: silence, the first column swelling, the picture,
    the last column fading, silence."""

    axis: Axis
    """A row for each of the picture."""
    companding: Companding
    gain: np.ndarray
    """(height,) of each row, lowest first: its magnitude where it is white."""
    n_fft: int
    hop: int
    n_columns: int
    """Frames of the picture, whatever its width."""
    n_fade: int
    """Frames of the soft start, and of the soft end."""
    n_silent: int
    """Frames of silence before and after all."""
    tones: bool
    """Whether a row is a tone of its frequency; else it is all bins to the next rows, with phases
    that are searched for."""

    @property
    def n_samples(self) -> int:
        n_frames = self.n_columns + 2 * (self.n_fade + self.n_silent)
        return (n_frames - self.n_fft // self.hop + 1) * self.hop

    def to_sound(self, shade: np.ndarray) -> tuple[np.ndarray, float]:
        """The samples of a picture.

        Args:
            shade: (height, width) in [0, 1], high frequencies on top.

        Returns:
            (n_samples,) int16, and the magnitude of white in it where the gain is 1.
        """
        rows = _resize_width(shade[::-1], self.n_columns)
        margin = self.n_fade + self.n_silent
        rows = np.pad(rows, ((0, 0), (margin, margin)), mode="edge")
        ramp = np.sin(np.pi / 2 * (np.arange(self.n_fade) + 0.5) / max(self.n_fade, 1)) ** 2
        silence = np.zeros(self.n_silent)
        envelope = np.concatenate([silence, ramp, np.ones(self.n_columns), ramp[::-1], silence])

        def magnitudes() -> Iterator[tuple[int, np.ndarray]]:
            step = columns_per_block(1, self.n_fft)
            for start in range(0, rows.shape[1], step):
                block = slice(start, start + step)
                magnitude = self.companding.magnitude(rows[:, block]) * envelope[block]
                yield start, magnitude * self.gain[:, None]

        spectra = self._sum_tones(magnitudes()) if self.tones else self._search(magnitudes())
        samples = stream_samples(spectra, self.n_fft, self.hop)
        floats = np.concatenate([each[:, 0] for each in samples])
        highest = np.abs(floats).max()
        gain = PEAK / highest if highest else 1.0
        return np.rint(floats * gain * 32767).astype(np.int16), float(gain * 32767 / 32768)

    def _sum_tones(self, magnitudes: Iterator[tuple[int, np.ndarray]]) -> Iterator[np.ndarray]:
        for start, magnitude in magnitudes:
            shape = magnitude.shape[1], self.n_fft, self.hop
            phase = steady_phase(self.axis, start, *shape)
            yield (self._lobes @ (magnitude * np.exp(1j * phase)))[None]

    def _search(self, magnitudes: Iterator[tuple[int, np.ndarray]]) -> Iterator[np.ndarray]:
        """Phases by phase reconstruction."""
        polar = (np.stack([m, np.full(m.shape, np.nan)])[:, None] for _, m in magnitudes)
        return reconstruct_spectra(polar, self.axis, self.n_fft, self.hop, has_phase=False)

    @cached_property
    def _lobes(self) -> sparse.csr_array:
        return self.axis.lobes(self.n_fft // 2 + 1)

    def _magnitude(self, spectra: np.ndarray) -> np.ndarray:
        """(n_bins, n_columns) complex -> (height, n_columns): how much of each row is in it."""
        if not self.tones:
            return self.axis.to_rows(np.abs(spectra)[None])[0]
        power = np.asarray(self._lobes.multiply(self._lobes).sum(0)).ravel()
        return np.abs(self._lobes.T @ spectra) / power[:, None]

    def to_image(self, sound: Sound, width: int, peak: float) -> np.ndarray:
        """(height, width) in [0, 1]: the inverse of `to_sound`, for the first channel.

        Args:
            peak: the magnitude of white where the gain is 1.
        """
        first, n = self.n_silent + self.n_fade, self.n_columns
        white = self.gain[:, None] * (peak or 1.0)
        columns = []
        n_read = 0
        spectra = stream_spectra(sound, self.n_fft, self.hop)
        for block in rechunk(spectra, columns_per_block(1, self.n_fft), 2):
            if n_read >= first + n:
                break
            magnitude = self._magnitude(block[0]) / white
            columns.append(self.companding.shade(magnitude.clip(0, 1))[::-1].astype(np.float32))
            n_read += magnitude.shape[1]
        shades = np.concatenate(columns, 1)[:, first : first + n]
        return _resize_width(np.pad(shades, ((0, 0), (0, n - shades.shape[1]))), width)


def crc_of_int16(sound: Sound) -> int:
    """CRC-32 of the first channel as 16-bit samples, whatever the file's subtype."""
    crc = 0
    for block in sound.floats():
        samples = np.rint(np.nan_to_num(block[:, 0]) * 32768).clip(-32768, 32767)
        crc = zlib.crc32(samples.astype(np.int16).tobytes(), crc)
    return crc


def _resize_width(shade: np.ndarray, width: int) -> np.ndarray:
    if shade.shape[1] == width:
        return shade
    image = Image.fromarray(shade.astype(np.float32))
    return np.asarray(image.resize((width, len(shade)), Image.Resampling.BILINEAR))
