"""A classifier learns what samples show, from them alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from evaluation import usefulness
from evaluation.usefulness import classification_accuracy


def bars(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """(n, 28, 28) noisy images, each with a bar at the place of its digit."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 60, (n, 28, 28), generator=generator, dtype=torch.uint8)
    digit = torch.randint(10, (n,), generator=generator)
    for i, d in enumerate(digit.tolist()):
        x[i, 4 + 2 * d : 6 + 2 * d] = 250
    return x, digit


def test_it_learns_the_requested_digits() -> None:
    (x, digit), (test_x, test_digit) = bars(2000, 0), bars(300, 1)
    right = classification_accuracy(x, digit, test_x, test_digit)
    assert right.shape == (300,) and right.double().mean() > 0.95
    turned = (digit + 1) % 10  # what samples are asked for, not what they show
    assert classification_accuracy(x, turned, test_x, test_digit).double().mean() < 0.05
    moved = classification_accuracy(x, turned, test_x, (test_digit + 1) % 10)
    assert moved.double().mean() > 0.95
    few = test_digit < 5  # a half of the digits is learned, the other is not
    kept = digit < 5
    half = classification_accuracy(x[kept], digit[kept], test_x, test_digit)
    assert half[few].double().mean() > 0.95 and not half[~few].any()


def test_it_is_the_same_each_time_and_leaves_the_noise_of_others() -> None:
    (x, digit), test = bars(200, 0), bars(100, 1)
    torch.manual_seed(1)
    first = classification_accuracy(x, digit, *test)
    after = torch.rand(())
    torch.manual_seed(1)
    assert torch.equal(torch.rand(()), after)
    torch.manual_seed(2)
    assert torch.equal(classification_accuracy(x, digit, *test), first)


def test_it_learns_for_about_four_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, loss = [], torch.nn.functional.cross_entropy

    def count(logits: Tensor, digit: Tensor) -> Tensor:
        seen.append(len(digit))
        return loss(logits, digit)

    monkeypatch.setattr(usefulness.F, "cross_entropy", count)
    x, digit = bars(1500, 0)
    classification_accuracy(x, digit, x[:10], digit[:10])
    assert 3.5 * 1500 < sum(seen) < 4.5 * 1500
