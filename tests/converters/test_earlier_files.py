"""Files that earlier versions made still decode, to the same samples and pixels.

`expected.json` has what each file held when it was made: shape, mean, and SHA-256 of the pixels or
of the samples as float64.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convert
from tests.behaviour import record

FOLDER = Path(__file__).parent / "earlier_files"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text())
EXACT = json.loads(record.GOLDEN.read_text())["platform"] == record.platform()


def test_every_file_has_its_content() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*EXPECTED, "expected.json"}


@pytest.mark.parametrize("name", EXPECTED)
def test_earlier_files_decode_to_what_they_held(name: str, tmp_path: Path) -> None:
    target = tmp_path / ("decoded.png" if name.endswith(".flac") else "decoded.wav")
    assert record.call(convert.main, str(FOLDER / name), "--out", str(target)) == 0
    content, expected = record.read_content(target), EXPECTED[name]
    assert list(content.shape) == expected["shape"]
    assert np.isclose(content.mean(dtype=np.float64), expected["mean"], 2e-2, 1e-3)
    if EXACT:
        assert hashlib.sha256(content.tobytes()).hexdigest() == expected["sha256"]
