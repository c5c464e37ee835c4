"""The phase of magnitudes: what the algorithms promise, on speech, music and signals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.header import ConverterError
from converters.phase import (
    GAMMA,
    fast_griffin_lim,
    phase_gradient_heap_integration,
    relaxed_reflections,
    sound_from_magnitude,
)
from converters.stft import istft, stft
from datasets.base import PairedDataset
from metrics.signal import spectral_convergence

SPEECH = (512, 128)  # at 8 kHz
MUSIC = (2048, 512)  # at 44.1 kHz
RATE = 44_100


def magnitude_of(samples: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.abs(stft(samples, *size))


def distance(found: np.ndarray, magnitude: np.ndarray, size: tuple[int, int]) -> float:
    """Of a sound's magnitudes from given ones, in their unit."""
    return float(np.linalg.norm(magnitude_of(found.astype(np.float64), size) - magnitude))


def convergence(samples: np.ndarray, found: np.ndarray, size: tuple[int, int]) -> float:
    """In dB, of (n,)."""
    return spectral_convergence(samples[:, None], found[:, None], *size)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture(scope="module")
def speech(source: PairedDataset) -> np.ndarray:
    """Words of many speakers, one after the other."""
    words = source.recordings.clips[::250].numpy()
    return np.concatenate([word[word != 0] for word in words]).astype(np.float64)


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Chords that decay, of partials that are not quite harmonic."""
    t = np.arange(2 * RATE) / RATE
    samples = np.zeros_like(t)
    for i, chord in enumerate(((0, 4, 7), (5, 9, 12), (7, 11, 14), (-3, 0, 4))):
        after = np.maximum(t - i / 2, 0)
        for f in (220 * 2 ** (step / 12) for step in chord):
            for k in range(1, 13):
                partial = np.sin(2 * np.pi * k * f * np.sqrt(1 + 0.0004 * k * k) * after + i + k)
                samples += partial * np.exp(-(1.5 + k / 2) * after) * (after > 0) / k
    return samples / 10


def chirp(n: int = RATE) -> np.ndarray:
    t = np.arange(n) / RATE
    return np.sin(2 * np.pi * (200 * t + 2000 * t * t))


# Phase gradient heap integration


def test_gamma_is_that_of_the_nearest_gaussian() -> None:
    t = np.linspace(-1, 1, 8001)
    hann = np.where(np.abs(t) < 0.5, np.cos(np.pi * t) ** 2, 0)
    gammas = np.linspace(0.2, 0.3, 1001)
    errors = [np.linalg.norm(np.exp(-np.pi * t * t / gamma) - hann) for gamma in gammas]
    assert abs(gammas[np.argmin(errors)] - GAMMA) < 0.0005


def test_integration_alone_beats_no_phase(speech: np.ndarray, music: np.ndarray) -> None:
    for samples, size, bound in (
        (speech, SPEECH, -17),
        (music, MUSIC, -12),
        (chirp(), MUSIC, -25),
    ):
        s = magnitude_of(samples, size)
        phase = phase_gradient_heap_integration(s, *size)
        n = len(samples)
        found, without = (
            convergence(samples, istft(s * np.exp(1j * p), *size, n), size)
            for p in (phase, 0 * phase)
        )
        assert found < bound and found < without - 10


def test_a_tone_turns_by_its_frequency_from_frame_to_frame() -> None:
    n_fft, hop = MUSIC
    hertz = 1000.0
    s = magnitude_of(np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE), MUSIC)
    phase = phase_gradient_heap_integration(s, n_fft, hop)
    row = phase[round(hertz * n_fft / RATE), 4:-4].astype(np.float64)
    turn = np.angle(np.exp(1j * np.diff(row)))
    expected = np.angle(np.exp(2j * np.pi * hertz * hop / RATE))
    assert np.abs(turn - expected).max() < 0.02


def test_a_click_is_found_where_it_was() -> None:
    for at in (0, 700, 5000, 9999):
        click = np.zeros(10_000)
        click[at] = 1
        found = sound_from_magnitude(magnitude_of(click, SPEECH), *SPEECH, len(click))
        assert abs(int(np.abs(found).argmax()) - at) < 16  # of frames of 512
        near = found[max(at - 32, 0) : at + 32]
        assert np.square(near).sum() > 0.95 * np.square(found).sum()


def test_a_long_sound_is_as_good_as_a_short_one() -> None:
    """Phases that were not taken modulo a turn would lose digits with every frame."""
    hertz, n_fft = 19_000, MUSIC[0]
    tone = np.sin(2 * np.pi * hertz * np.arange(20 * RATE) / RATE)
    phase = phase_gradient_heap_integration(magnitude_of(tone, MUSIC), *MUSIC)
    row = phase[round(hertz * n_fft / RATE), 10:-10].astype(np.float64)
    turn = np.exp(1j * np.diff(row))
    assert np.abs(turn - turn[0]).max() < 1e-3


# The sound


def test_sound_of_speech_and_music(speech: np.ndarray, music: np.ndarray) -> None:
    for samples, size, bound in ((speech, SPEECH, -34), (music, MUSIC, -30)):
        s, n = magnitude_of(samples, size), len(samples)
        found = sound_from_magnitude(s, *size, n)
        assert (found.shape, found.dtype) == ((n,), np.float32)
        assert convergence(samples, found, size) < bound


def test_reflections_leave_the_minimum_in_which_griffin_lim_stays(music: np.ndarray) -> None:
    s, n = magnitude_of(music, MUSIC), len(music)
    phase = phase_gradient_heap_integration(s, *MUSIC)
    with_them, without = (
        convergence(music, sound, MUSIC)
        for sound in (
            sound_from_magnitude(s, *MUSIC, n),
            fast_griffin_lim(s, *MUSIC, n, 128, phase=phase),
        )
    )
    assert with_them < without - 3


def test_sound_of_a_chirp() -> None:
    found = sound_from_magnitude(magnitude_of(chirp(), MUSIC), *MUSIC, RATE, 32)
    assert convergence(chirp(), found, MUSIC) < -45


def test_more_rounds_are_better(speech: np.ndarray) -> None:
    s, n = magnitude_of(speech, SPEECH), len(speech)
    for search in (sound_from_magnitude, fast_griffin_lim):
        found = [
            convergence(speech, search(s, *SPEECH, n, n_iter), SPEECH) for n_iter in (0, 8, 32, 128)
        ]
        assert found == sorted(found, reverse=True) and found[-1] < found[0] - 5


def test_griffin_lim_never_gets_worse() -> None:
    """Griffin & Lim (1984), section III: without momentum no round raises the distance."""
    s = magnitude_of(noise(3000), SPEECH)
    found = [distance(fast_griffin_lim(s, *SPEECH, 3000, i, alpha=0), s, SPEECH) for i in range(12)]
    assert all(b < a * (1 + 1e-5) for a, b in itertools.pairwise(found))


def test_the_true_phase_stays() -> None:
    samples = noise(5000)
    spectrum = stft(samples, *SPEECH)
    s, phase = np.abs(spectrum), np.angle(spectrum)
    again = relaxed_reflections(s, *SPEECH, 5000, phase, 20)
    assert np.abs(s * (np.exp(1j * again) - np.exp(1j * phase))).max() < 1e-3 * s.max()
    found = fast_griffin_lim(s, *SPEECH, 5000, 20, phase=phase)
    assert np.abs(found - samples).max() < 1e-4


# Any magnitudes


def test_the_same_every_time() -> None:
    s = magnitude_of(noise(3000), SPEECH)
    np.random.seed(1)  # noqa: NPY002 (which must not matter)
    first = sound_from_magnitude(s, *SPEECH, 3000, 8)
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(first, sound_from_magnitude(s, *SPEECH, 3000, 8))


def test_silence_is_silence() -> None:
    for shape in ((257, 10), (2, 257, 10)):
        s, n = np.zeros(shape), 7 * 128
        assert not sound_from_magnitude(s, *SPEECH, n).any()


some = settings(max_examples=25, deadline=None, derandomize=True, database=None)


@some
@given(st.integers(1, 3), st.integers(1, 2000), st.sampled_from([(512, 128), (64, 32), (2, 1)]))
def test_channels_are_those_of_each_alone(k: int, n: int, size: tuple[int, int]) -> None:
    samples = noise(k, n) * np.logspace(0, 3, k)[:, None]
    s = magnitude_of(samples, size)
    found = sound_from_magnitude(s, *size, n, 4)
    assert (found.shape, found.dtype) == ((k, n), np.float32)
    assert np.isfinite(found).all()
    alone = [sound_from_magnitude(each, *size, n, 4) for each in s]
    assert np.array_equal(found, np.stack(alone))


@some
@given(st.floats(-30, 30), st.integers(0, 100))
def test_level_comes_back(power_of_ten: float, seed: int) -> None:
    scale = 10**power_of_ten
    samples = noise(2000, seed=seed)
    s = magnitude_of(samples, SPEECH)
    loud = sound_from_magnitude(scale * s, *SPEECH, 2000, 8).astype(np.float64) / scale
    assert convergence(samples, loud, SPEECH) < -12
    assert abs(np.linalg.norm(magnitude_of(loud, SPEECH)) / np.linalg.norm(s) - 1) < 0.1


@some
@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.floats(0, 1))
def test_any_picture_has_a_sound(seed: int, n_frames: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    s = rng.random((33, n_frames)) * (rng.random((33, n_frames)) < density)
    found = sound_from_magnitude(s, 64, 16, 16 * (n_frames - 3), 8)
    assert np.isfinite(found).all()
    assert distance(found, s, (64, 16)) < np.linalg.norm(s) or not s.any()


@pytest.mark.parametrize(
    ("s", "wrong"),
    [
        (np.full((257, 10), np.nan), "finite"),
        (np.full((257, 10), np.inf), "finite"),
        (np.full((257, 10), -1.0), "negative"),
        (np.ones((257, 11)), r"\(257, 10\)"),
        (np.ones((257, 9)), r"\(257, 10\)"),
        (np.ones((256, 10)), r"\(257, 10\)"),
        (np.ones((1, 1, 257, 10)), r"\(257, 10\)"),
        (np.ones((0, 257, 10)), r"\(257, 10\)"),
    ],
)
def test_invalid_magnitudes(s: np.ndarray, wrong: str) -> None:
    n = 7 * 128
    for attempt in (
        lambda: sound_from_magnitude(s, *SPEECH, n),
        lambda: fast_griffin_lim(s, *SPEECH, n),
        lambda: relaxed_reflections(s, *SPEECH, n, s),
    ):
        with pytest.raises(ConverterError, match=wrong):
            attempt()


def test_integration_takes_any_number_of_frames_that_hold_a_sample() -> None:
    assert phase_gradient_heap_integration(np.ones((257, 4)), *SPEECH).shape == (257, 4)
    with pytest.raises(ConverterError, match=r"\(257, 4\)"):
        phase_gradient_heap_integration(np.ones((257, 3)), *SPEECH)
