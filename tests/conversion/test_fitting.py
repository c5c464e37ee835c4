"""What becomes of samples in a file format that holds other ones."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversion.fitting import check_picture, fitted, sound_suffix
from converters import ConverterError, ConverterWarning, Picture, Sound
from converters.sound_files import WRITABLE, read_sound, write_sound

SUBTYPES = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")
BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "ULAW": 8}
some = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def sound_of(subtype: str, seed: int, n: int = 50, peak: float = 1.0) -> Sound:
    """Samples as a file of this subtype gives them."""
    values = peak * np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    if subtype not in BITS:
        return Sound.of(values.astype("float32" if subtype == "FLOAT" else "float64"), 8000)
    unused = (32 if subtype in ("PCM_24", "PCM_32") else 16) - BITS[subtype]
    dtype = np.int32 if subtype in ("PCM_24", "PCM_32") else np.int16
    samples = np.floor(values * 2 ** (BITS[subtype] - 1)).astype(dtype) << unused
    if subtype == "ULAW":
        samples = np.zeros_like(samples)
    return Sound.of(samples, 8000, subtype, "WAV")


@some
@given(st.sampled_from(SUBTYPES), st.sampled_from([".wav", ".flac", ".aiff"]), st.integers(0, 99))
def test_samples_are_kept_or_the_loss_is_told(
    tmp_path: Path, subtype: str, suffix: str, seed: int
) -> None:
    sound, path = sound_of(subtype, seed, peak=0.99), tmp_path / f"x{suffix}"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        write_sound(path, fitted(sound, path))
    again = read_sound(path)
    wanted = sound.samples() / sound.format.full_scale
    found = again.samples() / again.format.full_scale
    error = np.abs(wanted - found).max()
    rounded = [w for w in told if "rounded" in str(w.message)]
    assert all(w.category is ConverterWarning for w in told)
    if again.format.subtype == subtype:
        assert not told
    assert bool(rounded) == (suffix == ".flac" and subtype in ("PCM_32", "FLOAT", "DOUBLE"))
    assert error == 0 if not rounded else error <= 2.0**-24


def test_what_is_beyond_full_scale_is_clipped_and_counted(tmp_path: Path) -> None:
    samples = np.array([0.5, 1.5, -2, np.nan, np.inf, -1], np.float32)
    path = tmp_path / "x.flac"
    sound = fitted_quietly(Sound.of(samples, 8000), path)
    with pytest.warns(ConverterWarning, match=r"x\.flac: 3 samples beyond full scale were clipped"):
        write_sound(path, sound)
    found = read_sound(path).samples()[:, 0] / 2.0**31
    assert np.abs(found - [0.5, 1, -1, 0, 1, -1]).max() <= 2.0**-23


def fitted_quietly(sound: Sound, path: Path) -> Sound:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted(sound, path)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "DOUBLE", "MPEG_LAYER_III"])
def test_lossy_formats_say_so(tmp_path: Path, suffix: str, subtype: str) -> None:
    time = np.arange(8000) / 8000
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    kind = {"DOUBLE": tone, "MPEG_LAYER_III": tone.astype(np.float32)}
    samples = kind.get(subtype, (tone * 2**15).astype(np.int16))
    path = tmp_path / f"x{suffix}"
    with pytest.warns(ConverterWarning, match="is lossy: the samples come back changed"):
        sound = fitted(Sound.of(samples, 8000, subtype), path)
    write_sound(path, sound)
    found, rate = soundfile.read(path)
    assert rate == 8000
    level = np.sqrt((found[1000:7000] ** 2).mean()) / np.sqrt((tone**2).mean())
    assert 0.9 < level < 1.1


@pytest.mark.parametrize("subtype", ["VORBIS", "MPEG_LAYER_III", "IMA_ADPCM"])
def test_what_was_lossy_loses_nothing_more(tmp_path: Path, subtype: str) -> None:
    dtype = np.int16 if subtype == "IMA_ADPCM" else np.float32
    samples = (np.random.default_rng(0).uniform(-1, 1, 500) * (2**15 - 1)).astype(dtype)
    samples = samples if dtype == np.int16 else samples / np.float32(2**15)
    sound, path = Sound.of(samples, 8000, subtype), tmp_path / "x.wav"
    with pytest.warns(ConverterWarning, match=f"{subtype} would lose once more"):
        write_sound(path, fitted(sound, path))
    assert np.array_equal(read_sound(path).samples()[:, 0], samples)


@pytest.mark.parametrize(
    ("suffix", "rate", "n_channels"), [(".mp3", 44_056, 1), (".mp3", 8000, 3), (".flac", 8000, 9)]
)
def test_what_a_format_does_not_take_is_told_before(
    suffix: str, rate: int, n_channels: int
) -> None:
    sound = Sound.of(np.zeros((4, n_channels), np.int16), rate)
    with pytest.raises(ConverterError, match=rf"x{suffix}: .* {n_channels} channels at {rate} Hz"):
        fitted(sound, Path(f"x{suffix}"))


def test_every_format_that_is_written_is_the_suffix_of_one() -> None:
    for container in ("WAV", "FLAC", "AIFF", "OGG", "MP3", "AU", "CAF", "W64"):
        sound = Sound.of(np.zeros(4, np.int16), 8000, container=container)
        assert sound_suffix(sound.format) in WRITABLE
    with pytest.raises(ConverterError, match=r"x\.txt: .* sound, in a file \.wav"):
        fitted(sound, Path("x.txt"))


def test_pictures_say_what_their_format_loses() -> None:
    grey = Picture(np.zeros((4, 4), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_picture(grey, Path("x.png"))
        check_picture(grey, Path("x.webp"))
    with pytest.warns(ConverterWarning, match="JPEG changes pixels"):
        check_picture(grey, Path("x.jpg"))
    with pytest.warns(ConverterWarning, match="WEBP drops what makes the sound come back exactly"):
        check_picture(Picture(grey.pixels, chunks={b"abCd": b"x"}), Path("x.webp"))
    with pytest.raises(ConverterError, match=r"no 16-bit pixels: name it \.png"):
        check_picture(Picture(np.zeros((4, 4), np.uint16)), Path("x.webp"))
    with pytest.raises(ConverterError, match=r"x\.gif: .* picture, in a file \.png"):
        check_picture(grey, Path("x.gif"))
