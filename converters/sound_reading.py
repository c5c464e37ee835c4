"""What a sound file holds: format, header, and how many samples it promises and has."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from converters.header import MAX_HEADER, ConverterError, SoundFormat
from converters.media import BLOCK
from converters.quiet import captured_stderr, silent_stderr
from converters.sound_sizes import CUT, DAMAGED, UNFINISHED, WRONG, Extent, stated_extent
from converters.sound_streams import flac_without_length, mpeg_extent, ogg_extent
from converters.spliced import Pieces, Spliced

__all__ = ["CHUNK", "KEY", "Examined", "Source", "comment_header", "examine", "riff_chunk"]

CHUNK = b"Syns"  # of a RIFF file; in other files the header is the comment
KEY = "synesthesia "
MAX_CHUNKS = 1000
# Their headers only estimate the number of samples.
ESTIMATED = ("MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "VORBIS", "OPUS")
MPEG_FRAME = 1152  # samples; encoders disagree by less on where a file ends
# What libsndfile's log says of the length of other formats: AVR, MPC2K, SVX, MAT4, MAT5, WVE.
LOGGED = re.compile(r"(?:Frames|OneShotHiSamples|Cols) *: (\d+)$|^Data length (\d+) ", re.MULTILINE)
STATED = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "VOC", "SDS", "HTK")
NIST = re.compile(rb"\nsample_count -i (\d+)")
UNWRITTEN = 1  # no sample of a FLAC file has this value as a 32-bit integer
# What mpg123 says of damage.
NOTE = re.compile(r"error|resync|illegal|invalid", re.IGNORECASE)


class _SoundFile(soundfile.SoundFile):
    """A file that is read from start to end."""

    def seekable(self) -> bool:
        """False: else every read seeks, which fails in formats that libsndfile cannot seek in."""
        return False


@dataclass(frozen=True)
class Source:
    """A file, as libsndfile is to read it."""

    path: Path
    pieces: Pieces | None = None
    """What of the file is read; None: all."""
    ends_early: bool = False
    """Whether its integers are read up to where it is damaged."""
    noisy: bool = False
    """Whether the library writes notes to standard error."""

    @contextlib.contextmanager
    def open(self) -> Iterator[soundfile.SoundFile]:
        with contextlib.ExitStack() as stack:
            what: bytes | Spliced | str
            if self.pieces is not None:
                what = stack.enter_context(Spliced(self.path, self.pieces))
            else:  # soundfile encodes no name that is not of the locale's encoding
                what = str(self.path) if sys.platform == "win32" else os.fsencode(self.path)
            with silent_stderr():
                file = stack.enter_context(_SoundFile(what))
            yield file

    def blocks(self, n: int, dtype: str) -> Iterator[np.ndarray]:
        """All samples, in blocks (n, n_channels), the last one shorter."""
        with self.open() as file:
            while len(block := self._read(file, n, dtype)):
                yield block
                if self.ends_early and len(block) < n:
                    return

    def _read(self, file: soundfile.SoundFile, n: int, dtype: str) -> np.ndarray:
        if self.ends_early:
            return _read_until_damage(file, n, dtype)
        with silent_stderr() if self.noisy else contextlib.nullcontext():
            return np.asarray(file.read(n, dtype, always_2d=True))


@dataclass(frozen=True)
class Examined:
    """What `examine` finds."""

    source: Source
    format: SoundFormat
    """n_samples are those that are there."""
    header: bytes | None
    """JSON."""
    n_claimed: int | None
    """Samples that the file promises, where they are not those that are there."""
    why: str
    """What is wrong; empty: nothing."""

    @cached_property
    def damage(self) -> str:
        """For messages; empty: nothing is wrong."""
        n, claimed = self.format.n_samples, self.n_claimed
        if not self.why:
            return ""
        if claimed is None:
            return f"{self.why}: the {n:,} samples that are there are read"
        if self.why == UNFINISHED and claimed > n:
            return f"{self.why}, and {n:,} of the {claimed:,} samples that it promises are there"
        there = f"{n:,} of the" if n < claimed else f"{n:,} samples instead of the"
        return f"{self.why}: it holds {there} {claimed:,} samples that it promises"


def examine(path: Path) -> Examined:
    """Reads what a sound file is.

    Raises:
        soundfile.SoundFileError: libsndfile cannot read it.
        ConverterError: its format has no place in a SoundFormat.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = riff_chunk(file)
        extent = ogg_extent(file, size) if _magic(file) == b"OggS" else stated_extent(file, size)
        source = Source(path, extent.pieces)
        with source.open() as opened:
            format, n = opened.format, opened.frames
            if format == "RAW":  # by the suffix: .au, .snd, .vox, .gsm
                raise ConverterError(
                    "without a header its rate is not known: convert it to WAV first"
                )
            rate, n_channels, subtype = opened.samplerate, opened.channels, opened.subtype
            header = comment_header(opened.comment) if header is None else header
            log = opened.extra_info
        notes = ""
        if subtype.startswith("MPEG"):
            if subtype == "MPEG_LAYER_III":
                extent = mpeg_extent(file, size, n)
            source = Source(path, extent.pieces, noisy=True)
            with source.open() as opened:  # a damaged frame in front can be of another format
                rate, n_channels = opened.samplerate, opened.channels
        elif format == "FLAC":
            source, extent, n = _find_end(source, file, size, n)
        elif not extent.why and format not in STATED:
            extent = Extent(*_logged_claim(file, log, n), extent.pieces)
        if subtype in ESTIMATED:
            with captured_stderr() as captured:
                n = sum(map(len, Source(path, extent.pieces).blocks(BLOCK, "float32")))
                notes = captured.text()
    n = n if extent.n_there is None else min(n, extent.n_there)
    found = SoundFormat(rate, n_channels, n, subtype, format)
    claimed, why = _difference(extent, n, MPEG_FRAME if subtype == "MPEG_LAYER_III" else 0)
    if not why and NOTE.search(notes):
        why = DAMAGED
    return Examined(source, found, header, claimed, why)


def _difference(extent: Extent, n: int, tolerance: int) -> tuple[int | None, str]:
    if extent.n_claimed is None:
        return None, extent.why
    if abs(extent.n_claimed - n) <= tolerance:
        return None, ""
    return extent.n_claimed, WRONG if extent.n_claimed < n and extent.why == CUT else extent.why


def _logged_claim(file: BinaryIO, log: str, n: int) -> tuple[int | None, str]:
    """Of formats whose headers are not parsed here."""
    file.seek(0)
    found = [next(filter(None, groups)) for groups in LOGGED.findall(log)]
    found += [count.decode() for count in NIST.findall(file.read(1024))]
    claimed = int(found[-1]) if found else n
    if claimed > n:
        return claimed, CUT
    return None, CUT if "truncated" in log else ""


# FLAC


def _find_end(
    source: Source, file: BinaryIO, size: int, claimed: int
) -> tuple[Source, Extent, int]:
    """Of a file from which libsndfile reads an error where it is cut off."""
    if endless := flac_without_length(file, size):
        claimed, pieces = endless
        whole = Source(source.path, pieces, ends_early=True)
        if claimed and not _has_sample(whole, claimed):
            if _has_sample(source, claimed - 1):
                return source, Extent(), claimed
            whole = Source(source.path, ends_early=True)
    elif not claimed or _has_sample(source, claimed - 1):
        return source, Extent(), claimed
    else:
        whole = Source(source.path, source.pieces, ends_early=True)
    n = sum(len(block) for block in whole.blocks(BLOCK, "int32"))
    if n > claimed:
        return whole, Extent(claimed, WRONG if claimed else UNFINISHED), n
    return whole, Extent(claimed, CUT), n


def _has_sample(source: Source, index: int) -> bool:
    try:
        with source.open() as file:
            file.seek(index)
            return len(_read_until_damage(file, 1, "int32")) == 1
    except soundfile.SoundFileError:
        return False


def _read_until_damage(file: soundfile.SoundFile, n: int, dtype: str) -> np.ndarray:
    """Up to n samples. Where libsndfile fails it has filled a part of the array."""
    wide = np.full((n, file.channels), UNWRITTEN, np.int32)
    try:
        wide = file.read(out=wide)
    except soundfile.SoundFileError:
        wide = wide[: np.count_nonzero((wide != UNWRITTEN).all(1))]
    return (wide >> 16).astype(np.int16) if dtype == "int16" else wide


# Headers


def comment_header(comment: str) -> bytes | None:
    """The header in the comment of a file."""
    return comment[len(KEY) :].encode() if comment.startswith(KEY) else None


def riff_chunk(file: BinaryIO) -> bytes | None:
    """The header in a chunk of a WAV file; None: there is none, or it is another file."""
    file.seek(0)
    magic = file.read(12)
    if magic[:4] not in (b"RIFF", b"RF64") or magic[8:] != b"WAVE":
        return None
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


def _magic(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(4)
