"""What the distances of sounds and pictures mean, and that they agree with torchmetrics 1.9.

Its values are constants here: where it is installed, lightning_fabric loads it into every command.
"""

from __future__ import annotations

import numpy as np
import pytest

from metrics.signal import (
    fitted_level,
    log_spectral_distance,
    psnr,
    snr,
    spectral_convergence,
    ssim,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def sound(n: int = 20_000) -> np.ndarray:
    return 0.3 * np.sin(np.outer(np.arange(n), [0.05, 0.2])) + 0.01 * rng().standard_normal((n, 2))


def picture() -> np.ndarray:
    return (128 + 100 * np.sin(np.outer(np.arange(40), np.arange(50)) / 90)).astype(np.uint8)


def test_snr_agrees_with_torchmetrics_and_falls_by_20_db_for_ten_times_the_noise() -> None:
    true, noise = sound(), 1e-3 * rng().standard_normal((20_000, 2))
    assert snr(true, true + noise) == pytest.approx(46.523363865962686, abs=1e-3)
    assert snr(true, true + 10 * noise) == pytest.approx(snr(true, true + noise) - 20)
    assert snr(true, true) == np.inf
    assert snr(0 * true, true) == -np.inf


def test_spectral_convergence_depends_on_magnitude_and_not_on_phase() -> None:
    true = sound()
    assert spectral_convergence(true, true) == -np.inf
    assert spectral_convergence(true, -true) == -np.inf
    assert spectral_convergence(true, 0.9 * true) == pytest.approx(-20, abs=1e-6)
    assert spectral_convergence(true, 0 * true) == pytest.approx(0)


def test_a_level_is_fitted_by_magnitudes_alone() -> None:
    true = sound()
    assert fitted_level(true, -0.25 * true) == pytest.approx(4)
    assert fitted_level(true, 0 * true) == 0


def test_log_spectral_distance_is_the_difference_of_levels() -> None:
    true = 0.1 * rng().standard_normal((30_000, 1))
    assert log_spectral_distance(true, true) == 0
    assert log_spectral_distance(true, true / 2) == pytest.approx(6.0206, abs=1e-3)
    # Silence has a floor, so that it is not infinitely far from a quiet sound.
    assert log_spectral_distance(0 * true, 1e-9 * true) == 0


def test_psnr_and_ssim_agree_with_torchmetrics() -> None:
    true = picture()
    found = (true.astype(int) + rng().integers(-9, 10, true.shape)).clip(0, 255).astype(np.uint8)
    assert psnr(true, found) == pytest.approx(33.44142434057569, abs=1e-3)
    assert ssim(true, found) == pytest.approx(0.9731004753002739, abs=0.01)  # edges differ
    assert psnr(true, true) == np.inf and ssim(true, true) == pytest.approx(1)
    assert ssim(true, 255 - true) < 0.2
    colors = np.dstack([true, true, true]), np.dstack([found, found, found])
    assert ssim(*colors) == pytest.approx(ssim(true, found))


def test_bad_input_is_refused() -> None:
    for metric in (snr, spectral_convergence, log_spectral_distance, psnr, ssim):
        with pytest.raises(ValueError, match="one shape"):
            metric(np.zeros((5, 2)), np.zeros((5, 1)))
