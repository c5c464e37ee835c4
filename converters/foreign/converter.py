"""Spectrograms that other programs made -> sounds.

    riffusion  mel pictures, inverted; parameters in EXIF, else the published defaults
    krajj7     envelopes of filters; parameters in the text "Spectrogram" of the PNG
    autotel    hue is phase, brightness is level; the rate and LIN or LOG in the name

Parameters that stand in the picture are used without being asked for; others are options.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from converters.base import Converter
from converters.colors import to_grey
from converters.foreign.programs import bands_above, from_bands, from_hue, from_mel
from converters.header import ConverterError, Header, SoundFormat
from converters.media import Picture, Sound, warn
from converters.palettes import GREY, levels_of, recognize

__all__ = ["CONVERTER", "PRESETS", "Foreign"]

PROGRAMS = ("riffusion", "krajj7", "autotel")
PEAK = 10 ** (-1 / 20)
MAX_PIXELS = 1 << 24
RATES = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)
BOUNDS = {
    "f_min": (0.0, 1e6), "f_max": (1.0, 1e6), "step": (0.1, 1e4), "window": (1.0, 1e4),
    "power": (0.05, 4.0), "bandwidth": (1.0, 1e4), "overlap": (0.0, 0.99), "floor": (10.0, 300.0),
    "boost": (-24.0, 24.0), "hop": (1, 16_384), "sample_rate": (100, 1_000_000),
}  # fmt: skip


@dataclass(frozen=True)
class Foreign(Converter):
    """Spectrograms that other programs made, as sounds."""

    kind: ClassVar[str] = "foreign"
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]] = "neither"

    program: str = "riffusion"
    """riffusion, krajj7 or autotel."""
    sample_rate: int = 44100
    """Of the sound, in Hz."""
    f_min: float = 0.0
    """Lowest frequency in Hz: of the mel bands, of the first filter, of a log axis."""
    f_max: float = 10_000.0
    """Highest frequency of the mel bands in Hz (riffusion)."""
    step: float = 10.0
    """From column to column in ms (riffusion, krajj7)."""
    window: float = 100.0
    """Of a frame in ms (riffusion)."""
    power: float = 0.25
    """By which amplitudes became brightness (riffusion)."""
    stereo: bool = False
    """Green is the left channel, blue the right one (riffusion)."""
    axis: str = "linear"
    """linear or log (krajj7, autotel)."""
    bandwidth: float = 100.0
    """Of a filter, in cents on a log axis, else in Hz (krajj7)."""
    overlap: float = 0.8
    """Of neighboring filters (krajj7)."""
    logarithmic: bool = True
    """Brightness is log10(1 + 9 amplitude) (krajj7)."""
    square_root: bool = False
    """Brightness was corrected by its square root, which the picture does not say (krajj7)."""
    floor: float = 80.0
    """Black in dB below white (autotel)."""
    boost: float = 6.0
    """By which levels above 1 kHz were raised, in dB per octave (autotel)."""
    hop: int = 128
    """Samples from column to column (autotel; 512 in its first version)."""

    def __post_init__(self) -> None:
        for name, choices in (("program", PROGRAMS), ("axis", ("linear", "log"))):
            if getattr(self, name) not in choices:
                raise ConverterError(
                    f"{name} is {getattr(self, name)!r}: take one of {', '.join(choices)}"
                )
        for name, (low, high) in BOUNDS.items():
            if not low <= getattr(self, name) <= high:
                raise ConverterError(
                    f"{name} is {getattr(self, name)}: not from {low:g} to {high:g}"
                )
        if self.program == "riffusion" and not self.f_min < self.f_max <= self.sample_rate / 2:
            raise ConverterError(
                f"mel bands from {self.f_min:g} to {self.f_max:g} Hz do not fit a sound of "
                f"{self.sample_rate} Hz"
            )
        if self.program != "riffusion" and self.f_min >= self.sample_rate / 2:
            raise ConverterError(
                f"a sound of {self.sample_rate} Hz has nothing from {self.f_min:g} Hz upwards"
            )
        if self.axis == "log" and self.program != "riffusion" and self.f_min <= 0:
            raise ConverterError("a log axis needs an f_min above 0")

    def decode_sound(self, pictures: Iterator[Picture]) -> Sound:
        """One picture -> its sound, -1 dBFS.

        Raises:
            ConverterError: no picture, a picture too large, or sizes that the program cannot make.
        """
        picture = next(pictures, None)
        if picture is None:
            raise ConverterError("no picture")
        maker = self
        if self.find(picture) is None:
            maker = self._with_axis_of_name(picture.name)
            warn(f"{picture.name}: is taken as a picture of {self.program}, with these options")
        height, width = picture.pixels.shape[:2]
        if height * width > MAX_PIXELS or height < 2:
            raise ConverterError(f"{picture.name}: {width} x {height} pixels do not fit")
        samples = maker._decode(picture)
        peak = np.abs(samples).max(initial=0)
        samples = np.rint(samples * (PEAK * 32767 / peak if peak else 0)).astype(np.int16)
        return dataclasses.replace(Sound.of(samples, self.sample_rate), name=picture.name)

    @property
    def _samples_per_column(self) -> float:
        return self.hop if self.program == "autotel" else self.step * self.sample_rate / 1000

    def _decode(self, picture: Picture) -> np.ndarray:
        """(n_samples, n_channels)."""
        pixels, name = picture.pixels, picture.name
        if self.program == "riffusion":
            shade = 1 - _channels(pixels, self.stereo, name)
            return from_mel(shade[:, ::-1] ** (1 / self.power), self)
        if self.program == "krajj7":
            palette = recognize(pixels)
            known = palette != GREY
            shade = levels_of(pixels[..., :3], palette) / 255 if known else to_grey(pixels, name)
            shade = shade[::-1] ** 2 if self.square_root else shade[::-1]
            amplitude = (10**shade - 1) / 9 if self.logarithmic else shade
            samples = from_bands(amplitude[None], self)
            if lost := bands_above(len(shade), self):
                warn(
                    f"{name}: {lost} of {len(shade)} rows lie above {self.sample_rate / 2:g} Hz, "
                    "half the sample rate, and are left out"
                )
            return samples
        n_fft = 2 * (len(pixels) - 1)
        if n_fft % self.hop or not 2 <= n_fft // self.hop <= 256 or pixels.ndim == 2:
            raise ConverterError(
                f"{name}: {len(pixels)} rows are frames of {n_fft} samples, which do not fit a hop "
                f"of {self.hop}; or it has no colours"
            )
        return from_hue(*_value_and_hue(pixels[::-1, :, :3]), self)

    def _with_axis_of_name(self, name: str) -> Self:
        found = re.search(r"_SR\d+_(LIN|LOG)", name)
        if self.program != "autotel" or found is None:
            return self
        axis = {"LIN": "linear", "LOG": "log"}[found[1]]
        return dataclasses.replace(self, axis=axis, f_min=self.f_min or 20.0)

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        """Of a picture that holds the parameters of krajj7's program or of riffusion."""
        if not isinstance(source, Picture):
            return None
        try:
            maker = _of_krajj7(source.texts) or _of_riffusion(source.texts)
            if maker is None:
                return None
            n = round(source.pixels.shape[1] * maker._samples_per_column)
            n_channels = 2 if maker.stereo else 1
            format = SoundFormat(maker.sample_rate, n_channels, n)
        except (ConverterError, ValueError, OverflowError) as error:
            warn(f"{source.name}: its parameters cannot be used: {error}")
            return None
        return maker.header("sound", sound=format)


def _of_krajj7(texts: Mapping[str, str]) -> Foreign | None:
    """Bandwidth, lowest and highest frequency, overlap in %, columns per second, window, axes."""
    text = texts.get("Spectrogram", "")
    if not text.startswith("Spectrogram:"):
        return None
    numbers = [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", text)][:8]
    if len(numbers) < 8:
        raise ConverterError(f"{text[:80]!r} holds {len(numbers)} of 8 numbers")
    bandwidth, f_min, f_max, overlap, per_second, _, intensity, axis = numbers
    rate = next((rate for rate in RATES if rate >= 2 * f_max), None)
    if rate is None:
        raise ConverterError(f"a highest frequency of {f_max:g} Hz")
    return Foreign(
        program="krajj7",
        sample_rate=rate,  # it is not written, but nothing lies above
        bandwidth=bandwidth,
        f_min=f_min,
        overlap=overlap / 100,
        step=1000 / per_second if per_second > 0 else 0.0,
        logarithmic=intensity == 1,
        axis="log" if axis == 1 else "linear",
    )


def _of_riffusion(texts: Mapping[str, str]) -> Foreign | None:
    """From the EXIF tags that it writes, each if it is there."""
    tags = {key.removeprefix("exif "): value for key, value in texts.items()}
    if "11000" not in tags or "11070" not in tags:
        return None
    if tags.get("11007") in ("1", "True"):
        raise ConverterError("three bands in a pixel are not supported")
    return Foreign(
        program="riffusion",
        sample_rate=int(float(tags["11000"])),
        stereo=tags.get("11005") in ("1", "True"),
        step=float(tags.get("11010", 10)),
        window=float(tags.get("11020", 100)),
        f_min=float(tags.get("11050", 0)),
        f_max=float(tags.get("11060", 10_000)),
        power=float(tags["11070"]),
    )


def _channels(pixels: np.ndarray, stereo: bool, name: str) -> np.ndarray:
    """(n_channels, height, width) in [0, 1]."""
    if stereo and pixels.ndim == 3:
        return np.moveaxis(pixels[..., 1:3], -1, 0) / 255
    if pixels.ndim == 3:
        return pixels[None, ..., 0] / 255
    return to_grey(pixels, name)[None]


def _value_and_hue(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., 3) uint8 -> brightness in [0, 1], and hue in turns, NaN of grey."""
    red, green, blue = (rgb[..., i].astype(np.float64) for i in range(3))
    value = rgb.max(-1).astype(np.float64)
    chroma = value - rgb.min(-1)
    span = np.maximum(chroma, 1)
    hue = np.where(
        value == red,
        (green - blue) / span % 6,
        np.where(value == green, (blue - red) / span + 2, (red - green) / span + 4),
    )
    return value / 255, np.where(chroma > 0, hue / 6, np.nan)


CONVERTER = Foreign
PRESETS = {
    "riffusion": Foreign(),
    "krajj7": Foreign(program="krajj7", f_min=55.0, axis="log"),
    "autotel": Foreign(program="autotel", f_min=20.0),
}
