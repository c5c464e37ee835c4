"""Frechet distance between Gaussians fitted to features (Dowson & Landau 1982; Heusel 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from metrics.features import check_features

__all__ = ["frechet_distance"]


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), in squared feature units, >= 0.

    With centered, scaled rows X and Y, S1 = X^T X, S2 = Y^T Y, and tr (S1 S2)^(1/2) is the nuclear
    norm of X Y^T, or of R1 R2^T after a QR of each. No square root of a covariance is taken, so
    equal sets are at 0 even when n < d. Covariances have the divisor n - 1.

    The value is biased upwards, the more the fewer samples: compare at equal n only.

    Args:
        real: (n, d), n >= 2, floating; computed in float64.
        fake: (m, d), m >= 2.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    check_features(2, real=real, fake=fake)
    mean_real, r_real = _factor(real.double())
    mean_fake, r_fake = _factor(fake.double())
    distance = (
        (mean_real - mean_fake).square().sum()
        + r_real.square().sum()
        + r_fake.square().sum()
        - 2 * torch.linalg.svdvals(r_real @ r_fake.T).sum()
    )
    return max(distance.item(), 0.0)


def _factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,), and R (min(n, d), d) with R^T R the covariance."""
    mean = x.mean(0)
    return mean, torch.linalg.qr((x - mean) / (len(x) - 1) ** 0.5, mode="r").R
