"""How close a sound or a picture is to another. Arrays in, a value out.

The transform is SciPy's, not that of `converters`: a measure does not share code with what it
measures.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import stft

__all__ = [
    "fitted_level", "log_spectral_distance", "psnr", "snr", "spectral_convergence", "ssim",
]  # fmt: skip

N_FFT, HOP = 2048, 512
MIN_LEVEL = 1e-5  # of full scale in a bin; less is silence


def snr(true: np.ndarray, found: np.ndarray) -> float:
    """Signal-to-noise ratio in dB; inf for equal sounds.

    Args:
        true, found: of one shape, in one unit.

    Raises:
        ValueError: the shapes differ.
    """
    _check(true, found)
    noise = np.square(true.astype(np.float64) - found).sum()
    power = np.square(true.astype(np.float64)).sum()
    return (
        float(10 * np.log10(power / noise)) if noise and power else (-np.inf if noise else np.inf)
    )


def spectral_convergence(
    true: np.ndarray, found: np.ndarray, n_fft: int = N_FFT, hop: int = HOP
) -> float:
    """|| |STFT(found)| - |STFT(true)| || / || |STFT(true)| || in dB; -inf for equal magnitudes.

    The phase does not count. Sturmel & Daudet (2011); over all channels, a Hann window.

    Args:
        true, found: (n, n_channels) floats.
        n_fft, hop: of the transform; of one that was inverted, its own.
    """
    _check(true, found)
    a, b = (_magnitude(x, n_fft, hop) for x in (true, found))
    error, size = np.linalg.norm(b - a), np.linalg.norm(a)
    return float(20 * np.log10(error / size)) if error and size else (np.inf if error else -np.inf)


def fitted_level(true: np.ndarray, found: np.ndarray) -> float:
    """The factor under which the magnitudes of `found` are nearest to those of `true`.

    Args:
        true, found: (n, n_channels) floats.
    """
    _check(true, found)
    a, b = _magnitude(true), _magnitude(found)
    return float((a * b).sum() / max((b * b).sum(), 1e-30))


def log_spectral_distance(true: np.ndarray, found: np.ndarray) -> float:
    """Root mean square over bins of the difference of levels, in dB, averaged over frames.

    Gray & Markel 1976, of the short-time spectra. Bins under -100 dB of full scale count as -100.

    Args:
        true, found: (n, n_channels) floats in [-1, 1].
    """
    _check(true, found)
    a, b = (20 * np.log10(np.maximum(_magnitude(x), MIN_LEVEL)) for x in (true, found))
    return float(np.sqrt(np.square(a - b).mean(-2)).mean())


def psnr(true: np.ndarray, found: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB; inf for equal pictures.

    Args:
        true, found: unsigned integers of one type and shape.
    """
    _check(true, found)
    error = np.square(true.astype(np.float64) - found).mean()
    return (
        float(20 * np.log10(np.iinfo(true.dtype).max) - 10 * np.log10(error)) if error else np.inf
    )


def ssim(true: np.ndarray, found: np.ndarray) -> float:
    """Mean structural similarity, in [-1, 1] (Wang et al. 2004, Gaussian of 1.5 pixels).

    Args:
        true, found: (height, width) or (height, width, n_colors), unsigned integers of one type;
            averaged over colors.
    """
    _check(true, found)
    peak = np.iinfo(true.dtype).max
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    x, y = (np.atleast_3d(each).astype(np.float64) for each in (true, found))

    def mean(z: np.ndarray) -> np.ndarray:
        return gaussian_filter(z, (1.5, 1.5, 0), truncate=3.5)  # 11 x 11

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2
    covariance = mean(x * y) - mu_x * mu_y
    similarity = (2 * mu_x * mu_y + c1) * (2 * covariance + c2)
    similarity /= (mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2)
    return float(similarity.mean())


def _magnitude(samples: np.ndarray, n_fft: int = N_FFT, hop: int = HOP) -> np.ndarray:
    """(n, n_channels) -> (n_channels, n_bins, n_frames), 1 for a sine of full scale."""
    short = max(n_fft - len(samples), 0)
    padded = np.pad(samples.astype(np.float64), ((0, short), (0, 0)))
    return 2 * np.abs(stft(padded.T, nperseg=n_fft, noverlap=n_fft - hop)[2])


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape or not a.size:
        raise ValueError(f"two arrays of one shape wanted, got {a.shape} and {b.shape}")
