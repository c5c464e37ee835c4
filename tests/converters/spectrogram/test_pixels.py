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
    found_level, found_phase = encoding.decode(encoding.encode(level / white, phase), 3)
    assert (found_level == level).all()
    assert np.isnan(found_phase[level == 0]).all()
    if encoding.has_phase:
        error = np.abs(np.angle(np.exp(1j * (phase - found_phase))))[level > 0]
        steps = encoding.n_phases - 1 if encoding.n_phases else 6 * level[level > 0]
        assert (error <= np.pi / steps * 1.001).all()
    else:
        assert np.isnan(found_phase).all()
