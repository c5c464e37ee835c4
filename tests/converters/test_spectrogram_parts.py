"""Axes, ranges, planes, strips, streams and residuals of spectrograms, each by its meaning."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import Header, Picture, Sound
from converters.header import SoundFormat
from converters.spectrogram.axis import axis_of
from converters.spectrogram.barcode import header_in, with_strip
from converters.spectrogram.companding import RANGES, Range, adapted_exponent
from converters.spectrogram.pixels import PLANES
from converters.spectrogram.reconstruction import _unit
from converters.spectrogram.residual import Residual, rounded
from converters.spectrogram.streams import cut, n_columns_of, samples_of, spectra_of, windows

some = settings(max_examples=40, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("name", ["linear", "log", "mel"])
@pytest.mark.parametrize("n_rows", [1, 2, 20, 129, 300])
def test_the_inverse_is_the_pseudo_inverse(name: str, n_rows: int) -> None:
    axis = axis_of(name, n_rows, 256, 8000, 20.0)
    if axis.matrix is None:
        assert axis.exact
        return
    matrix = axis.matrix.toarray()
    assert axis.inverse is not None
    assert np.allclose(matrix.sum(1), 1) and (matrix >= 0).all()
    assert np.abs(matrix @ axis.inverse @ matrix - matrix).max() < 1e-4
    rows = axis.rows(np.random.default_rng(0).normal(size=(2, 129, 5)) + 0j)
    assert np.abs(axis.rows(axis.bins(rows)) - rows).max() < 1e-3


def test_rows_are_where_the_axis_says() -> None:
    log = axis_of("log", 81, 4096, 8192, 16.0)
    assert log.matrix is not None
    peaks = np.argmax(log.matrix.toarray(), 1)
    assert list(peaks[::10]) == [8, 16, 32, 64, 128, 256, 512, 1024, 2048]


@pytest.mark.parametrize("name", RANGES)
def test_ranges_are_undone(name: str) -> None:
    range_ = Range(name, 0.3, 80.0)
    magnitude = np.append(0, np.logspace(-3.9, 0, 100))
    shade = range_.shade(magnitude)
    assert shade[0] == 0 and np.isclose(shade[-1], 1) and (np.diff(shade) > 0).all()
    assert np.allclose(range_.magnitude(shade), magnitude, rtol=1e-9, atol=0)


def test_the_median_is_made_visible() -> None:
    for median in (0.3, 1e-2, 1e-3):
        assert np.isclose(median ** adapted_exponent(median), 0.4)
    assert [adapted_exponent(median) for median in (0.0, 1e-300, 1.0)] == [1.0, 0.1, 1.0]


@pytest.mark.parametrize("profile", PLANES)
def test_planes_are_undone(profile: str) -> None:
    planes = PLANES[profile]
    rng = np.random.default_rng(0)
    most = planes.n_levels - 1
    level = rng.integers(0, most, (3, 7, 50), endpoint=True)
    phase = rng.uniform(-np.pi, np.pi, level.shape)
    level2, phase2 = planes.bins(planes.pixels(level / most, phase), 3)
    assert (level2 == level).all()
    assert np.isnan(phase2[level == 0]).all()
    if planes.has_phase:
        apart = np.abs(np.angle(np.exp(1j * (phase - phase2))))[level > 0]
        finest = np.pi / (planes.n_phases - 1) if planes.n_phases else np.pi / 6 / level[level > 0]
        assert (apart <= finest * 1.001).all()
    else:
        assert np.isnan(phase2).all()


@some
@given(st.integers(0, 900), st.integers(1, 3), st.sampled_from([(16, 4), (64, 2), (32, 16)]))
def test_streams_are_exact(n: int, n_channels: int, size: tuple[int, int]) -> None:
    samples = np.random.default_rng(n).uniform(-1, 1, (n, n_channels))
    spectra = list(spectra_of(Sound.of(samples, 8000), *size))
    assert sum(each.shape[2] for each in spectra) == n_columns_of(n, *size)
    found = np.concatenate([np.empty((0, n_channels)), *samples_of(iter(spectra), *size)])[:n]
    assert found.shape == samples.shape
    assert np.abs(found - samples).max(initial=0) < 1e-14 * 30


@some
@given(st.lists(st.integers(0, 9), max_size=9), st.integers(1, 12), st.integers(0, 8))
def test_windows_cover_all_with_their_margins(sizes: list[int], width: int, margin: int) -> None:
    whole = np.arange(sum(sizes))[None]
    pieces = np.split(whole, np.cumsum(sizes)[:-1], 1) if sizes else []
    start = 0
    for window, inner in windows(iter(pieces), width, margin, 1):
        stop = min(start + width, whole.shape[1])
        assert (window == whole[:, max(start - margin, 0) : stop + margin]).all()
        assert (window[:, inner] == whole[:, start:stop]).all()
        start = stop
    assert start == whole.shape[1]
    assert sum(each.shape[1] for each in cut(iter(pieces), width, 1)) == start


@some
@given(st.integers(1, 600), st.sampled_from(["u1", "u2", "rgb"]), st.integers(0, 99))
def test_strips(width: int, pixels: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (20, width, 3) if pixels == "rgb" else (20, width)
    dtype = np.uint16 if pixels == "u2" else np.uint8
    plain = rng.integers(0, np.iinfo(dtype).max, shape, dtype)
    header = Header("spectrogram", "sound", {"n_fft": 64}, SoundFormat(8000, 1, 99), tile=seed,
                    n_tiles=100)  # fmt: skip
    striped = with_strip(plain, header)
    assert (striped[:20] == plain).all()
    blurred = striped.astype(np.float64) + rng.normal(0, np.iinfo(dtype).max / 12, striped.shape)
    blurred = blurred.clip(0, np.iinfo(dtype).max).astype(dtype)
    for picture in (Picture(striped), Picture(blurred)):
        found = header_in(picture)
        assert found is not None
        assert picture.edited is False  # it has no header beside it
        assert dataclasses.replace(found, crc=0) == header
    assert not Picture(striped, header_in(Picture(striped))).edited
    assert Picture(blurred, header_in(Picture(blurred))).edited
    assert header_in(Picture(plain)) is None


@some
@given(st.integers(0, 300), st.sampled_from(["PCM_16", "PCM_24", "PCM_U8", "PCM_32"]),
       st.floats(0, 0.1), st.integers(0, 99))  # fmt: skip
def test_residuals(n: int, subtype: str, error: float, seed: int) -> None:
    """Exact whatever a rounding error of another machine does to what is rounded."""
    rng = np.random.default_rng(seed)
    format = SoundFormat(8000, 2, n, subtype)
    samples = rounded(rng.uniform(-1.1, 1.1, (n, 2)), format)
    floats = samples / format.full_scale + rng.normal(size=(n, 2)) * error
    floats[::3] = (np.rint(floats[::3] * format.full_scale) + 0.5) / format.full_scale
    pixels = rng.integers(0, 255, (5, 20), np.uint8)
    residual = Residual.of(pixels, floats, samples, format)
    again = Residual.from_bytes(residual.to_bytes(format), n, 2)
    other_machine = floats + rng.choice([-1e-15, 1e-15], floats.shape)
    assert (again.applied(other_machine, format) == samples).all()
    assert again.untouched(pixels).all()
    pixels[2, 9] ^= 1
    assert list(again.untouched(pixels)) == [True] * 8 + [False] * 8 + [True] * 4


def test_phases_of_what_is_almost_silent_are_finite() -> None:
    z = np.array([0, 1e-45, 1e-40 - 1e-41j, 1e-30j, -3], np.complex64)
    with np.errstate(all="raise", under="ignore"):
        found = _unit(z)
    np.testing.assert_allclose(np.abs(found), 1, atol=1e-6)
    np.testing.assert_allclose(found[3:], [1j, -1], atol=1e-6)
