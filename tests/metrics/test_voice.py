"""Voices of known pitch, words of known length."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from metrics.voice import clipped_share, level_db, pitch_hz, word_seconds

RATE = 8000


def voice(hz: float, seconds: float = 0.6, start: float = 0.2, noise: float = 0.0) -> Tensor:
    """(8192,) harmonics under a formant, with soft ends, between silence."""
    t = torch.arange(int(seconds * RATE)) / RATE
    wave = torch.zeros_like(t)
    for k in range(1, int(3500 / hz)):
        strength = math.exp(-(((k * hz - 700) / 500) ** 2)) + 0.1
        wave += strength * torch.sin(2 * torch.pi * k * hz * t + k)
    soft = torch.minimum(t, seconds - t).clamp(0, 0.02) / 0.02
    clip = torch.zeros(8192)
    at = int(start * RATE)
    clip[at : at + len(t)] = 0.1 * wave * soft
    generator = torch.Generator().manual_seed(0)
    return clip + noise * torch.randn(8192, generator=generator)


@pytest.mark.parametrize("hz", [70, 95, 120, 170, 230, 310])
@pytest.mark.parametrize("noise", [0, 0.003])
def test_the_pitch_of_a_voice_is_found(hz: float, noise: float) -> None:
    (found,) = pitch_hz(voice(hz, noise=noise)[None], RATE).tolist()
    assert found == pytest.approx(hz, rel=0.05)


def test_clips_are_measured_for_themselves() -> None:
    clips = torch.stack([voice(100), 0.01 * voice(200), torch.zeros(8192)])
    found = pitch_hz(clips, RATE)
    assert found[0].item() == pytest.approx(100, rel=0.05)
    assert found[1].item() == pytest.approx(200, rel=0.05)
    assert found[2].isnan()


@pytest.mark.parametrize(("seconds", "start"), [(0.2, 0.1), (0.5, 0.3), (0.8, 0.0)])
def test_the_length_of_a_word_is_found(seconds: float, start: float) -> None:
    for gain in (1, 0.01):
        clip = gain * voice(120, seconds, start, noise=0.0005)
        assert word_seconds(clip[None], RATE).item() == pytest.approx(seconds, abs=0.03)
    assert word_seconds(torch.zeros(2, 8192), RATE).tolist() == [0, 0]


def test_levels_and_clipping() -> None:
    square = torch.ones(1, 800)
    square[:, ::2] = -1
    assert level_db(square).item() == pytest.approx(0)
    assert level_db(0.1 * square).item() == pytest.approx(-20, abs=1e-4)
    assert level_db(torch.zeros(1, 8)).item() == -math.inf
    half = square.clone()
    half[:, :400] *= 0.5
    assert clipped_share(half).item() == 0.5 and clipped_share(0.5 * square).item() == 0
