"""Sound <-> spectrogram, the same interpretation both ways.

Time runs to the right, a column for each frame of the short-time Fourier transform; high
frequencies are on top; bright is loud. The profile says how a bin is shown:

    colour     8-bit RGB: brightness is magnitude, hue is phase; about 48 dB
    16+8       16-bit grey, magnitude above phase, of which 8 bits are used; about 49 dB
    16+16      16-bit grey, magnitude above phase; about 94 dB, and exact with a residual
    magnitude  8-bit grey; the phase is found again by PGHI and fast Griffin-Lim

Channels are stacked, the first on top. A long sound is a row of tiles, shaded alike. White is the
loudest bin of all, which takes a first reading of the sound. Any other picture can be heard as if
it were a spectrogram, and seen again in that sound.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal

import numpy as np

from converters.base import Converter
from converters.colors import to_grey
from converters.header import ConverterError, Header, PictureFormat, SoundFormat
from converters.media import ConverterWarning, Picture, Sound, crc_of
from converters.spectrogram.axis import Axis, axis_of
from converters.spectrogram.barcode import header_in, with_strip
from converters.spectrogram.companding import Range
from converters.spectrogram.edits import if_cut, tell_sound
from converters.spectrogram.layout import Layout
from converters.spectrogram.options import check
from converters.spectrogram.pixels import planes_of
from converters.spectrogram.sonify import heard, seen
from converters.spectrogram.statistics import survey
from converters.spectrogram.streams import cut, n_columns_of
from converters.spectrogram.tiles import decoded, encoded

__all__ = ["CONVERTER", "PRESETS", "Spectrogram"]

FRAME = 0.0464  # s
MAX_PEAK = 1e40
MAX_CHANNELS = 1024
MAX_HEARD = 1 << 25  # bins or pixels of a picture that is heard: some minutes of work


@dataclass(frozen=True)
class Spectrogram(Converter):
    """The spectrogram of a sound, and the sound of any picture."""

    kind: ClassVar[str] = "spectrogram"
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]] = "neither"

    profile: str = "colour"
    """colour, 16+8, 16+16 or magnitude."""
    n_fft: int = 0
    """Samples of a frame: long frames tell pitches apart, short ones moments. 0: the power of two
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
    tile: int = 2048
    """Columns of a picture at most; tall pictures have fewer."""
    residual: bool = False
    """Keep beside the pixels what they lack: PCM samples come back exactly, as long as the picture
    is not edited."""
    strip: bool = True
    """Keep the header in the pixels too, as a strip along the lower edge."""
    sample_rate: int = 44100
    """In Hz, of sounds made from pictures that do not say; in the header of a sound's picture the
    sound's."""

    def __post_init__(self) -> None:
        check(self)

    # Sound -> tiles

    def encode_sound(self, sound: Sound) -> Iterator[Picture]:
        """Tiles of a picture; the sound is read twice, with a residual three times.

        Raises:
            ConverterError: samples that are not finite, too many channels for a picture, or a
                residual of samples that are no whole numbers.
        """
        yield from self.settled(sound.format.sample_rate)._tiles_of(sound)

    def _tiles_of(self, sound: Sound) -> Iterator[Picture]:
        format = sound.format
        if self.residual and format.dtype.kind != "i":
            raise ConverterError(
                f"{sound.name}: a residual makes only whole numbers exact (PCM_16, PCM_24 ...), "
                f"not {format.subtype}; pack keeps such samples"
            )
        layout = self._layout_for(sound)
        facts = {"peak": layout.peak, "exponent": layout.range.exponent, "width": layout.width}
        axis = self._axis(format.sample_rate, layout.n_rows)
        for tile, (pixels, chunks, sha256) in enumerate(
            encoded(sound, layout, axis, self.residual)
        ):
            header = self.header(
                "sound",
                sound=format,
                tile=tile,
                n_tiles=layout.n_tiles,
                facts=facts,
                sha256=sha256,
            )
            pixels = with_strip(pixels, header) if self.strip else pixels
            yield Picture(pixels, chunks=chunks).with_header(header)

    # Tiles -> sound

    def decode_sound(self, pictures: Iterator[Picture]) -> Sound:
        """All tiles, in order -> the sound. Of more than one tile it can be read only once.

        Raises:
            ConverterError: the header does not fit the options, or holds no sound. While the sound
                is read: a tile is missing or foreign.
        """
        rest = iter(pictures)
        first = next(rest, None)
        if first is None:
            raise ConverterError("no pictures: give the tiles of a sound, in order")
        header = first.header or _stripped(first)
        if header is None:
            header = self.settled(self.sample_rate)._assumed(first)
        if header is None:
            return self.encode_picture(first)
        if header.sound is None or header.made_from != "sound":
            raise ConverterError(f"{first.name}: its header holds no sound")
        maker = self.settled(header.sound.sample_rate)
        layout = maker._layout_of(first.name, header)
        axis = maker._axis(header.sound.sample_rate, layout.n_rows)
        first = if_cut(dataclasses.replace(first, header=header), header, layout, axis)
        assert first.header is not None and first.header.sound is not None
        return maker._sound_of(first, rest, first.header, first.header.sound)

    def _sound_of(
        self, first: Picture, rest: Iterator[Picture], header: Header, format: SoundFormat
    ) -> Sound:
        layout = self._layout_of(first.name, header)
        unread = True

        def blocks(n: int) -> Iterator[np.ndarray]:
            nonlocal unread
            if not unread and layout.n_tiles > 1:
                raise ConverterError(f"{first.name}: its tiles are read already: decode it again")
            unread = False
            tiles = self._tiles(chain([first], rest), layout, format)
            axis = self._axis(format.sample_rate, layout.n_rows)
            return cut(decoded(tiles, layout, axis, format), n, 0)

        return Sound(format, blocks, name=first.name)

    def _tiles(
        self, pictures: Iterator[Picture], layout: Layout, format: SoundFormat
    ) -> Iterator[tuple[Picture, Header]]:
        """All tiles with their headers.

        Raises:
            ConverterError: one is missing, or of another sound.
        """
        for tile in range(layout.n_tiles):
            picture = next(pictures, None)
            which = f"tile {tile + 1} of {layout.n_tiles}"
            if picture is None:
                raise ConverterError(f"{which} is missing: give all tiles, in order")
            header = picture.header or _stripped(picture)
            if header is None:
                raise ConverterError(f"{picture.name}: has no header: it is not {which}")
            if (
                (header.tile, header.n_tiles, header.sound) != (tile, layout.n_tiles, format)
                or dataclasses.replace(self.from_header(header), sample_rate=self.sample_rate)
                != self
                or self._layout_of(picture.name, header) != layout
            ):
                raise ConverterError(
                    f"{picture.name}: is tile {header.tile + 1} of {header.n_tiles} of a sound, "
                    f"not {which} of this one: give all tiles, in order"
                )
            yield picture, header

    def _assumed(self, picture: Picture) -> Header | None:
        """A header for a picture that has none, if it has the height that the options give."""
        height, width = picture.pixels.shape[:2]
        n_high = self._n_rows * planes_of(self.profile).per_channel
        n_channels = height // n_high
        n_samples = (width - self.n_fft // self.hop + 1) * self.hop
        # A sine of full scale has half the sum of the window.
        facts = {"peak": self.n_fft / 4, "exponent": self.exponent, "width": width}
        fits = 1 <= n_channels <= MAX_CHANNELS and n_samples >= 1
        if fits and Layout.width_for(n_channels * n_high, width) == width:
            format = SoundFormat(self.sample_rate, n_channels, n_samples)
            header = self.header("sound", sound=format, facts=facts, crc=crc_of(picture.pixels))
            if self._layout_of(picture.name, header).is_high(picture, header, width):
                _warn(
                    f"{picture.name}: has no header; it is taken as profile {self.profile}, "
                    f"{n_channels} channel(s) at {self.sample_rate} Hz, white as full scale"
                )
                return header
        _warn(
            f"{picture.name}: has no header, and not the size of a sound's picture with these "
            "options; it is heard as any picture"
        )
        return None

    # Any picture -> sound -> picture

    def encode_picture(self, picture: Picture) -> Sound:
        """A picture heard: a row for each of its rows, a column for each frame, peak -1 dBFS.

        Raises:
            ConverterError: a picture too large.
        """
        maker = self.settled(self.sample_rate)
        axis = maker._axis_of_picture(picture.name, picture.format, self.sample_rate)
        shade = to_grey(picture.pixels, picture.name)
        range_ = Range(self.range, self.exponent, self.floor)
        samples, peak = heard(shade, axis, range_, maker.n_fft, maker.hop)
        sound = Sound.of(samples, self.sample_rate)
        header = maker.header(
            "picture",
            sound=sound.format,
            picture=picture.format,
            facts={"peak": peak, "crc": crc_of(samples)},
            crc=crc_of(picture.pixels),
        )
        return dataclasses.replace(sound, header=header, name=picture.name)

    def decode_picture(self, sound: Sound) -> Picture:
        """The picture that a sound was, in grey.

        Raises:
            ConverterError: the sound was not made from a picture by a spectrogram.
        """
        header = sound.header
        if header is None or header.picture is None or header.sound is None:
            raise ConverterError(
                f"{sound.name}: says of no picture; encode it to see its spectrogram"
            )
        if header.sound.sample_rate != sound.format.sample_rate:
            raise ConverterError(
                f"{sound.name}: was resampled from {header.sound.sample_rate} to "
                f"{sound.format.sample_rate} Hz: resample it back"
            )
        tell_sound(sound, header, header.sound)
        wanted, maker = header.picture, self.settled(header.sound.sample_rate)
        axis = maker._axis_of_picture(sound.name, wanted, header.sound.sample_rate)
        range_ = Range(self.range, self.exponent, self.floor)
        peak = header.fact("peak", float, 0.0, MAX_PEAK)
        shade = seen(sound, wanted.width, axis, range_, peak, maker.n_fft, maker.hop)
        if wanted.n_colours > 1:
            _warn(f"{sound.name}: the picture had colours; it comes back in grey")
        dtype = np.uint8 if wanted.bits == 8 else np.uint16
        return Picture(np.rint(shade * np.iinfo(dtype).max).astype(dtype), name=sound.name)

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        header = header_in(source) if isinstance(source, Picture) else None
        return header if header is not None and header.kind == cls.kind else None

    # Options and headers to what they mean

    def settled(self, sample_rate: int) -> Spectrogram:
        """For sounds of this rate: with the n_fft and hop that 0 stands for."""
        n_fft = self.n_fft or min(max(1 << round(np.log2(FRAME * sample_rate)), 16), 32768)
        hop = self.hop or n_fft // (4 if planes_of(self.profile).has_phase else 8)
        return dataclasses.replace(self, n_fft=n_fft, hop=max(hop, 1), sample_rate=sample_rate)

    @property
    def _n_rows(self) -> int:
        return self.rows or (self.n_fft // 2 + 1 if self.axis == "linear" else self.n_fft)

    def _axis(self, sample_rate: int, n_rows: int) -> Axis:
        return axis_of(self.axis, n_rows, self.n_fft, sample_rate, self.f_min)

    def _axis_of_picture(self, name: str, format: PictureFormat, sample_rate: int) -> Axis:
        if format.width * max(format.height, self.n_fft // 2 + 1) > MAX_HEARD:
            raise ConverterError(
                f"{name}: {format.width} x {format.height} pixels are too many to be heard: make "
                "it smaller"
            )
        return self._axis(sample_rate, format.height)

    def _layout_for(self, sound: Sound) -> Layout:
        format = sound.format
        axis = self._axis(format.sample_rate, self._n_rows)
        peak, adapted = survey(sound, axis, self.n_fft, self.hop, self.range == "adaptive")
        exponent = adapted if self.range == "adaptive" else self.exponent
        height = format.n_channels * planes_of(self.profile).per_channel * self._n_rows
        width = min(
            Layout.width_for(height, self.tile),
            n_columns_of(format.n_samples, self.n_fft, self.hop),
        )
        return self._layout(format, peak, exponent, width)

    def _layout_of(self, name: str, header: Header) -> Layout:
        """Raises ConverterError: numbers that cannot be."""
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

    def _layout(self, format: SoundFormat, peak: float, exponent: float, width: int) -> Layout:
        return Layout(
            planes_of(self.profile), Range(self.range, exponent, self.floor), peak, self._n_rows,
            self.n_fft, self.hop, format.n_channels, format.n_samples, width,
        )  # fmt: skip


def _stripped(picture: Picture) -> Header | None:
    header = Spectrogram.find(picture)
    if header is not None:
        _warn(f"{picture.name}: the header beside its pixels is lost; the one in them is used")
    return header


def _warn(what: str) -> None:
    warnings.warn(what, ConverterWarning, 3)


CONVERTER = Spectrogram
PRESETS = {
    "colour": Spectrogram(),
    "16+8": Spectrogram(profile="16+8"),
    "16+16": Spectrogram(profile="16+16"),
    "exact": Spectrogram(profile="16+16", residual=True),
    "magnitude": Spectrogram(profile="magnitude"),
    # As the original project's desktop program shows it by default.
    "original": Spectrogram(axis="log", range="double-log", floor=60.0),
}
