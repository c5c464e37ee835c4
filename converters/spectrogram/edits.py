"""Edit detection: what still holds of pictures and sounds that were changed."""

from __future__ import annotations

import dataclasses

import numpy as np

from converters.header import ConverterError, Header, SoundFormat
from converters.media import Picture, Sound, warn
from converters.spectrogram.axis import Axis
from converters.spectrogram.layout import TileLayout
from converters.spectrogram.reconstruction import inconsistency
from converters.spectrogram.sonify import crc_of_int16

__all__ = [
    "detect_crop", "phase_is_consistent", "stretch", "warn_sound_changed", "warn_tile_changed",
]  # fmt: skip

# dB, of the median and the upper quartile of the columns. Edits leave most columns below -28, JPEG
# of quality 95 with colours of all pixels -18, of quality 75 -6, with colours of every fourth -1
# to -5.
MAX_INCONSISTENCY = (-10.0, -5.1)


def phase_is_consistent(pixels: np.ndarray, layout: TileLayout, axis: Axis) -> bool:
    """Whether the phases in changed pixels, without barcode, are still those of a sound."""
    found = [np.empty(0)]
    has_phase = is_audible = False
    for polar in layout.decode(pixels):
        found.append(inconsistency(polar, axis, layout.n_fft, layout.hop))
        magnitude, phase = polar
        has_phase |= bool((~np.isnan(phase)).any())
        is_audible |= bool(magnitude.any())
    decibel = np.concatenate(found)
    if not len(decibel):
        return has_phase or not is_audible
    return bool((np.quantile(decibel, (0.5, 0.75)) < MAX_INCONSISTENCY).any())


def detect_crop(picture: Picture, header: Header, layout: TileLayout, axis: Axis) -> Picture:
    """A picture cropped to some of its columns, as one of a shorter sound; any other as it is."""
    assert header.sound is not None
    width, overlap, format = picture.pixels.shape[1], layout.n_fft // layout.hop, header.sound
    if (
        layout.n_tiles > 1
        or not overlap <= width < layout.width
        or not layout.has_height(picture, header, layout.width)
    ):
        return picture
    n = min((width - overlap + 1) * layout.hop, format.n_samples)
    cropped = dataclasses.replace(layout, n_samples=n, width=width)
    pixels = layout.encoding.convert(picture.pixels[: layout.height], picture.name)
    if layout.encoding.has_phase and not phase_is_consistent(pixels, cropped, axis):
        return picture  # resized, not cropped
    rate = format.sample_rate
    warn(
        f"{picture.name}: was cropped from {layout.width} to {width} columns; the sound is that "
        f"of these, {n / rate:.2f} of {format.n_samples / rate:.2f} s"
    )
    header = dataclasses.replace(
        header,
        sound=dataclasses.replace(format, n_samples=n),
        facts={**header.facts, "width": width},
        sha256="",
    )
    return dataclasses.replace(picture, chunks={}).with_header(header)


def stretch(picture: Picture, header: Header, layout: TileLayout) -> Picture:
    """A picture that was made wider or narrower, as one of a longer or shorter sound.

    Raises:
        ConverterError: it is one of several tiles, or too narrow for a sound.
    """
    assert header.sound is not None
    width, format = picture.pixels.shape[1], header.sound
    if width == layout.width and layout.n_tiles == 1:
        return picture
    if layout.n_tiles > 1:
        raise ConverterError(
            f"{picture.name}: is one of {layout.n_tiles} tiles, and only one picture can be "
            f"stretched: encode the sound with a larger --tile, such as {layout.n_columns}"
        )
    n = (width - layout.n_fft // layout.hop + 1) * layout.hop
    if n < 1:
        raise ConverterError(f"{picture.name}: {width} columns are too narrow for a sound")
    rate = format.sample_rate
    warn(
        f"{picture.name}: was stretched from {layout.width} to {width} columns; "
        f"{format.n_samples / rate:.2f} s become {n / rate:.2f} s, with phases that are "
        "reconstructed from the magnitudes"
    )
    pixels = layout.encoding.show(layout.scale(picture, header, 0, width))
    header = dataclasses.replace(
        header,
        sound=dataclasses.replace(format, n_samples=n),
        facts={**header.facts, "width": width},
        sha256="",
    )
    return dataclasses.replace(picture, pixels=pixels, chunks={}, header=header)


def warn_tile_changed(name: str, tile: int, layout: TileLayout, consistent: bool) -> None:
    """Warns that a tile was changed, and whether its phases are kept."""
    which = f"tile {tile + 1} of {layout.n_tiles}" if layout.n_tiles > 1 else "the picture"
    message = f"{name}: {which} was changed since it was made"
    if layout.encoding.has_phase and consistent:
        message += "; its phases are kept"
    elif layout.encoding.has_phase:
        message += (
            "; its phases are inconsistent (JPEG with 4:2:0, few colours, grey?) and are "
            "reconstructed from the magnitudes"
        )
    warn(message)


def warn_sound_changed(sound: Sound, header: Header, made: SoundFormat) -> None:
    """Warns if a sound is not the one that was made of a picture."""
    n, rate = sound.format.n_samples, made.sample_rate
    if n != made.n_samples:
        how = "cut" if n < made.n_samples else "lengthened"
        warn(
            f"{sound.name}: was {how} from {made.n_samples / rate:.3f} to {n / rate:.3f} s since "
            "it was made"
        )
    elif "crc" in header.facts and header.facts["crc"] != crc_of_int16(sound):
        warn(f"{sound.name}: was changed since it was made; its spectrogram is another picture")
