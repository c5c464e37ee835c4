"""mel64 as a converter: any sound becomes what the models see, and comes back as a second."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from converters import (
    ConverterError,
    ConverterWarning,
    Header,
    Picture,
    Sound,
    converter_of,
    find_header,
)
from converters.header import SoundFormat
from converters.mel64 import Mel64
from converters.mel64.features import fit_clip, to_picture
from converters.picture_files import read_picture, write_picture
from datasets.base import PairedDataset

EARLIER = Path(__file__).parents[1] / "earlier_files" / "mel64-default-word.png"


def saved(picture: Picture) -> Picture:
    """Through a PNG file."""
    file = io.BytesIO()
    write_picture(file, picture)
    file.seek(0)
    return read_picture(file, "tile")


def chirp(n: int = 60_000) -> np.ndarray:
    return np.rint(9000 * np.sin(1e-6 * np.arange(n) ** 2)).astype(np.int16)


def test_pictures_are_those_of_the_models(source: PairedDataset) -> None:
    clip = (source.recordings.clips[7].numpy() * 30_000).astype(np.int16)
    with pytest.warns(ConverterWarning, match="level and phase are lost"):
        (tile,) = Mel64().encode_sound(Sound.of(clip, 8000))
    expected = to_picture(fit_clip(torch.from_numpy(clip))).numpy()
    assert (tile.pixels == expected).all()
    for header in (tile.header, None):  # as a model draws it
        again = Mel64().decode_sound(iter([saved(dataclasses.replace(tile, header=header))]))
        assert again.format == SoundFormat(8000, 1, 8192, "FLOAT")
        picture = to_picture(torch.from_numpy(again.samples()[:, 0])).numpy()
        assert np.abs(picture.astype(int) - expected).mean() < 15


def test_any_sound() -> None:
    stereo = np.stack([chirp(), chirp()], 1)
    with pytest.warns(ConverterWarning) as warned:
        (tile,) = Mel64().encode_sound(Sound.of(stereo, 44_100))
    message = str(warned[0].message)
    assert all(words in message for words in ("2 channels", "44100 Hz", "length"))
    assert tile.pixels.shape == (64, 64)


def test_the_header_has_no_options_and_comes_back() -> None:
    with pytest.warns(ConverterWarning):
        (tile,) = Mel64().encode_sound(Sound.of(chirp(), 8000))
    header = find_header(saved(tile))
    assert header == tile.header and header is not None
    assert (header.kind, header.options) == ("mel64", {})
    assert header.sound == SoundFormat(8000, 1, 8192, "FLOAT")
    assert Header.from_bytes(header.to_bytes()) == header
    assert converter_of(header) == Mel64()


def test_a_file_that_calls_it_a_profile_of_spectrogram() -> None:
    picture = read_picture(EARLIER)
    assert picture.header is not None and picture.header.kind == "spectrogram"
    header = find_header(picture)
    assert header is not None and (header.kind, header.options) == ("mel64", {})
    for each in (header, picture.header):
        assert converter_of(each) == Mel64()
    assert Mel64().decode_sound(iter([picture])).format == header.sound


def test_an_edit_is_reported() -> None:
    with pytest.warns(ConverterWarning):
        (tile,) = Mel64().encode_sound(Sound.of(chirp(), 8000))
    edited = dataclasses.replace(tile, pixels=255 - tile.pixels)
    with pytest.warns(ConverterWarning, match="changed since it was made"):
        Mel64().decode_sound(iter([edited]))


def test_pixels_saved_in_other_colors() -> None:
    with pytest.warns(ConverterWarning):
        (tile,) = Mel64().encode_sound(Sound.of(chirp(), 8000))
    expected = Mel64().decode_sound(iter([Picture(tile.pixels)])).samples()
    found = Mel64().decode_sound(iter([Picture(np.stack([tile.pixels] * 3, -1))]))
    assert (found.samples() == expected).all()
    wide = Picture(tile.pixels.astype(np.uint16) * 257)
    with pytest.warns(ConverterWarning, match="16 bits, not 8"):
        assert (Mel64().decode_sound(iter([wide])).samples() == expected).all()


def test_bad_input() -> None:
    with pytest.raises(ConverterError, match="not empty"):
        next(Mel64().encode_sound(Sound.of(np.empty(0, np.float32), 8000)))
    with pytest.raises(ConverterError, match="not finite"), pytest.warns(ConverterWarning):
        next(Mel64().encode_sound(Sound.of(np.array([0.0, np.nan]), 8000)))
    with pytest.raises(ConverterError, match="64 x 64"):
        Mel64().decode_sound(iter([Picture(np.zeros((64, 65), np.uint8))]))
    with pytest.raises(ConverterError, match="no picture"):
        Mel64().decode_sound(iter([]))
    with pytest.raises(ConverterError, match="mel64 makes no sound"):
        Mel64().encode_picture(Picture(np.zeros((64, 64), np.uint8)))
