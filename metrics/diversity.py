"""How much samples of one digit differ from each other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.features import check_features

__all__ = [
    "condition_share", "diversity_of_draws", "vendi_score", "within_digit_diversity",
    "within_digit_vendi",
]  # fmt: skip


def diversity_of_draws(first: Tensor, second: Tensor) -> float:
    """Root mean square distance between two draws for one condition, which differ in noise alone.

    In feature units: read it relative to that between two real samples of a digit. Draws of a wrong
    digit raise it.

    Args:
        first, second: (n, d) floating; row i of both was drawn for condition i.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    _check_pairs(first, second)
    return (first - second).double().square().sum(1).mean().sqrt().item()


def condition_share(first: Tensor, second: Tensor, digit: Tensor) -> float:
    """Share of the variance within a digit that the condition decides, not the noise; at most 1.

    1 - E |a_i - b_i|^2 / E |a_i - b_j|^2 over draws a, b for conditions i and j of one digit: 0
    where all conditions of a digit have the same distribution, 1 where noise changes nothing. The
    estimate is unbiased in both parts and may lie below 0. Between conditions, i is paired with the
    next of its digit in the given order: give the conditions in an order that is random within the
    digit. Fisher's intraclass correlation, of vectors.

    Args:
        first, second: (n, d) floating; row i of both was drawn for condition i.
        digit: (n,) int64, of the condition; a digit with one condition is left out.

    Raises:
        ValueError: other shapes, values that are not finite, no two conditions of a digit, or no
            variance.
    """
    _check_pairs(first, second)
    within, between = [], []
    for a, b in zip(_split(first, digit), _split(second, digit), strict=True):
        if len(a) > 1:
            within.append((a - b).square().sum(1))
            between.append((a - b.roll(1, 0)).square().sum(1))
    if not within:
        raise ValueError("no two conditions of one digit")
    total = torch.cat(between).mean()
    if total == 0:
        raise ValueError("all samples of a digit are the same")
    return 1 - (torch.cat(within).mean() / total).item()


def _check_pairs(first: Tensor, second: Tensor) -> None:
    check_features(first=first, second=second)
    if first.shape != second.shape:
        raise ValueError(f"two draws of equal shape wanted: {first.shape} and {second.shape}")


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
