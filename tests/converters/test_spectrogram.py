"""Sound -> spectrogram -> sound: figures, any length and format, tiles, edits, any picture."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from converters import ConverterError, ConverterWarning, Header, Picture, Sound, find_header
from converters.header import SoundFormat
from converters.phase import spectral_convergence
from converters.picture_files import read_picture, write_picture
from converters.spectrogram.converter import PRESETS, Spectrogram
from converters.stft import stft
from datasets.base import PairedDataset

some = settings(max_examples=25, deadline=None, derandomize=True, database=None)
SMALL = {"n_fft": 256, "hop": 64}


def music(n: int = 60_000, rate: int = 44_100) -> np.ndarray:
    """Decaying chords and bursts of noise, int16."""
    rng = np.random.default_rng(0)
    samples = np.zeros(n)
    for start in range(0, n, n // 4):
        t = np.arange(n - start) / rate
        for hertz in 110 * 2 ** (rng.integers(0, 36, 4) / 12):
            for k in range(1, 6):
                samples[start:] += np.exp(-3 * t * k**0.5) * np.sin(2 * np.pi * hertz * k * t) / k
        burst = samples[start : start + 4000]
        burst += 0.5 * rng.normal(size=len(burst)) * np.exp(-np.arange(len(burst)) / 1000)
    return np.rint(26_000 * samples / np.abs(samples).max()).astype(np.int16)


def speech(source: PairedDataset) -> np.ndarray:
    clips = source.recordings.clips[::500].reshape(-1).numpy()
    return np.rint(20_000 * clips / np.abs(clips).max()).astype(np.int16)


def saved(picture: Picture, **changes: object) -> Picture:
    """Through a PNG file."""
    file = io.BytesIO()
    write_picture(file, dataclasses.replace(picture, **changes))
    file.seek(0)
    return read_picture(file, "tile")


def there(sound: Sound, **options: object) -> list[Picture]:
    return [saved(tile) for tile in Spectrogram(**options).encode_sound(sound)]


def back(tiles: list[Picture]) -> Sound:
    header = find_header(tiles[0])
    assert header is not None
    return Spectrogram.from_header(header).decode_sound(iter(tiles))


def snr(wanted: np.ndarray, found: np.ndarray) -> float:
    wanted = wanted.astype(np.float64)
    return 10 * np.log10((wanted**2).sum() / ((wanted - found.reshape(wanted.shape)) ** 2).sum())


def noise(n: int, n_channels: int, subtype: str, seed: int = 0) -> Sound:
    format = SoundFormat(8000, n_channels, n, subtype)
    floats = np.random.default_rng(seed).uniform(-0.9, 0.9, (n, n_channels))
    low = {"PCM_U8": 256, "PCM_24": 256}.get(subtype, 1)
    if format.dtype.kind == "f":
        return Sound.of(floats.astype(format.dtype), 8000, subtype)
    return Sound.of((floats * format.full_scale / low).astype(format.dtype) * low, 8000, subtype)


# Figures


@pytest.mark.parametrize(("profile", "least"), [("colour", 46.5), ("16+8", 47.5), ("16+16", 92.0)])
def test_snr(profile: str, least: float, source: PairedDataset) -> None:
    signals = [(speech(source), 8000), (music(), 44_100)]
    for samples, rate in signals:
        sound = Sound.of(samples / 32768, rate)
        assert snr(samples / 32768, back(there(sound, profile=profile)).samples()) > least


def test_log_axis_keeps_the_phase(source: PairedDataset) -> None:
    for samples, rate, least in ((speech(source), 8000, 35), (music(), 44_100, 50)):
        tiles = there(Sound.of(samples, rate), profile="16+16", axis="log", n_fft=2048)
        assert tiles[0].pixels.shape[0] > 2 * 2048
        assert snr(samples, back(tiles).samples()) > least


def test_phase_is_found_again(source: PairedDataset) -> None:
    samples = speech(source)[:40_000]
    tiles = [saved(tile) for tile in PRESETS["magnitude"].encode_sound(Sound.of(samples, 8000))]
    found = back(tiles).samples()[:, 0] / 32768
    magnitude = np.abs(stft(samples / 32768, 512, 64))
    assert spectral_convergence(found, magnitude, 512, 64) < -34


def test_a_residual_is_small_and_exact(source: PairedDataset) -> None:
    for samples, rate in ((speech(source), 8000), (music(), 44_100)):
        tiles = [saved(tile) for tile in PRESETS["exact"].encode_sound(Sound.of(samples, rate))]
        assert (back(tiles).samples()[:, 0] == samples).all()
        assert sum(len(tile.chunks[b"reSd"]) for tile in tiles) * 8 / len(samples) < 0.15


@pytest.mark.parametrize("range_", ["power", "decibel", "double-log", "adaptive", "linear"])
def test_ranges(range_: str) -> None:
    sound = Sound.of(music(20_000), 44_100)
    tiles = there(sound, profile="16+16", range=range_, **SMALL)
    assert snr(sound.samples(), back(tiles).samples()) > 70
    assert 40 < np.median(tiles[0].pixels[:129] >> 8) < 250 or range_ == "linear"


# What a picture shows


def test_high_is_on_top_time_runs_right_loud_is_bright() -> None:
    n, rate = 32_768, 8000
    t = np.arange(n) / rate
    samples = np.where(t < 2, np.sin(2 * np.pi * 1000 * t), 0.1 * np.sin(2 * np.pi * 3000 * t))
    (tile,) = there(Sound.of(samples, rate), profile="magnitude", strip=False, **SMALL)
    assert tile.pixels.shape[0] == 129
    early, late = tile.pixels[:, 100], tile.pixels[:, 400]
    assert early.argmax() == 128 - 32 and late.argmax() == 128 - 96
    assert early.max() > 250 and 120 < late.max() < 200  # 20 dB less under the power 0.2
    (log,) = there(
        Sound.of(samples, rate), profile="magnitude", strip=False, axis="log", n_fft=2048
    )
    octave = 2048 / np.log2(4000 / 20)
    assert abs(2047 - octave * np.log2(1000 / 20) - log.pixels[:, 40].argmax()) < 3


def test_hue_is_phase() -> None:
    """A tone whose frequency is a bin's has a phase that stands still, if hops are its periods."""
    t = np.arange(4096)
    tones = [np.cos(2 * np.pi * t / 64 + turn) for turn in (0, 2 * np.pi / 3, 4 * np.pi / 3)]
    for channel, tone in enumerate(tones):
        (tile,) = there(Sound.of(tone, 8000), strip=False, **SMALL)
        pixel = tile.pixels[128 - 4, 20]
        assert pixel[channel] > 250 and np.delete(pixel, channel).max() < 20


def test_channels_are_stacked() -> None:
    samples = np.stack([music(8000), 0 * music(8000)], 1)
    (tile,) = there(Sound.of(samples, 8000), profile="16+16", strip=False, **SMALL)
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
    options = {"n_fft": 64, "hop": 16, "profile": profile, "axis": axis, "tile": tile}
    tiles = there(sound, residual=residual, strip=strip, **options)
    assert len(tiles) == -(-((n - 1) // 16 + 4) // tile)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = back(tiles)
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
        tiles = [saved(tile) for tile in PRESETS[name].encode_sound(sound)]
        assert not back(tiles).samples().any()


def test_tiles_make_no_difference() -> None:
    sound = Sound.of(np.stack([music(20_000), music(20_000)[::-1]], 1), 44_100)
    for options in ({"profile": "16+16"}, {"axis": "log"}, {"profile": "magnitude"}):
        whole = there(sound, strip=False, **SMALL, **options)
        tiles = there(sound, strip=False, tile=37, **SMALL, **options)
        assert (len(whole), len(tiles)) == (1, 9)
        joined = np.concatenate([tile.pixels for tile in tiles], 1)
        assert (joined == whole[0].pixels).all()
        apart = back(whole).samples().astype(int) - back(tiles).samples()
        assert np.abs(apart).max() <= 1


def test_levels_are_those_of_the_whole_sound() -> None:
    samples = np.concatenate([music(8000) // 1000, music(8000)])
    tiles = there(Sound.of(samples, 8000), profile="magnitude", tile=62, range="linear", **SMALL)
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


# Lost, changed and foreign


def test_stripped() -> None:
    sound = noise(9000, 2, "PCM_24")
    for profile in ("colour", "16+16", "magnitude"):
        for n in (9000, 200_000):  # blocks of one pixel and of two
            sound = noise(n, 2, "PCM_24")
            tiles = there(sound, profile=profile, **SMALL)
            bare = [saved(tile, header=None, chunks={}) for tile in tiles]
            assert bare[0].header is None and Spectrogram.find(bare[0]) == tiles[0].header
            with pytest.warns(ConverterWarning, match="the one in them is used") as seen:
                again = back(bare)
            assert len(seen) == 1 and again.format == sound.format
            if profile == "colour":
                assert (again.samples() == back(tiles).samples()).all()


def jpeg(pixels: np.ndarray, subsampling: int) -> Picture:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=subsampling)
    file.seek(0)
    return read_picture(file, "jpeg")


def told(tiles: list[Picture]) -> tuple[Sound, list[str]]:
    """A sound that is read to its end, and what is warned of it."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        sound = back(tiles)
        samples = sound.samples()
    return Sound.of(samples, sound.format.sample_rate), [str(each.message) for each in seen]


def test_jpeg_keeps_what_the_strip_says(source: PairedDataset) -> None:
    sound = Sound.of(speech(source), 8000)
    for options in ({}, SMALL):
        (tile,) = there(sound, **options)
        with pytest.warns(ConverterWarning, match="the picture was changed"):
            again = back([jpeg(tile.pixels, 2)])
            again.samples()
        assert again.format == sound.format


@pytest.mark.parametrize("options", [{}, SMALL])
def test_phases_are_kept_where_they_fit_a_sound(options: dict) -> None:
    samples = music(40_000)
    sound = Sound.of(samples, 44_100)
    (tile,) = there(sound, **options)
    n_fft, hop = options.get("n_fft", 2048), options.get("hop", 512)
    magnitude = np.abs(stft(samples / 32768, n_fft, hop))

    def convergence(found: Sound) -> float:
        return spectral_convergence(found.samples()[:, 0] / 32768, magnitude, n_fft, hop)

    fine = jpeg(tile.pixels, 0).pixels
    found, messages = told([dataclasses.replace(tile, pixels=fine)])
    assert len(messages) == 1 and "keeps the phases" in messages[0]
    assert snr(samples, found.samples()) > 24
    grey = np.asarray(Image.fromarray(tile.pixels).convert("L"))
    for pixels, most in ((jpeg(tile.pixels, 2).pixels, -5), (grey, -2.5)):
        found, messages = told([dataclasses.replace(tile, pixels=pixels)])
        assert len(messages) == 1 and "searched anew" in messages[0]
        assert convergence(found) < most


def test_a_cut_is_the_sound_of_its_columns() -> None:
    samples = music(40_000)
    for options in (SMALL, {"profile": "16+16", **SMALL}, {"residual": True, **SMALL}):
        (tile,) = there(Sound.of(samples, 44_100), **options)
        for first, last in ((0, 300), (101, 300)):
            found, messages = told([saved(tile, pixels=tile.pixels[:, first:last])])
            assert len(messages) == 1 and "was cut from" in messages[0]
            wanted = samples[first * 64 : (last - 3) * 64]
            assert found.format.n_samples == len(wanted)
            assert snr(wanted, found.samples()) > 40
    (tile,) = there(Sound.of(samples, 44_100), profile="magnitude", **SMALL)
    found, messages = told([saved(tile, pixels=tile.pixels[:, 100:300])])
    assert len(messages) == 1 and found.format.n_samples == 197 * 64


def test_a_squeezed_picture_is_no_cut() -> None:
    (tile,) = there(Sound.of(music(40_000), 44_100), **SMALL)
    height, width = tile.pixels.shape[:2]
    for size in ((width // 2, height), (width * 2, height * 2), (width, height * 2)):
        image = Image.fromarray(tile.pixels).resize(size)
        found, messages = told([saved(tile, pixels=np.asarray(image))])
        assert found.format.n_samples == 40_000
        assert len(messages) == 1 and "resized" in messages[0] and "anew" in messages[0]


def test_a_residual_of_other_samples_is_refused() -> None:
    (tile,) = there(Sound.of(music(9000), 8000), profile="16+16", residual=True, **SMALL)
    with pytest.raises(ConverterError, match=r"other\.png.*not the samples"):
        back([dataclasses.replace(forged(tile, sha256="0" * 64), name="other.png")]).samples()


@pytest.mark.parametrize("profile", ["colour", "16+8", "16+16"])
def test_an_edit_changes_only_what_it_touches(profile: str) -> None:
    samples = music(40_000)
    (tile,) = there(Sound.of(samples, 44_100), profile=profile, residual=True, **SMALL)
    pixels = tile.pixels.copy()
    pixels[40:60, 300:310] = np.iinfo(pixels.dtype).max // 2
    with pytest.warns(ConverterWarning, match="was changed"):
        found = back([saved(tile, pixels=pixels)]).samples()[:, 0]
    # Samples under a column of a segment of 8 that was touched.
    first, last = (300 // 8 * 8 - 3) * 64, 312 * 64
    untouched = np.r_[0:first, last : len(samples)]
    assert (found[untouched] == samples[untouched]).all()
    assert np.abs(found[first:last].astype(int) - samples[first:last]).max() > 1000


def test_an_edit_without_residual_keeps_the_phases() -> None:
    samples = music(40_000)
    for profile in ("colour", "16+16"):
        (tile,) = there(Sound.of(samples, 44_100), profile=profile, **SMALL)
        pixels = tile.pixels.copy()
        pixels[:64] //= 2  # the upper half of the frequencies
        with pytest.warns(ConverterWarning, match="was changed"):
            found = back([saved(tile, pixels=pixels)]).samples()[:, 0]
        kept = np.abs(np.fft.rfft(found) - np.fft.rfft(samples))[: len(samples) // 5]
        assert kept.max() < 0.01 * np.abs(np.fft.rfft(samples)).max()


def test_what_is_painted_gets_a_phase() -> None:
    """A grey line is heard as a tone of its frequency, as loud as it is bright."""
    for profile in ("colour", "16+16"):
        sound = Sound.of(np.rint(9000 * np.sin(np.arange(30_000))).astype(np.int16), 8000)
        (tile,) = there(sound, profile=profile, range="linear", **SMALL)
        pixels = tile.pixels.copy()
        pixels[128 - 95 : 128 - 98 : -1, 100:300] = np.iinfo(pixels.dtype).max // 2
        with pytest.warns(ConverterWarning, match="was changed"):
            found = back([saved(tile, pixels=pixels)]).samples()[:, 0]
        spectrum = np.abs(stft(found / 32768, 256, 64))[:, 150:250].mean(1)
        tone, painted = spectrum[35:50].max(), spectrum[93:100].max()
        assert 0.3 < painted / tone < 0.7


def test_resized(source: PairedDataset) -> None:
    samples = speech(source)[:30_000]
    for profile in ("colour", "magnitude"):
        (tile,) = there(Sound.of(samples, 8000), profile=profile, n_fft=512, hop=128)
        height, width = tile.pixels.shape[:2]
        image = Image.fromarray(tile.pixels).resize((width * 4 // 5, height * 4 // 5))
        with pytest.warns(ConverterWarning, match="resized"):
            again = back([saved(tile, pixels=np.asarray(image))])
            found = again.samples()[:, 0] / 32768
        assert again.format.n_samples == len(samples)
        magnitude = np.abs(stft(samples / 32768, 512, 128))
        assert spectral_convergence(found, magnitude, 512, 128) < -4


def test_saved_with_other_colours() -> None:
    samples = music(20_000)
    (tile,) = there(Sound.of(samples, 44_100), **SMALL)
    opaque = np.full((*tile.pixels.shape[:2], 1), 255, np.uint8)
    with pytest.warns(ConverterWarning, match="was changed"):
        found = back([saved(tile, pixels=np.concatenate([tile.pixels, opaque], 2))]).samples()
    assert snr(samples, found) > 40
    (tile,) = there(Sound.of(samples, 44_100), profile="16+16", **SMALL)
    with pytest.warns(ConverterWarning, match="8 bits"):
        found = back([saved(tile, pixels=(tile.pixels >> 8).astype(np.uint8))]).samples()
    assert snr(samples, found) > 20


def test_a_header_that_nobody_has_left() -> None:
    samples = music(20_000)
    for options in (SMALL, {"profile": "magnitude", **SMALL}):
        (tile,) = there(Sound.of(samples, 16_000), strip=False, **options)
        with pytest.warns(ConverterWarning, match="has no header"):
            found = Spectrogram(sample_rate=16_000, **options).decode_sound(
                iter([saved(tile, header=None)])
            )
        assert found.format.sample_rate == 16_000
        assert 0 <= found.format.n_samples - len(samples) < 64
    magnitude = np.abs(stft(found.samples()[:20_000, 0].astype(float), 256, 64))
    wanted = np.abs(stft(samples.astype(float), 256, 64))
    assert np.corrcoef(magnitude.ravel(), wanted.ravel())[0, 1] > 0.95


def test_a_picture_of_another_height_is_heard() -> None:
    converter = Spectrogram(**SMALL)
    for height in (100, 129 + 60, 3 * 129 - 1):
        with pytest.warns(ConverterWarning, match="heard as any picture"):
            sound = converter.decode_sound(iter([Picture(np.zeros((height, 300), np.uint8))]))
        assert sound.header is not None and sound.header.made_from == "picture"
    photo = Picture(np.zeros((6000, 6000), np.uint8))  # no tile is as large
    with (
        pytest.warns(ConverterWarning, match="heard as any picture"),
        pytest.raises(ConverterError, match="too many to be heard"),
    ):
        Spectrogram().decode_sound(iter([photo]))
    with pytest.warns(ConverterWarning, match="2 channel"):
        sound = converter.decode_sound(iter([Picture(np.zeros((2 * 129 + 16, 300), np.uint8))]))
    assert sound.header is None and sound.format.n_channels == 2


def test_the_header_tells_the_rate_of_the_sound() -> None:
    (tile,) = there(Sound.of(music(9000), 8000))
    assert tile.header is not None and tile.header.options["sample_rate"] == 8000
    # Others tell the rate that was not used.
    old = forged(tile, options={**tile.header.options, "sample_rate": 44_100})
    assert (back([old]).samples() == back([tile]).samples()).all()


# Pictures as sounds


def drawing() -> np.ndarray:
    rows, columns = np.mgrid[:100, :160]
    wave = 128 + 80 * np.sin(columns / 23) * np.cos(rows / 17)
    return (
        (wave + 40 * ((columns - 80) ** 2 + (rows - 50) ** 2 < 900)).clip(0, 255).astype(np.uint8)
    )


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
def test_a_picture_is_heard_and_seen_again(axis: str) -> None:
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
    colours=st.sampled_from([(), (3,), (4,)]),
    wide=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_picture(height: int, width: int, colours: tuple, wide: bool, seed: int) -> None:
    dtype = np.uint16 if wide and not colours else np.uint8
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, np.iinfo(dtype).max, (height, width, *colours), dtype, endpoint=True)
    converter = Spectrogram(n_fft=64, hop=16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        sound = converter.encode_picture(Picture(pixels))
        again = converter.decode_picture(sound)
    assert sound.format.n_samples > width * 16 and np.abs(sound.samples()).max() < 29_300
    assert again.pixels.shape == (height, width) and again.pixels.dtype == dtype


def test_what_a_picture_loses_is_told() -> None:
    colour = np.stack([drawing(), drawing()[::-1], drawing()], -1)
    converter = Spectrogram(**SMALL)
    with pytest.warns(ConverterWarning, match="luminance"):
        sound = converter.encode_picture(Picture(colour))
    with pytest.warns(ConverterWarning, match="grey"):
        converter.decode_picture(sound)
    see_through = np.concatenate([colour, colour[..., :1]], 2)
    with pytest.warns(ConverterWarning, match="transparent"):
        converter.encode_picture(Picture(see_through))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        converter.encode_picture(Picture(drawing()))


def test_a_sound_that_shows_another_picture_is_told() -> None:
    sound = Spectrogram(**SMALL).encode_picture(Picture(drawing()))
    samples = sound.samples()[:, 0]
    n = len(samples)

    def warned(other: np.ndarray) -> list[str]:
        again = dataclasses.replace(Sound.of(other, 44_100), header=sound.header)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert Spectrogram(**SMALL).decode_picture(again).pixels.shape == (100, 160)
        return [str(each.message) for each in seen]

    for same in (samples, samples / 32768, samples.astype(np.int32) << 16):
        assert not warned(same)
    seconds = f"was cut from {n / 44_100:.3f} to {n // 3 / 44_100:.3f} s"
    assert seconds in warned(samples[: n // 3])[0]
    assert "lengthened" in warned(np.append(samples, samples))[0]
    zeroed = np.where(np.arange(n) < n // 2, 0, samples).astype(np.int16)
    for other in (zeroed, samples // 4, np.roll(samples, 50)):
        (message,) = warned(other)
        assert "was changed since it was made" in message


def test_black_is_silence() -> None:
    sound = Spectrogram(**SMALL).encode_picture(Picture(np.zeros((9, 9), np.uint8)))
    assert not sound.samples().any()
    assert not Spectrogram(**SMALL).decode_picture(sound).pixels.any()


# Lies and damage


def forged(tile: Picture, **changes: object) -> Picture:
    assert tile.header is not None
    return dataclasses.replace(tile, header=dataclasses.replace(tile.header, **changes))


def test_headers_that_lie() -> None:
    sound = noise(3000, 1, "PCM_16")
    (tile,) = there(sound, **SMALL)
    header = tile.header
    assert header is not None and header.sound is not None
    facts = dict(header.facts)
    lies: list[dict] = [
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
            back([forged(tile, **lie)]).samples()


def test_tiles_that_do_not_belong() -> None:
    tiles = there(noise(9000, 1, "PCM_16"), tile=40, **SMALL)
    others = there(noise(8000, 1, "PCM_16"), tile=40, **SMALL)
    for wrong in (tiles[:-1], tiles[1:], tiles[::-1], [tiles[0], *others[1:]], []):
        with pytest.raises(ConverterError, match=r"tile|no pictures"):
            Spectrogram(tile=40, **SMALL).decode_sound(iter(wrong)).samples()
    sound = back(tiles)
    sound.samples()
    with pytest.raises(ConverterError, match="read already"):
        sound.samples()


@some
@given(st.binary(max_size=60), st.integers(0, 400), st.booleans())
def test_damaged_residuals(content: bytes, at: int, cut: bool) -> None:
    sound = Sound.of(music(2000), 8000)
    (tile,) = there(sound, profile="16+16", residual=True, **SMALL)
    chunk = tile.chunks[b"reSd"]
    chunk = chunk[:at] if cut else chunk[:at] + content + chunk[at + len(content) :]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = back([dataclasses.replace(tile, chunks={b"reSd": chunk})]).samples()
    assert seen or (found == sound.samples()).all()
    assert found.shape == (2000, 1)


def test_sounds_that_are_none() -> None:
    for bad in (np.nan, np.inf, 1e300):
        with pytest.raises(ConverterError, match="no sound"):
            list(Spectrogram().encode_sound(Sound.of(np.array([0.0, bad]), 8000)))
    with pytest.raises(ConverterError, match="whole numbers"):
        list(PRESETS["exact"].encode_sound(Sound.of(np.zeros(9), 8000)))


@pytest.mark.parametrize(
    "options",
    [{"profile": "x"}, {"axis": "x"}, {"range": "x"}, {"n_fft": 15}, {"n_fft": 1 << 16}, {"hop": 3},
     {"hop": 2048}, {"hop": 16}, {"rows": -1}, {"exponent": 0.0}, {"floor": 0.0}, {"tile": 0},
     {"sample_rate": 0}, {"f_min": 0.0}, {"residual": True, "axis": "log"},
     {"residual": True, "profile": "magnitude"}, {"f_min": float("nan")},
     {"profile": "mel64"}],
    ids=str,
)  # fmt: skip
def test_bad_options(options: dict) -> None:
    with pytest.raises(ConverterError):
        Spectrogram(**options)
