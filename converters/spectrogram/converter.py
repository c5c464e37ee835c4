"""Sound <-> spectrogram, the same interpretation both ways.

Time runs to the right, a column for each frame of the short-time Fourier transform; high
frequencies are on top; bright is loud. The profile says how a bin is shown:

    colour     8-bit RGB: brightness is magnitude, hue is phase; about 48 dB
    16+8       16-bit grey, magnitude above phase, of which 8 bits are used; about 49 dB
    16+16      16-bit grey, magnitude above phase; about 94 dB, and exact with a residual
    magnitude  8-bit grey; the phase is reconstructed by PGHI and fast Griffin-Lim

Channels are stacked, the first on top. A long sound is a row of tiles, all shaded alike. White is
the loudest bin of all, which takes a first pass over the sound. Any other picture can be made a
sound as if it were a spectrogram, and comes back from that sound.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal

import numpy as np

from converters.base import Converter
from converters.colors import to_grey
from converters.header import ConverterError, Header, PictureFormat, SoundFormat, Value
from converters.media import Picture, Sound, crc_of, warn
from converters.palettes import GREY, levels_of, recognize
from converters.spectrogram.barcode import add_barcode, read_barcode
from converters.spectrogram.edits import detect_crop, stretch, warn_sound_changed
from converters.spectrogram.layout import TileLayout
from converters.spectrogram.lossless import as_integers
from converters.spectrogram.options import MAX_PEAK, Options
from converters.spectrogram.sonify import Sonification
from converters.spectrogram.streams import rechunk
from converters.spectrogram.tiles import decode_tiles, encode_tiles

__all__ = ["CONVERTER", "PRESETS", "Spectrogram"]

MAX_CHANNELS = 1024
MAX_PICTURE = 1 << 25  # bins or pixels of a picture that becomes a sound: some minutes of work


@dataclass(frozen=True)
class Spectrogram(Options, Converter):
    """The spectrogram of a sound, and the sound of any picture."""

    kind: ClassVar[str] = "spectrogram"
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]] = "neither"

    automatic: ClassVar[Mapping[str, Value]] = {
        "axis": "auto", "n_fft": 0, "hop": 0, "f_min": 0.0, "f_max": 0.0, "exponent": 0.0,
    }  # fmt: skip

    # Sound -> tiles

    def encode_sound(self, sound: Sound) -> Iterator[Picture]:
        """Tiles of a picture; the sound is read twice, with a residual three times.

        Raises:
            ConverterError: samples that are not finite, too many channels for a picture, or a
                residual of samples that are not integers.
        """
        return self.at_rate(sound.format.sample_rate)._encode_sound(sound)

    def _encode_sound(self, sound: Sound) -> Iterator[Picture]:
        sound = as_integers(sound) if self.residual else sound
        format = sound.format
        layout = self.layout_for(sound)
        axis = self.frequency_axis(layout.n_rows)
        exponent = layout.companding.exponent
        facts = {"peak": layout.peak, "exponent": exponent, "width": layout.width}
        encoded = encode_tiles(sound, layout, axis, self.residual)
        for tile, (pixels, chunks, sha256) in enumerate(encoded):
            header = self.header(
                "sound",
                sound=format,
                tile=tile,
                n_tiles=layout.n_tiles,
                facts=facts,
                sha256=sha256,
            )
            pixels = layout.encoding.show(pixels)
            pixels = add_barcode(pixels, header) if self.strip else pixels
            yield Picture(pixels, chunks=chunks).with_header(header)

    # Tiles -> sound

    def decode_sound(self, pictures: Iterator[Picture]) -> Sound:
        """All tiles, in order -> the sound. Of more than one tile it can be read only once.

        Raises:
            ConverterError: the header does not fit the options, or holds no sound. While the sound
                is read: a tile is missing, or of another sound.
        """
        rest = iter(pictures)
        first = next(rest, None)
        if first is None:
            raise ConverterError("no pictures: give the tiles of a sound, in order")
        header = first.header or _read_barcode(first)
        if header is None:
            palette = recognize(first.pixels)
            if palette not in (GREY, self.palette):
                warn(f"{first.name}: by its colours it is taken as of the palette {palette}")
                shown = dataclasses.replace(self, profile="magnitude", palette=palette)
                return shown.decode_sound(chain([first], rest))
            header = self.at_rate(self.sample_rate)._assume_header(first)
        if header is None:
            return self.encode_picture(first)
        if header.sound is None or header.made_from != "sound":
            raise ConverterError(f"{first.name}: its header holds no sound")
        maker = self.at_rate(header.sound.sample_rate)
        layout = maker.layout_of(first.name, header)
        layout.check_work(first)
        axis = maker.frequency_axis(layout.n_rows)
        first = dataclasses.replace(first, header=header)
        if maker.stretch:
            first = stretch(first, header, layout)
        else:
            first = detect_crop(first, header, layout, axis)
        assert first.header is not None and first.header.sound is not None
        return maker._decode_tiles(first, rest, first.header, first.header.sound)

    def _decode_tiles(
        self, first: Picture, rest: Iterator[Picture], header: Header, format: SoundFormat
    ) -> Sound:
        layout = self.layout_of(first.name, header)
        unread = True

        def blocks(n: int) -> Iterator[np.ndarray]:
            nonlocal unread
            if not unread and layout.n_tiles > 1:
                raise ConverterError(f"{first.name}: its tiles are read already: decode it again")
            unread = False
            tiles = self._check_tiles(chain([first], rest), layout, format)
            axis = self.frequency_axis(layout.n_rows)
            return rechunk(decode_tiles(tiles, layout, axis, format, self.stretch), n, 0)

        return Sound(format, blocks, name=first.name)

    def _check_tiles(
        self, pictures: Iterator[Picture], layout: TileLayout, format: SoundFormat
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
            header = picture.header or _read_barcode(picture)
            if header is None:
                raise ConverterError(f"{picture.name}: has no header: it is not {which}")
            if (
                (header.tile, header.n_tiles, header.sound) != (tile, layout.n_tiles, format)
                or dataclasses.replace(
                    self.from_header(header), sample_rate=self.sample_rate, stretch=self.stretch
                )
                != self
                or self.layout_of(picture.name, header) != layout
            ):
                raise ConverterError(
                    f"{picture.name}: is tile {header.tile + 1} of {header.n_tiles} of a sound, "
                    f"not {which} of this one: give all tiles, in order"
                )
            yield picture, header

    def _assume_header(self, picture: Picture) -> Header | None:
        """A header for a picture without one, if it has the height that the options give."""
        height, width = picture.pixels.shape[:2]
        channel_height = self.n_rows * self.encoding.planes_per_channel
        n_channels = height // channel_height
        n_samples = (width - self.n_fft // self.hop + 1) * self.hop
        # A sine of full scale has half the sum of the window.
        facts = {"peak": self.n_fft / 4, "exponent": self.exponent, "width": width}
        fits = 1 <= n_channels <= MAX_CHANNELS and n_samples >= 1
        if fits and TileLayout.width_for(n_channels * channel_height, width) == width:
            format = SoundFormat(self.sample_rate, n_channels, n_samples)
            header = self.header("sound", sound=format, facts=facts, crc=crc_of(picture.pixels))
            if self.layout_of(picture.name, header).has_height(picture, header, width):
                warn(
                    f"{picture.name}: has no header; it is taken as profile {self.profile}, "
                    f"{n_channels} channel(s) at {self.sample_rate} Hz, white as full scale"
                )
                return header
        warn(
            f"{picture.name}: has no header, and not the size of a sound's picture with these "
            "options; it becomes a sound like any other picture"
        )
        return None

    # Any picture -> sound -> picture

    def encode_picture(self, picture: Picture) -> Sound:
        """A sound with this spectrogram: a bin for each row, a frame for each column, -1 dBFS.

        Raises:
            ConverterError: a picture too large.
        """
        maker = self.at_rate(self.sample_rate, of_picture=True)
        sonification = maker._sonification(picture.name, picture.format)
        palette = recognize(picture.pixels)
        if palette == GREY:
            shade = to_grey(picture.pixels, picture.name)
        else:
            warn(f"{picture.name}: by its colours it is taken as of the palette {palette}")
            shade = levels_of(picture.pixels[..., :3], palette) / 255
        samples, peak = sonification.to_sound(shade)
        sound = Sound.of(samples, self.sample_rate)
        header = maker.header(
            "picture",
            sound=sound.format,
            picture=picture.format,
            facts={"peak": peak, "crc": crc_of(samples)},
            crc=crc_of(picture.pixels),
        )
        return dataclasses.replace(sound, header=header, name=picture.name)

    def sound_format_of(self, picture: Picture) -> SoundFormat:
        maker = self.at_rate(self.sample_rate, of_picture=True)
        n_samples = maker._sonification(picture.name, picture.format).n_samples
        return SoundFormat(self.sample_rate, 1, n_samples)

    def decode_picture(self, sound: Sound) -> Picture:
        """The picture that became this sound, in grey.

        Raises:
            ConverterError: the sound was not made from a picture by a spectrogram.
        """
        header = sound.header
        if header is None or header.picture is None or header.sound is None:
            raise ConverterError(
                f"{sound.name}: was made from no picture; encode it to see its spectrogram"
            )
        sample_rate, format = header.sound.sample_rate, header.picture
        if sample_rate != sound.format.sample_rate:
            raise ConverterError(
                f"{sound.name}: was resampled from {sample_rate} to "
                f"{sound.format.sample_rate} Hz: resample it back"
            )
        warn_sound_changed(sound, header, header.sound)
        maker = self.at_rate(sample_rate)
        peak = header.fact("peak", float, 0.0, MAX_PEAK)
        shade = maker._sonification(sound.name, format).to_image(sound, format.width, peak)
        if format.n_colours > 1:
            warn(f"{sound.name}: the picture had colours; it comes back in grey")
        dtype = np.uint8 if format.bits == 8 else np.uint16
        return Picture(np.rint(shade * np.iinfo(dtype).max).astype(dtype), name=sound.name)

    def _sonification(self, name: str, format: PictureFormat) -> Sonification:
        n_bins = self.n_fft // 2 + 1
        if format.width * max(format.height, n_bins) > MAX_PICTURE:
            raise ConverterError(
                f"{name}: {format.width} x {format.height} pixels are too many for a sound: make "
                "it smaller"
            )
        found = self.sonification(format)
        if found.n_columns * max(format.height, n_bins) > MAX_PICTURE:
            raise ConverterError(
                f"{name}: {found.n_samples / self.sample_rate:.0f} s are too many for a picture: "
                "take a shorter duration, or more pixels per second"
            )
        return found

    @classmethod
    def from_header(cls, header: Header) -> Spectrogram:
        # Before linear axes could begin elsewhere, headers held the lowest frequency of others.
        if "f_max" not in header.options and header.options.get("axis") == "linear":
            options = {**header.options, "f_min": 0.0}
            header = dataclasses.replace(header, options=options)
        return super().from_header(header)

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        header = read_barcode(source) if isinstance(source, Picture) else None
        return header if header is not None and header.kind == cls.kind else None


def _read_barcode(picture: Picture) -> Header | None:
    header = Spectrogram.find(picture)
    if header is not None:
        warn(f"{picture.name}: the header beside its pixels is lost; the one in them is used")
    return header


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
