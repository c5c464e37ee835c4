"""Rows without training that every table shows beside its models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from datasets import Part
from metrics.neighbors import nearest

__all__ = ["BASELINES", "Baseline", "Draw", "Name", "draw_of_digit"]

Name = Literal["real-data", "class-mean", "nearest-neighbor"]
# Conditions (n, 64, 64) uint8, true digits (n,) and a source of noise -> images (n, 28, 28) uint8.
# A model ignores the digits.
Draw = Callable[[Tensor, Tensor, torch.Generator], Tensor]


class Baseline(NamedTuple):
    """A way to draw images from training or validation data."""

    draw: Callable[[Part, Part, Tensor, Tensor, torch.Generator], Tensor]
    needs_label: bool  # whether it is given the true digit


def _real_data(
    train: Part, validation: Part, c: Tensor, digit: Tensor, generator: torch.Generator
) -> Tensor:
    """A validation image of the true digit."""
    return draw_of_digit(validation.images, validation.image_digit, digit, generator)


def _class_mean(
    train: Part, validation: Part, c: Tensor, digit: Tensor, generator: torch.Generator
) -> Tensor:
    """The mean training image of the true digit."""
    means = [train.images[train.image_digit == d].float().mean(0) for d in range(10)]
    return torch.stack(means).round().to(torch.uint8)[digit]


def _nearest_neighbor(
    train: Part, validation: Part, c: Tensor, digit: Tensor, generator: torch.Generator
) -> Tensor:
    """A training image of the digit of the nearest training sound."""
    row = nearest(c.flatten(1) / 255, train.sounds.flatten(1) / 255).row
    return draw_of_digit(train.images, train.image_digit, train.sound_digit[row], generator)


BASELINES: dict[Name, Baseline] = {
    "real-data": Baseline(_real_data, needs_label=True),
    "class-mean": Baseline(_class_mean, needs_label=True),
    "nearest-neighbor": Baseline(_nearest_neighbor, needs_label=False),
}


def draw_of_digit(x: Tensor, x_digit: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """A random image for each digit; none is repeated before all of its digit were drawn."""
    index = torch.empty_like(digit)
    for d in digit.unique():
        pool = (x_digit == d).nonzero().squeeze(1)
        wanted = (digit == d).nonzero().squeeze(1)
        order = torch.randperm(len(pool), generator=generator, device=generator.device)
        rounds = -(-len(wanted) // len(pool))
        index[wanted] = pool[order.to(pool.device)].repeat(rounds)[: len(wanted)]
    return x[index]
