"""A second of any sound <-> the 64 x 64 log-mel picture by which the models see sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import soxr

from converters.base import Converter
from converters.colors import convert_pixels
from converters.header import ConverterError, SoundFormat
from converters.media import Picture, Sound, warn

__all__ = ["CONVERTER", "PRESETS", "Mel64", "mono_samples"]

MAX_SECONDS = 3600  # a longer sound takes too much memory to find its loudest window


@dataclass(frozen=True)
class Mel64(Converter):
    """The log-mel picture of a sound's loudest second, as the models see it. It has no options."""

    # torch is imported where it is needed: it takes seconds, and other converters do without.

    kind: ClassVar[str] = "mel64"
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]] = "neither"

    def encode_sound(self, sound: Sound) -> Iterator[Picture]:
        """One picture, (64, 64) uint8. Warns of all that is lost.

        Raises:
            ConverterError: no sample, too many, or one that is not finite.
        """
        import torch

        from converters.mel64.features import MEL64, fit_clip, to_picture

        format = sound.format
        if not 0 < format.n_samples <= MAX_SECONDS * format.sample_rate:
            raise ConverterError(f"{sound.name}: mel64 takes a sound of up to an hour, not empty")
        lost = ["level and phase are lost"]
        if format.n_channels > 1:
            lost.append(f"{format.n_channels} channels are mixed to mono")
        if format.sample_rate != MEL64.sample_rate:
            lost.append(f"{format.sample_rate} Hz become {MEL64.sample_rate} Hz")
        seconds = MEL64.n_samples / MEL64.sample_rate
        if format.n_samples != seconds * format.sample_rate:
            lost.append(f"its length becomes {seconds} s (the loudest window, or between silence)")
        warn(f"{sound.name}: mel64: {'; '.join(lost)}")
        try:
            clip = fit_clip(torch.from_numpy(mono_samples(sound, MEL64.sample_rate)))
            pixels = to_picture(clip).numpy()
        except ValueError as error:
            raise ConverterError(f"{sound.name}: {error}") from error
        made = SoundFormat(MEL64.sample_rate, 1, MEL64.n_samples, "FLOAT")
        yield Picture(pixels).with_header(self.header("sound", sound=made))

    def decode_sound(self, pictures: Iterator[Picture]) -> Sound:
        """1.024 s at 8 kHz, float32, of one picture; without a header, of any of 64 x 64 pixels.

        Raises:
            ConverterError: no picture, or one of another size.
        """
        import torch

        from converters.mel64.features import MEL64, to_sound

        picture = next(iter(pictures), None)
        if picture is None:
            raise ConverterError("no picture: give one of 64 x 64 pixels")
        if picture.edited:
            warn(f"{picture.name}: was changed since it was made")
        pixels = convert_pixels(picture.pixels, False, np.uint8, picture.name)
        height, width = pixels.shape
        if (height, width) != (MEL64.n_mels, MEL64.n_frames):
            raise ConverterError(f"{picture.name}: mel64 is 64 x 64 pixels, not {width} x {height}")
        samples = to_sound(torch.from_numpy(pixels.copy())).numpy()
        return Sound.of(samples, MEL64.sample_rate, "FLOAT")


def mono_samples(sound: Sound, sample_rate: int) -> np.ndarray:
    """(n,) at this rate: the mean of the channels; of a mono sound of this rate its own samples."""
    rate = sound.format.sample_rate
    if sound.format.n_channels == 1 and rate == sample_rate:
        return sound.samples()[:, 0]
    resampler = soxr.ResampleStream(rate, sample_rate, 1, "float32", "VHQ")
    pieces = [
        resampler.resample_chunk(block.mean(1).astype(np.float32)) for block in sound.floats()
    ]
    pieces.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    clip = np.concatenate(pieces)
    return clip if len(clip) else np.zeros(1, np.float32)


CONVERTER = Mel64
PRESETS = {"default": Mel64()}
