"""Values with their intervals over recordings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from metrics.bootstrap import group_weights, interval, weighted_means, wilson

__all__ = [
    "Estimate", "estimate_by_group", "estimate_mean", "estimate_resampled", "recording_weights",
]  # fmt: skip

N_RESAMPLES = 1000


class Estimate(NamedTuple):
    """A value, its 95 % interval over recordings, and what real images score in its place."""

    value: float
    low: float | None = None
    high: float | None = None
    real: float | None = None  # training for test images, or the test images themselves
    real_train: float | None = None  # training images against other training images


def recording_weights(recording: Tensor, digit: Tensor) -> Tensor:
    """(N_RESAMPLES, n_recordings) counts of resamples within digits.

    Args:
        recording, digit: (n,) int64, of a sample; a recording has one digit.
    """
    return group_weights(recording, N_RESAMPLES, torch.Generator().manual_seed(0), stratum=digit)


def estimate_mean(values: Tensor, recording: Tensor, digit: Tensor) -> Estimate:
    """The mean of indicators, or of values in [0, 1], with its interval.

    Args:
        values, recording, digit: (n,), a sample's value, recording and requested digit.
    """
    mean = values.double().mean().item()
    if (values == values[0]).all():  # all resamples agree, which does not make it certain
        return Estimate(mean, *wilson(mean, len(recording.unique())))
    means = weighted_means(values, recording, recording_weights(recording, digit))
    return estimate_resampled(mean, means, (0, 1))


def estimate_by_group(
    values: Tensor, recording: Tensor, digit: Tensor, group: Tensor
) -> dict[int, Estimate]:
    """`estimate_mean` in each group (digit, speaker) that occurs."""
    return {
        int(g): estimate_mean(*(each[group == g] for each in (values, recording, digit)))
        for g in group.unique()
    }


def estimate_resampled(value: float, resampled: Tensor, bounds: tuple[float, float]) -> Estimate:
    """A value with the interval of its (b,) resamples, within bounds."""
    low, high = interval(resampled, estimate=value)
    # Shifted to the value, the resamples may leave the bounds; and where all are equal, rounding
    # must not leave the value outside.
    return Estimate(value, min(max(low, bounds[0]), value), max(min(high, bounds[1]), value))
