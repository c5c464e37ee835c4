"""The material to try things out with is what the commands take."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import datasets
from common.errors import InputError
from datasets import examples


def test_all_of_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    counts = ["--files", "10", "--images", "10", "--sentences", "10"]
    monkeypatch.setattr(sys, "argv", ["x", str(folder), *counts])
    examples.main()
    assert f"folder:{folder / 'shapes'}" in capsys.readouterr().out
    shapes = datasets.load(f"folder:{folder / 'shapes'}")
    assert (shapes.classes, len(shapes.images), len(shapes.recordings)) == (
        examples.CLASSES, 30, 30,
    )  # fmt: skip
    found = datasets.load(images=folder / "art", sounds=folder / "speech", size=128)
    assert found.images.pixels.shape == (10, 3, 128, 128)
    assert len({*found.recordings.hashes}) == 10
    assert len(found.recordings) > 15  # sentences of more than a window
    digits = {path.name for path in (folder / "digits").iterdir()}
    assert len(digits) == 10 and {"zero.wav", "nine.wav"} <= digits
    with pytest.raises(SystemExit):
        examples.main()
    assert "exists" in capsys.readouterr().err


def test_there_are_only_so_many_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="900 different"):
        examples.write_speech(tmp_path, 901)
