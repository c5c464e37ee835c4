"""Random pictures, and channel distortions of the sounds that carry them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
import soxr

from converters import Converter, ConverterWarning, Picture, Sound

RATE = 44100
KINDS: dict[str, tuple[int, type[np.uint8] | type[np.uint16]]] = {
    "grey": (1, np.uint8),
    "RGB": (3, np.uint8),
    "RGBA": (4, np.uint8),
    "16": (1, np.uint16),
}


def random_pixels(height: int, width: int, kind: str = "grey", seed: int = 0) -> np.ndarray:
    """(height, width) or (height, width, n_colours); noise is the hardest to keep."""
    n_colours, dtype = KINDS[kind]
    shape = (height, width) if n_colours == 1 else (height, width, n_colours)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def encode(converter: Converter, pixels: np.ndarray) -> np.ndarray:
    """(n,) float64, without the header beside the samples."""
    sound = converter.encode_picture(Picture(pixels))
    samples = sound.samples()[:, 0]
    assert samples.dtype == np.int16
    assert len(samples) == sound.format.n_samples
    return samples / 32768


def decode(converter: Converter, samples: np.ndarray, rate: int = RATE) -> np.ndarray:
    return converter.decode_picture(Sound.of(samples, rate)).pixels


def decode_with_warning(converter: Converter, samples: np.ndarray, warning: str) -> np.ndarray:
    with pytest.warns(ConverterWarning, match=warning):
        return decode(converter, samples)


def warnings_from(work: Callable[[], object]) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return "; ".join(str(w.message) for w in caught if w.category is ConverterWarning)


def add_noise(samples: np.ndarray, snr_db: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    return samples + noise * samples.std() * 10 ** (-snr_db / 20)


def mp3(samples: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="MP3")
    file.seek(0)
    return soundfile.read(file)[0]


Channel = Callable[[np.ndarray], tuple[np.ndarray, int]]
"""Samples (n,) at RATE -> samples, (n,) or (n, n_channels), and their rate."""

MILD_CHANNELS: dict[str, Channel] = {
    "16 bit": lambda x: (np.rint(x * 32767).astype(np.int16), RATE),
    "quiet": lambda x: (0.01 * x, RATE),
    "inverted": lambda x: (-x, RATE),
    "stereo": lambda x: (np.stack([x, 0.3 * x], axis=1), RATE),
    "at 48 kHz": lambda x: (soxr.resample(x, RATE, 48000), 48000),
    "over 48 kHz": lambda x: (soxr.resample(soxr.resample(x, RATE, 48000), 48000, RATE), RATE),
    "+500 ppm": lambda x: (soxr.resample(x, RATE, RATE * 1.0005, "VHQ"), RATE),
    "-500 ppm": lambda x: (soxr.resample(x, RATE, RATE * 0.9995, "VHQ"), RATE),
    "3 s of silence": lambda x: (np.concatenate([np.zeros(3 * RATE + 17), x]), RATE),
    "20 s of noise": lambda x: (
        np.concatenate([0.05 * np.random.default_rng(1).standard_normal(20 * RATE), x]),
        RATE,
    ),
}
CHANNELS: dict[str, Channel] = {
    **MILD_CHANNELS,
    "at 22 kHz": lambda x: (soxr.resample(x, RATE, 22050), 22050),
    "MP3": lambda x: (mp3(x), RATE),
    "20 dB": lambda x: (add_noise(x, 20), RATE),
    "10 dB": lambda x: (add_noise(x, 10), RATE),
}
