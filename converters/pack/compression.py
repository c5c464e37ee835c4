"""The bytes of samples made small without loss, in blocks that are undone one by one."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import soundfile

from converters.header import ConverterError
from converters.media import BLOCK
from converters.pack.samples import Samples, cut

__all__ = ["squeeze", "unsqueeze"]

SIZE = 4  # bytes of a block's length, which stands before it
MOST_CHANNELS = 8  # of a FLAC file
RATE = 44_100  # of every FLAC block: what it is does not change the samples


def squeeze(content: Iterable[bytes], samples: Samples | None) -> Iterator[bytes]:
    """Bytes of samples (None: of a file) -> blocks: FLAC where it can hold them, else deflate."""
    for block in cut(content, _block_bytes(samples)):
        squeezed = _flac(block, samples) if _fits_flac(samples) else _deflate(block, samples)
        yield len(squeezed).to_bytes(SIZE, "little") + squeezed


def unsqueeze(stored: Iterable[bytes], n: int, samples: Samples | None) -> Iterator[bytes]:
    """The inverse of `squeeze`, n bytes in all; `stored` is read to its end.

    Raises:
        ConverterError: the blocks are not such, or not of n bytes.
    """
    pieces, buffer = iter(stored), bytearray()

    def take(size: int) -> bytes:
        while len(buffer) < size:
            piece = next(pieces, None)
            if piece is None:
                raise ConverterError("the packed samples end too early: the file is damaged")
            buffer.extend(piece)
        taken = bytes(buffer[:size])
        del buffer[:size]
        return taken

    most = _block_bytes(samples)
    while n:
        size = int.from_bytes(take(SIZE), "little")
        if size > 2 * most + BLOCK:
            raise ConverterError(f"a packed block of {size} bytes: the file is damaged")
        due = min(n, most)
        undo = _unflac if _fits_flac(samples) else _inflate
        block = undo(take(size), due, samples)
        if len(block) != due:
            raise ConverterError("a packed block of the wrong length: the file is damaged")
        yield block
        n -= due
    if buffer or any(pieces):
        raise ConverterError("there is more in the tiles than was packed: the file is damaged")


def _block_bytes(samples: Samples | None) -> int:
    frame = samples.frame if samples else 1
    return frame * max(1, min(BLOCK, (1 << 20) // frame)) if samples else 1 << 20


def _fits_flac(samples: Samples | None) -> bool:
    if samples is None or samples.n_channels > MOST_CHANNELS:
        return False
    return samples.dtype.kind == "i" and samples.n_bytes <= 3


def _flac(block: bytes, samples: Samples | None) -> bytes:
    assert samples is not None
    file = io.BytesIO()
    subtype = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24"}[samples.n_bytes]
    soundfile.write(file, samples.from_bytes(block), RATE, subtype, format="FLAC")
    return file.getvalue()


def _unflac(squeezed: bytes, n: int, samples: Samples | None) -> bytes:
    assert samples is not None
    try:
        with soundfile.SoundFile(io.BytesIO(squeezed)) as file:
            if file.format != "FLAC" or file.channels != samples.n_channels:
                raise ConverterError("a packed block is of another sound: the file is damaged")
            return samples.to_bytes(file.read(n // samples.frame, str(samples.dtype), True))
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise ConverterError(f"a packed block is damaged ({error})") from error


def _deflate(block: bytes, samples: Samples | None) -> bytes:
    """Bytes of the same rank stand together: those of a float's exponent are much alike."""
    size = samples.n_bytes if samples else 1
    ranks = np.frombuffer(block, np.uint8).reshape(-1, size).T
    return zlib.compress(ranks.tobytes())


def _inflate(squeezed: bytes, n: int, samples: Samples | None) -> bytes:
    size = samples.n_bytes if samples else 1
    try:
        unpacker = zlib.decompressobj()
        block = unpacker.decompress(squeezed, n)  # no more than is due, whatever it claims to hold
    except zlib.error as error:
        raise ConverterError(f"a packed block is damaged ({error})") from error
    if len(block) != n:
        return b""
    return np.frombuffer(block, np.uint8).reshape(size, -1).T.tobytes()
