"""The test signals of converters."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarking import signals
from converters.sound_files import read_sound
from datasets import PairedDataset


def test_signals_are_written_once_for_all(offline_source: PairedDataset, tmp_path: Path) -> None:
    signals.write(tmp_path, offline_source)
    assert {path.suffix for path in tmp_path.iterdir()} == {".wav", ".png"}
    speech, music = (read_sound(tmp_path / f"{name}.wav") for name in ("speech", "music"))
    assert speech.format.sample_rate == 8000 and 14 < speech.format.n_samples / 8000 < 18
    assert (music.format.sample_rate, music.format.n_channels) == (44_100, 2)
    assert all(2000 < np.abs(s.samples()).max() < 32_767 for s in (speech, music))
