"""A sound as a stream of spectra: exact, whatever the blocks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from converters import Sound
from converters.spectrogram.streams import (
    count_columns,
    overlapping_windows,
    rechunk,
    stream_samples,
    stream_spectra,
)
from tests.converters.spectrogram.tools import many


@many
@given(st.integers(0, 900), st.integers(1, 3), st.sampled_from([(16, 4), (64, 2), (32, 16)]))
def test_streams_are_exact(n: int, n_channels: int, size: tuple[int, int]) -> None:
    samples = np.random.default_rng(n).uniform(-1, 1, (n, n_channels))
    spectra = list(stream_spectra(Sound.of(samples, 8000), *size))
    assert sum(each.shape[2] for each in spectra) == count_columns(n, *size)
    found = np.concatenate([np.empty((0, n_channels)), *stream_samples(iter(spectra), *size)])[:n]
    assert found.shape == samples.shape
    assert np.abs(found - samples).max(initial=0) < 1e-14 * 30


@many
@given(st.lists(st.integers(0, 9), max_size=9), st.integers(1, 12), st.integers(0, 8))
def test_windows_cover_all_with_their_margins(sizes: list[int], width: int, margin: int) -> None:
    values = np.arange(sum(sizes))[None]
    pieces = np.split(values, np.cumsum(sizes)[:-1], 1) if sizes else []
    start = 0
    for window, inner in overlapping_windows(iter(pieces), width, margin, 1):
        stop = min(start + width, values.shape[1])
        assert (window == values[:, max(start - margin, 0) : stop + margin]).all()
        assert (window[:, inner] == values[:, start:stop]).all()
        start = stop
    assert start == values.shape[1]
    assert sum(each.shape[1] for each in rechunk(iter(pieces), width, 1)) == start
