"""Copies of training data, by distance to the nearest.

None of these distinguishes a copy from a collapse to the mean: show coverage beside them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from metrics.features import check_features

__all__ = [
    "Nearest",
    "auth_pct",
    "copied_share",
    "copying_statistic",
    "is_copied",
    "nearest",
    "nearest_distance",
    "partner_rank",
]

_CHUNK = 2**24  # entries of a distance matrix at a time


class Nearest(NamedTuple):
    """The nearest key of each query."""

    distance: Tensor  # (n,)
    row: Tensor  # (n,) int64, its row in the keys


def nearest(queries: Tensor, keys: Tensor, own: Tensor | None = None) -> Nearest:
    """The nearest key of each query, by Euclidean distance.

    The search is a matrix product in the inputs' dtype; the distance is then taken from the
    difference itself, so that a copy is at exactly 0.

    Args:
        queries: (n, d) floating.
        keys: (m, d).
        own: (n,) int64, a key for each query to leave out; None: none.

    Raises:
        ValueError: other shapes, values that are not finite, or no key left.
    """
    check_features(queries=queries, keys=keys)
    if own is not None and len(keys) < 2:
        raise ValueError("keys: only the query itself")
    # Small numbers round less.
    center = keys.mean(0)
    centered = keys - center
    squares = centered.square().sum(1)
    found = []
    for at in torch.arange(len(queries), device=keys.device).split(max(_CHUNK // len(keys), 1)):
        # The query's own square moves no minimum.
        score = torch.addmm(squares, queries[at] - center, centered.T, alpha=-2)
        if own is not None:
            score.scatter_(1, own[at, None], torch.inf)
        found.append(score.argmin(1))
    row = torch.cat(found)
    return Nearest((queries - keys[row]).norm(dim=1), row)


def nearest_distance(queries: Tensor, keys: Tensor) -> Tensor:
    """Distance of each query to its nearest key, (n,), in feature units, >= 0.

    Args:
        queries: (n, d) floating.
        keys: (m, d).

    Raises:
        ValueError: as `nearest`.
    """
    return nearest(queries, keys).distance


def auth_pct(train: Tensor, near: Nearest) -> float:
    """Percentage of authentic fakes, in [0, 100] (Alaa 2022, authenticity); higher: fewer copies.

    A fake is authentic if it is farther from its nearest training sample than that sample is from
    its own nearest in the training set. Read it beside the value of held-out real data.

    Args:
        train: (n, d), n >= 2, floating.
        near: `nearest(fake, train)`, of (m, d) fakes.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    hit, back = near.row.unique(return_inverse=True)  # only these need their own nearest
    spacing = nearest(train[hit], train, own=hit).distance
    return 100 * (near.distance > spacing[back]).double().mean().item()


def is_copied(ratio: Tensor, real_ratio: Tensor, level: float = 0.01) -> Tensor:
    """Which samples are nearer to the training set than all but `level` of real ones are.

    By the ratio of the distance to the nearest training sample to that to the nearest held-out
    sample: it says how much nearer the training set is, where the sample lies. So samples that are
    blurred, or off the manifold, are no copies. Training and held-out set may have other sizes.

    Args:
        ratio: (m,) of the samples; 0: a copy.
        real_ratio: (n,) of real samples that are in neither set.

    Returns:
        (m,) bool.

    Raises:
        ValueError: no ratios, or NaN.
    """
    if ratio.isnan().any() or real_ratio.isnan().any() or not len(real_ratio):
        raise ValueError("ratios that are numbers wanted")
    return ratio < real_ratio.double().quantile(level)


def copied_share(share: float, level: float = 0.01) -> float:
    """Share of copies, in [0, 1], where `share` of the samples are `is_copied`.

    Of samples that are none, `level` are taken for copies: 0 for held-out real data on average, 1
    for training data. Copies that were changed count if they are still nearer than that.
    """
    return max((share - level) / (1 - level), 0.0)


def copying_statistic(fake_distance: Tensor, test_distance: Tensor) -> float:
    """C_T: are fakes nearer to the training set than test samples are? (Meehan 2020)

    The z-score of the Mann-Whitney U of the two sets of distances to the nearest training sample
    (the paper's Z_U; a tie is half a win): about N(0, 1) if fakes are as far as test samples, far
    below 0 (-3, say) for copies, far above for fakes away from the data. One cell, the whole space;
    the paper averages over cells. It grows with sqrt(n): compare at equal n. The N(0, 1) asks for
    independent samples.

    Args:
        fake_distance: (m,), `nearest_distance(fake, train)`.
        test_distance: (n,), `nearest_distance(test, train)`.

    Raises:
        ValueError: no distances, or NaN.
    """
    m, n = len(fake_distance), len(test_distance)
    if m == 0 or n == 0 or fake_distance.isnan().any() or test_distance.isnan().any():
        raise ValueError(f"distances wanted that are numbers, got {m} and {n}")
    ordered = test_distance.sort().values
    below = torch.searchsorted(ordered, fake_distance, right=False)
    not_above = torch.searchsorted(ordered, fake_distance, right=True)
    u = (below + not_above).double().sum().item() / 2
    return (u - m * n / 2) / (m * n * (m + n + 1) / 12) ** 0.5


def partner_rank(
    samples: Tensor, candidates: Tensor, partner: Tensor, digit: Tensor | None = None
) -> Tensor:
    """Where a sample's own training partner stands among its digit's candidates, by distance.

    For runs with one-to-one pairs, from training conditions: 0 if the partner is the nearest, 1 if
    it is the farthest. The mean is 0.5 by chance and near 0 for a model that memorized its
    pairs. A tie counts half.

    Args:
        samples: (n, d) floating, drawn for training conditions; computed in float64.
        candidates: (m, d), training targets.
        partner: (n,) int64, the row of `candidates` that a sample's condition was paired with.
        digit: (m,) int64, digits of the candidates; None: all are of one digit.

    Returns:
        (n,) float64 in [0, 1].

    Raises:
        ValueError: other shapes, values that are not finite, or a digit with a single candidate.
    """
    check_features(samples=samples, candidates=candidates)
    digit = torch.zeros_like(candidates[:, 0], dtype=torch.long) if digit is None else digit
    ranks = samples.new_zeros(len(samples), dtype=torch.float64)
    for k in digit[partner].unique():
        pool = (digit == k).nonzero()[:, 0]
        if len(pool) < 2:
            raise ValueError(f"digit {int(k)} has one candidate: no rank")
        keys = candidates[pool].double()
        squares = keys.square().sum(1)
        for at in (digit[partner] == k).nonzero()[:, 0].split(max(_CHUNK // len(pool), 1)):
            score = torch.addmm(squares, samples[at].double(), keys.T, alpha=-2)
            own = score.gather(1, torch.searchsorted(pool, partner[at])[:, None])
            nearer, ties = (score < own).sum(1).double(), (score == own).sum(1).double() - 1
            ranks[at] = (nearer + ties / 2) / (len(pool) - 1)
    return ranks
