"""A file in pieces is read as a file."""

from __future__ import annotations

import io
from pathlib import Path

from converters.spliced import Spliced, patched


def test_pieces_of_a_file_are_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(range(100)))
    content = b"head" + bytes(range(10)) + b"!?" + bytes(range(12, 100))
    with Spliced(path, [b"head", *patched(100, {10: b"!?"})]) as file:
        assert file.read() == content
        for start, n in ((0, 4), (3, 10), (90, 50), (200, 1)):
            file.seek(start)
            assert file.read(n) == content[start : start + n]
        assert file.seek(-4, io.SEEK_END) == len(content) - 4 == file.tell()
