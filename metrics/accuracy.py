"""How often a judge predicts the requested digit."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["accuracy", "confusion_matrix"]


def accuracy(predicted: Tensor, digit: Tensor) -> float:
    """Share of samples whose digit a judge predicts, in [0, 1].

    Args:
        predicted: (n,) int64, by the judge.
        digit: (n,) int64, the requested digit.

    Raises:
        ValueError: no samples, or shapes that differ.
    """
    _check(predicted, digit)
    return (predicted == digit).double().mean().item()


def confusion_matrix(predicted: Tensor, digit: Tensor, n: int = 10) -> Tensor:
    """Counts: row = requested digit, column = digit predicted.

    Args:
        predicted: (samples,) int64 in [0, n).
        digit: (samples,) int64 in [0, n).

    Returns:
        (n, n) int64, with the number of samples as its sum.

    Raises:
        ValueError: no samples, shapes that differ, or a digit out of range.
    """
    _check(predicted, digit)
    _check_range(predicted, n)
    _check_range(digit, n)
    return torch.bincount(digit * n + predicted, minlength=n * n).view(n, n)


def _check(a: Tensor, b: Tensor) -> None:
    if a.dim() != 1 or a.shape != b.shape or len(a) == 0:
        raise ValueError(f"two (n,) wanted, n >= 1, got {tuple(a.shape)} and {tuple(b.shape)}")


def _check_range(index: Tensor, n: int) -> None:
    if index.min() < 0 or index.max() >= n:
        raise ValueError(f"indices in [0, {n}) wanted, got {int(index.min())}..{int(index.max())}")
