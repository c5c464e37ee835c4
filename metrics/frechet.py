"""Frechet distance between Gaussians fitted to features (Dowson & Landau 1982; Heusel 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from metrics.features import check_features

__all__ = ["frechet_distance", "resampled_frechet_distance"]


def frechet_distance(real: Tensor, fake: Tensor, fake_weights: Tensor | None = None) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), in squared feature units, >= 0.

    With centered, scaled rows X and Y, S1 = X^T X, S2 = Y^T Y, and tr (S1 S2)^(1/2) is the nuclear
    norm of X Y^T, or of R1 R2^T after a QR of each. No square root of a covariance is taken, so
    equal sets are at 0 even when n < d. Covariances have the divisor n - 1.

    The value is biased upwards, the more the fewer samples: compare at equal n only.

    Args:
        real: (n, d), n >= 2, floating; computed in float64.
        fake: (m, d), m >= 2.
        fake_weights: (m,) counts >= 0: how often each fake is taken, as if repeated.

    Raises:
        ValueError: other shapes, values that are not finite, or counts that sum to less than 2.
    """
    check_features(2, real=real, fake=fake)
    mean_real, r_real = _factor(real.double(), None)
    mean_fake, r_fake = _factor(fake.double(), fake_weights)
    distance = (
        (mean_real - mean_fake).square().sum()
        + r_real.square().sum()
        + r_fake.square().sum()
        - 2 * torch.linalg.svdvals(r_real @ r_fake.T).sum()
    )
    return max(distance.item(), 0.0)


def resampled_frechet_distance(
    real: Tensor, fake: Tensor, group: Tensor, weights: Tensor
) -> Tensor:
    """`frechet_distance` for many resamples of groups of fakes, from sums for each group.

    A resample's covariance S2 is a sum over groups, and with S1 = R1^T R1, tr (S1 S2)^(1/2) is the
    sum of the roots of the eigenvalues of R1 S2 R1^T. Equal to `frechet_distance` up to
    rounding, which is about 1e-8 of the trace for each eigenvalue that is zero (d >= n).

    Args:
        real: (n, d); fixed.
        fake: (m, d).
        group: (m,) int64, the group of each fake.
        weights: (b, n_groups) counts. Memory is n_groups * d^2 * 8 bytes.

    Returns:
        (b,) float64. Larger on average than the distance of the fakes themselves: see
        `bootstrap.interval`.

    Raises:
        ValueError: as `frechet_distance`.
    """
    check_features(2, real=real, fake=fake)
    mean_real, r_real = _factor(real.double(), None)
    d, n_groups = fake.shape[1], weights.shape[1]
    # From the real mean, or the difference of large second moments loses digits.
    fake = fake.double() - mean_real
    first = fake.new_zeros(n_groups, d).index_add_(0, group, fake)
    second = torch.stack([x.T @ x for x in (fake[group == g] for g in range(n_groups))])
    size = torch.bincount(group, minlength=n_groups).double()

    values = []
    for w in weights.to(fake).split(64):
        n = w @ size
        _check_counts(n)
        mean = w @ first / n[:, None]  # (b, d)
        s_fake = (w @ second.flatten(1)).view(-1, d, d)
        s_fake = s_fake - n[:, None, None] * mean[:, :, None] * mean[:, None, :]
        s_fake = s_fake / (n - 1)[:, None, None]
        roots = torch.linalg.eigvalsh(r_real @ s_fake @ r_real.T).clamp(min=0).sqrt().sum(1)
        traces = r_real.square().sum() + s_fake.diagonal(dim1=1, dim2=2).sum(1)
        values.append((mean.square().sum(1) + traces - 2 * roots).clamp(min=0))
    return torch.cat(values)


def _factor(x: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean (d,), and R (min(n, d), d) with R^T R the covariance."""
    w = x.new_ones(len(x)) if weights is None else weights.to(x)
    n = w.sum()
    _check_counts(n)
    mean = w @ x / n
    rows = (w / (n - 1)).sqrt()[:, None] * (x - mean)
    return mean, torch.linalg.qr(rows, mode="r").R


def _check_counts(n: Tensor) -> None:
    if not (n >= 2).all():
        raise ValueError("a covariance needs counts that sum to at least 2")
