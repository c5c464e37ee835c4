"""Pictures that lost their header, were edited, cropped, resized or re-encoded."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from converters import ConverterError, ConverterWarning, Header, Picture, Sound
from converters.picture_files import read_picture
from converters.spectrogram import Spectrogram
from converters.stft import stft
from datasets.base import PairedDataset
from tests.converters.spectrogram.tools import (
    SMALL,
    convergence,
    decode,
    decode_with_warnings,
    encode,
    music,
    noise,
    purity,
    save,
    snr,
    speech,
)


def test_a_header_in_the_pixels_is_used_where_the_metadata_are_lost() -> None:
    for profile in ("colour", "16+16", "magnitude"):
        for n in (9000, 200_000):  # blocks of one pixel and of two
            sound = noise(n, 2, "PCM_24")
            tiles = encode(sound, profile=profile, **SMALL)
            bare = [save(tile, header=None, chunks={}) for tile in tiles]
            assert bare[0].header is None and Spectrogram.find(bare[0]) == tiles[0].header
            with pytest.warns(ConverterWarning, match="the one in them is used") as warned:
                again = decode(bare)
            assert len(warned) == 1 and again.format == sound.format
            if profile == "colour":
                assert (again.samples() == decode(tiles).samples()).all()


def jpeg(pixels: np.ndarray, subsampling: int) -> Picture:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=subsampling)
    file.seek(0)
    return read_picture(file, "jpeg")


def test_the_barcode_survives_jpeg(source: PairedDataset) -> None:
    sound = Sound.of(speech(source), 8000)
    for options in ({}, SMALL):
        (tile,) = encode(sound, **options)
        with pytest.warns(ConverterWarning, match="the picture was changed"):
            again = decode([jpeg(tile.pixels, 2)])
            again.samples()
        assert again.format == sound.format


@pytest.mark.parametrize("options", [{}, SMALL])
def test_phases_are_kept_where_they_fit_a_sound(options: dict[str, Any]) -> None:
    samples = music(40_000)
    sound = Sound.of(samples, 44_100)
    (tile,) = encode(sound, **options)
    n_fft, hop = options.get("n_fft", 2048), options.get("hop", 512)
    fine = jpeg(tile.pixels, 0).pixels
    found, messages = decode_with_warnings([dataclasses.replace(tile, pixels=fine)])
    assert len(messages) == 1 and "phases are kept" in messages[0]
    assert snr(samples, found.samples()) > 24
    grey = np.asarray(Image.fromarray(tile.pixels).convert("L"))
    # JPEG: pictures are brighter than they were, so that a level is more dB; it was -5.
    for pixels, bound in ((jpeg(tile.pixels, 2).pixels, -4.8), (grey, -3)):
        found, messages = decode_with_warnings([dataclasses.replace(tile, pixels=pixels)])
        assert len(messages) == 1 and "phases are inconsistent" in messages[0]
        assert convergence(samples, found.samples()[:, 0], n_fft, hop) < bound


def test_a_cropped_picture_is_the_sound_of_its_columns() -> None:
    samples = music(40_000)
    for options in (SMALL, {"profile": "16+16", **SMALL}, {"residual": True, **SMALL}):
        (tile,) = encode(Sound.of(samples, 44_100), **options)
        for first, last in ((0, 300), (101, 300)):
            found, messages = decode_with_warnings([save(tile, pixels=tile.pixels[:, first:last])])
            assert len(messages) == 1 and "was cropped from" in messages[0]
            expected = samples[first * 64 : (last - 3) * 64]
            assert found.format.n_samples == len(expected)
            assert snr(expected, found.samples()) > 40
    (tile,) = encode(Sound.of(samples, 44_100), profile="magnitude", **SMALL)
    found, messages = decode_with_warnings([save(tile, pixels=tile.pixels[:, 100:300])])
    assert len(messages) == 1 and found.format.n_samples == 197 * 64


def test_a_resized_picture_is_not_taken_as_cropped() -> None:
    (tile,) = encode(Sound.of(music(40_000), 44_100), **SMALL)
    height, width = tile.pixels.shape[:2]
    for size in ((width // 2, height), (width * 2, height * 2), (width, height * 2)):
        image = Image.fromarray(tile.pixels).resize(size)
        found, messages = decode_with_warnings([save(tile, pixels=np.asarray(image))])
        assert found.format.n_samples == 40_000
        assert len(messages) == 1 and "resized" in messages[0] and "reconstructed" in messages[0]
        assert ("add --stretch" in messages[0]) == (size[0] != width)


@pytest.mark.parametrize("profile", ["colour", "16+8", "16+16"])
def test_an_edit_changes_only_the_samples_under_it(profile: str) -> None:
    samples = music(40_000)
    (tile,) = encode(Sound.of(samples, 44_100), profile=profile, residual=True, **SMALL)
    pixels = tile.pixels.copy()
    pixels[40:60, 300:310] = np.iinfo(pixels.dtype).max // 4 * 3
    with pytest.warns(ConverterWarning, match="was changed"):
        found = decode([save(tile, pixels=pixels)]).samples()[:, 0]
    # Samples under a segment of 8 columns with a changed one.
    first, last = (300 // 8 * 8 - 3) * 64, 312 * 64
    unchanged = np.r_[0:first, last : len(samples)]
    assert (found[unchanged] == samples[unchanged]).all()
    assert np.abs(found[first:last].astype(int) - samples[first:last]).max() > 1000


def test_an_edit_without_residual_keeps_the_phases() -> None:
    samples = music(40_000)
    for profile in ("colour", "16+16"):
        (tile,) = encode(Sound.of(samples, 44_100), profile=profile, **SMALL)
        pixels = tile.pixels.copy()
        pixels[:64] //= 2  # the upper half of the frequencies
        with pytest.warns(ConverterWarning, match="was changed"):
            found = decode([save(tile, pixels=pixels)]).samples()[:, 0]
        kept = np.abs(np.fft.rfft(found) - np.fft.rfft(samples))[: len(samples) // 5]
        assert kept.max() < 0.01 * np.abs(np.fft.rfft(samples)).max()


def test_painted_bins_get_a_phase() -> None:
    """A grey line becomes a tone of its frequency, as loud as it is bright."""
    for profile in ("colour", "16+16"):
        sound = Sound.of(np.rint(9000 * np.sin(np.arange(30_000))).astype(np.int16), 8000)
        (tile,) = encode(sound, profile=profile, range="linear", **SMALL)
        pixels = tile.pixels.copy()
        pixels[128 - 95 : 128 - 98 : -1, 100:300] = np.iinfo(pixels.dtype).max // 2
        with pytest.warns(ConverterWarning, match="was changed"):
            found = decode([save(tile, pixels=pixels)]).samples()[:, 0]
        spectrum = np.abs(stft(found / 32768, 256, 64))[:, 150:250].mean(1)
        tone, painted = spectrum[35:50].max(), spectrum[93:100].max()
        assert 0.3 < painted / tone < 0.7


@pytest.mark.parametrize("profile", ["colour", "16+16", "magnitude"])
def test_a_widened_picture_can_be_a_longer_sound(profile: str) -> None:
    """A tone keeps its frequency and starts and ends later."""
    t = np.arange(16_000) / 8000
    tone = (8000 * np.sin(2 * np.pi * 1000 * t) * ((t > 0.5) & (t < 1.5))).astype(np.int16)
    (tile,) = encode(Sound.of(tone, 8000), profile=profile, **SMALL)
    height, width = tile.pixels.shape[:2]
    for factor, rows in ((2, height), (0.5, height), (1.5, height * 2)):
        planes = np.moveaxis(np.atleast_3d(tile.pixels), -1, 0).astype(np.float32)
        size = round(width * factor), rows
        wide = np.stack([np.asarray(Image.fromarray(plane).resize(size)) for plane in planes], -1)
        wide = np.squeeze(wide.clip(0, np.iinfo(tile.pixels.dtype).max).astype(tile.pixels.dtype))
        with pytest.warns(ConverterWarning, match="was stretched"):
            decoder = dataclasses.replace(Spectrogram.from_header(as_header(tile)), stretch=True)
            sound = decoder.decode_sound(iter([save(tile, pixels=wide)]))
            found = sound.samples()[:, 0].astype(float)
        assert abs(len(found) / 8000 - 2 * factor) < 0.1
        loud = np.flatnonzero(np.convolve(np.abs(found), np.ones(80) / 80, "same") > 1500) / 8000
        assert abs(loud[0] - 0.5 * factor) < 0.1 and abs(loud[-1] - 1.5 * factor) < 0.1
        assert purity(found, 1000, 8000, 256) > 15
    tiles = encode(Sound.of(tone, 8000), tile=100, **SMALL)
    decoder = dataclasses.replace(Spectrogram.from_header(as_header(tiles[0])), stretch=True)
    with pytest.raises(ConverterError, match="larger --tile"):
        decoder.decode_sound(iter(tiles))


def as_header(tile: Picture) -> Header:
    assert tile.header is not None
    return tile.header


@pytest.mark.parametrize("profile", ["colour", "16+16", "magnitude"])
def test_a_row_painted_white_is_a_clean_tone(profile: str) -> None:
    """50 dB of all energy within one bin of the row's frequency, in every row."""
    samples = np.zeros(9000, np.int16)
    samples[:1000] = music(1000)
    (tile,) = encode(Sound.of(samples, 8000), profile=profile, strip=False, **SMALL)
    for row in range(1, 128, 1 if profile == "colour" else 21):
        pixels = tile.pixels.copy()
        pixels[128 - row] = np.iinfo(pixels.dtype).max // 5 * 4
        found, _ = decode_with_warnings([save(tile, pixels=pixels)])
        assert purity(found.samples()[:, 0].astype(float), row * 8000 / 256, 8000, 256) > 50


@pytest.mark.parametrize("axis", ["log", "mel"])
def test_a_row_painted_white_is_a_clean_tone_on_any_axis(axis: str) -> None:
    """Of the frequency and the level of the row, however near the next ones are."""
    samples = np.zeros(9000, np.int16)
    samples[:1000] = music(1000)
    (tile,) = encode(Sound.of(samples, 8000), axis=axis, strip=False, **SMALL)
    maker = Spectrogram.from_header(as_header(tile)).at_rate(8000)
    layout = maker.layout_of(tile.name, as_header(tile))
    rows = maker.frequency_axis(layout.n_rows)
    white = layout.peak * layout.companding.magnitude(np.array(0.8))
    for row in range(0, layout.n_rows, 11):
        pixels = tile.pixels.copy()
        pixels[layout.n_rows - 1 - row] = 204
        found, _ = decode_with_warnings([save(tile, pixels=pixels)])
        tone = found.samples()[:, 0] / 32768
        assert purity(tone, rows.centers[row] * 8000 / 256, 8000, 256) > 50
        shown = rows.to_rows(np.abs(stft(tone, 256, 64))[None])[0, row, 50:-20]
        assert abs(20 * np.log10(np.median(shown) / white)) < 1


def test_a_resized_picture_keeps_length_and_magnitudes(source: PairedDataset) -> None:
    samples = speech(source)[:30_000]
    for profile in ("colour", "magnitude"):
        (tile,) = encode(Sound.of(samples, 8000), profile=profile, n_fft=512, hop=128)
        height, width = tile.pixels.shape[:2]
        image = Image.fromarray(tile.pixels).resize((width * 4 // 5, height * 4 // 5))
        with pytest.warns(ConverterWarning, match="resized"):
            again = decode([save(tile, pixels=np.asarray(image))])
            found = again.samples()[:, 0] / 32768
        assert again.format.n_samples == len(samples)
        assert convergence(samples / 32768, found, 512, 128) < -4


def test_pixels_saved_in_another_format() -> None:
    samples = music(20_000)
    (tile,) = encode(Sound.of(samples, 44_100), **SMALL)
    opaque = np.full((*tile.pixels.shape[:2], 1), 255, np.uint8)
    with pytest.warns(ConverterWarning, match="was changed"):
        found = decode([save(tile, pixels=np.concatenate([tile.pixels, opaque], 2))]).samples()
    assert snr(samples, found) > 40
    (tile,) = encode(Sound.of(samples, 44_100), profile="16+16", **SMALL)
    with pytest.warns(ConverterWarning, match="8 bits"):
        found = decode([save(tile, pixels=(tile.pixels >> 8).astype(np.uint8))]).samples()
    assert snr(samples, found) > 20


def test_without_any_header_the_options_are_taken() -> None:
    samples = music(20_000)
    for options in (SMALL, {"profile": "magnitude", **SMALL}):
        (tile,) = encode(Sound.of(samples, 16_000), strip=False, **options)
        with pytest.warns(ConverterWarning, match="has no header"):
            found = Spectrogram(sample_rate=16_000, **options).decode_sound(
                iter([save(tile, header=None)])
            )
        assert found.format.sample_rate == 16_000
        assert 0 <= found.format.n_samples - len(samples) < 64
    magnitude = np.abs(stft(found.samples()[:20_000, 0].astype(float), 256, 64))
    expected = np.abs(stft(samples.astype(float), 256, 64))
    assert np.corrcoef(magnitude.ravel(), expected.ravel())[0, 1] > 0.95


def test_a_picture_of_another_height_becomes_a_sound_like_any_picture() -> None:
    converter = Spectrogram(**SMALL)
    for height in (100, 129 + 60, 3 * 129 - 1):
        with pytest.warns(ConverterWarning, match="like any other picture"):
            sound = converter.decode_sound(iter([Picture(np.zeros((height, 300), np.uint8))]))
        assert sound.header is not None and sound.header.made_from == "picture"
    photo = Picture(np.zeros((6000, 6000), np.uint8))  # no tile is as large
    with (
        pytest.warns(ConverterWarning, match="like any other picture"),
        pytest.raises(ConverterError, match="too many for a sound"),
    ):
        Spectrogram().decode_sound(iter([photo]))
    with pytest.warns(ConverterWarning, match="2 channel"):
        sound = converter.decode_sound(iter([Picture(np.zeros((2 * 129 + 16, 300), np.uint8))]))
    assert sound.header is None and sound.format.n_channels == 2
