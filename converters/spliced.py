"""A file in pieces: parts of it, and bytes in place of others."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Pieces", "Spliced", "patched"]

Pieces = Sequence[bytes | range]
"""Of a file: other bytes, and ranges of its own."""


class Spliced(io.RawIOBase):
    """Pieces of a file, as a file for reading."""

    def __init__(self, path: Path, pieces: Pieces) -> None:
        self._file = path.open("rb")
        self._pieces = pieces
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size()}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        done = 0
        while data := self._read(len(buffer) - done):  # libsndfile takes less for the end
            buffer[done : done + len(data)] = data
            done += len(data)
            self._position += len(data)
        return done

    def close(self) -> None:
        self._file.close()
        super().close()

    def _size(self) -> int:
        return sum(map(len, self._pieces))

    def _read(self, n: int) -> bytes:
        """From the position to the end of a piece, n bytes at most."""
        at = self._position
        for piece in self._pieces:
            if at < len(piece):
                if isinstance(piece, bytes):
                    return piece[at : at + n]
                self._file.seek(piece[at])
                return self._file.read(min(n, len(piece) - at))
            at -= len(piece)
        return b""


def patched(size: int, patches: Mapping[int, bytes]) -> Pieces:
    """A file of that size with other bytes at some positions."""
    pieces: list[bytes | range] = []
    at = 0
    for position, content in sorted(patches.items()):
        pieces += [range(at, position), content]
        at = position + len(content)
    return [*(piece for piece in pieces if len(piece)), range(at, size)]
