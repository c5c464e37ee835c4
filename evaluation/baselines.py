"""Rows without training that every table shows beside its models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from datasets import Sides
from metrics.neighbors import nearest

__all__ = ["BASELINES", "Baseline", "Draw", "Name", "draw_of_digit"]

Name = Literal["real-data", "class-mean", "nearest-neighbor"]
# Conditions (n, h, w) uint8, true digits (n,) and a source of noise -> targets (n, h, w) uint8.
# A model ignores the digits.
Draw = Callable[[Tensor, Tensor, torch.Generator], Tensor]


class Baseline(NamedTuple):
    """A way to draw targets from training or validation data."""

    draw: Callable[[Sides, Sides, Tensor, Tensor, torch.Generator], Tensor]
    needs_label: bool  # whether it is given the true digit


def _real_data(
    train: Sides, validation: Sides, c: Tensor, digit: Tensor, generator: torch.Generator
) -> Tensor:
    """A validation item of the true digit."""
    return draw_of_digit(validation.x, validation.x_digit, digit, generator)


def _class_mean(
    train: Sides, validation: Sides, c: Tensor, digit: Tensor, generator: torch.Generator
) -> Tensor:
    """The mean training item of the true digit."""
    means = [train.x[train.x_digit == d].float().mean(0) for d in train.x_digit.unique()]
    return torch.stack(means).round().to(torch.uint8)[digit]


def _nearest_neighbor(
    train: Sides, validation: Sides, c: Tensor, digit: Tensor, generator: torch.Generator
) -> Tensor:
    """A training item of the digit of the nearest training condition."""
    row = nearest(c.flatten(1) / 255, train.c.flatten(1) / 255).row
    return draw_of_digit(train.x, train.x_digit, train.c_digit[row], generator)


BASELINES: dict[Name, Baseline] = {
    "real-data": Baseline(_real_data, needs_label=True),
    "class-mean": Baseline(_class_mean, needs_label=True),
    "nearest-neighbor": Baseline(_nearest_neighbor, needs_label=False),
}


def draw_of_digit(x: Tensor, x_digit: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """A random item for each digit; none is repeated before all of its digit were drawn."""
    index = torch.empty_like(digit)
    for d in digit.unique():
        pool = (x_digit == d).nonzero().squeeze(1)
        wanted = (digit == d).nonzero().squeeze(1)
        order = torch.randperm(len(pool), generator=generator, device=generator.device)
        rounds = -(-len(wanted) // len(pool))
        index[wanted] = pool[order.to(pool.device)].repeat(rounds)[: len(wanted)]
    return x[index]
