"""The test signals of converters: sounds and pictures that are the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from converters import Picture, Sound
from converters.mel64.features import MEL64
from converters.picture_files import write_picture
from converters.sound_files import write_sound
from datasets import PairedDataset, part

__all__ = ["write"]

SEED = 0


def write(folder: Path, dataset: PairedDataset) -> None:
    """Writes every sound (WAV) and picture (PNG) into a folder, under its name."""
    sounds = {"speech": _speech(dataset), "music": _music(), "synthetic": _synthetic()}
    for name, sound in sounds.items():
        write_sound(folder / f"{name}.wav", sound)
    pictures = {
        "photo 100x100": _photo("L", 100, 100),
        "photo 256x256": _photo("L", 256, 256),
        "colour 64x48": _photo("RGB", 64, 48),
        "digits 64x64": _digits(),
        "noise 33x47": _noise(),
    }
    for name, picture in pictures.items():
        write_picture(folder / f"{name}.png", picture)


def _speech(dataset: PairedDataset) -> Sound:
    """About 16 s of training recordings: words of up to eight speakers, one after the other."""
    train = part(dataset, "official", "train")
    speakers = train.speaker.unique()[:8]
    n = 16 // len(speakers)
    rows = torch.cat([(train.speaker == speaker).nonzero()[:n, 0] for speaker in speakers])
    return Sound.of(_int16(train.clips[rows].flatten().numpy()), MEL64.sample_rate)


def _music() -> Sound:
    """12 s of stereo at 44.1 kHz: decaying chords with overtones, a bass, and noise for drums."""
    rate, rng = 44_100, np.random.default_rng(SEED)
    out = np.zeros((12 * rate, 2))
    t = np.arange(2 * rate) / rate
    for bar, root in enumerate((220.0, 174.6, 261.6, 196.0, 220.0, 146.8)):
        start = bar * 2 * rate
        for i, ratio in enumerate((0.5, 1, 1.25, 1.5)):
            for overtone in range(1, 9):
                tone = np.sin(2 * np.pi * root * ratio * overtone * t + overtone)
                tone *= np.exp(-t * (0.8 + 0.4 * overtone)) / overtone
                pan = 0.5 + 0.4 * np.sin(i + overtone)
                out[start : start + len(t)] += tone[:, None] * (pan, 1 - pan)
        for beat in range(4):
            at = start + beat * rate // 2
            drum = rng.standard_normal(rate // 4) * np.exp(-np.arange(rate // 4) / 1500)
            out[at : at + len(drum)] += 0.5 * drum[:, None]
    return Sound.of(_int16(out), rate)


def _synthetic() -> Sound:
    """8 s at 44.1 kHz: a sweep, clicks, white noise of falling level, silence, full scale."""
    rate, rng = 44_100, np.random.default_rng(SEED)
    t = np.arange(2 * rate) / rate
    sweep = 0.5 * np.sin(2 * np.pi * (20 * t + 0.5 * (20_000 - 20) / 2 * t**2))
    clicks = np.zeros(rate)
    clicks[:: rate // 7] = 0.9
    noise = 0.3 * rng.standard_normal(2 * rate) * 10 ** (-2 * t)
    square = np.sign(np.sin(2 * np.pi * 441 * t[:rate]))
    return Sound.of(
        _int16(np.concatenate((sweep, clicks, noise, 0 * t, square)), scale=False), rate
    )


def _photo(mode: str, width: int, height: int) -> Picture:
    image = Image.fromarray(load_sample_image("china.jpg")).convert(mode)
    return Picture(np.asarray(image.resize((width, height), Image.Resampling.LANCZOS)))


def _digits() -> Picture:
    """64 handwritten digits of 8 x 8."""
    images = load_digits().images[:64].reshape(8, 8, 8, 8)
    return Picture((images.transpose(0, 2, 1, 3).reshape(64, 64) * 255 / 16).astype(np.uint8))


def _noise() -> Picture:
    return Picture(np.random.default_rng(SEED).integers(0, 256, (47, 33)).astype(np.uint8))


def _int16(samples: np.ndarray, scale: bool = True) -> np.ndarray:
    peak = np.abs(samples).max() / 0.7 if scale else 1.0
    return np.round(samples / peak * 32767).clip(-32768, 32767).astype(np.int16)
