"""Samples and pixels in file formats that cannot hold all of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversion.fitting import check_picture, fit_sound, sound_suffix
from converters import ConverterError, ConverterWarning, Picture, Sound
from converters.sound_files import WRITABLE, read_sound, write_sound
from tests.conversion.calls import (
    SMALL,
    call,
    fail,
    picture_file,
    same_pixels,
    sound_file,
    speech,
    succeed,
)

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
def test_samples_are_kept_or_a_warning_says_what_is_lost(
    tmp_path: Path, subtype: str, suffix: str, seed: int
) -> None:
    sound, path = sound_of(subtype, seed, peak=0.99), tmp_path / f"x{suffix}"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        write_sound(path, fit_sound(sound, path))
    again = read_sound(path)
    wanted = sound.samples() / sound.format.full_scale
    found = again.samples() / again.format.full_scale
    error = np.abs(wanted - found).max()
    rounded = [w for w in warned if "rounded" in str(w.message)]
    assert all(w.category is ConverterWarning for w in warned)
    if again.format.subtype == subtype:
        assert not warned
    assert bool(rounded) == (suffix == ".flac" and subtype in ("PCM_32", "FLOAT", "DOUBLE"))
    assert error == 0 if not rounded else error <= 2.0**-24


def test_what_is_beyond_full_scale_is_clipped_and_counted(tmp_path: Path) -> None:
    samples = np.array([0.5, 1.5, -2, np.nan, np.inf, -1], np.float32)
    path = tmp_path / "x.flac"
    sound = fit_quietly(Sound.of(samples, 8000), path)
    with pytest.warns(ConverterWarning, match=r"x\.flac: 3 samples beyond full scale were clipped"):
        write_sound(path, sound)
    found = read_sound(path).samples()[:, 0] / 2.0**31
    assert np.abs(found - [0.5, 1, -1, 0, 1, -1]).max() <= 2.0**-23


def fit_quietly(sound: Sound, path: Path) -> Sound:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit_sound(sound, path)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "DOUBLE", "MPEG_LAYER_III"])
def test_lossy_formats_say_so(tmp_path: Path, suffix: str, subtype: str) -> None:
    time = np.arange(8000) / 8000
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    typed: dict[str, np.ndarray] = {"DOUBLE": tone, "MPEG_LAYER_III": tone.astype(np.float32)}
    samples = typed.get(subtype, (tone * 2**15).astype(np.int16))
    path = tmp_path / f"x{suffix}"
    with pytest.warns(ConverterWarning, match="is lossy: samples will change"):
        sound = fit_sound(Sound.of(samples, 8000, subtype), path)
    write_sound(path, sound)
    found, rate = soundfile.read(path)
    assert rate == 8000
    level = np.sqrt((found[1000:7000] ** 2).mean()) / np.sqrt((tone**2).mean())
    assert 0.9 < level < 1.1


@pytest.mark.parametrize("subtype", ["VORBIS", "MPEG_LAYER_III", "IMA_ADPCM"])
def test_what_was_lossy_loses_nothing_more(tmp_path: Path, subtype: str) -> None:
    steps = (np.random.default_rng(0).uniform(-1, 1, 500) * (2**15 - 1)).astype(np.float32)
    samples = steps.astype(np.int16) if subtype == "IMA_ADPCM" else steps / 2**15
    sound, path = Sound.of(samples, 8000, subtype), tmp_path / "x.wav"
    with pytest.warns(ConverterWarning, match=f"encoding as {subtype} again would lose more"):
        write_sound(path, fit_sound(sound, path))
    assert np.array_equal(read_sound(path).samples()[:, 0], samples)


@pytest.mark.parametrize(
    ("suffix", "rate", "n_channels"), [(".mp3", 44_056, 1), (".mp3", 8000, 3), (".flac", 8000, 9)]
)
def test_rates_and_channels_of_a_format_are_checked_before_work(
    suffix: str, rate: int, n_channels: int
) -> None:
    sound = Sound.of(np.zeros((4, n_channels), np.int16), rate)
    with pytest.raises(ConverterError, match=rf"x{suffix}: .* {n_channels} channels at {rate} Hz"):
        fit_sound(sound, Path(f"x{suffix}"))


def test_every_format_that_is_written_is_the_suffix_of_one() -> None:
    for container in ("WAV", "FLAC", "AIFF", "OGG", "MP3", "AU", "CAF", "W64"):
        sound = Sound.of(np.zeros(4, np.int16), 8000, container=container)
        assert sound_suffix(sound.format) in WRITABLE
    with pytest.raises(ConverterError, match=r"x\.txt: .* sound: its name must end in \.wav"):
        fit_sound(sound, Path("x.txt"))


def test_pictures_say_what_their_format_loses() -> None:
    grey = Picture(np.zeros((4, 4), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_picture(grey, Path("x.png"))
        check_picture(grey, Path("x.webp"))
    with pytest.warns(ConverterWarning, match="JPEG is lossy: pixels will change"):
        check_picture(grey, Path("x.jpg"))
    with pytest.warns(ConverterWarning, match="WEBP cannot store the data that makes"):
        check_picture(Picture(grey.pixels, chunks={b"abCd": b"x"}), Path("x.webp"))
    with pytest.raises(ConverterError, match=r"no 16-bit pixels: use \.png"):
        check_picture(Picture(np.zeros((4, 4), np.uint16)), Path("x.webp"))
    with pytest.raises(ConverterError, match=r"x\.gif: .* picture: its name must end in \.png"):
        check_picture(grey, Path("x.gif"))


def test_the_suffix_of_the_output_is_its_format(folder: Path) -> None:
    picture_file(folder / "a.png")
    for suffix, subtype in (("flac", "PCM_16"), ("aiff", "PCM_16"), ("wav", "PCM_16")):
        succeed("a.png", f"a.{suffix}", "--with", "tone")
        assert soundfile.info(folder / f"a.{suffix}").subtype == subtype
    for suffix in ("mp3", "ogg"):
        done = call("a.png", f"a.{suffix}", "--with", "tone")
        assert done.code == 0
        assert "is lossy: samples will change" in done.err
        assert done.err.startswith("warning: ") and done.err.count("\n") == 1
    succeed("a.mp3")
    assert same_pixels(folder / "a.decoded.png", folder / "a.png")
    succeed("a.wav", "--format", "webp")
    assert same_pixels(folder / "a.decoded.webp", folder / "a.png")


def test_what_cannot_work_in_a_format_is_refused(folder: Path) -> None:
    sound_file(folder / "a.wav")
    picture_file(folder / "b.png")
    assert "JPEG is lossy, and pack needs every bit" in fail("a.wav", "x.jpg", *SMALL)
    assert "MP3 is lossy, and pack needs every bit" in fail("b.png", "x.mp3", *SMALL)
    assert "no 16-bit pixels" in fail("a.wav", "x.webp", "--with", "pack", "--layout", "planes")
    assert "is a picture: its name must end in .png" in fail("a.wav", "x.wav", *SMALL)
    assert "is a sound: its name must end in .wav" in fail("b.png", "x.png", "--with", "tone")
    assert "x.txt" in fail("a.wav", "x.txt", *SMALL)
    soundfile.write(folder / "c.wav", speech(500), 44_056)
    succeed("c.wav", *SMALL)
    assert "MP3 cannot hold 2 channels at 44056 Hz" in fail("c_SR44056.png", "x.mp3")
