"""What two judges say of samples, beside the digits that were wanted."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from evaluation.estimates import Estimate, estimate_mean

__all__ = ["Judged", "obeyed", "verdict_values", "verdicts"]


class Judged(Protocol):
    """Predictions of both judges."""

    @property
    def digit_a(self) -> Tensor:
        """(n,) int64, by judge A."""

    @property
    def digit_b(self) -> Tensor:
        """(n,) int64, by judge B."""


def obeyed(judged: Judged, digit: Tensor) -> Tensor:
    """(n,) float64: the share of the judges that predict the wanted digit."""
    return ((judged.digit_a == digit).double() + (judged.digit_b == digit).double()) / 2


def verdicts(judged: Judged, digit: Tensor, unit: Tensor) -> dict[str, Estimate]:
    """Accuracy by both judges, by each, and how often they disagree.

    Args:
        digit: (n,) int64, wanted.
        unit: (n,) int64: samples of one unit do not count as independent.
    """
    each = _each(judged, digit)
    return {name: estimate_mean(values, unit, digit) for name, values in each.items()}


def verdict_values(judged: Judged, digit: Tensor) -> dict[str, float]:
    """The same, without intervals."""
    return {name: values.double().mean().item() for name, values in _each(judged, digit).items()}


def _each(judged: Judged, digit: Tensor) -> dict[str, Tensor]:
    return {
        "accuracy": obeyed(judged, digit),
        "accuracy_judge_a": judged.digit_a == digit,
        "accuracy_judge_b": judged.digit_b == digit,
        "judges_disagree": judged.digit_a != judged.digit_b,
    }
