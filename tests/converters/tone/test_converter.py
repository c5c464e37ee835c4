"""Pictures come back exactly through channel distortions, and losses give a warning."""

from __future__ import annotations

import dataclasses
import time
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import ConverterError, ConverterWarning, Picture, Sound
from converters.tone.converter import PRESETS, Tone
from tests.converters.channels import (
    CHANNELS,
    KINDS,
    RATE,
    add_noise,
    decode,
    decode_with_warning,
    encode,
    random_pixels,
    warnings_from,
)


@pytest.mark.parametrize("channel", CHANNELS)
def test_grey_comes_back_exactly(channel: str) -> None:
    pixels = random_pixels(40, 50)
    found = decode(Tone(), *CHANNELS[channel](encode(Tone(), pixels)))
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "16"])
@pytest.mark.parametrize("channel", ["16 bit", "at 48 kHz", "+500 ppm", "MP3", "20 dB"])
def test_colors_come_back_exactly(kind: str, channel: str) -> None:
    pixels = random_pixels(15, 20, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)  # a pixel may be doubtful, and right
        found = decode(Tone(), *CHANNELS[channel](encode(Tone(), pixels)))
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, pixels)


def test_robust_colors_come_back_exactly_through_loud_noise() -> None:
    pixels = random_pixels(10, 10, "RGB")
    tone = PRESETS["robust"]
    assert np.array_equal(decode(tone, add_noise(encode(tone, pixels), 10)), pixels)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 12), width=st.integers(1, 12), kind=st.sampled_from(sorted(KINDS)),
    duration=st.floats(7, 20), f_min=st.floats(200, 1500), f_max=st.floats(7500, 10000),
    rate=st.integers(21000, 60000), level=st.floats(0.05, 1), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_picture_with_any_options(
    height: int, width: int, kind: str, duration: float, f_min: float, f_max: float, rate: int,
    level: float, seed: int,
) -> None:  # fmt: skip
    tone = Tone(duration, f_min, f_max, rate, level)
    pixels = random_pixels(height, width, kind, seed)
    samples = encode(tone, pixels)
    assert np.abs(samples).max() <= level + 2**-16  # rounding
    assert np.array_equal(decode(Tone(), samples, rate), pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shortest_pixel_that_is_allowed_is_exact(kind: str) -> None:
    pixels = random_pixels(30, 30, kind)
    with pytest.raises(ConverterError, match="use at least") as refused:
        Tone(duration=1.0).encode_picture(Picture(pixels))
    tone = Tone(duration=float(str(refused.value).split()[-1]) + 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        assert np.array_equal(decode(tone, encode(tone, pixels)), pixels)


def test_ten_thousand_pixels_within_a_second() -> None:
    pixels = random_pixels(100, 100)
    start = time.process_time()
    assert np.array_equal(decode(Tone(), encode(Tone(), pixels)), pixels)
    assert time.process_time() - start < 1.0


def test_the_oscillator_never_jumps() -> None:
    samples = encode(Tone(frame=False, level=1.0), random_pixels(20, 20))
    assert np.abs(np.diff(samples)).max() < 2 * np.pi * 8000 / RATE + 1e-3


def test_blocks_of_any_size_are_the_same_sound() -> None:
    sound = Tone().encode_picture(Picture(random_pixels(7, 9)))
    whole = sound.samples()
    for n in (1000, 4410, 1 << 20):
        blocks = list(sound.blocks(n))
        assert all(len(block) == n for block in blocks[:-1])
        assert np.array_equal(np.concatenate(blocks), whole)


def test_decoding_uses_the_header_and_not_its_own_options() -> None:
    pixels = random_pixels(12, 12)
    made = Tone(duration=15.0, f_min=700.0, f_max=5000.0).encode_picture(Picture(pixels))
    bare = Tone(frame=False).encode_picture(Picture(pixels))
    for other in (Tone(), PRESETS["original"], Tone(duration=5.0)):
        assert np.array_equal(other.decode_picture(made).pixels, pixels)
        assert np.array_equal(other.decode_picture(bare).pixels, pixels)
        stripped = dataclasses.replace(made, header=None)
        assert np.array_equal(other.decode_picture(stripped).pixels, pixels)


def test_a_damaged_header_leaves_the_options() -> None:
    pixels = random_pixels(12, 10)
    samples = encode(Tone(), pixels)
    samples[int(0.3 * RATE) : int(0.4 * RATE)] = 0
    with pytest.raises(ConverterError, match="give width and height"):
        decode(Tone(), samples)
    warning = warnings_from(lambda: decode(Tone(width=10, height=12), samples))
    assert "no header" in warning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        assert np.array_equal(decode(Tone(width=10, height=12), samples), pixels)


def original_file(pixels: np.ndarray) -> np.ndarray:
    """As the original system writes it: every tone starts at phase 0."""
    time = np.arange(2205) / RATE
    tones = np.sin(2 * np.pi * (200 + 1800 * (pixels.reshape(-1, 1) / 255)) * time)
    return np.rint(tones.ravel() * 32767).astype(np.int16)


def test_a_file_of_the_original_system_is_decoded() -> None:
    pixels = random_pixels(100, 100)
    sound = Sound.of(original_file(pixels), RATE)
    warning = warnings_from(lambda: PRESETS["original"].decode_picture(sound))
    assert "no header" in warning
    assert "doubtful" not in warning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        assert np.array_equal(PRESETS["original"].decode_picture(sound).pixels, pixels)


def test_the_original_preset_warns_of_what_is_lost() -> None:
    color = Picture(random_pixels(30, 20, "RGB"))
    with pytest.warns(ConverterWarning, match=r"20 x 30 .*RGB.* become 100 x 100 .*grey.* lost"):
        sound = PRESETS["original"].encode_picture(color)
    assert sound.format.n_samples == 500 * RATE
    grey = random_pixels(100, 100)
    assert not warnings_from(lambda: PRESETS["original"].encode_picture(Picture(grey)))


def test_a_truncated_sound_is_decoded_with_a_warning() -> None:
    pixels = random_pixels(40, 50)
    samples = encode(Tone(), pixels)
    cut = samples[: len(samples) - 5 * RATE]  # 500 pixels and the end
    found = decode_with_warning(
        Tone(), cut, "ends after 15.. of 2000 pixels.*checksum does not match"
    )
    assert np.array_equal(found[:30], pixels[:30])
    assert not found[31:].any()


def test_a_damaged_stretch_gives_a_warning() -> None:
    pixels = random_pixels(20, 20)
    samples = encode(Tone(), pixels)
    samples[3 * RATE : 3 * RATE + 2205] = 0  # five pixels
    found = decode_with_warning(Tone(), samples, "[4-7] of 400 pixels are doubtful; the checksum")
    assert (found != pixels).sum() <= 7


@pytest.mark.parametrize(
    "options",
    [
        {"duration": 0.0}, {"duration": float("nan")}, {"duration": 1e9}, {"sample_rate": 1},
        {"f_max": 30000.0}, {"f_min": 9000.0}, {"level": 2.0}, {"colours": 2}, {"width": 5},
        {"width": -1, "height": -1},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConverterError):
        Tone(**options)
    header = Tone().header("picture")
    hostile = {**header.options, **options}
    with pytest.raises(ConverterError):
        if any(value != value for value in options.values()):
            dataclasses.replace(header, options=hostile)
        Tone.from_header(dataclasses.replace(header, options=hostile))


def test_too_large_a_picture_is_refused() -> None:
    with pytest.raises(ConverterError, match="make the picture smaller"):
        Tone().encode_picture(Picture(np.zeros((3000, 3000), np.uint8)))
