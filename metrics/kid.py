"""Kernel distance: the unbiased MMD^2 of KID (Binkowski 2018; Gretton 2012, lemma 6)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from metrics.features import check_features

__all__ = ["kernel_distance", "resampled_kernel_distance"]

_CHUNK = 1000  # rows of the kernel matrix at a time


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Unbiased MMD^2 with the kernel (x.y / d + 1)^3, over all samples at once.

    0 on average for equal laws at any n, and so negative about half of the time there. KID of
    other codes is a mean over random subsets: the same expectation with more noise.

    Args:
        real: (n, d), n >= 2, floating; computed in float64.
        fake: (m, d), m >= 2.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    check_features(2, real=real, fake=fake)
    real, fake = real.double(), fake.double()
    cross = sum(k.sum() for _, k in _kernel_rows(real, fake)) / (len(real) * len(fake))
    return float(_mean_off_diagonal(real) + _mean_off_diagonal(fake) - 2 * cross)


def resampled_kernel_distance(real: Tensor, fake: Tensor, group: Tensor, weights: Tensor) -> Tensor:
    """`kernel_distance` for many resamples of groups of fakes, from the sums of kernel blocks.

    Equal to repeating each fake as often as its group was drawn; only a sample's pair with its own
    position is left out, as there, so that copies of one sample count as pairs.

    Args:
        real: (n, d); fixed.
        fake: (m, d).
        group: (m,) int64, the group of each fake.
        weights: (b, n_groups) counts. Memory is n_groups * (m + n_groups) * 8 bytes.

    Returns:
        (b,) float64. Larger on average than the distance of the fakes themselves: see
        `bootstrap.interval`.

    Raises:
        ValueError: as `kernel_distance`.
    """
    check_features(2, real=real, fake=fake)
    real, fake = real.double(), fake.double()
    n_groups, weights = weights.shape[1], weights.to(fake)
    rows = fake.new_zeros(n_groups, len(fake))
    for at, k in _kernel_rows(fake, fake):
        rows.index_add_(0, group[at], k)
    blocks = fake.new_zeros(n_groups, n_groups).index_add_(1, group, rows)
    diagonal = fake.new_zeros(n_groups).index_add_(0, group, _kernel_diagonal(fake))
    with_real = torch.cat([k.sum(1) for _, k in _kernel_rows(fake, real)])  # (m,)
    cross = fake.new_zeros(n_groups).index_add_(0, group, with_real)

    n = weights @ torch.bincount(group, minlength=n_groups).double()  # (b,)
    within = ((weights @ blocks) * weights).sum(1) - weights @ diagonal
    cross = weights @ cross / (n * len(real))
    return _mean_off_diagonal(real) + within / (n * (n - 1)) - 2 * cross


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    k = torch.addmm(x.new_ones(1), x, y.T, alpha=1 / x.shape[1])
    return k.square().mul_(k)


def _kernel_diagonal(x: Tensor) -> Tensor:
    return (x.square().mean(1) + 1) ** 3  # (n,)


def _kernel_rows(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(x), _CHUNK):
        at = slice(start, start + _CHUNK)
        yield at, _kernel(x[at], y)


def _mean_off_diagonal(x: Tensor) -> Tensor:
    """The mean of k(x_i, x_j) over i != j."""
    total = -_kernel_diagonal(x).sum()
    for start in range(0, len(x), _CHUNK):
        # The matrix is symmetric: what is right of the diagonal block counts twice.
        k = _kernel(x[start : start + _CHUNK], x[start:])
        total = total + 2 * k.sum() - k[:, : len(k)].sum()
    return total / (len(x) * (len(x) - 1))
