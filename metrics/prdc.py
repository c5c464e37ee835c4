"""Precision, recall (Kynkaanniemi 2019), density, coverage (Naeem 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metrics.features import check_features

__all__ = ["PRDC", "prdc", "within_group_coverage"]

_CHUNK = 1000  # rows of a distance matrix at a time


@dataclass(frozen=True)
class PRDC:
    """The four metrics, and what they count.

    A point's ball reaches to its k-th nearest neighbour in its own set; a point on the edge is
    outside. All four are best read beside a real-real floor: two equal Gaussians do not score 1.
    """

    k: int
    n_balls: Tensor  # (m,) int64: balls of reals that hold the fake
    covered: Tensor  # (n,) bool: a fake lies in the real's ball
    recalled: Tensor  # (n,) bool: the real lies in the ball of a fake

    @property
    def precision(self) -> float:
        """Share of fakes in some real's ball, in [0, 1]."""
        return (self.n_balls > 0).double().mean().item()

    @property
    def recall(self) -> float:
        """Share of reals in some fake's ball, in [0, 1]."""
        return self.recalled.double().mean().item()

    @property
    def density(self) -> float:
        """Balls that hold a fake, over k: mean over fakes, >= 0, may exceed 1."""
        return self.n_balls.double().mean().item() / self.k

    @property
    def coverage(self) -> float:
        """Share of reals whose ball holds some fake, in [0, 1]."""
        return self.covered.double().mean().item()


def prdc(real: Tensor, fake: Tensor, k: int = 5) -> PRDC:
    """Precision, recall, density and coverage, by Euclidean distance.

    Args:
        real: (n, d), n > k, floating; computed in float64.
        fake: (m, d), m > k.

    Raises:
        ValueError: other shapes, values that are not finite, or k < 1.
    """
    if k < 1:
        raise ValueError(f"k >= 1 wanted, got {k}")
    check_features(k + 1, real=real, fake=fake)
    center = real.double().mean(0)
    real, fake = real.double() - center, fake.double() - center
    real_radius, fake_radius = _square_radius(real, k), _square_radius(fake, k)
    n_balls = torch.zeros(len(fake), dtype=torch.long, device=fake.device)
    covered, recalled = [], []
    for start in range(0, len(real), _CHUNK):
        at = slice(start, start + _CHUNK)
        distance = _square_distance(real[at], fake)
        in_real = distance < real_radius[at, None]
        n_balls += in_real.sum(0)
        covered.append(in_real.any(1))
        recalled.append((distance < fake_radius).any(1))
    return PRDC(k, n_balls, torch.cat(covered), torch.cat(recalled))


def within_group_coverage(
    real: Tensor, real_group: Tensor, fake: Tensor, fake_group: Tensor, k: int = 5
) -> float:
    """Coverage with the reals and the fakes of one group (digit) alone, mean over groups.

    A fake that looks like the reals of another group covers nothing, so that it is high only where
    fakes are both of their group and as varied as its reals. Each group weighs the same.

    Args:
        real, fake: (n, d) and (m, d), as for `prdc`.
        real_group, fake_group: (n,) and (m,) int64.

    Returns:
        In [0, 1]. Groups without more than k reals and k fakes are left out; NaN if none is left.
    """
    found = []
    for g in real_group.unique():
        inside = real[real_group == g], fake[fake_group == g]
        if min(map(len, inside)) > k:
            found.append(prdc(*inside, k).coverage)
    return sum(found) / len(found) if found else math.nan


def _square_distance(x: Tensor, y: Tensor) -> Tensor:
    squares = x.square().sum(1)[:, None] + y.square().sum(1)
    return torch.addmm(squares, x, y.T, alpha=-2).clamp_(min=0)


def _square_radius(x: Tensor, k: int) -> Tensor:
    """Squared distance to the k-th nearest other row, (n,)."""
    rows = x.split(_CHUNK)
    # k + 1: a row is its own nearest.
    radius = torch.cat(
        [_square_distance(r, x).topk(k + 1, largest=False).values[:, -1] for r in rows]
    )
    # The edge is outside, and a repeated row's ball is empty: rounding must not let any in.
    return (radius - 1e-12 * x.square().sum(1).max()).clamp(min=0)
