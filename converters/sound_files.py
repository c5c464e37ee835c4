"""Sound files: all that libsndfile reads and writes, with the header in a chunk or comment."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from common.files import replacing
from converters.header import MAX_HEADER, ConverterError, SoundFormat
from converters.media import BLOCK, Sound, parse_header

__all__ = ["WRITABLE", "read_sound", "write_sound"]

WRITABLE = {
    ".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3", ".aiff": "AIFF", ".aif": "AIFF",
}  # fmt: skip
CHUNK = b"Syns"  # of a RIFF file; in other files the header is the comment
KEY = "synesthesia "
MAX_CHUNKS = 1000
# Their headers only estimate the number of samples.
ESTIMATED = ("MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "VORBIS", "OPUS")
MAX_SAMPLES = 1 << 32  # of all channels of one file


def read_sound(path: Path, name: str = "") -> Sound:
    """A sound file; its samples are read on demand.

    Raises:
        ConverterError: not a sound file that libsndfile reads, or damaged.
    """
    name = name or str(path)
    with path.open("rb") as file:  # an OSError if it is missing or not permitted
        magic = file.read(12)
        riff = magic[:4] in (b"RIFF", b"RF64") and magic[8:] == b"WAVE"
        text = _riff_chunk(file) if riff else None
    try:
        with soundfile.SoundFile(path) as file:
            n_samples = file.frames
            if file.subtype in ESTIMATED:
                n_samples = sum(len(block) for block in _blocks(path, "float32", BLOCK))
            format = SoundFormat(
                file.samplerate, file.channels, n_samples, file.subtype, file.format
            )
            comment = file.comment
    except (soundfile.SoundFileError, ConverterError) as error:
        raise ConverterError(f"{name}: not a sound file that can be read ({error})") from error
    if n_samples * format.n_channels > MAX_SAMPLES:
        raise ConverterError(f"{name}: {n_samples:,} samples are too many to be read")
    if text is None and comment.startswith(KEY):
        text = comment[len(KEY) :].encode()
    header = parse_header(text, name)

    def blocks(n: int) -> Iterator[np.ndarray]:
        left = format.n_samples
        try:
            for block in _blocks(path, str(format.dtype), n):
                left -= len(block)
                yield block
        except soundfile.SoundFileError as error:
            raise ConverterError(f"{name}: damaged ({error})") from error
        if left:
            raise ConverterError(f"{name}: ends {left} samples before its end")

    return Sound(format, blocks, header, name)


def _blocks(path: Path, dtype: str, n: int) -> Iterator[np.ndarray]:
    with soundfile.SoundFile(path) as file:
        while len(block := file.read(n, dtype, always_2d=True)):
            yield block


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
                temporary, "w", format.sample_rate, format.n_channels, format.subtype,
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


def _riff_chunk(file: BinaryIO) -> bytes | None:
    """The content of the header's chunk. The file is positioned after RIFF, size, WAVE."""
    position = 12
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return None
        name, size = struct.unpack("<4sI", head)
        if name == CHUNK:
            return file.read(min(size, MAX_HEADER + 1))
        position += 8 + size + size % 2
    return None


def _append_riff_chunk(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        end = file.seek(0, io.SEEK_END)
        file.write(b"\0" * (end % 2) + struct.pack("<4sI", CHUNK, len(content)) + content)
        end = file.seek(0, io.SEEK_END)
        file.write(b"\0" * (end % 2))
        size = file.seek(0, io.SEEK_END) - 8
        file.seek(4)
        file.write(struct.pack("<I", size))
