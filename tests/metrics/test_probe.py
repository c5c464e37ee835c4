from __future__ import annotations

import pytest
import torch

from metrics.probe import probe_accuracy

N = 600
DIGIT = torch.arange(N) % 3
TARGET = torch.arange(N) // 3 % 4


def features(leak: float) -> torch.Tensor:
    """Large digits, and a target that leaks at the given size beside noise of size 1."""
    generator = torch.Generator().manual_seed(0)
    digit = 10 * torch.randn(3, 12, generator=generator)[DIGIT]
    target = torch.nn.functional.one_hot(TARGET, 12).float()
    return digit + leak * target + torch.randn(N, 12, generator=generator)


def test_what_does_not_leak_is_named_by_chance() -> None:
    assert probe_accuracy(features(0), TARGET, DIGIT) == pytest.approx(0.25, abs=0.06)


def test_what_leaks_is_named_at_any_scale() -> None:
    found = [probe_accuracy(features(leak), TARGET, DIGIT) for leak in (1.0, 2.0, 6.0)]
    assert 0.4 < found[0] < found[1] < found[2] and found[2] > 0.97
    assert probe_accuracy(1e-4 * features(6), TARGET, DIGIT) > 0.97


def test_a_leak_may_be_another_in_each_digit() -> None:
    shifted = (TARGET + DIGIT) % 4
    assert probe_accuracy(features(6), shifted, DIGIT) > 0.97


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="for each row"):
        probe_accuracy(features(0), TARGET[:-1], DIGIT)
    with pytest.raises(ValueError, match="fewer than 4 rows"):
        probe_accuracy(features(0), torch.arange(N), DIGIT)
