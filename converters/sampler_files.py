"""The headers of VOC, SDS and HTK files."""

from __future__ import annotations

import struct
from typing import BinaryIO

from converters.sound_chunks import Chunk

__all__ = ["htk_chunk", "sds_chunk", "voc_chunk"]

SDS_PACKET = 127  # bytes, of which 120 hold samples of 7 bits a byte
HTK_PERIODS = range(10, 10_000_001)  # of a sample, in 100 ns


def voc_chunk(file: BinaryIO, size: int) -> Chunk | None:
    """Of the first block, which is the one that libsndfile reads."""
    file.seek(20)
    (at,) = struct.unpack("<H", file.read(2))
    file.seek(at)
    (head,) = struct.unpack("<I", file.read(4))
    kind, n = head & 255, head >> 8
    patches = {at + 1: min(size - at - 4, 0xFF_FFFF).to_bytes(3, "little")}
    if kind == 1 and file.read(2)[1:] == b"\0":  # rate, compression: none
        n_samples = max(n - 2, 0)
        return Chunk(
            at + 6, n_samples, 1, n_samples, patches, needs_patch=True, others_follow=True,
            tail=b"\0",
        )  # fmt: skip
    if kind == 9:
        bits, n_channels = struct.unpack("<4x2B6x", file.read(12))
        block, n_bytes = n_channels * (bits // 8), max(n - 12, 0)
        if block:
            return Chunk(at + 16, n_bytes, block, n_bytes // block, others_follow=True)
    return None


def sds_chunk(file: BinaryIO, _size: int) -> Chunk | None:
    """Of a dump of a sampler, in packets."""
    file.seek(6)
    bits, *length = struct.unpack("<B3x3B", file.read(7))
    n_samples = sum(byte << 7 * i for i, byte in enumerate(length))
    per_block = 120 // max(-(-bits // 7), 1)
    declared = -(-n_samples // per_block) * SDS_PACKET
    return Chunk(21, declared, SDS_PACKET, n_samples, per_block=per_block, others_follow=True)


def htk_chunk(file: BinaryIO, size: int) -> Chunk | None:
    """Of a file that libsndfile reads only if its size is exactly what its header says."""
    file.seek(0)
    n_samples, period = struct.unpack(">2I", file.read(8))
    if period not in HTK_PERIODS or n_samples >= 1 << 30:
        return None
    patches = {0: struct.pack(">I", (size - 12) // 2)}
    return Chunk(12, 2 * n_samples, 2, n_samples, patches, ">", needs_patch=True)
