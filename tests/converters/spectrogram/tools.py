"""Test signals, and ways from a sound to pictures and back, for all tests of spectrograms."""

from __future__ import annotations

import dataclasses
import io
import warnings
from typing import Any

import numpy as np
from hypothesis import settings

from converters import Picture, Sound, find_header
from converters.header import SoundFormat
from converters.picture_files import read_picture, write_picture
from converters.spectrogram import Spectrogram
from datasets.base import PairedDataset
from metrics.signal import spectral_convergence

some = settings(max_examples=25, deadline=None, derandomize=True, database=None)
many = settings(some, max_examples=40)
SMALL: dict[str, Any] = {"n_fft": 256, "hop": 64}


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
    """Some words at 8 kHz, int16."""
    clips = source.recordings.clips[::500].reshape(-1).numpy()
    return np.rint(20_000 * clips / np.abs(clips).max()).astype(np.int16)


def noise(n: int, n_channels: int, subtype: str, seed: int = 0) -> Sound:
    """At 8 kHz, of any subtype."""
    format = SoundFormat(8000, n_channels, n, subtype)
    floats = np.random.default_rng(seed).uniform(-0.9, 0.9, (n, n_channels))
    low = {"PCM_U8": 256, "PCM_24": 256}.get(subtype, 1)
    if format.dtype.kind == "f":
        return Sound.of(floats.astype(format.dtype), 8000, subtype)
    return Sound.of((floats * format.full_scale / low).astype(format.dtype) * low, 8000, subtype)


def save(picture: Picture, **changes: Any) -> Picture:
    """Through a PNG file, with other fields."""
    file = io.BytesIO()
    write_picture(file, dataclasses.replace(picture, **changes))
    file.seek(0)
    return read_picture(file, "tile")


def encode(sound: Sound, **options: Any) -> list[Picture]:
    """The tiles of a sound, read back from PNG files."""
    return [save(tile) for tile in Spectrogram(**options).encode_sound(sound)]


def decode(tiles: list[Picture]) -> Sound:
    """By the header of the first tile alone."""
    header = find_header(tiles[0])
    assert header is not None
    return Spectrogram.from_header(header).decode_sound(iter(tiles))


def decode_with_warnings(tiles: list[Picture]) -> tuple[Sound, list[str]]:
    """A sound that was read to its end, and the warnings on the way."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        sound = decode(tiles)
        samples = sound.samples()
    return Sound.of(samples, sound.format.sample_rate), [str(each.message) for each in warned]


def forge(tile: Picture, **changes: Any) -> Picture:
    """A tile with other fields in its header."""
    assert tile.header is not None
    return dataclasses.replace(tile, header=dataclasses.replace(tile.header, **changes))


def convergence(expected: np.ndarray, found: np.ndarray, n_fft: int, hop: int) -> float:
    """Spectral convergence in dB of two mono sounds."""
    return spectral_convergence(expected[:, None], found[:, None], n_fft, hop)


def purity(samples: np.ndarray, hertz: float, rate: int, n_fft: int) -> float:
    """Energy within one bin of a frequency against all other energy in dB, of the middle half."""
    n = len(samples)
    middle = samples[n // 4 : n - n // 4]
    energy = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(middle), 1 / rate) - hertz) <= rate / n_fft
    return float(10 * np.log10(energy[near].sum() / max(energy[~near].sum(), 1e-30)))


def snr(expected: np.ndarray, found: np.ndarray) -> float:
    """In dB, of samples in any unit."""
    expected = expected.astype(np.float64)
    error = expected - found.reshape(expected.shape)
    return 10 * np.log10((expected**2).sum() / (error**2).sum())
