from __future__ import annotations

import pytest
import torch
from scipy.stats import bootstrap as scipy_bootstrap
from torch import Tensor

from metrics.bootstrap import (
    group_weights,
    interval,
    two_level_interval,
    weighted_means,
    wilson,
)

MU = 0.3


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def covers(bounds: tuple[float, float]) -> bool:
    return bounds[0] <= MU <= bounds[1]


def test_draws_are_as_many_as_groups_and_repeat_with_the_generator() -> None:
    group = torch.arange(20).repeat(3)
    weights = group_weights(group, 50, rng())
    assert weights.shape == (50, 20)
    assert (weights.sum(1) == 20).all()
    assert (weights == group_weights(group, 50, rng())).all()
    assert not (weights == group_weights(group, 50, rng(1))).all()


def test_counts_follow_the_binomial_law() -> None:
    weights = group_weights(torch.arange(50), 4000, rng())
    assert weights.mean() == pytest.approx(1)
    assert weights.var().item() == pytest.approx(1 - 1 / 50, rel=0.02)
    # P(not drawn) = (1 - 1/n)^n
    assert (weights == 0).double().mean().item() == pytest.approx((1 - 1 / 50) ** 50, rel=0.02)


def test_groups_that_do_not_occur_are_never_drawn() -> None:
    weights = group_weights(torch.tensor([1, 4, 4]), 100, rng())
    assert weights.shape == (100, 5)
    assert weights[:, [0, 2, 3]].sum() == 0
    assert (weights.sum(1) == 2).all()


def test_strata_keep_their_shares() -> None:
    group = torch.arange(40)
    weights = group_weights(group, 100, rng(), stratum=group // 10)
    assert (weights.view(100, 4, 10).sum(2) == 10).all()


def test_a_group_in_two_strata_is_refused() -> None:
    with pytest.raises(ValueError, match="more than one stratum"):
        group_weights(torch.tensor([0, 0]), 5, rng(), stratum=torch.tensor([0, 1]))


def test_two_levels_are_the_product_of_seeds_and_groups() -> None:
    weights = group_weights(torch.arange(30), 60, rng(), seeds=4)  # (60, 4, 30)
    assert weights.shape == (60, 4, 30)
    assert (weights.sum((1, 2)) == 4 * 30).all()
    per_seed, per_group = weights.sum(2) / 30, weights.sum(1) / 4
    assert (per_seed.sum(1) == 4).all()
    assert torch.equal(weights, per_seed[:, :, None] * per_group[:, None, :])


def test_weighted_means_equal_resampling_by_index() -> None:
    group = torch.randint(12, (200,), generator=rng())
    values = torch.randn(200, generator=rng(1))
    weights = group_weights(group, 20, rng(2))
    means = weighted_means(values, group, weights)
    for w, mean in zip(weights, means, strict=True):
        index = torch.arange(200).repeat_interleave(w[group].long())
        assert mean.item() == pytest.approx(values.double()[index].mean().item(), abs=1e-12)


def test_two_level_means_equal_resampling_by_index() -> None:
    group = torch.randint(12, (200,), generator=rng())
    values = torch.randn(3, 200, generator=rng(1))
    weights = group_weights(group, 20, rng(2), seeds=3)
    means = weighted_means(values, group, weights)
    flat = values.flatten().double()
    for w, mean in zip(weights, means, strict=True):
        index = torch.arange(600).repeat_interleave(w[:, group].flatten().long())
        assert mean.item() == pytest.approx(flat[index].mean().item(), abs=1e-12)


def test_interval_is_the_percentiles() -> None:
    values = torch.randn(1001, generator=rng()).double()
    low, high = interval(values, 0.9)
    ordered = values.sort().values
    assert (low, high) == pytest.approx((ordered[50].item(), ordered[950].item()))


def test_interval_about_an_estimate_keeps_its_width() -> None:
    values = torch.randn(500, generator=rng()) + 7
    low, high = interval(values)
    moved_low, moved_high = interval(values, estimate=2.0)
    assert moved_high - moved_low == pytest.approx(high - low)
    assert (moved_low + moved_high) / 2 == pytest.approx(2, abs=0.2)


def test_interval_agrees_with_scipy() -> None:
    values = torch.randn(80, generator=rng()).double()
    ours = interval(
        weighted_means(values, torch.arange(80), group_weights(torch.arange(80), 9999, rng()))
    )
    theirs = scipy_bootstrap(
        (values.numpy(),), lambda x, axis: x.mean(axis), method="percentile", rng=0
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.02)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_level_is_a_share(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        interval(torch.ones(3), level)


def correlated(generator: torch.Generator, n_groups: int = 60) -> tuple[Tensor, Tensor]:
    """Eight samples of each group, with as much variance between groups as within."""
    group = torch.arange(n_groups).repeat_interleave(8)
    between = torch.randn(n_groups, generator=generator)[group]
    return MU + between + torch.randn(len(group), generator=generator), group


def test_group_interval_covers_and_sample_interval_does_not() -> None:
    generator = rng()
    by_group = by_sample = 0
    widths = torch.zeros(2)
    for _ in range(300):
        values, group = correlated(generator)
        single = torch.arange(len(values))
        groups = interval(weighted_means(values, group, group_weights(group, 300, generator)))
        samples = interval(weighted_means(values, single, group_weights(single, 300, generator)))
        by_group += covers(groups)
        by_sample += covers(samples)
        widths += torch.tensor([groups[1] - groups[0], samples[1] - samples[0]])
    assert 0.90 <= by_group / 300 <= 0.98
    assert by_sample / 300 < 0.75
    # Variance of the mean: (1 + 1/8) / n_groups against (1 + 1) / (8 n_groups).
    assert (widths[0] / widths[1]).item() == pytest.approx((1.125 / 0.25) ** 0.5, rel=0.05)


@pytest.mark.parametrize("n_seeds", [3, 10])
def test_two_level_interval_covers_where_one_level_does_not(n_seeds: int) -> None:
    generator = rng()
    n_groups = 40
    both = seeds = 0
    for _ in range(300):
        values = (
            MU
            + 0.15 * torch.randn(n_seeds, 1, generator=generator)
            + torch.randn(n_groups, generator=generator)
            + 0.5 * torch.randn(n_seeds, n_groups, generator=generator)
        )
        group = torch.arange(n_groups)
        weights = group_weights(group, 300, generator)
        rows = torch.stack([weighted_means(v, group, weights) for v in values])
        both += covers(two_level_interval(values.mean(1), rows))
        seeds += covers(two_level_interval(values.mean(1), rows[:, :0]))
    assert 0.90 <= both / 300 <= 0.99
    assert seeds / 300 < 0.90


def test_shared_weights_make_differences_narrow() -> None:
    generator = rng()
    values, group = correlated(generator)
    better = values + 0.1 + 0.1 * torch.randn(len(values), generator=generator)
    weights = group_weights(group, 500, generator)
    a, b = (weighted_means(v, group, weights) for v in (values, better))
    other = weighted_means(values, group, group_weights(group, 500, generator))
    assert interval(b - a)[0] > 0
    assert interval(b - other)[0] < 0


@pytest.mark.parametrize(
    # Newcombe 1998, table I, method 3
    ("r", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(r: int, n: int, low: float, high: float) -> None:
    assert wilson(r / n, n) == pytest.approx((low, high), abs=1e-4)


def test_seeds_alone_give_students_interval() -> None:
    values = torch.tensor([0.90, 0.92, 0.97])
    low, high = two_level_interval(values, torch.empty(3, 0))
    half = 4.302653 * values.std().item() / 3**0.5
    assert (low, high) == pytest.approx((0.93 - half, 0.93 + half), abs=1e-6)


def test_recordings_alone_give_theirs() -> None:
    resampled = 0.9 + 0.01 * torch.randn(4000, generator=torch.Generator().manual_seed(0))
    low, high = two_level_interval(torch.full((3,), 0.9), resampled.expand(3, -1))
    assert (low, high) == pytest.approx((0.9 - 0.0196, 0.9 + 0.0196), abs=1e-3)


def test_both_levels_add_and_what_seeds_have_alone_counts_once() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.tensor([0.90, 0.92, 0.97])
    of_seeds, _ = two_level_interval(values, torch.empty(3, 0))
    common = 0.02 * torch.randn(1, 4000, generator=generator)
    alone = 0.05 * torch.randn(3, 4000, generator=generator)
    half = ((0.93 - of_seeds) ** 2 + (1.96 * 0.02) ** 2) ** 0.5
    low, high = two_level_interval(values, values[:, None] + common + alone)
    assert (low, high) == pytest.approx((0.93 - half, 0.93 + half), abs=4e-3)


def test_one_seed_has_no_interval_over_seeds() -> None:
    with pytest.raises(ValueError, match="at least two seeds"):
        two_level_interval(torch.ones(1), torch.empty(1, 0))
