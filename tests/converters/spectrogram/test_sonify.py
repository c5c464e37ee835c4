"""Any picture becomes a sound, and comes back from it."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_image

from converters import ConverterError, ConverterWarning, Header, Picture, Sound
from converters.header import SoundFormat
from converters.spectrogram import Spectrogram
from tests.converters.spectrogram.tools import SMALL, purity, some


def drawing() -> np.ndarray:
    rows, columns = np.mgrid[:100, :160]
    wave = 128 + 80 * np.sin(columns / 23) * np.cos(rows / 17)
    return (
        (wave + 40 * ((columns - 80) ** 2 + (rows - 50) ** 2 < 900)).clip(0, 255).astype(np.uint8)
    )


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
def test_a_picture_comes_back_from_its_sound(axis: str) -> None:
    picture = Picture(drawing())
    converter = Spectrogram(axis=axis, sample_rate=22_050, n_fft=512, hop=128)
    sound = converter.encode_picture(picture)
    assert sound.format == SoundFormat(22_050, 1, sound.format.n_samples)
    assert np.abs(sound.samples()).max() == round(32767 * 10 ** (-1 / 20))
    assert sound.header is not None
    header = Header.from_json(sound.header.to_json())
    again = Spectrogram.from_header(header).decode_picture(
        dataclasses.replace(sound, header=header)
    )
    assert again.pixels.shape == picture.pixels.shape and again.pixels.dtype == np.uint8
    assert np.corrcoef(again.pixels.ravel(), picture.pixels.ravel())[0, 1] > 0.75


def photo(height: int = 100, width: int = 150) -> Picture:
    image = Image.fromarray(load_sample_image("china.jpg")).convert("L")
    return Picture(np.asarray(image.resize((width, height))))


def peak(samples: np.ndarray) -> float:
    return float(np.abs(samples.astype(np.float64)).max())


def test_a_photograph_is_neither_hiss_nor_a_click() -> None:
    sound = Spectrogram().encode_picture(photo())
    samples, rate = sound.samples()[:, 0], sound.format.sample_rate
    energy = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    assert energy[hertz > 5000].sum() < 0.2 * energy.sum()
    first = np.flatnonzero(samples)[0]
    n = rate // 20
    assert peak(samples[first : first + n]) < 0.5 * peak(samples)
    assert peak(samples[: rate // 500]) < 0.01 * peak(samples)
    assert peak(samples[-rate // 500 :]) < 0.01 * peak(samples)


@pytest.mark.parametrize("axis", ["log", "linear", "mel"])
def test_a_white_row_is_a_clean_tone(axis: str) -> None:
    """50 dB of all energy within one bin of the row's frequency, in every row."""
    converter = Spectrogram(axis=axis, sample_rate=8000, n_fft=512)
    centers = converter.at_rate(8000, of_picture=True).frequency_axis(50).centers
    for row in range(50):
        pixels = np.zeros((50, 100), np.uint8)
        pixels[49 - row] = 255
        samples = converter.encode_picture(Picture(pixels)).samples()[:, 0].astype(float)
        assert purity(samples, centers[row] * 8000 / 512, 8000, 512) > 50


def test_duration_and_frequencies_are_as_asked() -> None:
    picture = photo()
    cases: tuple[tuple[dict[str, Any], float], ...] = (
        ({"duration": 5.0}, 5.0), ({"duration": 0.5}, 0.5), ({"pixels_per_second": 50.0}, 3.0),
        ({"duration": 2.0, "fade": 0.5}, 2.0), ({"pixels_per_second": 200.0, "fade": 0.0}, 0.75),
    )  # fmt: skip
    for options, seconds in cases:
        converter = Spectrogram(sample_rate=22_050, **options)
        sound = converter.encode_picture(picture)
        assert sound.format == converter.sound_format_of(picture)
        extra = 0.3 if "pixels_per_second" in options else 0.012
        assert 0 <= sound.format.n_samples / 22_050 - seconds + 0.012 < extra + 0.012
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = Spectrogram.from_header(as_header(sound)).decode_picture(sound)
        if seconds >= 2:
            assert np.corrcoef(again.pixels.ravel(), picture.pixels.ravel())[0, 1] > 0.75
    with pytest.raises(ConverterError, match="too short"):
        Spectrogram(duration=0.1).encode_picture(picture)
    with pytest.raises(ConverterError, match="more pixels per second"):
        Spectrogram(pixels_per_second=0.001).encode_picture(picture)
    for axis in ("linear", "log", "mel"):
        converter = Spectrogram(axis=axis, f_min=500.0, f_max=1500.0, sample_rate=8000)
        samples = converter.encode_picture(picture).samples()[:, 0].astype(float)
        energy = np.abs(np.fft.rfft(samples)) ** 2
        hertz = np.fft.rfftfreq(len(samples), 1 / 8000)
        outside = energy[(hertz < 480) | (hertz > 1520)].sum()
        assert outside < 1e-3 * energy.sum()
    with pytest.raises(ConverterError, match="no more than 4000 Hz"):
        Spectrogram(f_max=5000.0, sample_rate=8000).encode_picture(picture)


def as_header(sound: Sound) -> Header:
    assert sound.header is not None
    return Header.from_json(sound.header.to_json())


@pytest.mark.parametrize("axis", ["linear", "log"])
def test_without_tones_a_row_is_a_band(axis: str) -> None:
    picture = photo(60, 80)
    sound = Spectrogram(axis=axis, tones=False, sample_rate=8000).encode_picture(picture)
    again = Spectrogram.from_header(as_header(sound)).decode_picture(sound)
    assert np.corrcoef(again.pixels.ravel(), picture.pixels.ravel())[0, 1] > 0.9


@some
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    colors=st.sampled_from([(), (3,), (4,)]),
    wide=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_picture(
    height: int, width: int, colors: tuple[int, ...], wide: bool, seed: int
) -> None:
    dtype = np.uint16 if wide and not colors else np.uint8
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, np.iinfo(dtype).max, (height, width, *colors), dtype, endpoint=True)
    converter = Spectrogram(n_fft=64, hop=16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        sound = converter.encode_picture(Picture(pixels))
        again = converter.decode_picture(sound)
    assert sound.format.n_samples > width * 16 and np.abs(sound.samples()).max() < 29_300
    assert again.pixels.shape == (height, width) and again.pixels.dtype == dtype


def test_losses_are_reported() -> None:
    rgb = np.stack([drawing(), drawing()[::-1], drawing()], -1)
    converter = Spectrogram(**SMALL)
    with pytest.warns(ConverterWarning, match="luminance"):
        sound = converter.encode_picture(Picture(rgb))
    with pytest.warns(ConverterWarning, match="grey"):
        converter.decode_picture(sound)
    rgba = np.concatenate([rgb, rgb[..., :1]], 2)
    with pytest.warns(ConverterWarning, match="transparent"):
        converter.encode_picture(Picture(rgba))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        converter.encode_picture(Picture(drawing()))


def test_a_changed_sound_is_reported() -> None:
    sound = Spectrogram(**SMALL).encode_picture(Picture(drawing()))
    samples = sound.samples()[:, 0]
    n = len(samples)

    def warnings_of(other: np.ndarray) -> list[str]:
        again = dataclasses.replace(Sound.of(other, 44_100), header=sound.header)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            assert Spectrogram(**SMALL).decode_picture(again).pixels.shape == (100, 160)
        return [str(each.message) for each in warned]

    for same in (samples, samples / 32768, samples.astype(np.int32) << 16):
        assert not warnings_of(same)
    seconds = f"was cut from {n / 44_100:.3f} to {n // 3 / 44_100:.3f} s"
    assert seconds in warnings_of(samples[: n // 3])[0]
    assert "lengthened" in warnings_of(np.append(samples, samples))[0]
    zeroed = np.where(np.arange(n) < n // 2, 0, samples).astype(np.int16)
    for other in (zeroed, samples // 4, np.roll(samples, 50)):
        (message,) = warnings_of(other)
        assert "was changed since it was made" in message


def test_black_is_silence() -> None:
    sound = Spectrogram(**SMALL).encode_picture(Picture(np.zeros((9, 9), np.uint8)))
    assert not sound.samples().any()
    assert not Spectrogram(**SMALL).decode_picture(sound).pixels.any()
