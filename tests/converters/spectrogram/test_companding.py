"""Companding: shades rise with magnitudes, and give them back."""

from __future__ import annotations

import numpy as np
import pytest

from converters.spectrogram.companding import SCALES, Companding, adaptive_exponent


@pytest.mark.parametrize("name", SCALES)
def test_the_inverse_is_exact(name: str) -> None:
    companding = Companding(name, 0.3, 80.0)
    magnitude = np.append(0, np.logspace(-3.9, 0, 100))
    shade = companding.shade(magnitude)
    assert shade[0] == 0 and np.isclose(shade[-1], 1) and (np.diff(shade) > 0).all()
    assert np.allclose(companding.magnitude(shade), magnitude, rtol=1e-9, atol=0)


def test_the_median_becomes_a_middle_shade() -> None:
    for median in (0.3, 1e-2, 1e-3):
        assert np.isclose(median ** adaptive_exponent(median), 0.4)
    assert [adaptive_exponent(median) for median in (0.0, 1e-300, 1.0)] == [1.0, 0.1, 1.0]
