"""Round trips of converters become rows."""

from __future__ import annotations

import math

from benchmarking.channels import PICTURE_CHANNELS, SOUND_CHANNELS
from benchmarking.round_trips import Row


def chosen(rows: list[Row], kind: str, signal: str, channel: str) -> Row:
    key = (kind, signal, channel)
    (row,) = (r for r in rows if (r["kind"], r["signal"], r["channel"]) == key)
    return row


def test_everything_goes_everywhere(rows: list[Row]) -> None:
    there = {(row["kind"], row["signal"], row["channel"]) for row in rows}
    for channel in ("", *PICTURE_CHANNELS):
        assert ("pack", "speech", channel) in there
        assert ("tone", "speech", channel) not in there  # it makes no picture of speech
    for kind in ("pack", "tone"):
        assert all((kind, "photo 100x100", channel) in there for channel in ("", *SOUND_CHANNELS))


def test_exact_and_close_are_distinguished(rows: list[Row]) -> None:
    exact = chosen(rows, "pack", "speech", "metadata stripped")
    assert exact["exact"] and exact["same_format"] and exact["snr_db"] == math.inf
    close = chosen(rows, "spectrogram", "speech", "")
    assert not close["exact"]
    assert close["spectral_convergence_db"] < -25 and close["snr_db"] < 30  # phases are its own
    assert chosen(rows, "tone", "photo 100x100", "noise 10 dB")["exact_pixels"] == 1
    assert "no header" in chosen(rows, "pack", "photo 100x100", "MP3")["refused"]
    assert "/" not in chosen(rows, "pack", "photo 100x100", "MP3")["refused"]
