"""The rows that every table needs beside its models: functions of training and validation data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from datasets.splits import Part
from metrics.neighbours import nearest

__all__ = ["REFERENCES", "Draw", "reference"]

# Conditions (n, 64, 64) uint8, true digits (n,) and a source of noise -> images (n, 28, 28) uint8.
# A model leaves the digits alone.
Draw = Callable[[Tensor, Tensor, torch.Generator], Tensor]

REFERENCES = {  # name: (needs the true label, what it is)
    "real-data": (True, "a validation image of the true digit"),
    "class-mean": (True, "the mean training image of the true digit"),
    "nearest-neighbour": (False, "a training image of the digit of the nearest training sound"),
}


def reference(name: str, train: Part, validation: Part) -> Draw:
    """How to draw from one of REFERENCES."""

    def real_data(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        return _of_digit(validation.x, validation.x_digit, digit, generator)

    def class_mean(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        means = [train.x[train.x_digit == d].float().mean(0) for d in range(10)]
        return torch.stack(means).round().to(torch.uint8)[digit]

    def nearest_neighbour(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        row = nearest(c.flatten(1) / 255, train.c.flatten(1) / 255).row
        return _of_digit(train.x, train.x_digit, train.c_digit[row], generator)

    return {
        "real-data": real_data,
        "class-mean": class_mean,
        "nearest-neighbour": nearest_neighbour,
    }[name]


def _of_digit(x: Tensor, x_digit: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """A random image for each digit; none comes twice before all of its digit have come."""
    index = torch.empty_like(digit)
    for d in digit.unique():
        pool = (x_digit == d).nonzero().squeeze(1)
        wanted = (digit == d).nonzero().squeeze(1)
        order = torch.randperm(len(pool), generator=generator, device=generator.device)
        rounds = -(-len(wanted) // len(pool))
        index[wanted] = pool[order.to(pool.device)].repeat(rounds)[: len(wanted)]
    return x[index]
