"""The options of a spectrogram: their range, and the axis and tiles that follow from them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from converters.base import DECODING
from converters.header import ConverterError, Header, PictureFormat, SoundFormat
from converters.media import Sound
from converters.palettes import GREY, PALETTES
from converters.spectrogram.axis import AXES, Axis, bins_between, make_axis
from converters.spectrogram.companding import SCALES, Companding
from converters.spectrogram.layout import TileLayout
from converters.spectrogram.pixels import PROFILES, PixelEncoding
from converters.spectrogram.sonify import Sonification
from converters.spectrogram.statistics import peak_and_exponent
from converters.spectrogram.streams import count_columns

__all__ = ["MAX_PEAK", "Options"]

FRAME = 0.0464  # s
MINUTE = 60  # s
MAX_WIDTH = 16_383  # columns, unless more are asked for: the widest WebP
MAX_OVERLAP = 32  # windows over a sample
MAX_PEAK = 1e40
BOUNDS: dict[str, tuple[float, float]] = {
    "n_fft": (0, 32768),
    "hop": (0, 16384),
    "rows": (0, 1 << 16),
    "f_min": (0.0, 1e6),
    "f_max": (0.0, 1e6),
    "exponent": (0.05, 1.0),
    "tilt": (-12.0, 12.0),
    "duration": (0.0, 3600.0),
    "pixels_per_second": (0.0, 1e6),
    "fade": (0.0, 10.0),
    "floor": (10.0, 300.0),
    "tile": (0, 1 << 16),
    "sample_rate": (1, 2**31 - 1),
}


@dataclass(frozen=True)
class Options:
    """Raises ConverterError: an option out of range, or options that exclude each other."""

    profile: str = "colour"
    """colour, 16+8, 16+16 or magnitude."""
    n_fft: int = 0
    """Samples of a frame: long frames resolve pitches, short ones moments. 0: the power of two
    nearest to 46 ms, which is 2048 at 44.1 kHz; for any other picture twice as many."""
    hop: int = 0
    """Samples from one frame to the next; n_fft is a multiple of it, 2 to 32 times. 0: a quarter
    of n_fft; without phase an eighth."""
    axis: str = "auto"
    """Frequencies of the rows: linear, log or mel; auto: linear for a sound, log for any other
    picture."""
    rows: int = 0
    """Rows of a channel; 0: one for each bin (n_fft / 2 + 1), on log and mel axes n_fft."""
    f_min: float = 0.0
    """Lowest frequency in Hz. 0: for a sound 20 on log and mel axes, else 0; for any other picture
    80 on log and mel axes."""
    f_max: float = field(default=0.0, metadata={"earlier": 0.0})
    """Highest frequency in Hz. 0: half the sample rate; for any other picture 8000 on log and mel
    axes."""
    range: str = "power"
    """Magnitude to brightness: power, decibel, double-log, adaptive (the power that shows the
    sound's median in the middle) or linear."""
    exponent: float = 0.0
    """Of the range power: less shows quiet parts brighter. 0: 0.15 in the colours of a sound, else
    0.2."""
    floor: float = 100.0
    """Of the ranges decibel and double-log: how far below the loudest they reach, in dB."""
    tile: int = 0
    """Columns of a picture at most; very tall pictures have fewer. 0: as many as a minute has."""
    residual: bool = False
    """Store the coding error beside the pixels: PCM samples come back exactly, as long as the
    picture is not edited."""
    strip: bool = True
    """Store the header in the pixels too, as a barcode along the lower edge."""
    sample_rate: int = 44100
    """In Hz, of sounds made from pictures without a header; in the header of a sound's picture the
    sound's."""
    duration: float = field(default=0.0, metadata={"earlier": 0.0, "pictures": True})
    """Of the sound of any other picture, in s. 0: by --pixels-per-second."""
    pixels_per_second: float = field(default=0.0, metadata={"earlier": 0.0, "pictures": True})
    """Columns of any other picture in a second of its sound. 0: a frame for each column, about 43
    in a second."""
    fade: float = field(default=0.05, metadata={"earlier": 0.0, "pictures": True})
    """Soft start and end of the sound of any other picture: so long its first and last column swell
    and fade, in s."""
    palette: str = field(default=GREY, metadata={"earlier": GREY})
    """Of the profile magnitude: grey, magma, viridis or cividis."""
    stretch: bool = field(default=False, metadata=DECODING)
    """Decode a spectrogram that was made wider or narrower as a longer or shorter sound of the same
    pitch. Off: it is scaled back."""
    tones: bool = field(default=True, metadata={"earlier": False, "pictures": True})
    """In the sound of any other picture, a row is a tone. Off: a row is all frequencies up to the
    next rows, which sounds like noise; the picture comes back better on log and mel axes."""
    tilt: float = field(default=-3.0, metadata={"earlier": 0.0, "pictures": True})
    """Of the sound of any other picture on log and mel axes, in dB per octave: -3 gives every row
    the same energy, 0 sounds shrill."""

    def __post_init__(self) -> None:
        axes = ("auto", *AXES)
        chosen = {"profile": PROFILES, "axis": axes, "range": SCALES, "palette": PALETTES}
        for name, choices in chosen.items():
            if getattr(self, name) not in choices:
                raise ConverterError(
                    f"{name} is {getattr(self, name)!r}: take one of {', '.join(choices)}"
                )
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high and not (name == "exponent" and value == 0):
                raise ConverterError(f"{name} is {value}: not from {low} to {high}")
        if self.palette != GREY and self.profile != "magnitude":
            raise ConverterError(f"the palette {self.palette} needs the profile magnitude")
        if 0 < self.f_max <= self.f_min:
            raise ConverterError(f"f_max is {self.f_max:g}: not above f_min, {self.f_min:g} Hz")
        if self.duration and self.pixels_per_second:
            raise ConverterError("duration and pixels_per_second exclude each other")
        hop = self.hop or self.n_fft // 8
        if hop and (
            self.n_fft < 16
            or self.n_fft % 2
            or self.n_fft % hop
            or not 2 <= self.n_fft // hop <= MAX_OVERLAP
        ):
            raise ConverterError(
                f"n_fft {self.n_fft} with hop {self.hop}: n_fft must be even, 16 or "
                f"more, and the hop's multiple by 2 to {MAX_OVERLAP}"
            )
        if self.residual and not (
            self.encoding.has_phase
            and self.axis in ("auto", "linear")
            and self.rows in (0, self.n_fft // 2 + 1)
            and self.f_min == self.f_max == 0
        ):
            raise ConverterError(
                "a residual needs a profile with phase, and a linear axis with a row for each bin"
            )

    def at_rate(self, sample_rate: int, of_picture: bool = False) -> Self:
        """For sounds of this rate, with the values that 0 and auto stand for.

        Args:
            of_picture: for the sound of a picture that was not made of a sound.
        """
        # The rows of other pictures may be closer than those of a sound.
        frame = 2 * FRAME if of_picture else FRAME
        n_fft = self.n_fft or min(1 << max(round(np.log2(frame * sample_rate)), 4), 32768)
        hop = self.hop or n_fft // (4 if self.encoding.has_phase or of_picture else 8)
        axis = self.axis if self.axis != "auto" else "log" if of_picture else "linear"
        f_min, f_max, exponent = self.f_min, self.f_max, self.exponent
        if axis == "linear":
            f_max = f_max or (sample_rate / 2 if f_min else 0.0)
        elif of_picture:
            f_max = f_max or min(8000.0, sample_rate / 2)
            f_min = f_min or min(80.0, f_max / 2)
        else:
            f_min = f_min or min(20.0, sample_rate / 4)
        return dataclasses.replace(
            self,
            n_fft=n_fft,
            hop=max(hop, 1),
            sample_rate=sample_rate,
            axis=axis,
            f_min=f_min,
            f_max=f_max,
            residual=self.residual and not of_picture,
            exponent=exponent or (0.15 if self.encoding.in_color and not of_picture else 0.2),
        )

    # What follows is defined for options `at_rate`.

    @property
    def encoding(self) -> PixelEncoding:
        return dataclasses.replace(PROFILES[self.profile], palette=self.palette)

    @property
    def n_rows(self) -> int:
        """Of a channel."""
        if self.rows or self.axis != "linear":
            return self.rows or self.n_fft
        return max(bins_between(self.n_fft, self.sample_rate, self.f_min, self.f_max), 1)

    def frequency_axis(self, n_rows: int) -> Axis:
        """Raises ConverterError: too many rows."""
        return make_axis(self.axis, n_rows, self.n_fft, self.sample_rate, self.f_min, self.f_max)

    def sonification(self, format: PictureFormat) -> Sonification:
        """How a picture of this format becomes a sound. Raises ConverterError: it is too large."""
        axis = self.frequency_axis(format.height)
        gain = np.ones(axis.n_rows)
        if self.axis != "linear":
            kilohertz = axis.centers * (self.sample_rate / self.n_fft / 1000)
            gain = 10 ** (self.tilt / 20 * np.log2(kilohertz))
        n_fade = math.ceil(self.fade * self.sample_rate / self.hop)
        # Silence on both sides, so that both edges of the picture have all of their frames.
        n_silent = self.n_fft // self.hop
        n_columns = format.width
        if self.pixels_per_second:
            n_columns = round(format.width * self.sample_rate / (self.pixels_per_second * self.hop))
        elif self.duration:
            n_columns = round(self.duration * self.sample_rate / self.hop)
            n_columns -= 2 * n_fade + n_silent + 1
        if n_columns < 1:
            raise ConverterError("the sound would be too short: take a longer duration")
        return Sonification(
            axis,
            self.companding(),
            gain,
            self.n_fft,
            self.hop,
            n_columns,
            n_fade,
            n_silent,
            self.tones,
        )

    def companding(self, exponent: float | None = None) -> Companding:
        return Companding(self.range, self.exponent if exponent is None else exponent, self.floor)

    def layout_for(self, sound: Sound) -> TileLayout:
        """The tiles of a sound, which is read once for its peak."""
        format, adaptive = sound.format, self.range == "adaptive"
        axis = self.frequency_axis(self.n_rows)
        peak, adapted = peak_and_exponent(sound, axis, self.n_fft, self.hop, adaptive)
        height = format.n_channels * self.encoding.planes_per_channel * self.n_rows
        minute = count_columns(MINUTE * format.sample_rate, self.n_fft, self.hop)
        width = min(
            TileLayout.width_for(height, self.tile or min(minute, MAX_WIDTH)),
            count_columns(format.n_samples, self.n_fft, self.hop),
        )
        return self._layout(format, peak, adapted if adaptive else self.exponent, width)

    def layout_of(self, name: str, header: Header) -> TileLayout:
        """The tiles of which a header is.

        Raises:
            ConverterError: impossible values.
        """
        assert header.sound is not None
        layout = self._layout(
            header.sound,
            header.fact("peak", float, 0.0, MAX_PEAK),
            header.fact("exponent", float, 0.05, 1.0),
            header.fact("width", int, 1, 1 << 20),
        )
        if layout.n_tiles != header.n_tiles:
            raise ConverterError(
                f"{name}: its header says {header.n_tiles} tiles, where {layout.n_tiles} hold "
                f"{header.sound.n_samples:,} samples: it is damaged"
            )
        return layout

    def _layout(self, format: SoundFormat, peak: float, exponent: float, width: int) -> TileLayout:
        return TileLayout(
            self.encoding,
            self.companding(exponent),
            peak,
            self.n_rows,
            self.n_fft,
            self.hop,
            format.n_channels,
            format.n_samples,
            width,
        )
