"""Means over seeds and differences between runs, with their intervals.

All runs of a table are scored on the same recordings, so resamples draw seeds and recordings apart
(`metrics.bootstrap`), and what is compared shares both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from metrics.bootstrap import group_weights, interval

__all__ = ["accuracy_difference", "accuracy_of_seeds", "counts"]

N_RESAMPLES = 2000
Row = Mapping[str, str]


def counts(row: Row) -> dict[str, Tensor]:
    """(n_recordings,) int64 each: samples drawn, correct ones, and the digit of each recording.

    Raises:
        KeyError: the row is of before these were kept.
    """
    names = ("drawn", "correct", "digit")
    return {name: torch.tensor([*map(int, row[f"recording_{name}"].split())]) for name in names}


def accuracy_of_seeds(rows: Sequence[Row]) -> tuple[float, float, float]:
    """Mean accuracy of runs that differ in their seed, and its 95 % interval.

    Returns:
        value, low, high.
    """
    correct, drawn, weights = _resamples([rows])
    value = _mean(correct[0], drawn, torch.ones(1, *correct[0].shape))
    low, high = interval(_mean(correct[0], drawn, weights), estimate=value.item())
    return value.item(), max(low, 0.0), min(high, 1.0)


def accuracy_difference(first: Sequence[Row], second: Sequence[Row]) -> tuple[float, float, float]:
    """Mean accuracy of `first` minus that of `second`, paired by seed and recording.

    Args:
        first, second: rows of the same seeds in the same order.

    Returns:
        value, low, high of the 95 % interval.

    Raises:
        ValueError: other seeds, or other recordings.
    """
    if [row["seed"] for row in first] != [row["seed"] for row in second]:
        raise ValueError("the same seeds wanted in both")
    correct, drawn, weights = _resamples([first, second])
    one = torch.ones(1, *correct[0].shape)
    value = (_mean(correct[0], drawn, one) - _mean(correct[1], drawn, one)).item()
    resampled = _mean(correct[0], drawn, weights) - _mean(correct[1], drawn, weights)
    low, high = interval(resampled, estimate=value)
    return value, low, high


def _resamples(groups: Sequence[Sequence[Row]]) -> tuple[list[Tensor], Tensor, Tensor]:
    """(seeds, n_recordings) correct of each group; (n_recordings,) drawn; and weights
    (N_RESAMPLES, seeds, n_recordings)."""
    found = [[counts(row) for row in rows] for rows in groups]
    first = found[0][0]
    for each in (each for group in found for each in group):
        for name in ("drawn", "digit"):
            if not torch.equal(each[name], first[name]):
                raise ValueError("rows of the same recordings wanted")
    recording = torch.arange(len(first["digit"]))
    weights = group_weights(
        recording,
        N_RESAMPLES,
        torch.Generator().manual_seed(0),
        seeds=len(found[0]),
        stratum=first["digit"],
    )
    correct = [torch.stack([each["correct"] for each in group]).double() for group in found]
    return correct, first["drawn"].double(), weights


def _mean(correct: Tensor, drawn: Tensor, weights: Tensor) -> Tensor:
    """(b,): sum of weighted counts, correct ones over all."""
    return (weights * correct).sum((1, 2)) / (weights * drawn).sum((1, 2))
