"""The drawings of input and output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from tests.conversion.calls import RATE, fail, picture_file, sound_file, succeed


def test_previews_are_drawn(folder: Path) -> None:
    sound_file(folder / "a.wav")
    (folder / "$x_{a.png").write_bytes(picture_file(folder / "p.png").read_bytes())
    assert "preview: a_SR8000.preview.png\n" in succeed("a.wav", "--with", "pack", "--preview").out
    succeed("$x_{a.png", "音.wav", "--with", "tone", "--preview")
    soundfile.write(folder / "none.wav", np.zeros((0, 1)), RATE)
    succeed("none.wav", "--with", "pack", "--preview")
    picture_file(folder / "narrow.png", 9, 90)
    succeed("narrow.png", "--with", "tone", "--preview")
    names = ("a_SR8000", "音", "none_SR8000", "narrow")
    for path in (folder / f"{name}.preview.png" for name in names):
        with Image.open(path) as image:
            assert image.size == (1300, 600)
            assert len(image.convert("L").getcolors() or ()) > 50
    assert "exists" in fail("a.wav", "--with", "pack", "-o", "a_SR8000.png", "--preview")
