"""Attributes of spoken words: how long, how high, how loud.

Distances between their distributions in samples and in real recordings show what accuracy does
not: a model that always speaks in one voice, at one pace.
"""

from __future__ import annotations

import torch
import torchaudio.functional as AF
from torch import Tensor

__all__ = ["clipped_share", "level_db", "pitch_hz", "word_seconds"]

FRAME = 0.01  # seconds
RANGE_DB = 30.0  # a word is within it of its loudest frame
MIN_HZ, MAX_HZ = 60, 400
SMOOTH = 15  # frames of the median filter over pitches


def word_seconds(clips: Tensor, sample_rate: int) -> Tensor:
    """From the first to the last frame that is within 30 dB of the loudest, in seconds.

    Args:
        clips: (n, n_samples) floating; at least a frame of 10 ms.

    Returns:
        (n,) float64 >= 0; 0 in silence.
    """
    energy = _frame_energy(clips, sample_rate)  # (n, frames)
    loud = energy > energy.amax(1, keepdim=True) * 10 ** (-RANGE_DB / 10)
    at = torch.arange(loud.shape[1], device=clips.device)
    first = torch.where(loud, at, loud.shape[1]).amin(1)
    last = torch.where(loud, at, -1).amax(1)
    return (last - first + 1).clamp_min(0).double() * FRAME


def pitch_hz(clips: Tensor, sample_rate: int) -> Tensor:
    """The median pitch of the loud half of a word's frames, in Hz.

    By the normalized cross-correlation of torchaudio (Ghahremani et al., "A pitch extraction
    algorithm tuned for automatic speech recognition", ICASSP 2014, simplified there), between 60
    and 400 Hz. Whispers and noise give a pitch, too: read it as a distribution.

    Args:
        clips: (n, n_samples) floating.

    Returns:
        (n,) float64; NaN in silence.
    """
    hz = AF.detect_pitch_frequency(
        clips, sample_rate, FRAME, SMOOTH, freq_low=MIN_HZ, freq_high=MAX_HZ
    ).double()
    energy = _frame_energy(clips, sample_rate)[:, : hz.shape[1]]
    hz = hz[:, : energy.shape[1]]
    word = energy > energy.amax(1, keepdim=True) * 10 ** (-RANGE_DB / 10)
    typical = torch.where(word, energy, torch.nan).nanmedian(1, keepdim=True).values
    return torch.where(word & (energy >= typical), hz, torch.nan).nanmedian(1).values


def level_db(clips: Tensor) -> Tensor:
    """(n, n_samples) -> (n,) root mean square level in dB of full scale; -inf in silence."""
    return 10 * clips.double().square().mean(1).log10()


def clipped_share(clips: Tensor, limit: float = 0.999) -> Tensor:
    """(n, n_samples) -> (n,) share of samples at or beyond the limit of full scale."""
    return (clips.abs() >= limit).double().mean(1)


def _frame_energy(clips: Tensor, sample_rate: int) -> Tensor:
    """(n, n_samples) -> (n, frames) of 10 ms, without overlap; a rest is left out."""
    n = round(FRAME * sample_rate)
    return clips.double().unfold(1, n, n).square().sum(2)
