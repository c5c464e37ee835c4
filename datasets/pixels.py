"""8-bit pixels <-> the numbers that models take and give."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["quantized", "scaled"]


def scaled(pictures: Tensor) -> Tensor:
    """(b, h, w) uint8 -> (b, 1, h, w) float32 in [0, 1]."""
    return pictures.unsqueeze(1) / 255


def quantized(x: Tensor) -> Tensor:
    """(b, 1, h, w) in [0, 1] -> (b, h, w) uint8, as real pictures are; what lies outside is cut."""
    return (x.clamp(0, 1) * 255).round().to(torch.uint8).squeeze(1)
