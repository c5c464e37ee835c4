"""Baselines that use what a run learned, in place of its model."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from common.errors import InputError
from datasets import Part, from_pixels
from evaluation.baselines import Draw, draw_of_digit
from models import GenerativeModel

__all__ = ["RUN_BASELINES", "RunBaseline", "label", "lookup"]

RunBaseline = Literal["lookup", "label"]
RUN_BASELINES: dict[RunBaseline, str] = {
    "lookup": "a random training target of the digit that the run's warm start recognizes",
    "label": "what a run with --labels cascade draws for the true digit",
}
N_TARGETS = 10_000  # of training among which a warm start finds the nearest


def lookup(model: GenerativeModel, train: Part) -> Draw:
    """Draws a random training target of the digit that the model's warm start recognizes.

    The answer to the task that needs no model of targets: it wins accuracy and coverage, and every
    sample is a copy.

    Raises:
        InputError: the model has no warm start.
    """
    targets, digits, conditions, _ = train.sides(model.spec.task)
    every = -(-len(targets) // N_TARGETS)
    x, x_digit = from_pixels(targets[::every]), digits[::every]
    if model.recognize(from_pixels(conditions[:1]), x, x_digit) is None:
        raise InputError("lookup needs a run with a warm start: this one has none")

    def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        different, back = c.unique(dim=0, return_inverse=True)
        recognized = model.recognize(from_pixels(different), x, x_digit)
        assert recognized is not None
        return draw_of_digit(targets, digits, recognized[back], generator)

    return draw


def label(model: GenerativeModel, train: Part, draw: Draw) -> Draw:
    """Draws as a cascade does that recognizes every digit.

    A cascade gets the recognized digit and nothing else of the condition, so any training condition
    that it recognizes as the true digit stands for this.

    Raises:
        InputError: the model is no cascade, or does not recognize some digit at all.
    """
    if model.spec.labels != "cascade":
        raise InputError("label needs a run with --labels cascade")
    targets, digits, conditions, true = train.sides(model.spec.task)
    recognized = model.recognize(from_pixels(conditions), from_pixels(targets[:1]), digits[:1])
    assert recognized is not None
    right = recognized == true
    rows = []
    for d in range(model.spec.n_digits):
        found = (right & (true == d)).nonzero()
        if not len(found):
            raise InputError(f"label: the run recognizes no training condition of digit {d}")
        rows.append(found[0, 0])
    c_of_digit = conditions[torch.stack(rows)]

    def draw_told(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        return draw(c_of_digit[digit], digit, generator)

    return draw_told
