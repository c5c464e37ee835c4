"""Grid: a picture as orthogonal subcarriers, upright in any spectrogram viewer. Exact.

A row of the picture is a steady sine (or several neighbours, where there is room), the top row the
highest; a column is a symbol; the brightness of a pixel is the amplitude of the sine during it.
The sines are multiples of the symbol rate, so that a Fourier transform over a symbol separates them
(orthogonal frequency-division multiplexing, Weinstein and Ebert 1971); each symbol has a cyclic
prefix. A white border of the picture serves as pilots: its rows give gain and timing of each
column, its columns gain and phase of each row. RGB, RGBA and 16-bit grey are several grey pictures
(one of each byte of a pixel) one after the other.

Exact through 16 bits, other sample rates, gain, a smooth equalizer, clock drift and leading
silence. Not through noise: white noise must be 60 dB below the sound for every pixel of a noisy
256 x 256 picture to be exact; at 40 dB a third is, at 46 dB PSNR. Nor through MP3 or Vorbis. The
picture is then as noisy as the sound, and a warning says so. `tone` survives all of those.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from converters.base import Converter
from converters.framing import (
    RATES,
    Framing,
    add_framing,
    check_rate,
    find_framed_header,
    refine_timing,
    require_framing,
)
from converters.grid.ofdm import OfdmLayout, resample
from converters.header import ConverterError, Header, PictureFormat
from converters.media import Picture, Sound, crc_of
from converters.symbols import (
    bytes_to_pixels,
    check_ranges,
    check_size,
    mono,
    pixels_to_bytes,
    warn_of_errors,
    windows,
)

__all__ = ["CONVERTER", "PRESETS", "Grid"]

MAX_PIXELS = 1 << 20
MAX_HEIGHT = 4096
MAX_CELLS = 5 << 20  # symbols times bins; bounds the memory
BATCH = 1 << 16  # samples made at once, or those of one symbol
DOUBTFUL = 0.3  # of a step between two grey levels; from 0.5 on it is wrong


@dataclass(frozen=True)
class Grid(Converter):
    """Picture -> sound whose spectrogram is the picture -> the same picture."""

    f_min: float = 500.0
    """Hz, below the picture."""
    f_max: float = 16500.0
    """Hz, above the picture."""
    prefix: float = 2.0
    """Cyclic prefix of a symbol, in ms: echoes up to half as long do no harm."""
    seconds: float = 3.0
    """Minimum duration of a picture: the columns of a narrow one are repeated."""
    sample_rate: int = 44100
    """Of the sound that is made, in Hz."""
    level: float = 0.8
    """Peak of the sound that is made, where 1 is full scale."""

    kind: ClassVar[str] = "grid"
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]] = "picture"

    def __post_init__(self) -> None:
        check_ranges(
            self,
            f_min=(20, 90000), f_max=(20, 90000), prefix=(0.5, 100), seconds=(0, 60),
            sample_rate=RATES, level=(0.1, 1),
        )  # fmt: skip
        if not self.f_min + 1000 <= self.f_max <= 0.45 * self.sample_rate:
            raise ConverterError(
                f"f_max: {self.f_max} Hz is not between f_min + 1000, {self.f_min + 1000} Hz, "
                f"and 0.45 x sample_rate, {0.45 * self.sample_rate:.0f} Hz"
            )

    def encode_picture(self, picture: Picture) -> Sound:
        """16-bit WAV of one channel, made while it is read; it never clips.

        Raises:
            ConverterError: the picture is too large.
        """
        layout = self._layout(picture.format, picture.name)
        values = pixels_to_bytes(picture.pixels)  # (height, width, n_planes)
        columns = layout.to_columns(values) / 255
        header = self.header("picture", picture=picture.format, crc=crc_of(picture.pixels))

        def batches() -> Iterator[np.ndarray]:
            batch = max(1, BATCH // layout.period)
            for start in range(0, layout.n_symbols, batch):
                symbols = np.arange(start, min(start + batch, layout.n_symbols))
                yield layout.modulate(layout.amplitudes(columns, symbols), symbols)

        # The peak depends on phases and picture, so all is made twice.
        peak = max(float(np.abs(samples).max()) for samples in batches())
        n_body = layout.n_symbols * layout.period
        sound = add_framing(
            header,
            lambda: (self.level / peak * samples.ravel() for samples in batches()),
            n_body,
            self.sample_rate,
            self.level,
        )
        return dataclasses.replace(sound, name=picture.name)

    def decode_picture(self, sound: Sound) -> Picture:
        """The picture in the size that its header says; pixels past the end of the sound are black.

        Raises:
            ConverterError: there is no framing, no header, or not a single column.
        """
        framing = require_framing(sound, self.kind)
        header = sound.header or framing.header
        if header is None or header.picture is None:
            raise ConverterError(
                f"{sound.name}: its header, which has the size of the picture, cannot be read"
            )
        return self.from_header(header)._decode(sound, framing, header, header.picture)

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        return find_framed_header(source, cls.kind)

    def _decode(
        self, sound: Sound, framing: Framing, header: Header, format: PictureFormat
    ) -> Picture:
        layout = self._layout(format, sound.name)
        check_rate(sound, self.f_max)
        framing = refine_timing(sound, framing, layout.n_symbols * layout.period / self.sample_rate)
        starts = layout.period * np.arange(layout.n_symbols) + layout.prefix // 2
        starts += round(framing.start * self.sample_rate / framing.rate)
        blocks = resample(mono(sound), framing.rate, self.sample_rate)
        parts = [layout.demodulate(samples) for samples in windows(blocks, starts, layout.n_fft)]
        if (
            sum(map(len, parts)) < 2 * layout.symbols_per_column
        ):  # a white column and one of the picture
            raise ConverterError(f"{sound.name}: too short to hold a column")
        levels = 255 * layout.equalize(np.concatenate(parts))  # (n_columns, height)
        values = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        doubtful = np.abs(levels - values) > DOUBTFUL
        pixels = np.ascontiguousarray(bytes_to_pixels(layout.to_planes(values), format.bits))
        # Columns of which all bytes were read.
        whole = max(0, len(values) - (layout.n_planes - 1) * format.width)
        n_doubtful = int(layout.to_planes(doubtful).any(axis=2).sum())
        warn_of_errors(sound.name, pixels, header, whole * format.height, n_doubtful)
        return Picture(pixels, name=sound.name)

    def _layout(self, format: PictureFormat, name: str) -> OfdmLayout:
        """Raises ConverterError: the picture is too large."""
        check_size(format, MAX_PIXELS, name)
        n_planes = format.n_colours * format.bits // 8
        if format.height <= MAX_HEIGHT:
            layout = OfdmLayout.of(
                format.height, format.width, n_planes, self.sample_rate,
                self.f_min, self.f_max, self.prefix / 1000, self.seconds,
            )  # fmt: skip
            if layout.n_symbols * layout.n_bins <= MAX_CELLS:
                return layout
        raise ConverterError(
            f"{name}: {format.width} x {format.height} pixels in {n_planes} planes are too wide "
            "or too high: make the picture smaller"
        )


CONVERTER = Grid
PRESETS = {
    "default": Grid(),
    # Small pictures made long: ten times the symbols to average, so 10 dB less noise.
    "slow": Grid(seconds=30.0),
}
