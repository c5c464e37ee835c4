"""Augmentation of clips, on the training side only: the counterpart of `datasets.augment`.

It works on samples, for pictures that themselves can be neither shifted nor stretched.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["augment_clips"]

SHIFT = 488  # samples: +- 61 ms
RESAMPLE = 0.2  # log scale: tempo and pitch together, times 0.82 .. 1.22
GAIN = 4.0  # dB
FLOOR = (-75.0, -45.0)  # dB: the RMS of white noise under the word, which has -20 dB


def augment_clips(clips: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Random time shift, resampling, gain, and in half of the clips a noise floor.

    Args:
        clips: (b, n_samples) float32.
        generator: on the same device; the result is a function of its state.

    Returns:
        (b, n_samples) float32; silence where a clip has ended.
    """
    b, n = clips.shape
    device = clips.device

    def uniform() -> Tensor:  # in [-1, 1)
        return torch.rand((b, 1), generator=generator, device=device) * 2 - 1

    out = _resample(clips, torch.exp(RESAMPLE * uniform()), SHIFT * uniform())
    out *= 10 ** (GAIN / 20 * uniform())

    low, high = FLOOR
    floor = 10 ** ((low + (high - low) * uniform().abs()) / 20) * (uniform() > 0)
    # One row of noise for all, each clip with a start of its own: b rows would cost b times that.
    start = torch.randint(n, (b,), generator=generator, device=device)
    noise = torch.randn(2 * n, generator=generator, device=device).unfold(0, n, 1)[start]
    return out.addcmul_(noise, floor)


def _resample(clips: Tensor, rate: Tensor, shift: Tensor) -> Tensor:
    """Sample i is that at middle + (i - middle) * rate + shift.

    Args:
        clips: (b, n).
        rate, shift: (b, 1); the shift in samples.

    Returns:
        (b, n), 0 from outside of the clips.
    """
    n = clips.shape[1]
    # From twice the samples linear interpolation is 12 dB more exact, as cheaply as cubic.
    fine = torch.fft.irfft(torch.fft.rfft(clips, norm="forward"), 2 * n, norm="forward")
    fine[:, 0] = fine[:, -2:] = 0  # what is read for all that lies outside
    middle = (n - 1) / 2
    from_middle = torch.arange(n, device=clips.device) - middle
    at = torch.addcmul(2 * (middle + shift), from_middle, 2 * rate).clamp_(0, 2 * n - 2)
    index = at.long()
    weight = at.sub_(index)
    return fine.gather(1, index).lerp_(fine.gather(1, index.add_(1)), weight)
