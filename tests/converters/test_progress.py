"""The progress of the search for phases can be shown."""

from __future__ import annotations

import numpy as np

from converters import Picture
from converters.progress import show_progress
from converters.spectrogram import Spectrogram


class Bar:
    """Counts."""

    def __init__(self, total: int) -> None:
        self.total, self.n, self.closed = total, 0, False

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True

    def update(self, n: int) -> None:
        self.n += n


def test_a_search_for_phases_moves_a_bar() -> None:
    bars: list[Bar] = []

    def make(name: str, total: int) -> Bar:
        assert name == "phases"
        bars.append(Bar(total))
        return bars[-1]

    picture = Picture(np.random.default_rng(0).integers(0, 255, (33, 40), np.uint8))
    converter = Spectrogram(n_fft=64, hop=16, profile="magnitude", tones=False)
    with show_progress(make):
        converter.encode_picture(picture)
    assert bars and all(bar.closed and bar.n == bar.total > 10 for bar in bars)
    n_bars = len(bars)
    converter.encode_picture(picture)
    assert len(bars) == n_bars
