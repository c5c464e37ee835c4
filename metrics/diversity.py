"""How much samples of one digit differ from each other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.features import check_features

__all__ = ["vendi_score", "within_digit_diversity", "within_digit_vendi"]


def within_digit_diversity(features: Tensor, digit: Tensor) -> float:
    """Mean distance between two samples of a digit, averaged over the digits that occur.

    In feature units, >= 0: read it relative to real data. 0 where each digit has one picture,
    however often; a digit with one sample counts as 0. Noise and wrong digits raise it too.

    Args:
        features: (n, d) floating.
        digit: (n,) int64, the requested digit.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    return _mean_over_digits([F.pdist(x).sum() / _n_pairs(x) for x in _split(features, digit)])


def vendi_score(features: Tensor) -> float:
    """Effective number of different samples, in [1, n] (Friedman & Dieng 2023, definition of VS).

    exp of the entropy of the eigenvalues of K / n, with K the cosines between samples: 1 if all
    point in one direction, n if all are orthogonal, so at most min(n, d). A row of zeros counts as
    a direction of its own.

    Args:
        features: (n, d) floating; computed in float64.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    check_features(features=features)
    n, d = features.shape
    x = F.normalize(features.double(), eps=torch.finfo(torch.float64).tiny)
    gram = x.T @ x if n > d else x @ x.T  # the same eigenvalues, but for zeros
    n_zero = (~features.bool().any(1)).sum()
    p = torch.cat([torch.linalg.eigvalsh(gram).clamp(min=0), n_zero[None]]) / n
    return torch.special.entr(p).sum().exp().item()


def within_digit_vendi(features: Tensor, digit: Tensor) -> float:
    """`vendi_score` of the samples of each digit, averaged over the digits that occur.

    Args:
        features: (n, d) floating.
        digit: (n,) int64, the requested digit.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    return _mean_over_digits([torch.tensor(vendi_score(x)) for x in _split(features, digit)])


def _split(features: Tensor, digit: Tensor) -> list[Tensor]:
    check_features(features=features)
    if digit.shape != features.shape[:1]:
        raise ValueError(f"digit: ({len(features)},) wanted, got {tuple(digit.shape)}")
    return [features[digit == k].double() for k in digit.unique()]


def _n_pairs(x: Tensor) -> int:
    return max(len(x) * (len(x) - 1) // 2, 1)


def _mean_over_digits(values: list[Tensor]) -> float:
    return torch.stack(values).mean().item()
