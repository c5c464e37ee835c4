"""Sound files: all that libsndfile reads and writes, with the header in a chunk or comment."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from common.files import replacing
from converters.header import MAX_HEADER, ConverterError, Header, SoundFormat
from converters.media import BLOCK, Sound, parse_header, report_damage
from converters.sound_reading import CHUNK, KEY, Source, comment_header, examine, riff_chunk

__all__ = ["CHUNK", "WRITABLE", "NotASoundError", "read_sound", "read_sound_header", "write_sound"]

WRITABLE = {
    ".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3", ".aiff": "AIFF", ".aif": "AIFF",
}  # fmt: skip
MAX_SAMPLES = 1 << 32  # of all channels of one file


class NotASoundError(ConverterError):
    """No sound file that libsndfile reads."""


def read_sound(path: Path, name: str = "", strict: bool = False) -> Sound:
    """A sound file; its samples are read on demand: all that are there.

    Args:
        strict: whether a file that holds less or more than its header says is an error; else it
            is a warning.

    Raises:
        NotASoundError: no sound file that libsndfile reads.
        ConverterError: it is damaged, or holds too many samples.
    """
    name = name or str(path)
    try:
        file = examine(path)
    except soundfile.SoundFileError as error:
        why = getattr(error, "error_string", str(error)).strip(". ")  # else it names objects
        raise NotASoundError(f"{name}: not a sound file that can be read ({why})") from error
    except ConverterError as error:
        raise ConverterError(f"{name}: not a sound file that can be read ({error})") from error
    format, header = file.format, parse_header(file.header, name)
    if format.n_samples * format.n_channels > MAX_SAMPLES:
        raise ConverterError(f"{name}: {format.n_samples:,} samples are too many to be read")
    if damage := file.damage:
        report_damage(f"{name}: {damage}", strict)

    def blocks(n: int) -> Iterator[np.ndarray]:
        left = format.n_samples
        if not left:
            return
        try:
            for block in file.source.blocks(n, str(format.dtype)):
                block = block[:left]
                left -= len(block)
                yield block
                if not left:
                    return
        except soundfile.SoundFileError as error:
            raise ConverterError(f"{name}: damaged ({error})") from error
        if left:
            raise ConverterError(f"{name}: ends {left} samples before its end")

    return Sound(format, blocks, header, name, file.n_claimed, damage)


def read_sound_header(path: Path) -> Header | None:
    """The header beside the samples, which are not read; None where there is none."""
    with path.open("rb") as file:
        text = riff_chunk(file)
    if text is None:
        with Source(path).open() as opened:
            text = comment_header(opened.comment)
    return parse_header(text, str(path))


def write_sound(path: Path, sound: Sound) -> None:
    """Writes a sound in its format, with its header; a file is written whole or not at all.

    Raises:
        ConverterError: the container cannot hold such samples.
    """
    format = sound.format
    check_writable(format)
    text = (sound.header.to_json() if sound.header else "").encode()
    assert len(text) <= MAX_HEADER
    with replacing(path) as temporary:
        # Past 4 GiB a RIFF file needs 64-bit sizes.
        large = format.n_samples * format.n_channels * format.dtype.itemsize > 0xFFF00000
        container = "RF64" if format.container == "WAV" and large else format.container
        try:
            with soundfile.SoundFile(
                os.fsencode(temporary), "w", format.sample_rate, format.n_channels, format.subtype,
                format=container,
            ) as file:  # fmt: skip
                if text and container != "WAV":
                    file.comment = KEY + text.decode()
                for block in sound.blocks(BLOCK):  # libsndfile crashed on one large OGG block
                    file.write(block)
        except soundfile.SoundFileError as error:
            raise ConverterError(f"{path}: cannot be written ({error})") from error
        if text and container == "WAV":
            _append_riff_chunk(temporary, text)


def check_writable(format: SoundFormat) -> None:
    """Raises ConverterError: the container does not hold such samples at such a rate."""
    if not soundfile.check_format(format.container, format.subtype):
        known = soundfile.available_formats()
        if format.container not in known:
            raise ConverterError(f"files of the format {format.container} are not supported")
        raise ConverterError(
            f"{format.container} holds no {format.subtype} samples: it holds "
            f"{', '.join(soundfile.available_subtypes(format.container))}"
        )


def _append_riff_chunk(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        end = file.seek(0, io.SEEK_END)
        file.write(b"\0" * (end % 2) + struct.pack("<4sI", CHUNK, len(content)) + content)
        end = file.seek(0, io.SEEK_END)
        file.write(b"\0" * (end % 2))
        size = file.seek(0, io.SEEK_END) - 8
        file.seek(4)
        file.write(struct.pack("<I", size))
