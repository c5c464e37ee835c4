"""Channel distortions: codecs, resampling, noise, clock drift, images saved again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from PIL import Image

__all__ = ["PICTURE_CHANNELS", "SOUND_CHANNELS", "transmit"]

SEED = 0
Samples = np.ndarray  # (n, n_channels) float64
SoundChannel = Callable[[Samples, int], tuple[Samples, int, str]]
PictureChannel = Callable[[Path, Image.Image], Path]


def transmit(path: Path, channel: SoundChannel) -> Path:
    """A sound file as another program opens, changes and saves it, without our header."""
    samples, rate = soundfile.read(path, always_2d=True)
    samples, rate, suffix = channel(samples, rate)
    received = path.with_name(f"received{suffix}")
    subtype = "PCM_16" if suffix == ".wav" else None
    with soundfile.SoundFile(received, "w", rate, samples.shape[1], subtype) as file:
        for start in range(0, len(samples), 1 << 16):
            file.write(samples[start : start + (1 << 16)].clip(-1, 1))
    return received


def _noise(decibel: float) -> SoundChannel:
    def add(samples: Samples, rate: int) -> tuple[Samples, int, str]:
        level = np.sqrt(np.square(samples).mean()) * 10 ** (-decibel / 20)
        noisy = samples + level * np.random.default_rng(SEED).standard_normal(samples.shape)
        return noisy / max(1.0, np.abs(noisy).max()), rate, ".wav"

    return add


def _clock(ppm: float) -> SoundChannel:
    """Played by one clock and recorded by another that differs by so many parts in a million."""
    return lambda x, rate: (soxr.resample(x, 1e6, 1e6 + ppm, quality="VHQ"), rate, ".wav")


def _resample(x: Samples, rate: int, to: int) -> Samples:
    return soxr.resample(x, rate, to, quality="VHQ")


SOUND_CHANNELS: dict[str, SoundChannel] = {
    "16-bit WAV": lambda x, rate: (x, rate, ".wav"),
    "MP3": lambda x, rate: (x, rate, ".mp3"),
    "Vorbis": lambda x, rate: (x, rate, ".ogg"),
    "at 48 kHz": lambda x, rate: (_resample(x, rate, 48_000), 48_000, ".wav"),
    "48 kHz and back": lambda x, rate: (
        _resample(_resample(x, rate, 48_000), 48_000, rate),
        rate,
        ".wav",
    ),
    "noise 20 dB": _noise(20),
    "noise 10 dB": _noise(10),
    "noise 0 dB": _noise(0),
    "clock +500 ppm": _clock(500),
    "clock -500 ppm": _clock(-500),
    "leading silence": lambda x, rate: (
        np.concatenate((np.zeros((int(1.234 * rate), x.shape[1])), x)),
        rate,
        ".wav",
    ),
    "a third as loud": lambda x, rate: (x / 3, rate, ".wav"),
}


def _save_pixels(path: Path, image: Image.Image) -> Path:
    """As a program saves it that drops all metadata."""
    received = path.with_suffix(".saved.png")
    Image.fromarray(np.asarray(image)).save(received)
    return received


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """What most programs make of 16-bit pixels."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _rename(path: Path, image: Image.Image) -> Path:
    return path.rename(path.with_name(f"IMG_{path.stem[-4:]}.png"))


def _jpeg(subsampling: str) -> PictureChannel:
    def save(path: Path, image: Image.Image) -> Path:
        received = path.with_suffix(".jpg")
        _to_eight_bits(image).save(received, quality=95, subsampling=subsampling)
        return received

    return save


def _resize(path: Path, image: Image.Image) -> Path:
    size = (max(image.width * 9 // 10, 1), max(image.height * 9 // 10, 1))
    return _save_pixels(path, _to_eight_bits(image).resize(size, Image.Resampling.LANCZOS))


PICTURE_CHANNELS: dict[str, PictureChannel] = {
    "renamed": _rename,
    "metadata stripped": _save_pixels,
    "JPEG 95, 4:4:4": _jpeg("4:4:4"),
    "JPEG 95, 4:2:0": _jpeg("4:2:0"),
    "resized to 90 %": _resize,
}
