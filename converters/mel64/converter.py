"""The pictures by which the models see sound, of any sound, and back. It imports torch."""

from __future__ import annotations

import warnings

import numpy as np
import soxr
import torch

from converters.header import ConverterError, SoundFormat
from converters.media import ConverterWarning, Picture, Sound
from converters.mel64.features import MEL64, fit_clip, to_picture, to_sound

__all__ = ["FORMAT", "pixels_of", "sound_of"]

FORMAT = SoundFormat(MEL64.sample_rate, 1, MEL64.n_samples, "FLOAT")
LONGEST = 3600  # seconds: they are searched for the loudest window in memory


def pixels_of(sound: Sound) -> np.ndarray:
    """(64, 64) uint8: the loudest second. Warns of all that is lost.

    Raises:
        ConverterError: no sample, or too many.
    """
    format = sound.format
    if not 0 < format.n_samples <= LONGEST * format.sample_rate:
        raise ConverterError(f"{sound.name}: mel64 shows a sound of up to an hour, not of nothing")
    lost = ["level and phase are lost"]
    if format.n_channels > 1:
        lost.append(f"{format.n_channels} channels are taken as one, their mean")
    if format.sample_rate != MEL64.sample_rate:
        lost.append(f"{format.sample_rate} Hz become {MEL64.sample_rate} Hz")
    seconds = MEL64.n_samples / MEL64.sample_rate
    if format.n_samples != seconds * format.sample_rate:
        lost.append(f"its length becomes {seconds} s (the loudest, or amid silence)")
    warnings.warn(f"{sound.name}: mel64: {'; '.join(lost)}", ConverterWarning, 3)
    clip = torch.from_numpy(_mono(sound))
    try:
        return to_picture(fit_clip(clip)).numpy()
    except ValueError as error:
        raise ConverterError(f"{sound.name}: {error}") from error


def sound_of(picture: Picture, pixels: np.ndarray) -> Sound:
    """(64, 64) uint8 -> 1.024 s at 8 kHz.

    Raises:
        ConverterError: pixels of another size.
    """
    try:
        samples = to_sound(torch.from_numpy(pixels.copy())).numpy()
    except ValueError as error:
        raise ConverterError(f"{picture.name}: {error}") from error
    return Sound.of(samples, FORMAT.sample_rate, FORMAT.subtype)


def _mono(sound: Sound) -> np.ndarray:
    """(n,) at the profile's rate; where that is the sound's, its own samples."""
    rate = sound.format.sample_rate
    if sound.format.n_channels == 1 and rate == MEL64.sample_rate:
        return sound.samples()[:, 0]
    resampler = soxr.ResampleStream(rate, MEL64.sample_rate, 1, "float32", "VHQ")
    pieces = [
        resampler.resample_chunk(block.mean(1).astype(np.float32)) for block in sound.floats()
    ]
    pieces.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    clip = np.concatenate(pieces)
    return clip if len(clip) else np.zeros(1, np.float32)
