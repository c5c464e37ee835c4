"""Lossless compression of samples, in blocks that are decompressed one by one."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import soundfile

from converters.header import ConverterError
from converters.media import BLOCK
from converters.pack.samples import Samples, rechunk

__all__ = ["compress", "decompress"]

SIZE = 4  # bytes of the length in front of each block
MAX_CHANNELS = 8  # of a FLAC file
RATE = 44_100  # Hz, of every FLAC block: it has no influence on the samples


def compress(content: Iterable[bytes], samples: Samples | None) -> Iterator[bytes]:
    """Bytes of samples (None: of a file) -> blocks: FLAC where it can hold them, else deflate."""
    for block in rechunk(content, _block_bytes(samples)):
        compressed = _flac(block, samples) if _fits_flac(samples) else _deflate(block, samples)
        yield len(compressed).to_bytes(SIZE, "little") + compressed


def decompress(stored: Iterable[bytes], n: int, samples: Samples | None) -> Iterator[bytes]:
    """The inverse of `compress`, n bytes in all; `stored` is read to its end.

    Raises:
        ConverterError: a block is damaged, or they are not of n bytes.
    """
    pieces, buffer = iter(stored), bytearray()

    def take(size: int) -> bytes:
        while len(buffer) < size:
            piece = next(pieces, None)
            if piece is None:
                raise ConverterError("the compressed samples end too early: the file is damaged")
            buffer.extend(piece)
        taken = bytes(buffer[:size])
        del buffer[:size]
        return taken

    block_bytes = _block_bytes(samples)
    while n:
        size = int.from_bytes(take(SIZE), "little")
        if size > 2 * block_bytes + BLOCK:
            raise ConverterError(f"a compressed block of {size} bytes: the file is damaged")
        n_block = min(n, block_bytes)
        decode = _unflac if _fits_flac(samples) else _inflate
        block = decode(take(size), n_block, samples)
        if len(block) != n_block:
            raise ConverterError("a compressed block of the wrong length: the file is damaged")
        yield block
        n -= n_block
    if buffer or any(pieces):
        raise ConverterError("the tiles hold more than was compressed: the file is damaged")


def _block_bytes(samples: Samples | None) -> int:
    if samples is None:
        return 1 << 20
    return samples.bytes_per_frame * max(1, min(BLOCK, (1 << 20) // samples.bytes_per_frame))


def _fits_flac(samples: Samples | None) -> bool:
    if samples is None or samples.n_channels > MAX_CHANNELS:
        return False
    return samples.dtype.kind == "i" and samples.n_bytes <= 3


def _flac(block: bytes, samples: Samples | None) -> bytes:
    assert samples is not None
    file = io.BytesIO()
    subtype = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24"}[samples.n_bytes]
    soundfile.write(file, samples.from_bytes(block), RATE, subtype, format="FLAC")
    return file.getvalue()


def _unflac(compressed: bytes, n: int, samples: Samples | None) -> bytes:
    assert samples is not None
    try:
        with soundfile.SoundFile(io.BytesIO(compressed)) as file:
            if file.format != "FLAC" or file.channels != samples.n_channels:
                raise ConverterError("a compressed block is of another sound: the file is damaged")
            n_frames = n // samples.bytes_per_frame
            return samples.to_bytes(file.read(n_frames, str(samples.dtype), always_2d=True))
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise ConverterError(f"a compressed block is damaged ({error})") from error


def _deflate(block: bytes, samples: Samples | None) -> bytes:
    """Bytes of the same significance are grouped: those of the exponents of floats are similar."""
    size = samples.n_bytes if samples else 1
    planes = np.frombuffer(block, np.uint8).reshape(-1, size).T
    return zlib.compress(planes.tobytes())


def _inflate(compressed: bytes, n: int, samples: Samples | None) -> bytes:
    size = samples.n_bytes if samples else 1
    try:
        unpacker = zlib.decompressobj()
        block = unpacker.decompress(compressed, n)  # bounds the memory of a decompression bomb
    except zlib.error as error:
        raise ConverterError(f"a compressed block is damaged ({error})") from error
    if len(block) != n:
        return b""
    return np.frombuffer(block, np.uint8).reshape(size, -1).T.tobytes()
