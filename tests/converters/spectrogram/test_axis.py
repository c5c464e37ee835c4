"""Frequency axes: where the rows are, and the inverse of each matrix."""

from __future__ import annotations

import numpy as np
import pytest

from converters.spectrogram.axis import make_axis


@pytest.mark.parametrize("name", ["linear", "log", "mel"])
@pytest.mark.parametrize("n_rows", [1, 2, 20, 129, 300])
def test_the_inverse_is_the_pseudo_inverse(name: str, n_rows: int) -> None:
    axis = make_axis(name, n_rows, 256, 8000, 20.0)
    if axis.matrix is None:
        assert axis.exact
        return
    matrix = axis.matrix.toarray()
    assert axis.inverse is not None
    assert np.allclose(matrix.sum(1), 1) and (matrix >= 0).all()
    assert np.abs(matrix @ axis.inverse @ matrix - matrix).max() < 1e-4
    rows = axis.to_rows(np.random.default_rng(0).normal(size=(2, 129, 5)) + 0j)
    assert np.abs(axis.to_rows(axis.to_bins(rows)) - rows).max() < 1e-3


def test_rows_are_where_the_axis_says() -> None:
    log = make_axis("log", 81, 4096, 8192, 16.0)
    assert log.matrix is not None
    peaks = np.argmax(log.matrix.toarray(), 1)
    assert list(peaks[::10]) == [8, 16, 32, 64, 128, 256, 512, 1024, 2048]
