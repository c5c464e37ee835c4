"""Tone: every pixel of a picture is a tone, its brightness the pitch. Exact.

Pixels go row by row. Each byte of a pixel has a band of its own between f_min and f_max, and 256
tones in it: grey takes one band, RGB three and RGBA four at once, 16-bit grey two.

A tone is found by a matched filter for each of its 256 candidates, which for one tone in white
noise is the most likely one (Rife and Boorstyn 1974). Tones of several bands disturb each other,
so each is decided again with the others subtracted.

With 10 ms grey is exact through MP3, Vorbis and white noise as loud as the tones, RGB through MP3
and noise 20 dB below; through Vorbis or noise at 10 dB one RGB pixel in 50 is off by one level,
unless a pixel lasts longer (preset `robust`). A sound that lost its beginning is not decoded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal

import numpy as np
from PIL import Image

from converters.base import Converter
from converters.framing import (
    RATES,
    Frame,
    check_rate,
    find_frame,
    frame_of,
    framed,
    header_in,
    settled,
)
from converters.header import ConverterError, Header, PictureFormat, SoundFormat
from converters.media import Picture, Sound, crc_of, warn
from converters.symbols import (
    bytes_of,
    check_ranges,
    check_size,
    mono,
    pixels_of,
    reblocked,
    tell_quality,
    windows,
)
from converters.tone.filters import filters_of, power_of, separated

__all__ = ["CONVERTER", "PRESETS", "Tone"]

MAX_PIXELS = 1 << 22
EDGE = 1  # samples at each end of a pixel that may belong to its neighbour
GAP = 0.2  # between two bands, in widths of a band
BATCH = 1 << 8  # symbols made at once
LEAST_APART = 0.03  # of neighbouring tones, in turns within a pixel: nearer, they blur each other
LEVELS = np.arange(256) / 255


@dataclass(frozen=True)
class Tone(Converter):
    """Picture -> sound -> the same picture; also after MP3, resampling, noise and a clock off."""

    duration: float = 10.0
    """Of a pixel, in ms."""
    f_min: float = 1000.0
    """Hz, of black."""
    f_max: float = 8000.0
    """Hz, of white."""
    sample_rate: int = 44100
    """Of the sound that is made, in Hz."""
    level: float = 0.5
    """Peak of the sound that is made, of 1."""
    frame: bool = True
    """Marks before and after and a header in the tones: for drifting clocks, leading silence and
    lost metadata."""
    width: int = 0
    """What pictures are resized to, and what a sound without header is taken for; 0: as it is."""
    height: int = 0
    """As the width."""
    colours: int = 0
    """1 grey, 3 RGB, 4 RGBA: likewise; 0: as it is."""

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
            ConverterError: the picture is too large, or pixels are too short to tell tones apart.
        """
        picture = self._fitted(picture)
        values = bytes_of(picture.pixels)
        symbols = values.reshape(-1, values.shape[2])  # (n, n_bands)
        tones = self._tones(symbols.shape[1])
        apart = (tones[0, 1] - tones[0, 0]) * self.duration / 1000
        if apart < LEAST_APART:
            raise ConverterError(
                f"duration: {self.duration} ms are too short for {len(tones)} x 256 tones from "
                f"{self.f_min} to {self.f_max} Hz: take at least "
                f"{LEAST_APART / apart * self.duration:.1f}"
            )
        header = self.header("picture", picture=picture.format, crc=crc_of(picture.pixels))
        edges = np.rint(self._length * np.arange(len(symbols) + 1)).astype(int)

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
            sound = framed(header, body, int(edges[-1]), self.sample_rate, self.level)
        else:
            sound = _bare(header, body, int(edges[-1]), self.sample_rate)
        return dataclasses.replace(sound, name=picture.name)

    def decode_picture(self, sound: Sound) -> Picture:
        """The picture, of the size that the header says; what the sound does not reach is black.

        Raises:
            ConverterError: there is no frame, no size, or not a single pixel.
        """
        header = sound.header
        maker = self if header is None else self.from_header(header)
        if maker.frame:
            frame: Frame | None = frame_of(sound, self.kind)
        else:
            frame = None if header else find_frame(sound, everywhere=False)
        if header is None and frame is not None and frame.header is not None:
            header, maker = frame.header, self.from_header(frame.header)
        return maker._decoded(sound, frame, header)

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        return header_in(source, cls.kind)

    def _decoded(self, sound: Sound, frame: Frame | None, header: Header | None) -> Picture:
        format = header.picture if header else self._assumed()
        if format is None:
            raise ConverterError(
                f"{sound.name}: nothing tells the size of the picture: give width and height"
            )
        check_size(format, MAX_PIXELS, sound.name)
        n_pixels = format.width * format.height
        n_bands = format.n_colours * format.bits // 8
        check_rate(sound, self.f_max)
        rate, start = float(sound.format.sample_rate), 0.0
        if self.frame and frame:
            frame = settled(sound, frame, round(n_pixels * self._length) / self.sample_rate)
            rate, start = frame.rate, frame.start
        values = np.zeros((n_pixels, n_bands), np.uint8)
        n_there = n_doubtful = 0
        for found, doubtful in self._read(sound, start, rate, n_pixels, n_bands):
            values[n_there : n_there + len(found)] = found
            n_there += len(found)
            n_doubtful += int(doubtful.any(axis=1).sum())
        if not n_there:
            raise ConverterError(f"{sound.name}: too short to hold a pixel")
        pixels = pixels_of(values.reshape(format.height, format.width, n_bands), format.bits)
        tell_quality(sound.name, pixels, header, n_there, n_doubtful)
        return Picture(pixels, name=sound.name)

    def _read(
        self, sound: Sound, start: float, rate: float, n_symbols: int, n_bands: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of levels and whether each is doubtful: (m, n_bands) each."""
        length = int(self.duration / 1000 * rate) - 2 * EDGE
        tones = self._tones(n_bands)
        filters = filters_of(tones.reshape(-1) / rate, length)
        apart = (tones[0, 1] - tones[0, 0]) * length / rate
        # The power that a clean tone leaves in the filter beside its own; half way up is doubtful.
        limit = (1 + np.sinc(apart) ** 2) / 2
        starts = start + self.duration / 1000 * rate * np.arange(n_symbols)
        # A last tone of which the end is cut off still counts.
        blocks = chain(mono(sound), [np.zeros(length // 2)])
        for batch in windows(blocks, np.rint(starts).astype(int) + EDGE, length):
            batch = batch.astype(np.float32)
            if n_bands == 1:
                power = power_of(batch, filters)[:, None]
            else:
                power = separated(batch, filters, n_bands)
            best = power.argmax(axis=2)
            top = np.partition(power, -2, axis=2)[:, :, -2:]
            yield best.astype(np.uint8), top[:, :, 0] >= limit * top[:, :, 1]

    def _tones(self, n_bands: int) -> np.ndarray:
        """(n_bands, 256) Hz."""
        width = (self.f_max - self.f_min) / (n_bands + GAP * (n_bands - 1))
        return self.f_min + width * ((1 + GAP) * np.arange(n_bands)[:, None] + LEVELS)

    @property
    def _length(self) -> float:
        """Of a pixel, in samples of the sound that is made."""
        return self.duration / 1000 * self.sample_rate

    def _assumed(self) -> PictureFormat | None:
        return PictureFormat(self.width, self.height, self.colours or 1) if self.width else None

    def _fitted(self, picture: Picture) -> Picture:
        """The picture in the size and colours that the options ask for, with a warning."""
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
        warn(f"{picture.name}: {_words(format)} become {_words(wanted)}; the rest of it is lost")
        return dataclasses.replace(picture, pixels=pixels)


def _words(format: PictureFormat) -> str:
    colours = {1: "grey", 3: "RGB", 4: "RGBA"}[format.n_colours]
    return f"{format.width} x {format.height} pixels ({format.bits}-bit {colours})"


def _bare(
    header: Header, body: Callable[[], Iterator[np.ndarray]], n_samples: int, rate: int
) -> Sound:
    def blocks(n: int) -> Iterator[np.ndarray]:
        for block in reblocked(body(), n):
            yield np.rint(block * 32767).astype(np.int16)[:, None]

    return Sound(SoundFormat(rate, 1, n_samples), blocks, header)


CONVERTER = Tone
PRESETS = {
    "default": Tone(),
    # Three times slower: for RGB through noise, MP3 at low rates, a room.
    "robust": Tone(duration=30.0),
    # The layout of the source: 50 ms, 200 to 2000 Hz, 100 x 100 grey, nothing else in the sound.
    "source": Tone(
        duration=50.0, f_min=200.0, f_max=2000.0, frame=False, width=100, height=100, colours=1
    ),
}
