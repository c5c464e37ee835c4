"""Pictures come back exactly through what happens to sound files, and what does not is warned."""

from __future__ import annotations

import dataclasses
import io
import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import Converter, ConverterError, ConverterWarning, Header, Picture, Sound
from converters.grid.converter import Grid
from converters.tone.converter import PRESETS, Tone

RATE = 44100
KINDS = {"grey": (1, np.uint8), "RGB": (3, np.uint8), "RGBA": (4, np.uint8), "16": (1, np.uint16)}


def random_pixels(height: int, width: int, kind: str = "grey", seed: int = 0) -> np.ndarray:
    """Every pixel by chance: the hardest to keep."""
    n_colours, dtype = KINDS[kind]
    shape = (height, width) if n_colours == 1 else (height, width, n_colours)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def encode(converter: Converter, pixels: np.ndarray) -> np.ndarray:
    """(n,) float64, without the header that stands beside the samples."""
    sound = converter.encode_picture(Picture(pixels))
    samples = sound.samples()[:, 0]
    assert samples.dtype == np.int16
    assert len(samples) == sound.format.n_samples
    return samples / 32768


def decode(converter: Converter, samples: np.ndarray, rate: int = RATE) -> np.ndarray:
    return converter.decode_picture(Sound.of(samples, rate)).pixels


def warnings_from(work: Callable[[], object]) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return "; ".join(str(w.message) for w in caught if w.category is ConverterWarning)


def add_noise(samples: np.ndarray, decibel: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    return samples + noise * samples.std() * 10 ** (-decibel / 20)


def mp3(samples: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="MP3")
    file.seek(0)
    return soundfile.read(file)[0]


CHANNELS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, int]]] = {
    "16 bit": lambda x: (np.rint(x * 32767).astype(np.int16), RATE),
    "quiet": lambda x: (0.01 * x, RATE),
    "inverted": lambda x: (-x, RATE),
    "stereo": lambda x: (np.stack([x, 0.3 * x], axis=1), RATE),
    "at 48 kHz": lambda x: (soxr.resample(x, RATE, 48000), 48000),
    "over 48 kHz": lambda x: (soxr.resample(soxr.resample(x, RATE, 48000), 48000, RATE), RATE),
    "+500 ppm": lambda x: (soxr.resample(x, RATE, RATE * 1.0005, "VHQ"), RATE),
    "-500 ppm": lambda x: (soxr.resample(x, RATE, RATE * 0.9995, "VHQ"), RATE),
    "3 s of silence": lambda x: (np.concatenate([np.zeros(3 * RATE + 17), x]), RATE),
    "20 s of noise": lambda x: (
        np.concatenate([0.05 * np.random.default_rng(1).standard_normal(20 * RATE), x]),
        RATE,
    ),
}
LOSSY_CHANNELS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, int]]] = {
    "at 22 kHz": lambda x: (soxr.resample(x, RATE, 22050), 22050),
    "MP3": lambda x: (mp3(x), RATE),
    "20 dB": lambda x: (add_noise(x, 20), RATE),
    "10 dB": lambda x: (add_noise(x, 10), RATE),
}


@pytest.mark.parametrize("channel", {**CHANNELS, **LOSSY_CHANNELS})
def test_grey_comes_back_exactly(channel: str) -> None:
    pixels = random_pixels(40, 50)
    assert np.array_equal(
        decode(Tone(), *{**CHANNELS, **LOSSY_CHANNELS}[channel](encode(Tone(), pixels))), pixels
    )


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "16"])
@pytest.mark.parametrize("channel", ["16 bit", "at 48 kHz", "+500 ppm", "MP3", "20 dB"])
def test_colours_come_back_exactly(kind: str, channel: str) -> None:
    pixels = random_pixels(15, 20, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)  # a pixel may be doubtful, and right
        found = decode(Tone(), *{**CHANNELS, **LOSSY_CHANNELS}[channel](encode(Tone(), pixels)))
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, pixels)


def test_robust_colours_come_back_exactly_through_loud_noise() -> None:
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


# Without a header beside the samples, and without one at all


@pytest.mark.parametrize("kind", [Tone, Grid])
def test_the_header_is_found_in_the_sound(kind: type[Converter]) -> None:
    pixels = random_pixels(16, 16, "RGB")
    sound = kind().encode_picture(Picture(pixels))
    samples = add_noise(np.concatenate([np.zeros(3 * RATE), sound.samples()[:, 0] / 32768]), 10)
    assert kind.find(Sound.of(samples, RATE)) == sound.header
    other = Grid if kind is Tone else Tone
    assert other.find(Sound.of(samples, RATE)) is None
    assert kind.find(Picture(pixels)) is None


def test_no_header_is_found_in_speech(source) -> None:
    speech = source.recordings.clips[:15].numpy().ravel()
    assert Tone.find(Sound.of(speech, 8000)) is None
    assert Tone.find(Sound.of(speech, RATE)) is None


def test_find_reads_only_the_beginning() -> None:
    n_read = 0

    def blocks(n: int):
        nonlocal n_read
        while n_read < 3600 * RATE:
            n_read += n
            yield np.zeros((n, 1))

    long = dataclasses.replace(
        Sound.of(np.zeros(1), RATE),
        blocks=blocks,
        format=dataclasses.replace(Sound.of(np.zeros(1), RATE).format, n_samples=3600 * RATE),
    )
    assert Tone.find(long) is None
    assert n_read < 40 * RATE


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
    warned = warnings_from(lambda: decode(Tone(width=10, height=12), samples))
    assert "no header" in warned
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        assert np.array_equal(decode(Tone(width=10, height=12), samples), pixels)


# The source's files


def source_file(pixels: np.ndarray) -> np.ndarray:
    """As the source writes it: every tone starts its phase anew."""
    time = np.arange(2205) / RATE
    tones = np.sin(2 * np.pi * (200 + 1800 * (pixels.reshape(-1, 1) / 255)) * time)
    return np.rint(tones.ravel() * 32767).astype(np.int16)


def test_a_file_of_the_source_is_decoded() -> None:
    pixels = random_pixels(100, 100)
    sound = Sound.of(source_file(pixels), RATE)
    warned = warnings_from(lambda: PRESETS["original"].decode_picture(sound))
    assert "no header" in warned
    assert "doubtful" not in warned
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        assert np.array_equal(PRESETS["original"].decode_picture(sound).pixels, pixels)


def test_the_source_layout_says_what_it_loses() -> None:
    colour = Picture(random_pixels(30, 20, "RGB"))
    with pytest.warns(ConverterWarning, match=r"20 x 30 .*RGB.* become 100 x 100 .*grey.* lost"):
        sound = PRESETS["original"].encode_picture(colour)
    assert sound.format.n_samples == 500 * RATE
    grey = random_pixels(100, 100)
    assert not warnings_from(lambda: PRESETS["original"].encode_picture(Picture(grey)))


# Hostile and foreign input


def test_what_a_cut_sound_holds_is_given_and_the_rest_warned() -> None:
    pixels = random_pixels(40, 50)
    samples = encode(Tone(), pixels)
    cut = samples[: len(samples) - 5 * RATE]  # 500 pixels and the end
    found = decode_with_warning(Tone(), cut, "ends after 15.. of 2000 pixels.*checksum does not match")
    assert np.array_equal(found[:30], pixels[:30])
    assert not found[31:].any()


def decode_with_warning(converter: Converter, samples: np.ndarray, warning: str) -> np.ndarray:
    with pytest.warns(ConverterWarning, match=warning):
        return decode(converter, samples)


def test_a_spoilt_stretch_is_warned() -> None:
    pixels = random_pixels(20, 20)
    samples = encode(Tone(), pixels)
    samples[3 * RATE : 3 * RATE + 2205] = 0  # five pixels
    found = decode_with_warning(Tone(), samples, "[4-7] of 400 pixels are doubtful; the checksum does not")
    assert (found != pixels).sum() <= 7


@pytest.mark.parametrize("kind", [Tone, Grid])
@pytest.mark.parametrize("n", [0, 1, 100, 2 * RATE])
def test_foreign_sounds_are_refused(kind: type[Converter], n: int) -> None:
    for samples in (np.zeros(n), np.full(n, np.nan), np.random.default_rng(0).normal(size=n)):
        with pytest.raises(ConverterError, match="no sync chirp"):
            decode(kind(), samples)
        with pytest.raises(ConverterError, match="its tones need"):
            decode(kind(), samples, 2**31 - 1)
        with pytest.raises(ConverterError, match="its tones need"):
            decode(kind(), samples, 7999)


def header_of(kind: type[Converter], **picture: int) -> Header:
    header = kind().encode_picture(Picture(random_pixels(8, 8))).header
    assert header is not None
    assert header.picture is not None
    return dataclasses.replace(header, picture=dataclasses.replace(header.picture, **picture))


@pytest.mark.parametrize("kind", [Tone, Grid])
def test_a_header_that_promises_too_much_is_refused(kind: type[Converter]) -> None:
    sound = kind().encode_picture(Picture(random_pixels(8, 8)))
    lying = dataclasses.replace(sound, header=header_of(kind, width=10**6, height=10**6))
    with pytest.raises(ConverterError, match="more than"):
        kind().decode_picture(lying)


@pytest.mark.parametrize(
    "options",
    [
        {"duration": 0.0}, {"duration": float("nan")}, {"duration": 1e9}, {"sample_rate": 1},
        {"f_max": 30000.0}, {"f_min": 9000.0}, {"level": 2.0}, {"colours": 2}, {"width": 5},
        {"width": -1, "height": -1},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConverterError):
        Tone(**options)  # type: ignore[arg-type]
    header = header_of(Tone)
    hostile = {**header.options, **options}
    with pytest.raises(ConverterError):
        if any(value != value for value in options.values()):
            dataclasses.replace(header, options=hostile)
        Tone.from_header(dataclasses.replace(header, options=hostile))


def test_too_large_a_picture_is_refused() -> None:
    with pytest.raises(ConverterError, match="make the picture smaller"):
        Tone().encode_picture(Picture(np.zeros((3000, 3000), np.uint8)))
