"""What a file format cannot hold: fitted as well as it goes, and said; or refused."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from converters import (
    Converter,
    ConverterError,
    ConverterWarning,
    Picture,
    Sound,
    picture_files,
    sound_files,
)
from converters.header import DTYPES, SoundFormat

__all__ = ["check_picture", "fitted", "picture_format", "sound_format", "sound_suffix"]

# Subtype -> bits of the integers that it holds exactly, and that a sample of a dtype can have.
BITS = {
    "PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 25, "DOUBLE": 54,
}  # fmt: skip
MOST_BITS = {"int16": 16, "int32": 32, "float32": 25, "float64": 54}
# Samples read from these are still the same when they are written and read again.
LASTING = {*BITS, "ULAW", "ALAW", *(s for s in DTYPES if s.startswith(("ALAC", "DWVW")))}
RIFF = ("WAV", "WAVEX", "RF64")


def sound_suffix(format: SoundFormat) -> str:
    """Of a file that holds such samples unchanged."""
    return {"FLAC": ".flac", "AIFF": ".aiff"}.get(format.container, ".wav")


def fitted(sound: Sound, path: Path, converter: Converter | None = None) -> Sound:
    """The sound in the format that the name's suffix says, changed as little as that allows.

    Args:
        converter: what made the sound of a picture, if it did.

    Raises:
        ConverterError: there is no such format, or what it loses cannot be done without.
    """
    container = sound_format(path)
    old = sound.format
    if container == "WAV" and old.container in RIFF:
        container = old.container
    new = dataclasses.replace(old, container=container, subtype=_nearest(container, old.subtype))
    if new.subtype not in LASTING and converter and converter.exact == "both":
        raise ConverterError(
            f"{path.name}: {container} is lossy and {converter.kind} needs every bit: name it .wav"
        )
    _try(new, path)
    if change := _change(old, new):
        warnings.warn(f"{path.name}: {change}", ConverterWarning, 2)
    if new.subtype == old.subtype:
        return dataclasses.replace(sound, format=new)
    return dataclasses.replace(sound, format=new, blocks=lambda n: _converted(sound, new, path, n))


def sound_format(path: Path) -> str:
    """What the name's suffix says.

    Raises:
        ConverterError: there is no such format.
    """
    format = sound_files.WRITABLE.get(path.suffix.lower())
    if format is None:
        known = _one_of(sound_files.WRITABLE)
        raise ConverterError(f"{path}: what comes out is a sound, in a file {known}")
    return format


def _nearest(container: str, subtype: str) -> str:
    """What the container has that holds the samples exactly, else the finest it has."""
    held = soundfile.available_subtypes(container)
    if subtype in LASTING and subtype in held:
        return subtype
    floats, bits = DTYPES[subtype].startswith("float"), _bits(subtype)
    plain = [s for s in BITS if s in held]
    plain = [s for s in plain if DTYPES[s].startswith("float") or not floats] or plain
    if not plain:
        return str(soundfile.default_subtype(container))
    return next((s for s in plain if BITS[s] >= bits), plain[-1])


def _try(format: SoundFormat, path: Path) -> None:
    """Raises ConverterError: the container takes no such rate or number of channels."""
    try:
        soundfile.SoundFile(
            io.BytesIO(), "w", format.sample_rate, format.n_channels, format.subtype,
            format=format.container,
        ).close()  # fmt: skip
    except soundfile.LibsndfileError as error:
        why = error.error_string.removeprefix("Error : ").rstrip(".")
        raise ConverterError(
            f"{path.name}: {format.container} cannot hold {format.n_channels} channels at "
            f"{format.sample_rate} Hz ({why}): name it .wav"
        ) from error


def _bits(subtype: str) -> int:
    return BITS.get(subtype, MOST_BITS[DTYPES[subtype]])


def _change(old: SoundFormat, new: SoundFormat) -> str:
    """What becomes of the samples; nothing where all stays as it was."""
    if new.subtype not in LASTING:
        return f"{new.container} is lossy: the samples come back changed"
    if new.subtype == old.subtype:
        return ""
    rounded = BITS[new.subtype] < _bits(old.subtype)
    if rounded or (new.dtype.kind, old.dtype.kind) == ("i", "f"):
        return f"{new.container} holds no {old.subtype} samples: they are rounded to {new.subtype}"
    if old.subtype not in LASTING:
        return f"written as {new.subtype}: {old.subtype} would lose once more"
    return f"{new.container} holds no {old.subtype} samples: written as {new.subtype}, the same"


def _converted(sound: Sound, new: SoundFormat, path: Path, n: int) -> Iterator[np.ndarray]:
    n_clipped = 0
    for values in sound.floats(n):
        if new.dtype.kind == "f":
            yield values.astype(new.dtype)
            continue
        half = 2.0 ** (_bits(new.subtype) - 1)
        steps = np.rint(np.nan_to_num(values, posinf=2.0, neginf=-2.0) * half)
        inside = np.clip(steps, -half, half - 1)
        n_clipped += int((inside != steps).sum())
        yield (inside * (new.full_scale / half)).astype(new.dtype)
    if n_clipped:
        message = f"{path.name}: {n_clipped:,} samples beyond full scale were clipped"
        warnings.warn(message, ConverterWarning, 2)


def picture_format(path: Path) -> str:
    """What the name's suffix says.

    Raises:
        ConverterError: there is no such format.
    """
    format = picture_files.WRITABLE.get(path.suffix.lower())
    if format is None:
        known = _one_of(picture_files.WRITABLE)
        raise ConverterError(f"{path}: what comes out is a picture, in a file {known}")
    return format


def _one_of(suffixes: Iterable[str]) -> str:
    *most, last = suffixes
    return f"{', '.join(most)} or {last}"


def check_picture(picture: Picture, path: Path, converter: Converter | None = None) -> None:
    """Says what the format of the name's suffix loses of a picture.

    Args:
        converter: what made the picture of a sound, if it did.

    Raises:
        ConverterError: there is no such format, or what it loses cannot be done without.
    """
    format = picture_format(path)
    if format == "PNG":
        return
    if picture.format.bits == 16:
        raise ConverterError(f"{path.name}: {format} has no 16-bit pixels: name it .png")
    if format == "JPEG" and converter and converter.exact == "both":
        raise ConverterError(
            f"{path.name}: JPEG changes pixels and {converter.kind} needs every bit: name it .png"
        )
    if format == "JPEG":
        warnings.warn(f"{path.name}: JPEG changes pixels; PNG does not", ConverterWarning, 2)
    if picture.chunks:
        message = (
            f"{path.name}: {format} drops what makes the sound come back exactly; PNG keeps it"
        )
        warnings.warn(message, ConverterWarning, 2)
