"""Tone: every pixel of a picture becomes a tone whose frequency is its brightness. Exact.

Pixels go row by row. Each byte of a pixel has a band of its own between f_min and f_max, and 256
tones in it: grey takes one band, RGB three and RGBA four at once, 16-bit grey two.

Each of the 256 candidates has a matched filter; the strongest response is the maximum likelihood
estimate for one tone in white noise (Rife and Boorstyn 1974). Tones of several bands interfere with
each other, so each is decided again with the others subtracted.

At 10 ms a pixel, grey is exact through MP3, Vorbis and white noise as loud as the tones, RGB
through MP3 and noise 20 dB below; through Vorbis or noise at 10 dB one RGB pixel in 50 is off by
one level, unless a pixel lasts longer (preset `robust`). A sound without its beginning cannot be
decoded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal

import numpy as np
from PIL import Image

from converters.base import Converter
from converters.framing import (
    RATES,
    Framing,
    add_framing,
    check_rate,
    find_framed_header,
    find_framing,
    pcm16_sound,
    refine_timing,
    require_framing,
)
from converters.header import ConverterError, Header, PictureFormat
from converters.media import Picture, Sound, crc_of, warn
from converters.symbols import (
    bytes_to_pixels,
    check_ranges,
    check_size,
    mono,
    pixels_to_bytes,
    warn_of_errors,
    windows,
)
from converters.tone.filters import filter_power, matched_filters, separate_bands

__all__ = ["CONVERTER", "PRESETS", "Tone"]

MAX_PIXELS = 1 << 22
EDGE = 1  # samples at each end of a pixel, left out: they may belong to its neighbour
GAP = 0.2  # between two bands, in widths of a band
BATCH = 1 << 8  # symbols made at once
MIN_SPACING = 0.03  # of neighbouring tones, in turns within a pixel: closer, they blur
LEVELS = np.arange(256) / 255


@dataclass(frozen=True)
class Tone(Converter):
    """Picture -> sound -> the same picture, also after MP3, resampling, noise and clock drift."""

    duration: float = 10.0
    """Of a pixel, in ms."""
    f_min: float = 1000.0
    """Hz, of black."""
    f_max: float = 8000.0
    """Hz, of white."""
    sample_rate: int = 44100
    """Of the sound that is made, in Hz."""
    level: float = 0.5
    """Peak of the sound that is made, where 1 is full scale."""
    frame: bool = True
    """Sync chirps and a header as tones: against clock drift, leading silence and lost metadata."""
    width: int = 0
    """Pictures are resized to it, and sounds without a header decoded to it; 0: as the picture."""
    height: int = 0
    """Likewise; give both or neither."""
    colours: int = 0
    """1 grey, 3 RGB, 4 RGBA: likewise; 0: as the picture."""

    kind: ClassVar[str] = "tone"
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]] = "picture"

    def __post_init__(self) -> None:
        check_ranges(
            self,
            duration=(1, 100), f_min=(20, 90000), f_max=(20, 90000), sample_rate=RATES,
            level=(0.01, 1), width=(0, 1 << 20), height=(0, 1 << 20),
        )  # fmt: skip
        if self.colours not in (0, 1, 3, 4):
            raise ConverterError(f"colours: {self.colours} is not 0, 1, 3 or 4")
        if not self.f_min < self.f_max <= 0.48 * self.sample_rate:
            raise ConverterError(
                f"f_max: {self.f_max} Hz is not between f_min, {self.f_min} Hz, "
                f"and 0.48 x sample_rate, {0.48 * self.sample_rate:.0f} Hz"
            )
        if (self.width == 0) != (self.height == 0):
            raise ConverterError("width and height: give both or neither")

    def encode_picture(self, picture: Picture) -> Sound:
        """16-bit WAV of one channel, made while it is read.

        Raises:
            ConverterError: the picture is too large, or its pixels too short to separate tones.
        """
        picture = self._resize(picture)
        values = pixels_to_bytes(picture.pixels)
        symbols = values.reshape(-1, values.shape[2])  # (n, n_bands)
        tones = self._tones(symbols.shape[1])
        spacing = (tones[0, 1] - tones[0, 0]) * self.duration / 1000
        if spacing < MIN_SPACING:
            raise ConverterError(
                f"duration: {self.duration} ms are too short for {len(tones)} x 256 tones from "
                f"{self.f_min} to {self.f_max} Hz: use at least "
                f"{MIN_SPACING / spacing * self.duration:.1f}"
            )
        header = self.header("picture", picture=picture.format, crc=crc_of(picture.pixels))
        edges = np.rint(self._pixel_length * np.arange(len(symbols) + 1)).astype(int)

        def body() -> Iterator[np.ndarray]:
            phase = np.zeros(len(tones))  # turns
            for start in range(0, len(symbols), BATCH):
                lengths = np.diff(edges[start : start + BATCH + 1])
                total = np.zeros(lengths.sum())
                for band, candidates in enumerate(tones):
                    frequency = candidates[symbols[start : start + BATCH, band]]
                    turns = np.cumsum(np.repeat(frequency / self.sample_rate, lengths))
                    turns += phase[band]
                    phase[band] = turns[-1] % 1
                    total += np.sin(2 * np.pi * turns)
                yield self.level / len(tones) * total

        if self.frame:
            sound = add_framing(header, body, int(edges[-1]), self.sample_rate, self.level)
        else:
            sound = pcm16_sound(header, body, int(edges[-1]), self.sample_rate)
        return dataclasses.replace(sound, name=picture.name)

    def decode_picture(self, sound: Sound) -> Picture:
        """The picture in the size that its header says; pixels past the end of the sound are black.

        Raises:
            ConverterError: there is no framing, no size, or not a single pixel.
        """
        header = sound.header
        encoder = self if header is None else self.from_header(header)
        if encoder.frame:
            framing: Framing | None = require_framing(sound, self.kind)
        else:
            framing = None if header else find_framing(sound, everywhere=False)
        if header is None and framing is not None and framing.header is not None:
            header, encoder = framing.header, self.from_header(framing.header)
        return encoder._decode(sound, framing, header)

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        return find_framed_header(source, cls.kind)

    def _decode(self, sound: Sound, framing: Framing | None, header: Header | None) -> Picture:
        format = header.picture if header else self._format()
        if format is None:
            raise ConverterError(
                f"{sound.name}: the size of the picture is unknown: give width and height"
            )
        check_size(format, MAX_PIXELS, sound.name)
        n_pixels = format.width * format.height
        n_bands = format.n_colours * format.bits // 8
        check_rate(sound, self.f_max)
        rate, start = float(sound.format.sample_rate), 0.0
        if self.frame and framing:
            seconds = round(n_pixels * self._pixel_length) / self.sample_rate
            framing = refine_timing(sound, framing, seconds)
            rate, start = framing.rate, framing.start
        values = np.zeros((n_pixels, n_bands), np.uint8)
        n_read = n_doubtful = 0
        for found, doubtful in self._demodulate(sound, start, rate, n_pixels, n_bands):
            values[n_read : n_read + len(found)] = found
            n_read += len(found)
            n_doubtful += int(doubtful.any(axis=1).sum())
        if not n_read:
            raise ConverterError(f"{sound.name}: too short to hold a pixel")
        pixels = bytes_to_pixels(values.reshape(format.height, format.width, n_bands), format.bits)
        warn_of_errors(sound.name, pixels, header, n_read, n_doubtful)
        return Picture(pixels, name=sound.name)

    def _demodulate(
        self, sound: Sound, start: float, rate: float, n_symbols: int, n_bands: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of levels and whether each is doubtful: (m, n_bands) each."""
        length = int(self.duration / 1000 * rate) - 2 * EDGE
        tones = self._tones(n_bands)
        filters = matched_filters(tones.reshape(-1) / rate, length)
        spacing = (tones[0, 1] - tones[0, 0]) * length / rate  # turns
        # To a clean tone the neighbouring filter responds with sinc**2, its own with 1.
        limit = (1 + np.sinc(spacing) ** 2) / 2
        starts = start + self.duration / 1000 * rate * np.arange(n_symbols)
        # A last tone without its end still counts.
        blocks = chain(mono(sound), [np.zeros(length // 2)])
        for batch in windows(blocks, np.rint(starts).astype(int) + EDGE, length):
            batch = batch.astype(np.float32)
            if n_bands == 1:
                power = filter_power(batch, filters)[:, None]
            else:
                power = separate_bands(batch, filters, n_bands)
            best = power.argmax(axis=2)
            top = np.partition(power, -2, axis=2)[:, :, -2:]
            yield best.astype(np.uint8), top[:, :, 0] >= limit * top[:, :, 1]

    def _tones(self, n_bands: int) -> np.ndarray:
        """(n_bands, 256) Hz."""
        width = (self.f_max - self.f_min) / (n_bands + GAP * (n_bands - 1))
        return self.f_min + width * ((1 + GAP) * np.arange(n_bands)[:, None] + LEVELS)

    @property
    def _pixel_length(self) -> float:
        """In samples of the sound that is made."""
        return self.duration / 1000 * self.sample_rate

    def _format(self) -> PictureFormat | None:
        """Of a picture without a header, as far as the options say."""
        return PictureFormat(self.width, self.height, self.colours or 1) if self.width else None

    def _resize(self, picture: Picture) -> Picture:
        """The picture in the size and colours that the options say; warns of a change."""
        format = picture.format
        size = (self.width or format.width, self.height or format.height)
        n_colours = self.colours or format.n_colours
        bits = 8 if self.colours or self.width else format.bits
        wanted = PictureFormat(*size, n_colours, bits)
        check_size(wanted, MAX_PIXELS, picture.name)
        if wanted == format:
            return picture
        pixels = picture.pixels
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[n_colours]
        image = Image.fromarray(pixels).convert(mode).resize(size, Image.Resampling.BICUBIC)
        pixels = np.asarray(image)
        warn(f"{picture.name}: {_describe(format)} become {_describe(wanted)}; the rest is lost")
        return dataclasses.replace(picture, pixels=pixels)


def _describe(format: PictureFormat) -> str:
    colours = {1: "grey", 3: "RGB", 4: "RGBA"}[format.n_colours]
    return f"{format.width} x {format.height} pixels ({format.bits}-bit {colours})"


CONVERTER = Tone
PRESETS = {
    "default": Tone(),
    # Three times slower: for RGB through noise, MP3 at low rates, a room.
    "robust": Tone(duration=30.0),
    # As in the original system: 100 x 100 grey, nothing but the tones in the sound.
    "original": Tone(
        duration=50.0, f_min=200.0, f_max=2000.0, frame=False, width=100, height=100, colours=1
    ),
}
