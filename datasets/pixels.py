"""8-bit pixels <-> the values of models' inputs and outputs."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["from_pixels", "to_pixels"]


def from_pixels(pictures: Tensor) -> Tensor:
    """(b, h, w) or (b, 3, h, w) uint8 -> (b, 1, h, w) or (b, 3, h, w) float32 in [0, 1]."""
    return (pictures if pictures.ndim == 4 else pictures.unsqueeze(1)) / 255


def to_pixels(x: Tensor) -> Tensor:
    """The inverse, as real pictures are; values are clamped."""
    return (x.clamp(0, 1) * 255).round().to(torch.uint8).squeeze(1)
