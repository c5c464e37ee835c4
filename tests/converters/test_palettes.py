"""Palettes lose nothing, and are recognised by their colours."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from converters import ConverterError, ConverterWarning, Picture, Sound
from converters.palettes import GREY, PALETTES, colorize, levels_of, recognize
from converters.picture_files import read_picture
from converters.spectrogram import Spectrogram
from tests.converters.spectrogram.tools import SMALL, convergence, decode, encode, music, save

COLORED = PALETTES[1:]


@pytest.mark.parametrize("name", COLORED)
def test_levels_come_back(name: str) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    error = levels_of(colorize(levels, name), name).astype(int) - levels
    assert np.abs(error).max() <= 1 and np.count_nonzero(error) <= 2  # of 8 bits, some are alike
    painted = np.array([[[0, 0, 0], [255, 255, 255], [128, 128, 128]]], np.uint8)
    black, white, grey = levels_of(painted, name)[0]
    assert (black, white) == (0, 255) and 60 < grey < 200


@pytest.mark.parametrize("name", COLORED)
def test_a_palette_loses_nothing(name: str) -> None:
    samples = music(30_000)
    sound = Sound.of(samples, 44_100)
    (grey,) = encode(sound, profile="magnitude", **SMALL)
    (tile,) = encode(sound, profile="magnitude", palette=name, **SMALL)
    assert tile.pixels.ndim == 3 and (tile.pixels[..., 0] != tile.pixels[..., 2]).any()
    one, other = (convergence(samples, decode([t]).samples()[:, 0], 256, 64) for t in (grey, tile))
    assert abs(one - other) < 1.5 and other < -20


@pytest.mark.parametrize("name", COLORED)
@pytest.mark.parametrize("suffix", ["png", "jpeg"])
def test_a_palette_is_recognized_by_its_colors(name: str, suffix: str) -> None:
    samples = music(30_000)
    sound = Sound.of(samples, 44_100)
    (tile,) = encode(sound, profile="magnitude", palette=name, strip=False, **SMALL)
    file = io.BytesIO()
    Image.fromarray(tile.pixels).save(file, suffix)
    bare = read_picture(file, "bare")
    assert recognize(bare.pixels) == name
    with pytest.warns(ConverterWarning, match=f"palette {name}"):
        found = Spectrogram(**SMALL, sample_rate=44_100).decode_sound(iter([bare])).samples()
    found = found[: len(samples), 0] * (samples.std() / found.std())
    assert convergence(samples, found, 256, 64) < -8
    with pytest.warns(ConverterWarning, match=f"palette {name}"):
        Spectrogram(**SMALL).encode_picture(bare)


def test_other_pictures_have_no_palette() -> None:
    rng = np.random.default_rng(0)
    for photo in ("china.jpg", "flower.jpg"):
        assert recognize(load_sample_image(photo)) == GREY
    grey = rng.integers(0, 256, (50, 50, 1), np.uint8).repeat(3, 2)
    for pixels in (grey, grey[..., 0], rng.integers(0, 256, (50, 50, 3), np.uint8), 0 * grey):
        assert recognize(pixels) == GREY
    with pytest.raises(ConverterError, match="needs the profile magnitude"):
        Spectrogram(palette="magma")


def test_a_widened_picture_of_a_palette() -> None:
    samples = music(20_000)
    (tile,) = encode(Sound.of(samples, 8000), profile="magnitude", palette="magma", **SMALL)
    image = Image.fromarray(tile.pixels).resize((2 * tile.pixels.shape[1], len(tile.pixels)))
    assert tile.header is not None
    decoder = dataclasses.replace(Spectrogram.from_header(tile.header), stretch=True)
    with pytest.warns(ConverterWarning, match="stretched"):
        found = decoder.decode_sound(iter([save(tile, pixels=np.asarray(image))]))
    assert found.samples().std() > 0.5 * samples.std()
    assert isinstance(tile, Picture)
