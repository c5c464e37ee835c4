"""The spectrogram of the sound is the picture, and the picture comes back exactly."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import ShortTimeFFT

from converters import ConverterError, ConverterWarning, Picture, Sound
from converters.grid.converter import PRESETS, Grid
from tests.converters.channels import (
    KINDS,
    MILD_CHANNELS,
    RATE,
    add_noise,
    decode,
    decode_with_warning,
    encode,
    mp3,
    random_pixels,
)


def asymmetric_drawing() -> np.ndarray:
    """(64, 64): not the same upside down, mirrored, turned or inverted."""
    pixels = np.zeros((64, 64), np.uint8)
    pixels[6:60, 8:18] = 255
    pixels[6:16, 8:56] = 200
    pixels[30:38, 8:40] = 120
    return pixels


@pytest.mark.parametrize("channel", MILD_CHANNELS)
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_come_back_exactly(channel: str, kind: str) -> None:
    pixels = random_pixels(60, 50, kind)
    assert np.array_equal(decode(Grid(), *MILD_CHANNELS[channel](encode(Grid(), pixels))), pixels)


@pytest.mark.parametrize("channel", ["16 bit", "at 48 kHz", "over 48 kHz"])
def test_256_by_256_in_under_seven_seconds(channel: str) -> None:
    pixels = random_pixels(256, 256)
    samples = encode(Grid(), pixels)
    assert len(samples) < 7 * RATE
    assert np.array_equal(decode(Grid(), *MILD_CHANNELS[channel](samples)), pixels)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 90), width=st.integers(1, 40), kind=st.sampled_from(sorted(KINDS)),
    f_min=st.floats(100, 2000), f_max=st.floats(4000, 9000), prefix=st.floats(1, 10),
    seconds=st.floats(0, 4), rate=st.integers(21000, 60000), level=st.floats(0.2, 1),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_any_picture_with_any_options(
    height: int, width: int, kind: str, f_min: float, f_max: float, prefix: float, seconds: float,
    rate: int, level: float, seed: int,
) -> None:  # fmt: skip
    grid = Grid(f_min, f_max, prefix, seconds, rate, level)
    pixels = random_pixels(height, width, kind, seed)
    samples = encode(grid, pixels)
    assert np.abs(samples).max() <= level + 2**-16
    assert np.array_equal(decode(Grid(), samples, rate), pixels)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((30, 30), np.uint8),
        np.full((200, 40), 255, np.uint8),
        np.tile(np.array([[0, 255], [255, 0]], np.uint8), (64, 16)),
        # White where the phases agree: as high a peak as there is.
        np.repeat(
            np.where(np.cos(np.pi * np.arange(251) ** 2 / 255) > 0, 255, 0)[:, None], 5, 1
        ).astype(np.uint8),
    ],
    ids=["black", "white", "checkered", "peaked"],
)
def test_no_picture_clips(pixels: np.ndarray) -> None:
    for level in (0.1, 1.0):
        samples = encode(Grid(level=level), pixels)
        assert 0.9 * level < np.abs(samples).max() <= level + 2**-16
        assert np.array_equal(decode(Grid(), samples), pixels)


def test_a_spectrogram_shows_the_picture() -> None:
    pixels = asymmetric_drawing()
    samples = encode(Grid(), pixels)
    stft = ShortTimeFFT(np.hanning(2048), 256, RATE)
    shown = np.sqrt(stft.spectrogram(samples))  # (n_frequencies, n_times)
    layout = Grid()._layout(Picture(pixels).format, "")
    seconds = layout.n_symbols * layout.period / RATE
    start = len(samples) / RATE - 0.15 - seconds  # what stands behind the picture takes 0.15 s
    # The middles of the pixels, inside the white frame.
    times = start + seconds * (1 + np.arange(64) + 0.5) / 66
    row = layout.bins_per_row * RATE / layout.n_fft  # Hz
    bottom = (layout.first_bin + 2) * RATE / layout.n_fft
    frequencies = bottom + row * (63 - np.arange(64) + 0.5)
    n_times = np.rint(times * RATE / 256).astype(int) - stft.p_min
    n_frequencies = np.rint(frequencies * 2048 / RATE).astype(int)
    found = shown[n_frequencies][:, n_times]
    assert np.corrcoef(found.ravel(), pixels.ravel())[0, 1] > 0.9
    for other in (pixels[::-1], pixels[:, ::-1], pixels.T, 255 - pixels):
        assert np.corrcoef(found.ravel(), other.ravel())[0, 1] < 0.7


def test_an_equalizer_does_no_harm() -> None:
    pixels = random_pixels(60, 50)
    samples = encode(Grid(), pixels)
    samples = samples + 0.5 * np.concatenate([[0.0] * 9, samples[:-9]])  # an echo of 0.2 ms
    assert np.array_equal(decode(Grid(), samples), pixels)


def test_a_gain_that_changes_does_no_harm() -> None:
    pixels = random_pixels(60, 50)
    samples = encode(Grid(), pixels)
    assert np.array_equal(decode(Grid(), samples * np.linspace(1, 0.5, len(samples))), pixels)


def test_noise_gives_a_warning_and_small_errors() -> None:
    pixels = random_pixels(256, 64)
    for distorted in (add_noise(encode(Grid(), pixels), 40), mp3(encode(Grid(), pixels))):
        with pytest.warns(ConverterWarning, match="doubtful; the checksum does not match"):
            decode(Grid(), distorted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        errors = decode(Grid(), add_noise(encode(Grid(), pixels), 40)).astype(int) - pixels
    assert errors.std() < 2.0


def test_a_slow_picture_has_less_noise() -> None:
    pixels = asymmetric_drawing()[::2, ::2]
    errors = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        for name, grid in PRESETS.items():
            found = decode(grid, add_noise(encode(grid, pixels), 20))
            errors[name] = (found.astype(int) - pixels).std()
    assert errors["slow"] < errors["default"] / 2


@pytest.mark.parametrize("kind", ["grey", "RGB"])
def test_a_truncated_sound_is_decoded_with_a_warning(kind: str) -> None:
    pixels = random_pixels(100, 300, kind)
    samples = encode(Grid(), pixels)
    cut = samples[: len(samples) - RATE]  # 50 columns and the end
    found = decode_with_warning(
        Grid(), cut, "the sound ends after 2...0 of 30000 pixels.*does not match"
    )
    assert np.array_equal(found[:, :240], pixels[:, :240])
    assert not found[:, 260:, ..., -1:].any() if kind == "RGB" else not found[:, 260:].any()


def test_a_sound_cut_before_the_picture_is_refused() -> None:
    samples = encode(Grid(), random_pixels(30, 30))
    with pytest.raises(ConverterError, match="too short"):
        decode(Grid(), samples[: int(1.45 * RATE)])


def test_a_silent_body_gives_a_warning() -> None:
    samples = encode(Grid(), random_pixels(30, 30))
    samples[int(1.5 * RATE) :] = 0
    decode_with_warning(Grid(), samples, "the checksum does not match")


def test_too_low_a_rate_is_refused() -> None:
    samples = encode(Grid(), random_pixels(30, 30))
    with pytest.raises(ConverterError, match="its tones need"):
        decode(Grid(), samples[::2], RATE // 2)


@pytest.mark.parametrize(
    "options",
    [
        {"f_min": 16000.0}, {"f_max": 22000.0}, {"prefix": 0.0}, {"prefix": float("nan")},
        {"seconds": 1e9}, {"sample_rate": 10**9}, {"level": 0.0},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConverterError):
        Grid(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(5000, 3), (3, 40000), (1500, 1500)])
def test_too_large_a_picture_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ConverterError, match="make the picture smaller"):
        Grid().encode_picture(Picture(np.zeros(shape, np.uint8)))


def test_the_sound_says_what_made_it() -> None:
    sound = Grid(seconds=1.0).encode_picture(Picture(random_pixels(10, 10), name="a.png"))
    assert sound.name == "a.png"
    assert sound.header is not None
    assert Grid.from_header(sound.header) == Grid(seconds=1.0)
    assert isinstance(sound, Sound)
