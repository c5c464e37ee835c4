"""Round trips of converters become rows, and rows a report."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarking import converter_report, signals
from benchmarking.channels import PICTURE_CHANNELS, SOUND_CHANNELS, travel
from benchmarking.round_trips import Row, measure
from converters import Picture, Sound
from converters.picture_files import write_picture
from converters.sound_files import read_sound, write_sound
from datasets.base import PairedDataset


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder, rng = tmp_path_factory.mktemp("material"), np.random.default_rng(0)
    tone = 9000 * np.sin(np.arange(8000) * 0.3) + rng.normal(0, 30, 8000)
    write_sound(folder / "speech.wav", Sound.of(tone.astype(np.int16), 8000))
    photo = rng.integers(0, 256, (9, 12)).astype(np.uint8)
    write_picture(folder / "photo 100x100.png", Picture(photo))
    kinds = (("pack", "rgb"), ("tone", "default"), ("spectrogram", "magnitude"))
    return [row for kind, preset in kinds for row in measure(kind, preset, folder)]


def chosen(rows: list[Row], kind: str, material: str, channel: str) -> Row:
    (row,) = (r for r in rows
              if (r["kind"], r["material"], r["channel"]) == (kind, material, channel))  # fmt: skip
    return row


def test_everything_goes_everywhere(rows: list[Row]) -> None:
    there = {(row["kind"], row["material"], row["channel"]) for row in rows}
    for channel in ("", *PICTURE_CHANNELS):
        assert ("pack", "speech", channel) in there
        assert ("tone", "speech", channel) not in there  # it makes no picture of speech
    for kind in ("pack", "tone"):
        assert all((kind, "photo 100x100", channel) in there for channel in ("", *SOUND_CHANNELS))


def test_what_is_exact_is_told_from_what_is_close(rows: list[Row]) -> None:
    exact = chosen(rows, "pack", "speech", "metadata stripped")
    assert exact["exact"] and exact["same_format"] and exact["snr_db"] == math.inf
    close = chosen(rows, "spectrogram", "speech", "")
    assert not close["exact"]
    assert close["spectral_convergence_db"] < -25 and close["snr_db"] < 30  # phases are its own
    assert chosen(rows, "tone", "photo 100x100", "noise 10 dB")["exact_pixels"] == 1
    assert "no header" in chosen(rows, "pack", "photo 100x100", "MP3")["refused"]
    assert "/" not in chosen(rows, "pack", "photo 100x100", "MP3")["refused"]


def test_the_report_shows_every_converter(rows: list[Row], tmp_path: Path) -> None:
    converter_report.write(rows, tmp_path)
    text = (tmp_path / converter_report.TABLE).read_text()
    for name in ("pack rgb", "tone default", "spectrogram magnitude"):
        assert f"| {name} |" in text
    with (tmp_path / converter_report.ROWS).open() as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    for name in ("converters-sound", "converters-channels"):
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_channels_do_what_they_say(tmp_path: Path) -> None:
    path, rate = tmp_path / "sound.wav", 8000
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    write_sound(path, Sound.of((9000 * tone).astype(np.int16), rate))

    def arrived(channel: str) -> tuple[np.ndarray, int]:
        sound = read_sound(travel(path, SOUND_CHANNELS[channel]))
        return np.concatenate(list(sound.floats()))[:, 0], sound.format.sample_rate

    true, _ = arrived("16-bit WAV")
    assert arrived("at 48 kHz")[1] == 48_000
    assert len(arrived("clock +500 ppm")[0]) - len(true) == pytest.approx(4, abs=1)
    for decibel in (20, 10, 0):
        noisy, _ = arrived(f"noise {decibel} dB")
        # The sum is scaled to fit where it would clip.
        gain = noisy @ true / (true @ true)
        noise = np.square(noisy / gain - true).sum()
        assert 10 * np.log10(np.square(true).sum() / noise) == pytest.approx(decibel, abs=0.5)
    assert np.abs(arrived("leading silence")[0][:9000]).max() == 0


def test_signals_are_written_once_for_all(
    offline_source: PairedDataset, tmp_path: Path
) -> None:
    signals.write(tmp_path, offline_source)
    assert {path.suffix for path in tmp_path.iterdir()} == {".wav", ".png"}
    speech, music = (read_sound(tmp_path / f"{name}.wav") for name in ("speech", "music"))
    assert speech.format.sample_rate == 8000 and 14 < speech.format.n_samples / 8000 < 18
    assert (music.format.sample_rate, music.format.n_channels) == (44_100, 2)
    assert all(2000 < np.abs(s.samples()).max() < 32_767 for s in (speech, music))
