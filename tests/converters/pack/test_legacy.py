"""Pictures of the original system, which have no header."""

from __future__ import annotations

import numpy as np
import pytest

from converters import ConverterError, ConverterWarning, Picture, Sound
from converters.pack.converter import PRESETS, Pack
from tests.converters.pack.helpers import ramp, random_bits


def test_pictures_of_the_original_system() -> None:
    sound = Sound.of(random_bits("PCM_16", 400_000, 2, 1) | 1, 48_000)  # no sample ends in 0
    tiles = [Picture(t.pixels) for t in PRESETS["original"].encode_sound(sound)]
    assert len(tiles) == 1 and not tiles[0].header
    two = [Picture(t.pixels) for t in PRESETS["original"].encode_sound(ramp(1_000_001))]
    with pytest.warns(ConverterWarning, match="PCM_16 of 2 channels at 48000 Hz.*padding"):
        back = PRESETS["original"].decode_sound(iter(tiles))
    assert back.format == sound.format
    assert np.array_equal(back.samples(), sound.samples())
    assert np.array_equal(back.samples(), back.samples())
    mono = Pack("source", sample_rate=8000, n_channels=1, subtype="PCM_16")
    with pytest.warns(ConverterWarning, match="1 channels at 8000 Hz"):
        assert np.array_equal(mono.decode_sound(iter(two)).samples(), ramp(1_000_001).samples())


def test_silence_at_the_end_of_a_frame_is_kept() -> None:
    sound = Sound.of(np.array([[1, 2], [3, 4], [5, 0], [0, 0]], np.int32) << 8, 48_000, "PCM_24")
    pack = Pack("source", 64, 64, 2, 48_000, 2, "PCM_24")
    tiles = [Picture(tile.pixels) for tile in pack.encode_sound(sound)]
    with pytest.warns(ConverterWarning):
        back = pack.decode_sound(iter(tiles)).samples()
    assert np.array_equal(back, sound.samples()[:3])


def test_nothing_is_guessed() -> None:
    photo = Picture(np.full((40, 40, 3), 9, np.uint8))
    for pack in (Pack(), Pack("source"), Pack("rgb", sample_rate=1, n_channels=1, subtype="FLOAT")):
        with pytest.raises(ConverterError, match="has no header"):
            pack.decode_sound(iter([photo]))
