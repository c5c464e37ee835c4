from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import wasserstein_distance as by_scipy
from torch import Tensor

from metrics.wasserstein import wasserstein_by_group, wasserstein_distance


def values(n: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(n, generator=g) + shift).double()


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 50), (40, 70), (500, 30)])
@pytest.mark.parametrize("rounded", [False, True])
def test_agrees_with_scipy(n: int, m: int, rounded: bool) -> None:
    real, fake = values(n, 0, 3), values(m, 1, 2, 1)
    if rounded:  # ties, within and between the samples
        real, fake = real.round(), fake.round()
    assert wasserstein_distance(real, fake) == pytest.approx(by_scipy(real, fake), abs=1e-12)


def test_groups_are_apart_in_any_order() -> None:
    g = torch.Generator().manual_seed(0)
    real, fake = values(300, 0, 3, 100), values(200, 1, 2, 101)
    of_real, of_fake = (torch.randint(4, (n,), generator=g) * 7 for n in (300, 200))
    found = wasserstein_by_group(real, of_real, fake, of_fake)
    expected = [by_scipy(real[of_real == k], fake[of_fake == k]) for k in (0, 7, 14, 21)]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_group_on_one_side_alone_is_left_out() -> None:
    real, fake = torch.tensor([0.0, 5.0, 1.0]), torch.tensor([7.0, 3.0])
    found = wasserstein_by_group(
        real, torch.tensor([2, 9, 3]), fake, torch.tensor([9, 2]), in_deviations=False
    )
    assert found.tolist() == [3.0, 2.0]


def test_a_shift_costs_itself_and_a_scale_its_spread() -> None:
    x = values(1000, 0)
    assert wasserstein_distance(x, x.flip(0)) == 0
    assert wasserstein_distance(x, x - 0.3) == pytest.approx(0.3, abs=1e-12)
    assert wasserstein_distance(x, 2 * x) == pytest.approx(x.abs().mean().item(), abs=1e-9)


def test_repeating_every_value_changes_nothing() -> None:
    x, y = values(50, 0), values(30, 1)
    once = wasserstein_distance(x, y)
    assert wasserstein_distance(x, y.repeat(7)) == pytest.approx(once, abs=1e-12)


def test_half_of_the_modes_in_deviations() -> None:
    x = values(20_001, 0, 2.5, 40)
    # The upper half of a normal law: E |z| = (2 / pi)^(1/2).
    upper = x[x > x.median()]
    assert wasserstein_distance(x, upper, in_deviations=True) == pytest.approx(0.80, abs=0.01)
    assert wasserstein_distance(x, upper) == pytest.approx(2.5 * 0.80, abs=0.03)


def test_the_unit_is_the_deviation_of_the_reals_of_the_group() -> None:
    real, fake = values(400, 0), values(400, 1, 3)
    group = torch.arange(400) % 2
    real, fake = (torch.where(group == 0, x, 10 * x) for x in (real, fake))
    found = wasserstein_by_group(real, group, fake, group, in_deviations=True)
    plain = wasserstein_by_group(real, group, fake, group)
    deviation = torch.stack([real[group == k].std(correction=0) for k in (0, 1)])
    assert found.tolist() == pytest.approx((plain / deviation).tolist(), rel=1e-9)


def test_the_floor_is_as_documented() -> None:
    n, m = 1000, 500
    found = [wasserstein_distance(values(n, 2 * s), values(m, 2 * s + 1)) for s in range(40)]
    assert sum(found) / len(found) == pytest.approx(1.3 * (1 / n + 1 / m) ** 0.5, rel=0.1)


def test_wrong_digits_show_where_the_digits_differ() -> None:
    digit = torch.arange(5000) % 10
    real, fake = values(5000, 0) + digit, values(5000, 1) + digit
    floor = wasserstein_by_group(real, digit, fake, digit).mean().item()
    wrong = torch.arange(5000) % 1000 < 86
    disobeyed = torch.where(wrong, fake.flip(0), fake)
    found = wasserstein_by_group(real, digit, disobeyed, digit).mean().item()
    assert found > 2 * floor


def test_a_missing_value_costs_as_much_as_the_farthest_real_one() -> None:
    real = torch.tensor([0.0, 1.0, 2.0, 9.0])
    fake = torch.tensor([0.0, math.nan, 2.0, 9.0])
    assert wasserstein_distance(real, fake) == pytest.approx((9 - 1) / 4)
    low = wasserstein_distance(-real, torch.full((3,), math.nan))
    assert low == pytest.approx(by_scipy(-real, [-9.0]))


def test_bad_input_is_refused() -> None:
    x, group = values(4, 0), torch.zeros(4, dtype=torch.long)
    for real, fake in ((x / 0, x), (x, x / 0), (x * math.nan, x), (x[:0], x), (x, x.long())):
        with pytest.raises(ValueError):
            wasserstein_distance(real, fake)
    with pytest.raises(ValueError):
        wasserstein_by_group(x, group[:2], x, group)
    with pytest.raises(ValueError, match="no group"):
        wasserstein_by_group(x, group, x, group + 1)
    with pytest.raises(ValueError, match="all equal"):
        wasserstein_distance(x[:1].repeat(3), x, in_deviations=True)
