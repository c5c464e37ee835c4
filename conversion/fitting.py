"""Fits sounds and pictures to file formats; warns of what is lost, or refuses it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path

import soundfile

from converters import (
    Converter,
    ConverterError,
    Picture,
    Sound,
    picture_files,
    sound_files,
)
from converters.header import DTYPES, SoundFormat
from converters.media import rounded_blocks, warn

__all__ = ["check_picture", "fit_sound", "picture_format", "sound_format", "sound_suffix"]

# The largest integers that samples hold exactly, in bits: by subtype, and by dtype.
BITS = {
    "PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 25, "DOUBLE": 54,
}  # fmt: skip
MAX_BITS = {"int16": 16, "int32": 32, "float32": 25, "float64": 54}
# Subtypes whose samples stay the same when they are written and read again.
STABLE = {*BITS, "ULAW", "ALAW", *(s for s in DTYPES if s.startswith(("ALAC", "DWVW")))}
RIFF = ("WAV", "WAVEX", "RF64")


def sound_suffix(format: SoundFormat) -> str:
    """The suffix of a file that holds such samples unchanged."""
    return {"FLAC": ".flac", "AIFF": ".aiff"}.get(format.container, ".wav")


def fit_sound(sound: Sound, path: Path, converter: Converter | None = None) -> Sound:
    """The sound in the format of the file's suffix, changed as little as possible.

    Args:
        converter: the one that made the sound of a picture, if any.

    Raises:
        ConverterError: the format is unknown, or loses what decoding needs.
    """
    container, old = sound_format(path), sound.format
    if container == "WAV" and old.container in RIFF:
        container = old.container
    new = dataclasses.replace(old, container=container, subtype=_nearest(container, old.subtype))
    if new.subtype not in STABLE and converter and converter.exact == "both":
        raise ConverterError(
            f"{path.name}: {container} is lossy, and {converter.kind} needs every bit: use .wav"
        )
    _check_rate_and_channels(new, path)
    if change := _change(old, new):
        warn(f"{path.name}: {change}")
    if new.subtype == old.subtype:
        return dataclasses.replace(sound, format=new)
    bits = _bits(new.subtype)
    return dataclasses.replace(
        sound, format=new, blocks=lambda n: rounded_blocks(sound, new, bits, path.name, n)
    )


def sound_format(path: Path) -> str:
    """The container that the file's suffix stands for, as soundfile names it.

    Raises:
        ConverterError: no sound can be written with this suffix.
    """
    format = sound_files.WRITABLE.get(path.suffix.lower())
    if format is None:
        known = _one_of(sound_files.WRITABLE)
        raise ConverterError(f"{path}: the output is a sound: its name must end in {known}")
    return format


def _nearest(container: str, subtype: str) -> str:
    """The container's subtype that holds the samples exactly, else its finest."""
    held = soundfile.available_subtypes(container)
    if subtype in STABLE and subtype in held:
        return subtype
    is_float, bits = DTYPES[subtype].startswith("float"), _bits(subtype)
    plain = [s for s in BITS if s in held]
    plain = [s for s in plain if DTYPES[s].startswith("float") or not is_float] or plain
    if not plain:
        return str(soundfile.default_subtype(container))
    return next((s for s in plain if BITS[s] >= bits), plain[-1])


def _check_rate_and_channels(format: SoundFormat, path: Path) -> None:
    """Raises ConverterError: the container cannot hold this rate or number of channels."""
    try:
        soundfile.SoundFile(
            io.BytesIO(), "w", format.sample_rate, format.n_channels, format.subtype,
            format=format.container,
        ).close()  # fmt: skip
    except soundfile.LibsndfileError as error:
        why = error.error_string.removeprefix("Error : ").rstrip(".")
        raise ConverterError(
            f"{path.name}: {format.container} cannot hold {format.n_channels} channels at "
            f"{format.sample_rate} Hz ({why}): use .wav"
        ) from error


def _bits(subtype: str) -> int:
    return BITS.get(subtype, MAX_BITS[DTYPES[subtype]])


def _change(old: SoundFormat, new: SoundFormat) -> str:
    """A description of what changes; empty if nothing does."""
    if new.subtype not in STABLE:
        return f"{new.container} is lossy: samples will change"
    if new.subtype == old.subtype:
        return ""
    rounded = BITS[new.subtype] < _bits(old.subtype)
    if rounded or (new.dtype.kind, old.dtype.kind) == ("i", "f"):
        return f"{new.container} has no {old.subtype} samples: rounded to {new.subtype}"
    if old.subtype not in STABLE:
        return f"written as {new.subtype}: encoding as {old.subtype} again would lose more"
    return f"{new.container} has no {old.subtype} samples: written as {new.subtype}, without loss"


def picture_format(path: Path) -> str:
    """The format that the file's suffix stands for, as Pillow names it.

    Raises:
        ConverterError: no picture can be written with this suffix.
    """
    format = picture_files.WRITABLE.get(path.suffix.lower())
    if format is None:
        known = _one_of(picture_files.WRITABLE)
        raise ConverterError(f"{path}: the output is a picture: its name must end in {known}")
    return format


def _one_of(suffixes: Iterable[str]) -> str:
    *others, last = suffixes
    return f"{', '.join(others)} or {last}"


def check_picture(picture: Picture, path: Path, converter: Converter | None = None) -> None:
    """Warns of what the format of the file's suffix loses.

    Args:
        converter: the one that made the picture of a sound, if any.

    Raises:
        ConverterError: the format is unknown, or loses what decoding needs.
    """
    format = picture_format(path)
    if format == "PNG":
        return
    if picture.format.bits == 16:
        raise ConverterError(f"{path.name}: {format} has no 16-bit pixels: use .png")
    if format == "JPEG" and converter and converter.exact == "both":
        raise ConverterError(
            f"{path.name}: JPEG is lossy, and {converter.kind} needs every bit: use .png"
        )
    if format == "JPEG":
        warn(f"{path.name}: JPEG is lossy: pixels will change; PNG keeps them")
    if picture.chunks:
        warn(f"{path.name}: {format} cannot store the data that makes decoding exact; PNG can")
