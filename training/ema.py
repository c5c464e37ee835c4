"""Exponential moving average of a model's weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

__all__ = ["EMA"]


class EMA:
    """Keeps `model`, a copy whose weights are the average; it draws the samples.

    The decay starts low, min(decay, (1 + t) / (10 + t)), so that early steps are forgotten.

    Args:
        decay: of the average, in [0, 1); 0: the copy is the model as it is.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._pairs = tuple(
            (list(mine), list(theirs))
            for mine, theirs in (
                (self.model.parameters(), model.parameters()),
                (_float_buffers(self.model), _float_buffers(model)),
            )
        )

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights after `step` (from 0). Buffers are copied, not averaged."""
        (average, weights), (buffers, fresh) = self._pairs
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(average, weights, 1 - decay)
        if buffers:
            torch._foreach_copy_(buffers, fresh)


def _float_buffers(model: nn.Module) -> list[Tensor]:
    return [b for b in model.buffers() if b.is_floating_point()]
