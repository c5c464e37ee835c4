"""Intervals from resampled recordings and seeds.

Samples of one recording are not independent, so recordings are resampled, never samples. A resample
is a row of counts: how often each recording was drawn. Metrics take such rows, so that all models
and seeds can share them, and differences between models are paired.

    weights = group_weights(recording, 1000, generator, stratum=digit)   # shared by all runs
    values = weighted_means(correct, recording, weights)                 # one run
    low, high = two_level_interval(means_of_runs, torch.stack(values_of_runs))
"""

from __future__ import annotations

import math

import torch
from scipy.special import stdtrit
from torch import Tensor

__all__ = [
    "group_weights", "interval", "two_level_interval", "weighted_means", "wilson",
]  # fmt: skip

Z = 1.959964  # the 97.5 % quantile of a normal law


def group_weights(
    group: Tensor,
    n_resamples: int,
    generator: torch.Generator,
    seeds: int | None = None,
    stratum: Tensor | None = None,
) -> Tensor:
    """Draws resamples of groups with replacement (Efron & Tibshirani 1993).

    Only groups that occur are drawn. With strata each resample draws within them, as many groups
    as there are: keep the digits' shares fixed when the test set fixes them, or Frechet distance
    measures the shares.

    With `seeds` a resample draws seeds and, apart from them, recordings, and weighs each cell by
    the product (Owen 2007, the pigeonhole bootstrap): all seeds are scored on the same recordings,
    so recordings drawn for each seed separately would average out what they have in common, and the
    interval would be too narrow.

    Args:
        group: (n,) int64 >= 0, the group of each sample.
        generator: on the CPU; the draws are a function of its state alone.
        seeds: number of training seeds; None for one run.
        stratum: (n,) int64, the stratum of each sample; a group lies in one stratum.

    Returns:
        (n_resamples, n_groups) counts in float64, n_groups = group.max() + 1; with `seeds`
        (n_resamples, seeds, n_groups).

    Raises:
        ValueError: no groups, a negative one, or one in two strata.
    """
    group = group.cpu()
    if group.dim() != 1 or len(group) == 0 or group.min() < 0:
        raise ValueError(f"(n,) groups >= 0 wanted, n >= 1, got {tuple(group.shape)}")
    stratum = torch.zeros_like(group) if stratum is None else stratum.cpu()
    members = [group[stratum == s].unique() for s in stratum.unique()]
    if sum(map(len, members)) != len(group.unique()):
        raise ValueError("a group lies in more than one stratum")

    weights = torch.zeros(n_resamples, int(group.max()) + 1, dtype=torch.float64)
    for member in members:
        shape = (n_resamples, len(member))
        drawn = member[torch.randint(len(member), shape, generator=generator)]
        weights.scatter_add_(1, drawn, torch.ones(shape, dtype=torch.float64))
    if seeds is None:
        return weights
    per_seed = group_weights(torch.arange(seeds), n_resamples, generator)
    return per_seed[:, :, None] * weights[:, None, :]


def weighted_means(values: Tensor, group: Tensor, weights: Tensor) -> Tensor:
    """The mean over samples in each resample: sum of w_g v_i over sum of w_g.

    Args:
        values: (n,) indicators or values of the samples; (seeds, n) with two-level weights.
        group: (n,) int64, the group of each sample, the same for all seeds.
        weights: (b, n_groups) or (b, seeds, n_groups), as `group_weights` gives them.

    Returns:
        (b,) float64, in the units of `values`.
    """
    shape = (*values.shape[:-1], weights.shape[-1])
    sums = torch.zeros(shape, dtype=torch.float64, device=values.device)
    sums.index_add_(-1, group, values.double())  # (..., n_groups)
    counts = torch.bincount(group, minlength=shape[-1]).double().expand(shape)
    weights = weights.to(sums).flatten(1)
    return (weights @ sums.flatten()) / (weights @ counts.flatten())


def two_level_interval(values: Tensor, resampled: Tensor) -> tuple[float, float]:
    """The 95 % interval of the mean over seeds, for new seeds and new recordings.

    The half-widths of both levels are added in quadrature (Zou & Donner, "Construction of
    confidence limits about effect measures", 2008): Student's for the few values of the seeds, 1.96
    standard deviations for the resampled recordings, which all seeds share. What recordings do to
    single seeds is in the spread of the seeds already and is taken out of the latter. A percentile
    of resampled seeds would be too narrow for a few of them.

    Args:
        values: (seeds,), seeds >= 2.
        resampled: (seeds, b), from the same resamples of recordings for all seeds; or (seeds, 0):
            values that depend on no recordings.

    Returns:
        low, high.

    Raises:
        ValueError: fewer than two seeds.
    """
    seeds, b = len(values), resampled.shape[1]
    if seeds < 2:
        raise ValueError("at least two seeds wanted")
    mean = values.double().mean().item()
    of_seeds = float(stdtrit(seeds - 1, 0.975)) * values.double().std().item() / seeds**0.5
    of_recordings = 0.0
    if b:
        common = resampled.double().mean(0)  # (b,)
        single = (resampled - common).var(1).mean().item() / (seeds - 1)
        of_recordings = Z * max(common.var().item() - single, 0.0) ** 0.5
    half = math.hypot(of_seeds, of_recordings)
    return mean - half, mean + half


def interval(
    values: Tensor, level: float = 0.95, estimate: float | None = None
) -> tuple[float, float]:
    """The percentile interval of resampled values.

    Args:
        values: (b,) one value for each resample.
        level: in (0, 1).
        estimate: the value on the sample itself. Given, the resamples are moved to have it as
            their mean: a resample has fewer distinct samples than the sample, so that Frechet
            and kernel distances are too large in it and coverage is too small.

    Returns:
        low, high.

    Raises:
        ValueError: a level outside (0, 1) or no values.
    """
    if not 0 < level < 1 or values.numel() == 0:
        raise ValueError(f"level in (0, 1) and values wanted, got {level}, {tuple(values.shape)}")
    values = values.double()
    if estimate is not None:
        values = values - values.mean() + estimate
    low, high = values.quantile(values.new_tensor([(1 - level) / 2, (1 + level) / 2])).tolist()
    return low, high


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share of n independent trials (Wilson 1927)."""
    z = Z
    center, half = share + z**2 / (2 * n), z * (share * (1 - share) / n + (z / (2 * n)) ** 2) ** 0.5
    low, high = ((center + side) / (1 + z**2 / n) for side in (-half, half))
    return min(max(low, 0.0), share), max(min(high, 1.0), share)  # rounding, at 0 and 1
