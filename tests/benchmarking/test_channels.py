"""Channels distort as their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarking.channels import SOUND_CHANNELS, transmit
from converters import Sound
from converters.sound_files import read_sound, write_sound


def test_channels_do_as_they_are_named(tmp_path: Path) -> None:
    path, rate = tmp_path / "sound.wav", 8000
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    write_sound(path, Sound.of((9000 * tone).astype(np.int16), rate))

    def received(channel: str) -> tuple[np.ndarray, int]:
        sound = read_sound(transmit(path, SOUND_CHANNELS[channel]))
        return np.concatenate(list(sound.floats()))[:, 0], sound.format.sample_rate

    true, _ = received("16-bit WAV")
    assert received("at 48 kHz")[1] == 48_000
    assert len(received("clock +500 ppm")[0]) - len(true) == pytest.approx(4, abs=1)
    for decibel in (20, 10, 0):
        noisy, _ = received(f"noise {decibel} dB")
        # The sum is scaled to fit where it would clip.
        gain = noisy @ true / (true @ true)
        noise = np.square(noisy / gain - true).sum()
        assert 10 * np.log10(np.square(true).sum() / noise) == pytest.approx(decibel, abs=0.5)
    assert np.abs(received("leading silence")[0][:9000]).max() == 0
