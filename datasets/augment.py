"""Augmentation of log-mel pictures, on the training side only.

Two strengths: the usual, and one for speakers who are never heard, which takes a part of the pitch
away by smoothing along frequency and warps that axis less. It was chosen on the validation speakers
of two splits (`results/selection/speakers.csv`).

It works on pictures, not on samples: a shift, a stretch and a frequency warp are one resampling
of a small picture, so that a batch costs a fraction of a millisecond per picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["NEW_SPEAKERS", "USUAL", "Strength", "augment"]

SHIFT = 0.12  # of half the window: +- 61 ms
STRETCH = 0.25  # log scale: durations times 0.78 .. 1.28
TILT = 0.10  # of the grey range (8 dB) from the lowest to the highest band
GAIN = 0.05  # of the grey range (4 dB)
NOISE = 0.03  # standard deviation per cell, of the grey range
FLOOR = 0.35  # highest level of a noise floor under the word
MASK_BANDS = 10  # widest mask over mel bands
MASK_FRAMES = 8  # widest mask over frames


class Strength(NamedTuple):
    """What differs between the two."""

    warp: float  # log scale of the frequency axis, in mel
    bend: float  # smooth bend of the frequency axis, of half its height
    smooth: float  # widest standard deviation of the smoothing, in bands; 0: none


USUAL, NEW_SPEAKERS = Strength(0.12, 0.08, 0.0), Strength(0.05, 0.03, 2.5)
SMOOTHED = 0.7  # share of the pictures that are smoothed, where any are
REACH = 6  # bands to either side that are smoothed over


def augment(
    pictures: Tensor, generator: torch.Generator | None = None, strength: Strength = USUAL
) -> Tensor:
    """Random time shift and stretch, frequency warp, tilt, noise and masks.

    Args:
        pictures: (b, 1, n_mels, n_frames) in [0, 1], the highest band on top.
        generator: on the same device; the result is a function of its state.

    Returns:
        (b, 1, n_mels, n_frames) in [0, 1].
    """
    b, _, height, width = pictures.shape
    device = pictures.device

    def uniform(*shape: int) -> Tensor:  # in [-1, 1)
        return torch.rand(shape, generator=generator, device=device) * 2 - 1

    y = torch.linspace(-1, 1, height, device=device).view(1, height, 1)
    x = torch.linspace(-1, 1, width, device=device).view(1, 1, width)
    time = x * torch.exp(STRETCH * uniform(b, 1, 1)) + SHIFT * uniform(b, 1, 1)
    # The lowest band (y = 1) is the origin of the frequency axis.
    band = 1 - (1 - y) * torch.exp(strength.warp * uniform(b, 1, 1))
    band = band + strength.bend * uniform(b, 1, 1) * torch.sin(torch.pi * y)
    grid = torch.stack((time.expand(b, height, width), band.expand(b, height, width)), -1)
    out = F.grid_sample(pictures, grid, padding_mode="zeros", align_corners=True)

    level = GAIN * uniform(b, 1, 1, 1) - TILT * uniform(b, 1, 1, 1) * y.view(1, 1, height, 1)
    floor = FLOOR * uniform(b, 1, 1, 1).clamp_min(0)  # none in half of the pictures
    noise = torch.randn(out.shape, generator=generator, device=device)
    out = torch.where(out > 0, out + level, out).maximum(floor) + NOISE * noise

    rows = _mask(uniform(b, 2), height, MASK_BANDS).view(b, 1, height, 1)
    columns = _mask(uniform(b, 2), width, MASK_FRAMES).view(b, 1, 1, width)
    out = out.masked_fill(rows | columns, 0).clamp(0, 1)
    if strength.smooth:
        bands = strength.smooth * uniform(b).abs()
        out = _smooth(out, bands * (uniform(b) < 2 * SMOOTHED - 1))
    return out


def _smooth(pictures: Tensor, width: Tensor) -> Tensor:
    """Each along frequency by a Gaussian of its own width, in bands: (b,), 0: not at all."""
    away = torch.arange(-REACH, REACH + 1, device=pictures.device)
    kernel = (-0.5 * (away / width.clamp_min(1e-3)[:, None]).square()).softmax(1)  # (b, n)
    padded = F.pad(pictures.transpose(0, 1), (0, 0, REACH, REACH), mode="replicate")
    return F.conv2d(padded, kernel[:, None, :, None], groups=len(pictures)).transpose(0, 1)


def _mask(u: Tensor, size: int, widest: int) -> Tensor:
    """One run of at most `widest` cells of each row: (b, 2) in [-1, 1) -> (b, size) bool."""
    width, start = (u.unsqueeze(-1) + 1).unbind(1)  # (b, 1) in [0, 2)
    width = width / 2 * widest
    start = start / 2 * (size - width)
    cell = torch.arange(size, device=u.device)
    return (cell >= start) & (cell < start + width)
