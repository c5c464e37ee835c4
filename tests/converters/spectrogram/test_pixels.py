"""Shade and phase of a bin come back from its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from converters.spectrogram.pixels import PROFILES


@pytest.mark.parametrize("profile", PROFILES)
def test_the_inverse_is_exact_but_for_rounding(profile: str) -> None:
    encoding = PROFILES[profile]
    rng = np.random.default_rng(0)
    white = encoding.n_levels - 1
    level = rng.integers(0, white, (3, 7, 50), endpoint=True)
    phase = rng.uniform(-np.pi, np.pi, level.shape)
    code, found_phase = encoding.decode(encoding.encode(level / white, phase), 3)
    assert np.allclose(encoding.shades[code] * white, level, rtol=0, atol=1e-9)
    assert np.isnan(found_phase[level == 0]).all()
    if encoding.has_phase:
        error = np.abs(np.angle(np.exp(1j * (phase - found_phase))))[level > 0]
        steps = encoding.n_phases - 1 if encoding.n_phases else 6 * level[level > 0]
        assert (error <= np.pi / steps * 1.001).all()
    else:
        assert np.isnan(found_phase).all()


def test_colors_divide_the_levels() -> None:
    encoding = PROFILES["colour"]
    rng = np.random.default_rng(0)
    shade, phase = rng.uniform(0, 1, (1, 9, 900)), rng.uniform(-np.pi, np.pi, (1, 9, 900))
    pixels = encoding.encode(shade, phase)
    code, _ = encoding.decode(pixels, 1)
    error = np.abs(encoding.shades[code] - shade)
    assert (error <= 0.5 / 255 / (np.floor(shade * 255) // 16 + 1) + 1e-9).all()
    assert (16 * pixels.min(-1) <= pixels.max(-1)).all()  # as saturated as an eye can tell
    black = encoding.decode(np.zeros((3, 3, 3), np.uint8), 1)[0]
    white = encoding.decode(np.full((3, 3, 3), 255, np.uint8), 1)[0]
    assert (encoding.shades[black] == 0).all() and (encoding.shades[white] == 1).all()
