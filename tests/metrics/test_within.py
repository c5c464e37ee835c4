from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from metrics.frechet import frechet_distance
from metrics.kid import kernel_distance
from metrics.prdc import prdc, within_group_coverage
from metrics.within import (
    within_group_frechet_distance,
    within_group_kernel_distance,
    within_group_precision,
)

Metric = Callable[[Tensor, Tensor, Tensor, Tensor], float]
METRICS = [within_group_frechet_distance, within_group_kernel_distance, within_group_precision]
DISTANCES = METRICS[:2]


def cloud(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(n, d, generator=g) + shift).double()


@pytest.fixture(scope="module")
def halves() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels and digits of scikit-learn's real digits, in two halves with equal digits."""
    x, digit = (torch.from_numpy(each) for each in load_digits(return_X_y=True))
    mixed = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, digit = x[mixed], digit[mixed].long()
    members = [(digit == k).nonzero()[:, 0] for k in range(10)]
    first, second = (torch.cat([m[s : s + 170 : 2] for m in members]) for s in (0, 1))
    return x[first], digit[first], x[second], digit[second]


def wrong(fake: Tensor, share: float) -> Tensor:
    """Samples of which a share was drawn for another digit."""
    result, at = fake.clone(), torch.randperm(len(fake), generator=torch.Generator().manual_seed(1))
    at = at[: round(share * len(fake))].sort().values
    result[at] = fake[at.roll(len(at) // 2)]
    return result


def test_mean_over_digits_of_the_plain_metric_on_each() -> None:
    real, fake = cloud(300, 5, 0, 2, 3), cloud(240, 5, 1, 3, 2)
    of_real, of_fake = torch.arange(300) % 3 * 4, torch.arange(240) % 3 * 4
    pairs = [(real[of_real == k], fake[of_fake == k]) for k in (0, 4, 8)]

    frechet = [frechet_distance(x, y) / x.var(0).sum().item() for x, y in pairs]
    found = within_group_frechet_distance(real, of_real, fake, of_fake)
    assert found == pytest.approx(sum(frechet) / 3, rel=1e-9)

    def in_deviations(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        mean, deviation = x.mean(0), x.var(0).mean().sqrt()
        return (x - mean) / deviation, (y - mean) / deviation

    kernel = [kernel_distance(*in_deviations(x, y)) for x, y in pairs]
    found = within_group_kernel_distance(real, of_real, fake, of_fake)
    assert found == pytest.approx(sum(kernel) / 3, rel=1e-9)

    precision = [prdc(x, y, 3).precision for x, y in pairs]
    found = within_group_precision(real, of_real, fake, of_fake, 3)
    assert found == pytest.approx(sum(precision) / 3)


def test_wrong_digits_move_each(halves: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    real, of_real, fake, of_fake = halves
    planted = wrong(fake, 0.086)
    floor, found = (
        [metric(real, of_real, x, of_fake) for metric in METRICS] for x in (fake, planted)
    )
    assert found[0] > 1.3 * floor[0]
    assert found[1] > 2 * floor[1]
    assert found[2] < floor[2] - 0.05
    # The same images, so that nothing of whole sets moves.
    moved = frechet_distance(real, planted) / frechet_distance(real, fake)
    assert moved == pytest.approx(1, abs=1e-6)
    # Coverage hardly does: the right ones still cover.
    coverage = [within_group_coverage(real, of_real, x, of_fake) for x in (fake, planted)]
    assert coverage[1] > coverage[0] - 0.05


def test_wrong_digits_move_each_far_in_features_that_part_the_digits() -> None:
    digit = torch.arange(5000) % 10
    place = 20 * torch.eye(10).double()[digit]
    real, fake = cloud(5000, 10, 0) + place, cloud(5000, 10, 1) + place
    planted = wrong(fake, 0.086)
    for distance in DISTANCES:
        floor = distance(real, digit, fake, digit)
        assert distance(real, digit, planted, digit) > 50 * abs(floor)
    lost = within_group_precision(real, digit, fake, digit) - within_group_precision(
        real, digit, planted, digit
    )
    assert lost == pytest.approx(0.086 * 0.9 * 0.95, abs=0.02)


def test_the_more_wrong_digits_the_worse(
    halves: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    real, of_real, fake, of_fake = halves
    sets = [wrong(fake, share) for share in (0, 0.05, 0.2, 0.5)]
    for metric, sign in zip(METRICS, (1, 1, -1), strict=True):
        values = [sign * metric(real, of_real, x, of_fake) for x in sets]
        assert values == sorted(values)
        assert len(set(values)) == 4


def test_half_of_the_modes_costs_and_is_precise() -> None:
    # Two modes in each digit; the digits far apart.
    def images(seed: int, n_modes: int) -> tuple[Tensor, Tensor]:
        digit = torch.arange(2000) % 10
        x = cloud(2000, 8, seed)
        x[:, 0] += 4 * (torch.arange(2000) // 10 % n_modes)
        x[:, 1] += 100 * digit
        return x, digit

    real, all_modes, half = images(0, 2), images(1, 2), images(2, 1)
    for distance in DISTANCES:
        assert distance(*real, *half) > 10 * abs(distance(*real, *all_modes))
    assert within_group_precision(*real, *half) > 0.9
    # Of whole sets, the variance between digits hides the loss.
    whole = frechet_distance(real[0], half[0]) / real[0].var(0).sum().item()
    assert whole < 0.01 < within_group_frechet_distance(*real, *half)


def test_the_mean_of_a_digit_in_its_place_is_at_one() -> None:
    real, group = cloud(400, 6, 0, 3), torch.arange(400) % 4
    means = torch.stack([real[group == k].mean(0) for k in range(4)])[group]
    found = within_group_frechet_distance(real, group, means, group)
    assert found == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_unit_place_and_order_of_features_do_not_matter(metric: Metric) -> None:
    real, fake = cloud(200, 6, 0), cloud(200, 6, 1, 1.2, 0.2)
    group = torch.arange(200) % 4
    turn = torch.linalg.qr(cloud(6, 6, 2)).Q
    found = metric(real, group, fake, group)
    other = metric(7 * real @ turn - 30, group, 7 * fake @ turn - 30, group)
    assert other == pytest.approx(found, rel=1e-6)
    assert metric(real, group, fake.flip(0), group.flip(0)) == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_every_digit_weighs_the_same_however_wide(metric: Metric) -> None:
    real, fake = cloud(300, 4, 0), cloud(300, 4, 1, 1.1, 0.1)
    group = torch.arange(300) % 3
    wide = torch.tensor([1.0, 1.0, 50.0]).double()[group][:, None]
    found = metric(real * wide, group, fake * wide, group)
    assert found == pytest.approx(metric(real, group, fake, group), rel=1e-6)


def test_groups_with_too_few_are_left_out() -> None:
    real, fake = cloud(60, 3, 0), cloud(60, 3, 1)
    group = torch.zeros(60, dtype=torch.long)
    lone = group.clone()
    lone[0] = 5
    for metric in METRICS:
        expected = metric(real[1:], group[1:], fake, group)
        assert metric(real, lone, fake, group) == pytest.approx(expected)
        assert math.isnan(metric(real, group, fake, group + 1))
    assert math.isnan(within_group_precision(real, group, fake[:5], group[:5], k=5))
    assert not math.isnan(within_group_precision(real, group, fake[:6], group[:6], k=5))


@pytest.mark.parametrize("metric", METRICS)
def test_bad_input_is_refused(metric: Metric) -> None:
    x, group = cloud(20, 3, 0), torch.zeros(20, dtype=torch.long)
    for fake, of_fake in ((x[:, :2], group), (x / 0, group), (x, group[:5]), (x.long(), group)):
        with pytest.raises(ValueError):
            metric(x, group, fake, of_fake)


@pytest.mark.parametrize("distance", DISTANCES)
def test_equal_reals_have_no_unit(distance: Metric) -> None:
    group = torch.zeros(20, dtype=torch.long)
    with pytest.raises(ValueError, match="all equal"):
        distance(torch.ones(20, 3), group, cloud(20, 3, 0), group)
