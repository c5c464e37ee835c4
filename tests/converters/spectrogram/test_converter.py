"""Sound -> spectrogram -> sound: quality, any length and format, tiles, hostile input."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from converters import ConverterError, Sound
from converters.header import SoundFormat
from converters.spectrogram import PRESETS, Spectrogram
from datasets.base import PairedDataset
from tests.converters.spectrogram.tools import (
    SMALL,
    convergence,
    decode,
    encode,
    forge,
    music,
    noise,
    save,
    snr,
    some,
    speech,
)

# Quality


@pytest.mark.parametrize(("profile", "bound"), [("colour", 60.0), ("16+8", 47.5), ("16+16", 92.0)])
def test_snr(profile: str, bound: float, source: PairedDataset) -> None:
    signals = [(speech(source), 8000), (music(), 44_100)]
    for samples, rate in signals:
        sound = Sound.of(samples / 32768, rate)
        assert snr(samples / 32768, decode(encode(sound, profile=profile)).samples()) > bound


def test_the_default_picture_is_bright(source: PairedDataset) -> None:
    for samples, rate in ((speech(source), 8000), (music(), 44_100)):
        tiles = [encode(Sound.of(samples, rate), strip=False, exponent=e)[0] for e in (0, 0.2)]
        new, before = (np.median(tile.pixels.max(-1)) for tile in tiles)
        assert new > 1.4 * before and new > 35


def test_log_axis_keeps_the_phase(source: PairedDataset) -> None:
    for samples, rate, bound in ((speech(source), 8000, 35), (music(), 44_100, 50)):
        tiles = encode(Sound.of(samples, rate), profile="16+16", axis="log", n_fft=2048)
        assert tiles[0].pixels.shape[0] > 2 * 2048
        assert snr(samples, decode(tiles).samples()) > bound


def test_phases_are_reconstructed(source: PairedDataset) -> None:
    samples = speech(source)[:40_000]
    tiles = [save(tile) for tile in PRESETS["magnitude"].encode_sound(Sound.of(samples, 8000))]
    found = decode(tiles).samples()[:, 0] / 32768
    assert convergence(samples / 32768, found, 512, 64) < -34


def test_a_residual_is_small_and_exact(source: PairedDataset) -> None:
    for samples, rate in ((speech(source), 8000), (music(), 44_100)):
        tiles = [save(tile) for tile in PRESETS["exact"].encode_sound(Sound.of(samples, rate))]
        assert (decode(tiles).samples()[:, 0] == samples).all()
        assert sum(len(tile.chunks[b"reSd"]) for tile in tiles) * 8 / len(samples) < 0.15


@pytest.mark.parametrize("range_", ["power", "decibel", "double-log", "adaptive", "linear"])
def test_ranges(range_: str) -> None:
    sound = Sound.of(music(20_000), 44_100)
    tiles = encode(sound, profile="16+16", range=range_, **SMALL)
    assert snr(sound.samples(), decode(tiles).samples()) > 70
    assert 40 < np.median(tiles[0].pixels[:129] >> 8) < 250 or range_ == "linear"


# What a picture shows


def test_high_is_on_top_time_runs_right_loud_is_bright() -> None:
    n, rate = 32_768, 8000
    t = np.arange(n) / rate
    samples = np.where(t < 2, np.sin(2 * np.pi * 1000 * t), 0.1 * np.sin(2 * np.pi * 3000 * t))
    (tile,) = encode(Sound.of(samples, rate), profile="magnitude", strip=False, **SMALL)
    assert tile.pixels.shape[0] == 129
    early, late = tile.pixels[:, 100], tile.pixels[:, 400]
    assert early.argmax() == 128 - 32 and late.argmax() == 128 - 96
    assert early.max() > 250 and 120 < late.max() < 200  # 20 dB less under the power 0.2
    (log,) = encode(
        Sound.of(samples, rate), profile="magnitude", strip=False, axis="log", n_fft=2048
    )
    octave = 2048 / np.log2(4000 / 20)
    assert abs(2047 - octave * np.log2(1000 / 20) - log.pixels[:, 40].argmax()) < 3


def test_hue_is_phase() -> None:
    """A tone at the frequency of a bin has one phase in all frames, if its period divides hop."""
    t = np.arange(4096)
    tones = [np.cos(2 * np.pi * t / 64 + turn) for turn in (0, 2 * np.pi / 3, 4 * np.pi / 3)]
    for channel, tone in enumerate(tones):
        (tile,) = encode(Sound.of(tone, 8000), strip=False, **SMALL)
        pixel = tile.pixels[128 - 4, 20]
        assert pixel[channel] > 250 and np.delete(pixel, channel).max() < 20


def test_channels_are_stacked() -> None:
    samples = np.stack([music(8000), 0 * music(8000)], 1)
    (tile,) = encode(Sound.of(samples, 8000), profile="16+16", strip=False, **SMALL)
    assert tile.pixels.shape[0] == 4 * 129
    assert tile.pixels[:258].any() and not tile.pixels[258:].any()


# Any sound


@some
@given(
    n=st.one_of(st.integers(0, 3), st.integers(0, 3000)),
    n_channels=st.integers(1, 3),
    rate=st.sampled_from([1, 8000, 44_100, 192_000, 2**31 - 1]),
    subtype=st.sampled_from(["PCM_16", "PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]),
    profile=st.sampled_from(["colour", "16+8", "16+16", "magnitude"]),
    axis=st.sampled_from(["linear", "linear", "log", "mel"]),
    tile=st.integers(1, 40),
    strip=st.booleans(),
)
def test_any_sound(
    n: int, n_channels: int, rate: int, subtype: str, profile: str, axis: str, tile: int,
    strip: bool,
) -> None:  # fmt: skip
    sound = noise(n, n_channels, subtype)
    format = dataclasses.replace(sound.format, sample_rate=rate, container="FLAC")
    sound = dataclasses.replace(sound, format=format)
    residual = profile != "magnitude" and axis == "linear" and format.dtype.kind == "i"
    options: dict[str, Any] = {
        "n_fft": 64,
        "hop": 16,
        "profile": profile,
        "axis": axis,
        "tile": tile,
    }
    tiles = encode(sound, residual=residual, strip=strip, **options)
    assert len(tiles) == -(-((n - 1) // 16 + 4) // tile)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = decode(tiles)
        found = again.samples()
    assert again.format == format and found.dtype == format.dtype
    if residual:
        assert (found == sound.samples()).all()
    elif n and profile != "magnitude" and axis == "linear":
        assert snr(sound.samples() / format.full_scale, found / format.full_scale) > 35


@pytest.mark.parametrize("name", PRESETS)
def test_silence(name: str) -> None:
    sound = Sound.of(np.zeros((5000, 1), np.int16), 8000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tiles = [save(tile) for tile in PRESETS[name].encode_sound(sound)]
        assert not decode(tiles).samples().any()


def test_tiles_make_no_difference() -> None:
    sound = Sound.of(np.stack([music(20_000), music(20_000)[::-1]], 1), 44_100)
    for options in ({"profile": "16+16"}, {"axis": "log"}, {"profile": "magnitude"}):
        whole = encode(sound, strip=False, **SMALL, **options)
        tiles = encode(sound, strip=False, tile=37, **SMALL, **options)
        assert (len(whole), len(tiles)) == (1, 9)
        joined = np.concatenate([tile.pixels for tile in tiles], 1)
        assert (joined == whole[0].pixels).all()
        difference = decode(whole).samples().astype(int) - decode(tiles).samples()
        assert np.abs(difference).max() <= 1


def test_a_minute_is_one_picture() -> None:
    def format_of_tiles(seconds: float, rate: int, **options: Any) -> tuple[int, int]:
        sound = Sound.of(np.zeros((round(seconds * rate), 2), np.int16), rate)
        layout = Spectrogram(**options).at_rate(rate).layout_for(sound)
        return layout.n_tiles, layout.width_of(layout.n_tiles - 1)

    for profile in ("colour", "16+16", "magnitude"):
        for rate in (8000, 48_000):
            assert format_of_tiles(60, rate, profile=profile)[0] == 1
        assert format_of_tiles(61, 8000, profile=profile)[0] == 2
    assert format_of_tiles(61, 8000, tile=1 << 16)[0] == 1
    assert format_of_tiles(60, 48_000, **SMALL)[0] == 3  # none is wider than a WebP can be


def test_levels_are_those_of_the_whole_sound() -> None:
    samples = np.concatenate([music(8000) // 1000, music(8000)])
    tiles = encode(Sound.of(samples, 8000), profile="magnitude", tile=62, range="linear", **SMALL)
    assert tiles[0].pixels[:129].max() < 3 and tiles[-1].pixels[:129].max() > 50


def test_a_sound_is_streamed() -> None:
    """A tile appears before the sound has been read to its end a second time."""
    n_read = 0

    def blocks(n: int) -> Iterator[np.ndarray]:
        nonlocal n_read
        for start in range(0, 100_000, n):
            n_read += min(n, 100_000 - start)
            yield np.ones((min(n, 100_000 - start), 1), np.int16)

    tiles = Spectrogram(tile=64, **SMALL).encode_sound(Sound(SoundFormat(8000, 1, 100_000), blocks))
    next(tiles)
    assert 100_000 < n_read < 150_000


def test_the_header_has_the_rate_of_the_sound() -> None:
    (tile,) = encode(Sound.of(music(9000), 8000))
    assert tile.header is not None and tile.header.options["sample_rate"] == 8000
    # Those of earlier versions have the rate of the options, which was not used.
    old = forge(tile, options={**tile.header.options, "sample_rate": 44_100})
    assert (decode([old]).samples() == decode([tile]).samples()).all()


# Hostile and invalid input


def test_hostile_headers() -> None:
    sound = noise(3000, 1, "PCM_16")
    (tile,) = encode(sound, **SMALL)
    header = tile.header
    assert header is not None and header.sound is not None
    facts = dict(header.facts)
    lies: list[dict[str, Any]] = [
        {"facts": {**facts, "peak": -1.0}}, {"facts": {**facts, "peak": 1e300}},
        {"facts": {**facts, "peak": 1}}, {"facts": {**facts, "exponent": 0.0}},
        {"facts": {**facts, "width": 0}}, {"facts": {**facts, "width": 1 << 40}}, {"facts": {}},
        {"n_tiles": 2}, {"sound": None}, {"made_from": "picture"},
        {"sound": dataclasses.replace(header.sound, n_samples=2**40)},
        {"sound": dataclasses.replace(header.sound, n_channels=1024)},
        {"options": {**header.options, "n_fft": 1 << 30}},
        {"options": {**header.options, "hop": 1}}, {"options": {**header.options, "hop": 0}},
        {"options": {**header.options, "exponent": 1e-300}},
        {"options": {**header.options, "rows": 1 << 16, "axis": "log"}},
        {"options": {**header.options, "axis": "up"}}, {"options": {}},
    ]  # fmt: skip
    for lie in lies:
        with pytest.raises(ConverterError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decode([forge(tile, **lie)]).samples()


def test_tiles_of_another_sound_are_refused() -> None:
    tiles = encode(noise(9000, 1, "PCM_16"), tile=40, **SMALL)
    others = encode(noise(8000, 1, "PCM_16"), tile=40, **SMALL)
    for wrong in (tiles[:-1], tiles[1:], tiles[::-1], [tiles[0], *others[1:]], []):
        with pytest.raises(ConverterError, match=r"tile|no pictures"):
            Spectrogram(tile=40, **SMALL).decode_sound(iter(wrong)).samples()
    sound = decode(tiles)
    sound.samples()
    with pytest.raises(ConverterError, match="read already"):
        sound.samples()


def test_a_residual_of_other_samples_is_refused() -> None:
    (tile,) = encode(Sound.of(music(9000), 8000), profile="16+16", residual=True, **SMALL)
    with pytest.raises(ConverterError, match=r"other\.png.*not the samples"):
        decode([dataclasses.replace(forge(tile, sha256="0" * 64), name="other.png")]).samples()


@some
@given(st.binary(max_size=60), st.integers(0, 400), st.booleans())
@example(bytes(8), 19, False)  # a CRC of columns that nobody changed
def test_damaged_residuals(content: bytes, at: int, cut: bool) -> None:
    sound = Sound.of(music(2000), 8000)
    (tile,) = encode(sound, profile="16+16", residual=True, **SMALL)
    chunk = tile.chunks[b"reSd"]
    chunk = chunk[:at] if cut else chunk[:at] + content + chunk[at + len(content) :]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = decode([dataclasses.replace(tile, chunks={b"reSd": chunk})]).samples()
    assert warned or (found == sound.samples()).all()
    assert found.shape == (2000, 1)


def test_samples_that_cannot_be_encoded() -> None:
    for bad in (np.nan, np.inf, 1e300):
        with pytest.raises(ConverterError, match="no sound"):
            list(Spectrogram().encode_sound(Sound.of(np.array([0.0, bad]), 8000)))
    with pytest.raises(ConverterError, match="whole numbers"):
        list(PRESETS["exact"].encode_sound(Sound.of(np.zeros(9), 8000)))
