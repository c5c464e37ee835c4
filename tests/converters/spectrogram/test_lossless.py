"""The decoded samples of lossy sound files come back exactly; hostile headers are bounded."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

from converters import ConverterError, ConverterWarning, Picture, Sound
from converters.header import SoundFormat
from converters.sound_files import read_sound, write_sound
from converters.spectrogram import PRESETS


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_decoded_samples_of_lossy_files_come_back_exactly(suffix: str, tmp_path: Path) -> None:
    time = np.arange(9000)[:, None] / 8000
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * time * [300, 500]), 8000)
    original = read_sound(path)
    converter = PRESETS["exact"]
    with pytest.warns(ConverterWarning, match="exact are its decoded samples, rounded"):
        tiles = list(converter.encode_sound(original))
    sound = converter.decode_sound(iter(tiles))
    write_sound(tmp_path / "b.wav", sound)
    found = read_sound(tmp_path / "b.wav")
    assert found.format == SoundFormat(8000, 2, original.format.n_samples, "PCM_24", "WAV")
    wanted = np.rint(original.samples().astype(float) * 2**23)
    assert (found.samples() >> 8 == wanted).all()


def test_floats_of_other_files_are_refused() -> None:
    sound = Sound.of(np.zeros(9, np.float32), 8000)
    with pytest.raises(ConverterError, match="pack keeps such samples"):
        next(PRESETS["exact"].encode_sound(sound))


@pytest.mark.parametrize("rate", [1, 2, 7, 15])
@pytest.mark.parametrize("preset", ["exact", "magnitude", "original"])
def test_rates_from_1_hertz(rate: int, preset: str) -> None:
    samples = (9000 * np.sin(np.arange(200) / 7)).astype(np.int16)
    converter = PRESETS[preset]
    sound = converter.decode_sound(converter.encode_sound(Sound.of(samples, rate)))
    found = sound.samples()[:, 0]
    assert sound.format.sample_rate == rate and len(found) == len(samples)
    assert preset != "exact" or (found == samples).all()


@pytest.mark.parametrize(("n_fft", "hop"), [(32768, 16384), (2048, 1024), (512, 64)])
@pytest.mark.parametrize("preset", ["colour", "magnitude"])
def test_a_small_picture_of_very_many_channels_is_refused(
    preset: str, n_fft: int, hop: int
) -> None:
    overlap = n_fft // hop
    maker = dataclasses.replace(PRESETS[preset], strip=False, rows=4, n_fft=n_fft, hop=hop)
    header = maker.at_rate(8000).header(
        "sound",
        sound=SoundFormat(8000, 1024, hop),
        facts={"peak": 100.0, "exponent": 0.2, "width": overlap},
    )
    shape = (600, overlap, 3) if preset == "colour" else (600, overlap)
    picture = Picture(np.ones(shape, np.uint8)).with_header(header)
    with pytest.raises(ConverterError, match="pixels do not hold 1024 channels of 4 rows"):
        maker.decode_sound(iter([picture]))
