"""How much sound a file's header promises, and where that is wrong, the file with a right header.

libsndfile reads as many samples as the header says, without a word where it lies: none of a WAV
file whose recorder crashed before it wrote the size. It is given the file in pieces then.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from converters.sampler_files import htk_chunk, sds_chunk, voc_chunk
from converters.sound_chunks import Chunk
from converters.spliced import Pieces, patched

__all__ = ["CUT", "DAMAGED", "UNFINISHED", "WRONG", "Extent", "stated_extent"]

CUT = "it is cut off"
UNFINISHED = "it was never finished"
WRONG = "the header is wrong"
DAMAGED = "it is damaged in places"
MAX_CHUNKS = 1000
UNKNOWN = 0x7FFF_0000  # a size as large as this stands for one that was not known when written
# Chunks that stand behind the samples of WAV, AIFF and CAF files.
CHUNKS = {
    b"LIST", b"fact", b"cue ", b"plst", b"smpl", b"inst", b"bext", b"iXML", b"id3 ", b"ID3 ",
    b"JUNK", b"junk", b"PAD ", b"FLLR", b"PEAK", b"Syns", b"_PMX", b"cart", b"axml", b"chna",
    b"DISP", b"acid", b"strc", b"afsp", b"levl", b"umid", b"LGWV", b"elm1", b"regn", b"minf",
    b"COMT", b"ANNO", b"NAME", b"AUTH", b"(c) ", b"MARK", b"INST", b"APPL", b"MIDI", b"AESD",
    b"COMM", b"FVER", b"CHAN", b"basc", b"trns", b"cate", b"SSND", b"fmt ",
    b"info", b"free", b"peak", b"uuid", b"strg", b"mark", b"ovvw", b"edct", b"midi", b"chan",
    b"pakt", b"kuki",
}  # fmt: skip
TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")  # that players append to any file
# Bytes of a sample by the encoding in an AU file.
AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
AU_BITS = {23: 4, 25: 3, 26: 5}  # of the compressed ones, in blocks of AU_BLOCK samples
AU_BLOCK = 120
AIFF_BYTES = {b"ulaw": 1, b"ULAW": 1, b"alaw": 1, b"ALAW": 1}
AIFF_PACKETS = {b"GSM ": (33, 160), b"ima4": (34, 64)}  # bytes of a channel, and samples
RIFF_PACKETS = (2, 0x11, 0x31)  # MS ADPCM, IMA ADPCM and GSM say how many samples a block has
AIFF_PLAIN = {
    b"NONE", b"twos", b"sowt", b"raw ", b"fl32", b"FL32", b"fl64", b"FL64", b"in24", b"in32",
    b"42ni", b"23ni",
}  # fmt: skip
W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
W64_END = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"  # of the names of other chunks


@dataclass(frozen=True)
class Extent:
    """Of the samples in a file."""

    n_claimed: int | None = None
    """Samples that the header promises; None where that is what is there, or is not said."""
    why: str = ""
    """What is wrong; empty: nothing."""
    pieces: Pieces | None = None
    """By which libsndfile reads all that is there; None: the file as it is."""
    n_there: int | None = None
    """Samples, where libsndfile makes up the rest of what is promised; None: it reads no more."""


def stated_extent(file: BinaryIO, size: int) -> Extent:
    """Of a WAV, RF64, W64, AIFF, CAF, AU, VOC, SDS or HTK file; of others nothing is said."""
    file.seek(0)
    magic = file.read(40)
    parse: Callable[[BinaryIO, int], Chunk | None]
    if magic[:4] in (b"RIFF", b"RIFX", b"RF64") and magic[8:12] == b"WAVE":
        parse = _riff
    elif magic[:4] == b"FORM" and magic[8:12] in (b"AIFF", b"AIFC"):
        parse = _aiff
    elif magic[:16] == W64_RIFF:
        parse = _w64
    elif magic[:4] == b"caff":
        parse = _caf
    elif magic[:4] in (b".snd", b"dns."):
        parse = _au
    elif magic.startswith(b"Creative Voice File\x1a"):
        parse = voc_chunk
    elif magic[:2] == b"\xf0\x7e" and magic[3:4] == b"\1":
        parse = sds_chunk
    elif magic[8:12] == b"\0\2\0\0":
        parse, size = htk_chunk, size - size % 2
    else:
        return Extent()
    try:
        chunk = parse(file, size)
    except struct.error:  # the header itself is cut off
        return Extent()
    return _compare(file, size, chunk) if chunk else Extent()


def _compare(file: BinaryIO, size: int, chunk: Chunk) -> Extent:
    there = size - chunk.start
    pieces = [*patched(size, chunk.patches), chunk.tail]
    if not chunk.is_finished:
        return Extent(None, UNFINISHED, pieces)
    if chunk.declared > there:
        why = UNFINISHED if chunk.declared >= UNKNOWN else CUT
        n_there = max(there, 0) // chunk.block * chunk.per_block if chunk.block else None
        return Extent(chunk.n_claimed, why, pieces if chunk.needs_patch else None, n_there)
    too_little = there - chunk.declared >= max(chunk.block, 1)
    if chunk.others_follow or not too_little or _is_no_sound(file, size, chunk):
        return Extent()
    return Extent(chunk.n_claimed, WRONG if chunk.declared else UNFINISHED, pieces)


def _is_no_sound(file: BinaryIO, size: int, chunk: Chunk) -> bool:
    """Whether other chunks, a tag or zeros stand behind the samples."""
    end = chunk.start + chunk.declared
    for start in {end + chunk.declared % 2, end}:
        file.seek(start)
        head = file.read(16)
        if head.startswith(TAGS) or head[:4] in CHUNKS or head[4:] == W64_END:
            return True
        if _are_chunks(file, start, size, chunk):
            return True
    if not chunk.declared:
        return False
    file.seek(end)
    return not any(block.strip(b"\0") for block in iter(lambda: file.read(1 << 20), b""))


def _are_chunks(file: BinaryIO, start: int, size: int, chunk: Chunk) -> bool:
    for _ in range(MAX_CHUNKS):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return True
        name, n = struct.unpack(f"{chunk.order}4sI", head)
        start += 8 + n + n % 2
        if start > size + 1 or not all(32 <= letter < 127 for letter in name):
            return False
    return False


def _riff(file: BinaryIO, size: int) -> Chunk | None:
    file.seek(0)
    form = file.read(12)[:4]
    order = ">" if form == b"RIFX" else "<"
    block, per_block, long_size, n_samples = 1, 1, -1, None
    patches = {4: struct.pack(f"{order}I", min(size - 8, 0xFFFFFFFF))}
    at = 12
    for _ in range(MAX_CHUNKS):
        file.seek(min(at, size))  # at the end, `unpack` fails
        name, n = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"fmt ":
            block, per_block = _riff_format(file.read(20), order)
        elif name == b"fact":
            (n_samples,) = struct.unpack(f"{order}I", file.read(4))
        elif name == b"ds64":
            (long_size,) = struct.unpack("<8xQ", file.read(16))
            patches |= {at + 8: struct.pack("<Q", size - 8)}
            patches |= {at + 16: struct.pack("<Q", size)}
        elif name == b"data":
            start = at + 8
            declared = long_size if long_size >= 0 and n == 0xFFFFFFFF else n
            if long_size < 0:
                patches[at + 4] = struct.pack(f"{order}I", min(size - start, 0xFFFFFFFF))
            else:
                patches = {p: b for p, b in patches.items() if p != 4}
            if block:
                n_samples = declared // block * per_block
            return Chunk(start, declared, block, n_samples, patches, order, per_block=per_block)
        at += 8 + n + n % 2
    return None


def _riff_format(content: bytes, order: str) -> tuple[int, int]:
    """Bytes of a block, and its samples of each channel; zeros: they are not said."""
    tag, block = struct.unpack(f"{order}H10xH", content[:14])
    if tag in (1, 3, 6, 7, 0xFFFE):  # PCM, floats, A-law and u-law
        return max(block, 1), 1
    if tag in (0x38, 0x40):  # NMS ADPCM and G.721
        return (max(block, 1), 160) if tag == 0x38 else (AU_BLOCK // 2, AU_BLOCK)
    if tag not in RIFF_PACKETS:
        return 0, 0
    (per_block,) = struct.unpack(f"{order}H", content[18:20])
    return max(block, 1), max(per_block, 1)


def _aiff(file: BinaryIO, size: int) -> Chunk | None:
    block = frames = comm = 0
    per_block, at = 1, 12
    for _ in range(MAX_CHUNKS):
        file.seek(min(at, size))  # at the end, `unpack` fails
        name, n = struct.unpack(">4sI", file.read(8))
        if name == b"COMM":
            channels, frames, bits = struct.unpack(">HIH", file.read(8))
            kind = file.read(14)[10:] if n >= 22 else b"NONE"
            plain = -(-bits // 8) if kind in AIFF_PLAIN else 0
            n_bytes, per_block = AIFF_PACKETS.get(kind, (AIFF_BYTES.get(kind, plain), 1))
            block, comm = channels * n_bytes, at + 10
        elif name == b"SSND":
            (offset,) = struct.unpack(">I", file.read(4))
            start = at + 16 + offset
            declared = max(n - 8 - offset, 0)  # some programs leave 0, others these 8 bytes
            if per_block > 1:
                claimed = declared // block * per_block if block else frames
                return Chunk(
                    start, declared, block, claimed, per_block=per_block, others_follow=True
                )
            if not block:
                return Chunk(start, declared, 0, frames, others_follow=True)
            patches = {
                4: struct.pack(">I", size - 8),
                at + 4: struct.pack(">I", size - at - 8),
                comm: struct.pack(">I", (size - start) // block),
            }
            return Chunk(start, declared, block, frames, patches, ">")
        at += 8 + n + n % 2
    return None


def _w64(file: BinaryIO, size: int) -> Chunk | None:
    block, per_block, at = 1, 1, 40
    for _ in range(MAX_CHUNKS):
        file.seek(min(at, size))  # at the end, `unpack` fails
        name, n = struct.unpack("<16sQ", file.read(24))
        if not name.endswith(W64_END) or n < 24:
            return None
        if name.startswith(b"fmt "):
            block, per_block = _riff_format(file.read(20), "<")
        elif name.startswith(b"data"):
            declared = n - 24
            patches = {16: struct.pack("<Q", size), at + 16: struct.pack("<Q", size - at)}
            claimed = declared // block * per_block if block else None
            return Chunk(at + 24, declared, block, claimed, patches, per_block=per_block)
        at += (n + 7) // 8 * 8
    return None


def _caf(file: BinaryIO, size: int) -> Chunk | None:
    block = per_block = 0
    at = 8
    for _ in range(MAX_CHUNKS):
        file.seek(min(at, size))  # at the end, `unpack` fails
        name, n = struct.unpack(">4sq", file.read(12))
        if name == b"desc":
            block, per_block = struct.unpack(">16xII", file.read(24))
        elif name == b"data":
            start, whole = at + 16, size - at - 12  # 4 bytes of the edit count
            if not block:
                return None
            patches = {at + 4: struct.pack(">q", whole)}
            if n < 0:  # to the end of the file, as the format allows
                return Chunk(start, 0, block, None, patches, is_finished=False)
            claimed = max(n - 4, 0) // block * per_block
            return Chunk(start, max(n - 4, 0), block, claimed, patches, ">", True, per_block)
        if n < 0:
            return None
        at += 12 + n
    return None


def _au(file: BinaryIO, size: int) -> Chunk | None:
    file.seek(0)
    order = ">" if file.read(4) == b".snd" else "<"
    start, declared, encoding, _, channels = struct.unpack(f"{order}5I", file.read(20))
    if bits := AU_BITS.get(encoding):
        block = AU_BLOCK * bits // 8
        n = -(-declared // block) * AU_BLOCK
        return Chunk(start, declared, block, n, per_block=AU_BLOCK, others_follow=True)
    block = channels * AU_BYTES.get(encoding, 0)
    if not block:
        return None
    finished, patches = declared != 0xFFFFFFFF, {8: b"\xff" * 4}
    return Chunk(start, declared, block, declared // block, patches, order, is_finished=finished)
