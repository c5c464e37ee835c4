"""Any picture becomes a sound, and comes back from it."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import ConverterWarning, Header, Picture, Sound
from converters.header import SoundFormat
from converters.spectrogram import Spectrogram
from tests.converters.spectrogram.tools import SMALL, some


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
