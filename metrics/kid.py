"""Kernel distance: the unbiased MMD^2 of KID (Binkowski 2018; Gretton 2012, lemma 6)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from metrics.features import check_features

__all__ = ["kernel_distance"]

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
