"""How much sound is in FLAC, OGG and MP3 files that are cut off, or whose headers are wrong.

Where libsndfile would stop too early, the file is given to it in pieces (`spliced.Pieces`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from converters.sound_sizes import CUT, DAMAGED, WRONG, Extent
from converters.spliced import Pieces, patched

__all__ = ["flac_without_length", "mpeg_extent", "ogg_extent"]

FLAC_LENGTH = 21  # position of the number of samples: 4 bits, then 4 bytes
OGG_HEAD = struct.Struct("<4sBBqIIIB")  # magic, version, flags, granule, serial, number, CRC, n
FIRST, LAST = 2, 4  # flags of a page
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
MAX_PACKET = 8192  # samples of a Vorbis packet
SEARCH = 1 << 16  # bytes in which the first frame of an MP3 file is looked for
RATES = (44_100, 48_000, 32_000)
KBITS = (  # of layer III, by version and the index in the header
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
MANY_FRAMES = 1 << 24  # over a hundred hours


def flac_without_length(file: BinaryIO, size: int) -> tuple[int, Pieces] | None:
    """The samples that a FLAC file promises, and the file without this promise; libsndfile reads
    that to the end. None: it is another file, or its header is not at its start."""
    file.seek(0)
    head = file.read(FLAC_LENGTH + 5)
    if head[:4] != b"fLaC" or len(head) < FLAC_LENGTH + 5 or head[4] & 0x7F:
        return None
    first, n = struct.unpack(">BI", head[FLAC_LENGTH:])
    return ((first & 15) << 32) + n, patched(
        size, {FLAC_LENGTH: struct.pack(">BI", first & 0xF0, 0)}
    )


# OGG


@dataclass(frozen=True)
class _Page:
    start: int
    flags: int
    granule: int
    sizes: bytes
    """Of its segments."""
    complete: bool
    intact: bool
    """Whether its checksum is right, and nothing but pages stands before it."""

    @property
    def body(self) -> int:
        return self.start + OGG_HEAD.size + len(self.sizes)


def ogg_extent(file: BinaryIO, size: int) -> Extent:
    """Of an OGG file, which does not say how many samples it should hold."""
    page, granule, n_streams, starts, intact = None, 0, 0, False, True
    for page in _pages(file, size):
        n_streams += bool(page.flags & FIRST) and not starts
        starts = bool(page.flags & FIRST)
        if page.complete:
            granule, intact = max(granule, page.granule), intact and page.intact
    if page is None:
        return Extent()
    if n_streams > 1:
        return Extent(why=f"it is {n_streams} sounds in a row, and the first one is read")
    if page.complete:
        return Extent(why=CUT if not page.flags & LAST else "" if intact else DAMAGED)
    mended = _complete_page(file, page, size, granule)
    return Extent(why=CUT, pieces=[range(page.start), *mended])


def _pages(file: BinaryIO, size: int) -> Iterator[_Page]:
    at, intact = 0, True
    while at < size:
        file.seek(at)
        head = file.read(OGG_HEAD.size)
        if head[:4] != b"OggS":
            found = (head + file.read(SEARCH)).find(b"OggS")
            at, intact = (at + found if found > 0 else at + SEARCH), False
            continue
        if len(head) < OGG_HEAD.size:
            return
        _, _, flags, granule, _, _, crc, n = OGG_HEAD.unpack(head)
        sizes = file.read(n)
        end = at + OGG_HEAD.size + n + sum(sizes)
        right = _ogg_crc(head[:22] + bytes(4) + head[26:] + sizes + file.read(sum(sizes))) == crc
        yield _Page(at, flags, granule, sizes, len(sizes) == n and end <= size, intact and right)
        at, intact = end, True


def _complete_page(file: BinaryIO, page: _Page, size: int, granule: int) -> Pieces:
    """The complete packets of a page that is cut off, as a page."""
    file.seek(page.start)
    magic, version, flags, _, serial, number, _, _ = OGG_HEAD.unpack(file.read(OGG_HEAD.size))
    file.seek(page.body)
    body = file.read(size - page.body)
    packets = list(_packets(page.sizes, body))
    if not packets:
        return []
    n_segments, n_bytes = packets[-1]
    starts = [0, *(n for _, n in packets)]
    file.seek(OGG_HEAD.size)
    if b"OpusHead" in file.read(64):
        last = granule + sum(_opus_samples(body[at : at + 2]) for at in starts[:-1])
    else:  # more samples than there can be: they are decoded to the end, and counted
        last = granule + len(packets) * MAX_PACKET
    fields = (magic, version, flags, min(last, 1 << 62), serial, number)
    content = page.sizes[:n_segments] + body[:n_bytes]
    crc = _ogg_crc(OGG_HEAD.pack(*fields, 0, n_segments) + content)
    return [OGG_HEAD.pack(*fields, crc, n_segments) + content]


def _packets(sizes: bytes, body: bytes) -> Iterator[tuple[int, int]]:
    """The segments and bytes up to the end of each packet that is complete."""
    n_bytes = 0
    for i, segment in enumerate(sizes):
        n_bytes += segment
        if segment < 255 and n_bytes <= len(body):
            yield i + 1, n_bytes


def _opus_samples(start: bytes) -> int:
    """The duration of an Opus packet in samples at 48 kHz (RFC 6716, section 3.1)."""
    first, count = start.ljust(2, b"\0")
    config, code = first >> 3, first & 3
    if config < 12:
        n = (480, 960, 1920, 2880)[config & 3]
    else:
        n = (480, 960)[config & 1] if config < 16 else 120 << (config & 3)
    return n * ((1, 2, 2)[code] if code < 3 else count & 63)


def _ogg_crc(data: bytes) -> int:
    """As zlib's CRC-32, but with the highest bit of each byte first, and not inverted."""
    crc = zlib.crc32(data.translate(REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int.from_bytes(crc.to_bytes(4, "little").translate(REVERSED), "big")


# MP3


@dataclass(frozen=True)
class _Frame:
    start: int
    head: int
    """Its first 4 bytes."""

    @property
    def is_mpeg1(self) -> bool:
        return self.head >> 19 & 3 == 3

    @property
    def size(self) -> int:
        kbits = KBITS[not self.is_mpeg1][self.head >> 12 & 15]
        shift = {3: 0, 2: 1, 0: 2}[self.head >> 19 & 3]
        rate = RATES[self.head >> 10 & 3] >> shift
        return (144 if self.is_mpeg1 else 72) * 1000 * kbits // rate + (self.head >> 9 & 1)

    @property
    def n_samples(self) -> int:
        return 1152 if self.is_mpeg1 else 576

    @property
    def info(self) -> int:
        """Where a frame that describes the file does so, from the start of the frame."""
        mono = self.head >> 6 & 3 == 3
        side = (17 if mono else 32) if self.is_mpeg1 else (9 if mono else 17)
        return 4 + side


def mpeg_extent(file: BinaryIO, size: int, n_frames: int) -> Extent:
    """Of a file of MPEG layer III.

    Args:
        n_frames: libsndfile's number of samples, a guess where the file does not say it.
    """
    frame = _first_frame(file)
    if frame is None:
        return Extent()
    file.seek(frame.start)
    content = file.read(200)
    if len(content) < 200:
        return Extent()
    tag = content[frame.info : frame.info + 4]
    if content[36:40] == b"VBRI":
        (n,) = struct.unpack_from(">I", content, 50)
        rest = range(frame.start + frame.size, size)
        return Extent(n * frame.n_samples, CUT, [_info_frame(frame), rest])
    if tag not in (b"Xing", b"Info"):
        # Of such a file libsndfile reads as much as it guesses: too little where the rate varies.
        return Extent(pieces=[_info_frame(frame), range(frame.start, size)])
    flags, n, n_bytes = struct.unpack_from(">III", content, frame.info + 4)
    if not flags & 1:
        return Extent(pieces=[_info_frame(frame), range(frame.start + frame.size, size)])
    if flags & 2 and size - _tags_size(file, size) - frame.start > n_bytes + 4 * frame.size:
        at = frame.start + frame.info + 8
        fields = (min(n, MANY_FRAMES) + MANY_FRAMES, min(size - frame.start, 0xFFFFFFFF))
        count = patched(size, {at: struct.pack(">II", *fields)})
        return Extent(n_frames, WRONG, count)
    return Extent(n_frames, CUT)


def _first_frame(file: BinaryIO) -> _Frame | None:
    start = 0
    for _ in range(10):
        file.seek(start)
        tag = file.read(10)
        if tag[:3] != b"ID3" or len(tag) < 10:
            break
        a, b, c, d = (byte & 127 for byte in tag[6:])
        start += 10 + (a << 21) + (b << 14) + (c << 7) + d
    file.seek(start)
    content = file.read(SEARCH)
    at = content.find(b"\xff")
    while 0 <= at < len(content) - 4:
        head = int.from_bytes(content[at : at + 4], "big")
        if _is_frame(head):
            frame = _Frame(start + at, head)
            after = int.from_bytes(content[at + frame.size : at + frame.size + 4], "big")
            # The sync, version, layer and rate stay the same.
            if (after ^ head) & 0xFFFE_0C00 == 0:
                return frame
        at = content.find(b"\xff", at + 1)
    return None


def _is_frame(head: int) -> bool:
    version, layer, kbits, rate = head >> 19 & 3, head >> 17 & 3, head >> 12 & 15, head >> 10 & 3
    return head >> 21 == 0x7FF and version != 1 and layer == 1 and 0 < kbits < 15 and rate != 3


def _info_frame(like: _Frame) -> bytes:
    """A frame that promises more samples than any file has; decoders take it for a description."""
    head = (like.head & ~0xF200) | 0x1_9000  # without CRC and padding, of 128 or 80 kbit/s
    frame = _Frame(0, head)
    content = head.to_bytes(4, "big") + bytes(frame.info - 4) + b"Xing"
    return (content + struct.pack(">II", 1, MANY_FRAMES)).ljust(frame.size, b"\0")


def _tags_size(file: BinaryIO, size: int) -> int:
    """Bytes of tags at the end."""
    file.seek(max(size - 128, 0))
    old = 128 if file.read(3) == b"TAG" else 0
    file.seek(max(size - old - 32, 0))
    footer = file.read(32)
    if footer[:8] == b"APETAGEX" and len(footer) == 32:
        return old + 32 + int.from_bytes(footer[12:16], "little")
    return old
