"""The short-time Fourier transform: its definition, its inverse, and both in pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.header import ConverterError
from converters.stft import count_frames, frames, istft, overlap_add, stft

some = settings(max_examples=60, deadline=None, derandomize=True, database=None)
sizes = st.builds(
    lambda hop, overlap: (2 * hop * overlap if hop * overlap % 2 else hop * overlap, hop),
    st.integers(1, 64),
    st.integers(2, 9),
)  # (n_fft, hop)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def snr(found: np.ndarray, expected: np.ndarray) -> float:
    """In dB."""
    return 20 * np.log10(
        np.linalg.norm(expected) / max(float(np.linalg.norm(found - expected)), 1e-300)
    )


@some
@given(st.integers(1, 400), sizes)
def test_definition(n: int, size: tuple[int, int]) -> None:
    n_fft, hop = size
    x = noise(n)
    found = stft(x, n_fft, hop)
    assert found.shape == (n_fft // 2 + 1, count_frames(n, n_fft, hop))
    silence = np.zeros(n_fft)
    padded = np.concatenate([silence, x, silence])
    window = np.sin(np.pi * np.arange(n_fft) / n_fft) ** 2
    turn = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft)) / n_fft)
    for m in {0, found.shape[1] // 2, found.shape[1] - 1}:
        start = n_fft + m * hop - (n_fft - hop)
        assert np.allclose(found[:, m], turn @ (window * padded[start : start + n_fft]))


@some
@given(st.integers(1, 3000), sizes)
def test_every_sample_is_under_as_many_windows(n: int, size: tuple[int, int]) -> None:
    n_fft, hop = size
    start = np.arange(count_frames(n, n_fft, hop)) * hop - (n_fft - hop)
    for sample in (0, n // 2, n - 1):
        assert ((start <= sample) & (sample < start + n_fft)).sum() == n_fft // hop
    assert start[0] + n_fft > 0 and start[-1] < n  # none without a sample of the sound


@some
@given(st.lists(st.integers(1, 3), max_size=2), st.integers(1, 3000), sizes)
def test_inverse_is_exact(shape: list[int], n: int, size: tuple[int, int]) -> None:
    x = noise(*shape, n)
    spectrum = stft(x, *size)
    assert snr(istft(spectrum, *size, n), x) > 295
    assert snr(istft(stft(x.astype(np.float32), *size), *size, n), x) > 120


@pytest.mark.parametrize("size", [(512, 128), (2048, 512), (2048, 256), (64, 32), (48, 16), (2, 1)])
def test_inverse_is_exact_at_common_sizes(size: tuple[int, int]) -> None:
    x = noise(2, 100_000)
    assert snr(istft(stft(x, *size), *size, 100_000), x) > 305


@some
@given(st.integers(1, 500), sizes)
def test_inverse_is_the_nearest_sound(n: int, size: tuple[int, int]) -> None:
    """What it leaves of any spectra is orthogonal to the spectra of every sound."""
    n_fft, hop = size
    shape = (n_fft // 2 + 1, count_frames(n, n_fft, hop))
    given = noise(*shape) + 1j * noise(*shape, seed=1)
    left = given - stft(istft(given, n_fft, hop, n), n_fft, hop)
    other = stft(noise(n, seed=2), n_fft, hop)
    both_sides = np.full((shape[0], 1), 2.0)  # negative frequencies are not stored
    both_sides[[0, -1]] = 1
    product = (both_sides * left * other.conj()).sum().real
    assert abs(product) < 1e-9 * np.linalg.norm(given) * np.linalg.norm(other)


@some
@given(st.integers(1, 2000), sizes, st.integers(1, 40), st.booleans())
def test_pieces_are_the_whole(n: int, size: tuple[int, int], hops: int, single: bool) -> None:
    n_fft, hop = size
    overlap = n_fft // hop
    x = noise(2, n).astype(np.float32 if single else np.float64)
    whole = stft(x, n_fft, hop)
    n_frames = whole.shape[-1]
    silence = np.zeros((2, n_fft), x.dtype)
    padded = np.concatenate([silence, x, silence], -1)
    there, back = [], []
    for a in range(0, n_frames, hops):
        b = min(a + hops, n_frames)
        start, stop = (a - overlap + 1) * hop, b * hop
        there.append(frames(padded[:, n_fft + start : n_fft + stop], n_fft, hop))
        if a + overlap <= n_frames:
            back.append(overlap_add(whole[..., a : b + overlap - 1], n_fft, hop))
    assert np.array_equal(np.concatenate(there, -1), whole)
    assert np.array_equal(np.concatenate(back, -1)[:, :n], istft(whole, n_fft, hop, n))


def test_precision_is_that_of_the_samples() -> None:
    x = noise(1000)
    for samples, expected in (
        (x.astype(np.float32), np.complex64),
        (x, np.complex128),
        ((1000 * x).astype(np.int16), np.complex128),
    ):
        assert stft(samples, 64, 16).dtype == expected
    assert istft(stft(x.astype(np.float32), 64, 16), 64, 16, 1000).dtype == np.float32


@pytest.mark.parametrize(
    ("n_fft", "hop"), [(512, 0), (512, -128), (512, 512), (512, 100), (15, 5), (0, 1), (-4, 2)]
)
def test_sizes_without_an_inverse(n_fft: int, hop: int) -> None:
    for attempt in (
        lambda: count_frames(100, n_fft, hop),
        lambda: stft(noise(100), n_fft, hop),
        lambda: frames(noise(100), n_fft, hop),
        lambda: overlap_add(noise(257, 9) + 0j, n_fft, hop),
    ):
        with pytest.raises(ConverterError, match="multiple of the step"):
            attempt()


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(ConverterError, match="at least 1"):
        stft(noise(0), 64, 16)
    with pytest.raises(ConverterError, match="no frame"):
        frames(noise(63), 64, 16)
    with pytest.raises(ConverterError, match="no sample"):
        overlap_add(noise(33, 3) + 0j, 64, 16)
    with pytest.raises(ConverterError, match="32 bins"):
        overlap_add(noise(32, 9) + 0j, 64, 16)
    for shape in ((33, 9), (32, 10), (33, 11)):  # of 100 samples are (33, 10)
        with pytest.raises(ConverterError, match="spectra of 100 samples"):
            istft(noise(*shape) + 0j, 64, 16, 100)
