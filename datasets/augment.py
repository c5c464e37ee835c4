"""Augmentation of log-mel pictures, on the training side only.

It works on pictures, not on samples: a shift, a stretch and a frequency warp are one resampling
of a small picture, so that a batch costs a fraction of a millisecond per picture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["augment"]

SHIFT = 0.12  # of half the window: +- 61 ms
STRETCH = 0.25  # log scale: durations times 0.78 .. 1.28
WARP = 0.12  # log scale of the frequency axis, in mel
BEND = 0.08  # smooth bend of the frequency axis, of half its height
TILT = 0.10  # of the grey range (8 dB) from the lowest to the highest band
GAIN = 0.05  # of the grey range (4 dB)
NOISE = 0.03  # standard deviation per cell, of the grey range
FLOOR = 0.35  # highest level of a noise floor under the word
MASK_BANDS = 10  # widest mask over mel bands
MASK_FRAMES = 8  # widest mask over frames


def augment(pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
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
    band = 1 - (1 - y) * torch.exp(WARP * uniform(b, 1, 1))
    band = band + BEND * uniform(b, 1, 1) * torch.sin(torch.pi * y)
    grid = torch.stack((time.expand(b, height, width), band.expand(b, height, width)), -1)
    out = F.grid_sample(pictures, grid, padding_mode="zeros", align_corners=True)

    level = GAIN * uniform(b, 1, 1, 1) - TILT * uniform(b, 1, 1, 1) * y.view(1, 1, height, 1)
    floor = FLOOR * uniform(b, 1, 1, 1).clamp_min(0)  # none in half of the pictures
    noise = torch.randn(out.shape, generator=generator, device=device)
    out = torch.where(out > 0, out + level, out).maximum(floor) + NOISE * noise

    rows = _mask(uniform(b, 2), height, MASK_BANDS).view(b, 1, height, 1)
    columns = _mask(uniform(b, 2), width, MASK_FRAMES).view(b, 1, 1, width)
    return out.masked_fill(rows | columns, 0).clamp(0, 1)


def _mask(u: Tensor, size: int, widest: int) -> Tensor:
    """One run of at most `widest` cells of each row: (b, 2) in [-1, 1) -> (b, size) bool."""
    width, start = (u.unsqueeze(-1) + 1).unbind(1)  # (b, 1) in [0, 2)
    width = width / 2 * widest
    start = start / 2 * (size - width)
    cell = torch.arange(size, device=u.device)
    return (cell >= start) & (cell < start + width)
