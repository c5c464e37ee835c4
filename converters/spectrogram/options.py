"""The options of a spectrogram: their range, and the axis and tiles that follow from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np

from converters.header import ConverterError, Header, SoundFormat
from converters.media import Sound
from converters.spectrogram.axis import AXES, Axis, make_axis
from converters.spectrogram.companding import SCALES, Companding
from converters.spectrogram.layout import TileLayout
from converters.spectrogram.pixels import PROFILES, PixelEncoding
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
    "f_min": (1e-3, 1e6),
    "exponent": (0.05, 1.0),
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
    nearest to 46 ms, which is 2048 at 44.1 kHz."""
    hop: int = 0
    """Samples from one frame to the next; n_fft is a multiple of it, 2 to 32 times. 0: a quarter
    of n_fft; without phase an eighth."""
    axis: str = "linear"
    """Frequencies of the rows: linear, log or mel."""
    rows: int = 0
    """Rows of a channel; 0: one for each bin (n_fft / 2 + 1), on log and mel axes n_fft."""
    f_min: float = 20.0
    """Lowest frequency of log and mel axes in Hz."""
    range: str = "power"
    """Magnitude to brightness: power, decibel, double-log, adaptive (the power that shows the
    sound's median in the middle) or linear."""
    exponent: float = 0.2
    """Of the range power: less shows quiet parts brighter; 0.3 is 1 dB better."""
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

    def __post_init__(self) -> None:
        for name, choices in (("profile", PROFILES), ("axis", AXES), ("range", SCALES)):
            if getattr(self, name) not in choices:
                raise ConverterError(
                    f"{name} is {getattr(self, name)!r}: take one of {', '.join(choices)}"
                )
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConverterError(f"{name} is {value}: not from {low} to {high}")
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
            and self.axis == "linear"
            and self.rows in (0, self.n_fft // 2 + 1)
        ):
            raise ConverterError(
                "a residual needs a profile with phase, and a linear axis with a row for each bin"
            )

    def at_rate(self, sample_rate: int) -> Self:
        """For sounds of this rate: with the values of n_fft and hop that 0 stands for."""
        n_fft = self.n_fft or min(max(1 << round(np.log2(FRAME * sample_rate)), 16), 32768)
        hop = self.hop or n_fft // (4 if self.encoding.has_phase else 8)
        return dataclasses.replace(self, n_fft=n_fft, hop=max(hop, 1), sample_rate=sample_rate)

    # What follows is defined for options `at_rate`.

    @property
    def encoding(self) -> PixelEncoding:
        return PROFILES[self.profile]

    @property
    def n_rows(self) -> int:
        """Of a channel."""
        return self.rows or (self.n_fft // 2 + 1 if self.axis == "linear" else self.n_fft)

    def frequency_axis(self, n_rows: int) -> Axis:
        """Raises ConverterError: too many rows."""
        return make_axis(self.axis, n_rows, self.n_fft, self.sample_rate, self.f_min)

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
