"""Pictures and sounds that were changed since they were made: what of them still holds."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from converters.header import Header, SoundFormat
from converters.media import ConverterWarning, Picture, Sound
from converters.spectrogram.axis import Axis
from converters.spectrogram.layout import Layout
from converters.spectrogram.reconstruction import inconsistency
from converters.spectrogram.sonify import crc_of_int16

__all__ = ["if_cut", "keeps_phases", "tell_sound", "tell_tile"]

# dB, of the median and the upper quartile of the columns. Edits leave most columns below -28, JPEG
# of quality 95 with colours of all pixels -18, of quality 75 -6, with colours of every fourth -1
# to -5.
INCONSISTENT = (-10.0, -5.1)


def keeps_phases(pixels: np.ndarray, layout: Layout, axis: Axis) -> bool:
    """Whether pixels that were changed, without strip, still tell the phases of some sound."""
    found = [np.empty(0)]
    some = loud = False
    for polar in layout.polar(pixels):
        found.append(inconsistency(polar, axis, layout.n_fft, layout.hop))
        magnitude, phase = polar
        some |= bool((~np.isnan(phase)).any())
        loud |= bool(magnitude.any())
    apart = np.concatenate(found)
    if not len(apart):
        return some or not loud
    return bool((np.quantile(apart, (0.5, 0.75)) < INCONSISTENT).any())


def if_cut(picture: Picture, header: Header, layout: Layout, axis: Axis) -> Picture:
    """A picture of which only some columns are left, as one of a shorter sound; else itself."""
    assert header.sound is not None
    width, overlap, format = picture.pixels.shape[1], layout.n_fft // layout.hop, header.sound
    if (
        layout.n_tiles > 1
        or not overlap <= width < layout.width
        or not layout.is_high(picture, header, layout.width)
    ):
        return picture
    n = min((width - overlap + 1) * layout.hop, format.n_samples)
    left = dataclasses.replace(layout, n_samples=n, width=width)
    pixels = layout.planes.converted(picture.pixels[: layout.height], picture.name)
    if layout.planes.has_phase and not keeps_phases(pixels, left, axis):
        return picture  # squeezed, not cut
    rate = format.sample_rate
    _warn(
        f"{picture.name}: was cut from {layout.width} to {width} columns; the sound is that of "
        f"these, {n / rate:.2f} of {format.n_samples / rate:.2f} s"
    )
    header = dataclasses.replace(
        header,
        sound=dataclasses.replace(format, n_samples=n),
        facts={**header.facts, "width": width},
        sha256="",
    )
    return dataclasses.replace(picture, chunks={}).with_header(header)


def tell_tile(name: str, tile: int, layout: Layout, keeps: bool) -> None:
    which = f"tile {tile + 1} of {layout.n_tiles}" if layout.n_tiles > 1 else "the picture"
    phases = ""
    if layout.planes.has_phase:
        phases = (
            "it keeps the phases that it has"
            if keeps
            else "its phases fit no sound (JPEG with 4:2:0, few colours, grey?) and are searched "
            "anew"
        )
    message = f"{name}: {which} was changed since it was made"
    _warn(f"{message}; {phases}" if phases else message)


def tell_sound(sound: Sound, header: Header, made: SoundFormat) -> None:
    """Says where a sound is not the one that was made of a picture."""
    n, rate = sound.format.n_samples, made.sample_rate
    if n != made.n_samples:
        how = "cut" if n < made.n_samples else "lengthened"
        _warn(
            f"{sound.name}: was {how} from {made.n_samples / rate:.3f} to {n / rate:.3f} s since "
            "it was made"
        )
    elif "crc" in header.facts and header.facts["crc"] != crc_of_int16(sound):
        _warn(f"{sound.name}: was changed since it was made; what it shows now is not the picture")


def _warn(what: str) -> None:
    warnings.warn(what, ConverterWarning, 3)
