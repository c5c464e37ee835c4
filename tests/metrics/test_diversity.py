from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from metrics.diversity import (
    condition_share,
    diversity_of_draws,
    vendi_score,
    within_digit_diversity,
    within_digit_vendi,
)


def cloud(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


DIGIT = torch.arange(100) % 10


def test_one_image_per_digit_has_no_diversity() -> None:
    assert within_digit_diversity(cloud(10, 784)[DIGIT], DIGIT) == 0
    assert within_digit_vendi(cloud(10, 784)[DIGIT], DIGIT) == pytest.approx(1)
    assert within_digit_diversity(cloud(10, 784), torch.arange(10)) == 0


def test_diversity_by_hand() -> None:
    x = torch.tensor([[0.0], [3.0], [6.0], [100.0], [101.0]])
    # Digit 4: distances 3, 3, 6; digit 7: 1. What lies between the digits does not count.
    assert within_digit_diversity(x, torch.tensor([4, 4, 4, 7, 7])) == pytest.approx((4 + 1) / 2)


def test_diversity_of_gaussians() -> None:
    # Two draws differ by N(0, 2 I): distance about sqrt(2 d).
    x = cloud(400, 500)
    assert within_digit_diversity(x, torch.arange(400) % 2) == pytest.approx(1000**0.5, rel=0.01)


def test_diversity_scales_with_the_features() -> None:
    x = cloud(100, 8)
    once = within_digit_diversity(x, DIGIT)
    assert within_digit_diversity(3 * x + 1, DIGIT) == pytest.approx(3 * once, rel=1e-5)


def vendi_by_definition(x: np.ndarray) -> float:
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    p = np.linalg.eigvalsh(x @ x.T / len(x))
    p = p[p > 1e-12]
    return float(np.exp(-(p * np.log(p)).sum()))


@pytest.mark.parametrize(("n", "d"), [(40, 8), (8, 40), (20, 20)])
def test_vendi_agrees_with_the_definition_on_both_sides(n: int, d: int) -> None:
    x = cloud(n, d).double()
    assert vendi_score(x) == pytest.approx(vendi_by_definition(x.numpy()), rel=1e-8)


@pytest.mark.parametrize(("n", "d"), [(5, 30), (30, 5)])
def test_vendi_of_one_picture_repeated_is_one(n: int, d: int) -> None:
    assert vendi_score(cloud(1, d).repeat(n, 1)) == pytest.approx(1)
    assert vendi_score(torch.zeros(n, d)) == pytest.approx(1)


def test_vendi_of_orthogonal_samples_is_their_number() -> None:
    x = torch.eye(12, 30) * torch.linspace(0.1, 5, 12)[:, None]
    assert vendi_score(x) == pytest.approx(12)
    # Copies do not make it more, a row of zeros is one direction more.
    assert vendi_score(x.repeat(4, 1)) == pytest.approx(12)
    x[0] = 0
    assert vendi_score(x) == pytest.approx(12)


def test_vendi_falls_with_unequal_shares() -> None:
    p = torch.tensor([0.7, 0.2, 0.1]).double()
    x = torch.eye(3).repeat_interleave(torch.tensor([70, 20, 10]), 0)
    assert vendi_score(x) == pytest.approx((-(p * p.log()).sum()).exp().item())


def test_within_digit_vendi_is_the_mean_over_digits() -> None:
    x = cloud(100, 6)
    mean = sum(vendi_score(x[k::10]) for k in range(10)) / 10
    assert within_digit_vendi(x, DIGIT) == pytest.approx(mean)


def test_bad_input_is_refused() -> None:
    x = cloud(100, 6)
    for features, digit in ((x, DIGIT[:-1]), (x / 0, DIGIT), (x[:, 0], DIGIT), (x[:0], DIGIT[:0])):
        with pytest.raises(ValueError):
            within_digit_diversity(features, digit)
        with pytest.raises(ValueError):
            within_digit_vendi(features, digit)


def test_diversity_of_draws_by_hand() -> None:
    first = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    second = torch.tensor([[3.0, 4.0], [1.0, 2.0]])
    assert diversity_of_draws(first, second) == pytest.approx(((25 + 1) / 2) ** 0.5)
    assert diversity_of_draws(first, first) == 0
    a, b = cloud(500, 300), cloud(500, 300, seed=1)
    assert diversity_of_draws(a, b) == pytest.approx(600**0.5, rel=0.01)
    for wrong in (first[:1], first[:, :1], torch.full((2, 2), torch.nan)):
        with pytest.raises(ValueError):
            diversity_of_draws(first, wrong)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_the_condition_is_found(share: float) -> None:
    """x = sqrt(s) u(condition) + sqrt(1 - s) noise, beside means of the digits, which are no part
    of it."""
    n, digit = 2000, torch.arange(2000) % 10
    mean, condition = 5 * cloud(10, 30, seed=1)[digit], cloud(n, 30, seed=2)
    draws = [
        mean + share**0.5 * condition + (1 - share) ** 0.5 * cloud(n, 30, seed=seed)
        for seed in (3, 4)
    ]
    assert condition_share(draws[0], draws[1], digit) == pytest.approx(share, abs=0.02)


def test_the_share_of_the_condition_by_hand() -> None:
    # Digit 0: within 1, 4; between (0 - 3)^2, (1 - 1)^2. Digit 1 has one condition.
    first, second = torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[1.0], [3.0], [5.0]])
    found = condition_share(first, second, torch.tensor([0, 0, 1]))
    assert found == pytest.approx(1 - (1 + 4) / (9 + 0))
    with pytest.raises(ValueError, match="no two conditions"):
        condition_share(first, second, torch.arange(3))
    with pytest.raises(ValueError, match="the same"):
        condition_share(torch.zeros(4, 2), torch.zeros(4, 2), torch.zeros(4))
