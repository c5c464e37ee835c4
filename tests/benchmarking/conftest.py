"""Rows that tests of round trips and of their report share."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarking.round_trips import Row, measure
from converters import Picture, Sound
from converters.picture_files import write_picture
from converters.sound_files import write_sound


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder, rng = tmp_path_factory.mktemp("signals"), np.random.default_rng(0)
    tone = 9000 * np.sin(np.arange(8000) * 0.3) + rng.normal(0, 30, 8000)
    write_sound(folder / "speech.wav", Sound.of(tone.astype(np.int16), 8000))
    photo = rng.integers(0, 256, (9, 12)).astype(np.uint8)
    write_picture(folder / "photo 100x100.png", Picture(photo))
    kinds = (("pack", "rgb"), ("tone", "default"), ("spectrogram", "magnitude"))
    return [row for kind, preset in kinds for row in measure(kind, preset, folder)]
