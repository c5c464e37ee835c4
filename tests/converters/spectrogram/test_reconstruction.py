"""Phase reconstruction from magnitudes near zero."""

from __future__ import annotations

import numpy as np

from converters.spectrogram.reconstruction import _normalize


def test_phases_of_subnormal_magnitudes_are_finite() -> None:
    z = np.array([0, 1e-45, 1e-40 - 1e-41j, 1e-30j, -3], np.complex64)
    with np.errstate(all="raise", under="ignore"):
        found = _normalize(z)
    np.testing.assert_allclose(np.abs(found), 1, atol=1e-6)
    np.testing.assert_allclose(found[3:], [1j, -1], atol=1e-6)
