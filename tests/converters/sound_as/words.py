"""Synthetic words, and how far sounds are from each other."""

from __future__ import annotations

import torch
from torch import Tensor

from converters.mel64.features import fit_clip
from converters.sound_as_base import N_SAMPLES, SAMPLE_RATE

__all__ = ["snr", "spectral_convergence", "tone", "word", "words"]


def word(seed: int) -> Tensor:
    """(8192,): a hiss, then a voice whose pitch glides under two formants; of 0.3 s and more."""
    generator = torch.Generator().manual_seed(seed)

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    n = int(between(2500, 7000))
    t = torch.arange(n) / SAMPLE_RATE
    pitch = between(90, 250) * torch.exp(between(-0.3, 0.3) * t / t[-1])
    turns = pitch.cumsum(0) / SAMPLE_RATE
    formants = between(300, 900), between(1000, 2500)
    voice = torch.zeros(n)
    for k in range(1, 30):
        frequency = k * pitch
        level = sum(1 / (1 + ((frequency - each) / 150) ** 2) for each in formants)
        voice += level * torch.sin(2 * torch.pi * k * turns) * (frequency < 3800)
    onset = between(0.1, 0.4) * t[-1]
    envelope = torch.sigmoid((t - onset) * 80) * torch.sigmoid((0.9 * t[-1] - t) * 40)
    hiss = torch.randn(n, generator=generator).diff(append=torch.zeros(1))  # mostly high
    burst = 0.2 * torch.exp(-(((t - onset) / 0.05) ** 2))
    return fit_clip(envelope * voice + (burst + 0.003) * hiss)


def words(n: int = 4) -> Tensor:
    """(n, 8192)"""
    return torch.stack([word(seed) for seed in range(n)])


def tone(hertz: float, amplitude: float = 0.1, turns: float = 0.0) -> Tensor:
    """(1, 8192) float64: a sine that begins at a phase of so many turns."""
    at = torch.arange(N_SAMPLES).double() * hertz / SAMPLE_RATE + turns
    return amplitude * torch.sin(2 * torch.pi * at)[None]


def snr(clips: Tensor, again: Tensor) -> Tensor:
    """(n,) dB."""
    error = (clips.double() - again.double()).square().sum(1)
    return 10 * (clips.double().square().sum(1) / error).log10()


def spectral_convergence(clips: Tensor, again: Tensor) -> Tensor:
    """(n,) dB: the distance of the magnitudes, relative to them; 0 of silence."""
    window = torch.hann_window(512, dtype=torch.float64)
    a, b = (
        torch.stft(x.double(), 512, 128, window=window, return_complex=True).abs()
        for x in (clips, again)
    )
    return 20 * ((a - b).norm(dim=(1, 2)) / a.norm(dim=(1, 2))).log10()
