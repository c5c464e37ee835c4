"""The short-time Fourier transform and its inverse, whole or in pieces.

A frame is `n_fft` samples under a periodic Hann window. Frame m begins at sample
(m - overlap + 1) * hop, where overlap = n_fft / hop is the number of windows over each sample: the
ends too, where silence surrounds the sound. So hop m of the sound is complete with frame
m + overlap - 1, and a long sound can be processed in pieces, equal to the bit:

    frames(x[(a - overlap + 1) * hop : b * hop])      are frames a ... b - 1, and
    overlap_add(frames a ... b + overlap - 2)         are samples a * hop ... b * hop - 1,

with zeros for samples outside of the sound. Phases are counted from the first sample of a frame.
"""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np
from scipy import fft

from converters.header import ConverterError

__all__ = ["count_frames", "frames", "istft", "overlap_add", "stft"]


def count_frames(n: int, n_fft: int, hop: int) -> int:
    """Frames of a sound of n >= 1 samples.

    Raises:
        ConverterError: no sample, or sizes that allow no inverse: `n_fft` must be even, and a
            multiple of `hop` by at least 2.
    """
    _check(n_fft, hop)
    if n < 1:
        raise ConverterError(f"a sound of {n} samples has no frames: at least 1 is needed")
    return (n - 1) // hop + n_fft // hop


def stft(samples: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """The spectra of a sound.

    Args:
        samples: (..., n), n >= 1; float32 is transformed as such, all else as float64.

    Returns:
        (..., n_fft // 2 + 1, count_frames(n, n_fft, hop)) complex64 or complex128.

    Raises:
        ConverterError: see `count_frames`.
    """
    n = samples.shape[-1]
    last = count_frames(n, n_fft, hop) * hop
    ends = [(0, 0)] * (samples.ndim - 1) + [(n_fft - hop, last - n)]
    return frames(np.pad(samples, ends), n_fft, hop)


def istft(spectrum: np.ndarray, n_fft: int, hop: int, n: int) -> np.ndarray:
    """The sound whose spectra are nearest to the given ones in the sense of least squares.

    Griffin & Lim, "Signal estimation from modified short-time Fourier transform" (1984), eq. 6.
    Exact for spectra of a sound.

    Args:
        spectrum: (..., n_fft // 2 + 1, count_frames(n, n_fft, hop)) complex.

    Returns:
        (..., n) float32 or float64.

    Raises:
        ConverterError: see `count_frames`; or spectra of another size.
    """
    expected = (n_fft // 2 + 1, count_frames(n, n_fft, hop))
    if spectrum.shape[-2:] != expected:
        raise ConverterError(f"spectra of {n} samples are {expected}, not {spectrum.shape[-2:]}")
    return overlap_add(spectrum, n_fft, hop)[..., :n]


def frames(samples: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """The spectra of the frames that lie within the samples.

    Args:
        samples: (..., n), n >= n_fft.

    Returns:
        (..., n_fft // 2 + 1, (n - n_fft) // hop + 1) complex: frame m begins at sample m * hop.

    Raises:
        ConverterError: see `count_frames`; or there are fewer samples than one frame.
    """
    _check(n_fft, hop)
    if samples.shape[-1] < n_fft:
        raise ConverterError(f"{samples.shape[-1]} samples hold no frame of {n_fft}")
    if samples.dtype != np.float32:
        samples = np.asarray(samples, np.float64)
    rows = np.lib.stride_tricks.sliding_window_view(samples, n_fft, -1)[..., ::hop, :]
    window = _window(n_fft).astype(samples.dtype)
    spectrum = fft.rfft(rows * window, overwrite_x=True, workers=_workers(rows))
    return spectrum.swapaxes(-1, -2)


def overlap_add(spectrum: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """The samples that are complete: those that lie under all their windows.

    Args:
        spectrum: (..., n_fft // 2 + 1, n_frames) complex, n_frames >= n_fft / hop.

    Returns:
        (..., (n_frames - n_fft / hop + 1) * hop): the first is the (n_fft - hop)th of the first
        frame.

    Raises:
        ConverterError: see `count_frames`; or the bins are not those of n_fft, or there are fewer
            frames than lie over a sample.
    """
    _check(n_fft, hop)
    overlap, n_frames = n_fft // hop, spectrum.shape[-1]
    if spectrum.shape[-2] != n_fft // 2 + 1:
        raise ConverterError(f"frames of {n_fft} have no spectra of {spectrum.shape[-2]} bins")
    if n_frames < overlap:
        raise ConverterError(f"{n_frames} frames hold no sample: it lies under {overlap}")
    columns = spectrum.swapaxes(-1, -2)  # (..., n_frames, n_fft // 2 + 1)
    rows = fft.irfft(columns, n_fft, workers=_workers(columns))
    rows = rows.reshape(*rows.shape[:-1], overlap, hop)
    window = _window(n_fft)
    # The sum of w^2 over a sample depends on its place in the hop alone.
    weight = window.reshape(overlap, hop) / np.square(window).reshape(overlap, hop).sum(0)
    weight = weight.astype(rows.dtype)
    n_hops = n_frames - overlap + 1
    samples = rows[..., overlap - 1 :, 0, :] * weight[0]  # (..., n_hops, hop)
    for i in range(1, overlap):
        start = overlap - 1 - i
        samples += rows[..., start : start + n_hops, i, :] * weight[i]
    return samples.reshape(*samples.shape[:-2], n_hops * hop)


def _check(n_fft: int, hop: int) -> None:
    if hop < 1 or n_fft % 2 or n_fft < 2 * hop or n_fft % hop:
        raise ConverterError(
            f"frames of {n_fft} samples at every {hop}: the length must be even, and a multiple "
            "of the step by at least 2"
        )


@lru_cache(maxsize=8)
def _window(n_fft: int) -> np.ndarray:
    """(n_fft,) float64: a periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


def _workers(rows: np.ndarray) -> int:
    """Threads for the transforms of all rows; for few rows they cost more than they save."""
    return (os.cpu_count() or 1) if rows.size > 1 << 18 else 1
