from __future__ import annotations

import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import Tensor

from metrics import neighbors
from metrics.neighbors import (
    auth_pct,
    copied_share,
    copying_statistic,
    is_copied,
    nearest,
    nearest_distance,
    partner_rank,
)


def cloud(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def planted(train: Tensor, share: float, seed: int = 9) -> Tensor:
    """Fresh samples, a share of them near copies of training samples."""
    fake = cloud(300, train.shape[1], seed)
    n = int(share * 300)
    fake[:n] = train[:n] + cloud(n, train.shape[1], seed + 1, 0.02)
    return fake


@pytest.mark.parametrize("chunk", [1, 1000, 2**24])
def test_nearest_agrees_with_brute_force(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "_CHUNK", chunk)
    queries, keys = cloud(50, 20, 0, shift=3), cloud(80, 20, 1, shift=3)
    every = (queries[:, None] - keys).norm(dim=2)
    torch.testing.assert_close(nearest_distance(queries, keys), every.min(1).values)
    assert (nearest(queries, keys).row == every.argmin(1)).all()


@pytest.mark.parametrize("chunk", [1, 1000, 2**24])
def test_a_sample_is_not_its_own_neighbor(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "_CHUNK", chunk)
    x = cloud(60, 20, 0)
    every = (x[:, None] - x).norm(dim=2).fill_diagonal_(torch.inf)
    own = torch.arange(120)
    torch.testing.assert_close(nearest(x, x, own[:60]).distance, every.min(1).values)
    assert (nearest_distance(x, x) == 0).all()
    # Another row that is equal does count.
    assert (nearest(x.repeat(2, 1), x.repeat(2, 1), own).distance == 0).all()


def test_a_copy_is_at_exactly_zero_far_from_the_origin() -> None:
    keys = cloud(500, 784, 0) + 50
    assert (nearest_distance(keys[:100].clone(), keys) == 0).all()


def authentic(train: Tensor, fake: Tensor) -> float:
    return auth_pct(train, nearest(fake, train))


def test_auth_pct_agrees_with_brute_force() -> None:
    train, fake = cloud(200, 5, 0), cloud(150, 5, 1)
    among = (train[:, None] - train).norm(dim=2).fill_diagonal_(torch.inf).min(1).values
    distance, row = (fake[:, None] - train).norm(dim=2).min(1)
    expected = 100 * (distance > among[row]).double().mean()
    assert authentic(train, fake) == pytest.approx(expected.item())


def test_auth_pct_falls_with_planted_copies() -> None:
    train = cloud(1000, 16, 0)
    values = [authentic(train, planted(train, share)) for share in (0, 0.5, 1)]
    assert values[0] > 40
    assert values[1] == pytest.approx(values[0] / 2, abs=8)
    assert values[2] < 1
    assert authentic(train, train) == 0
    assert authentic(train, train[:1].repeat(30, 1)) == 0
    assert authentic(train, train[:1].repeat(30, 1) + 9) == 100


def copying(train: Tensor, test: Tensor, fake: Tensor) -> float:
    return copying_statistic(nearest_distance(fake, train), nearest_distance(test, train))


def test_copying_statistic_of_planted_copies_and_of_noise() -> None:
    train, test = cloud(1000, 16, 0), cloud(300, 16, 1)
    assert abs(copying(train, test, planted(train, 0))) < 3
    assert copying(train, test, planted(train, 0.3)) < -3
    assert copying(train, test, planted(train, 1)) < -15
    assert copying(train, test, train[:300]) < -15
    assert copying(train, test, cloud(300, 16, 2, 2)) > 15


def test_copying_statistic_is_standard_normal_for_equal_laws() -> None:
    g = torch.Generator().manual_seed(0)
    z = torch.tensor(
        [
            copying_statistic(torch.rand(40, generator=g), torch.rand(60, generator=g))
            for _ in range(2000)
        ]
    )
    assert z.mean().item() == pytest.approx(0, abs=0.08)
    assert z.std().item() == pytest.approx(1, abs=0.05)


def test_copying_statistic_agrees_with_scipy() -> None:
    # Few values, so many ties.
    g = torch.Generator().manual_seed(0)
    fake, test = torch.randint(5, (70,), generator=g), torch.randint(6, (50,), generator=g)
    u = mannwhitneyu(fake.numpy(), test.numpy()).statistic
    expected = (u - 70 * 50 / 2) / (70 * 50 * 121 / 12) ** 0.5
    assert copying_statistic(fake.double(), test.double()) == pytest.approx(expected)
    assert copying_statistic(test.double(), fake.double()) == pytest.approx(-expected)


def test_partner_rank_by_hand() -> None:
    candidates = torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0]])
    digit = torch.tensor([3, 3, 3, 8, 8])
    samples = torch.tensor([[0.1], [0.1], [0.1], [10.6], [0.1], [1.5]])
    partner = torch.tensor([0, 1, 2, 3, 3, 1])
    ranks = partner_rank(samples, candidates, partner, digit)
    # The last lies between two candidates: half of a tie.
    assert ranks.tolist() == [0, 0.5, 1, 1, 0, 0.25]


def test_partner_rank_without_digits_ranks_among_all() -> None:
    candidates = torch.arange(5.0)[:, None]
    ranks = partner_rank(torch.zeros(5, 1), candidates, torch.arange(5))
    assert ranks.tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize("chunk", [1, 2**24])
def test_partner_rank_tells_copies_from_independent_samples(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbors, "_CHUNK", chunk)
    digit = torch.arange(1000) % 10
    centers = cloud(10, 16, 5, 4)
    candidates = cloud(1000, 16, 0) + centers[digit]
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    rank = partner_rank(candidates[order] + cloud(1000, 16, 1, 0.05), candidates, order, digit)
    assert rank.mean() < 1e-3
    fresh = cloud(1000, 16, 2) + centers[digit[order]]
    assert partner_rank(fresh, candidates, order, digit).mean().item() == pytest.approx(
        0.5, abs=0.04
    )
    # A collapse to the class mean is no copy of the partner.
    mean = partner_rank(centers[digit[order]], candidates, order, digit).mean()
    assert mean.item() == pytest.approx(0.5)


def test_bad_input_is_refused() -> None:
    x = cloud(10, 4, 0)
    for bad in (
        lambda: nearest_distance(x, x[:, :3]),
        lambda: authentic(x, x / 0),
        lambda: copying_statistic(x[:0, 0], x[:, 0]),
        lambda: copying_statistic(x[:, 0] * torch.nan, x[:, 0]),
        lambda: partner_rank(x, x[:1], torch.zeros(10).long()),
    ):
        with pytest.raises(ValueError):
            bad()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.2, 1.0])
def test_planted_copies_are_counted(share: float) -> None:
    """Among samples of the same distribution, with a larger training than held-out set."""
    generator = torch.Generator().manual_seed(0)
    train, held_out, real, fake = torch.randn(20_000, 4, generator=generator).split(
        [9000, 3000, 4000, 4000]
    )
    n = round(share * len(fake))
    fake = torch.cat((train[:n] + 1e-4, fake[n:]))
    ratio, real_ratio = (
        nearest_distance(x, train) / nearest_distance(x, held_out) for x in (fake, real)
    )
    found = is_copied(ratio, real_ratio).double().mean().item()
    assert copied_share(found) == pytest.approx(share, abs=0.006)


def test_samples_off_the_manifold_are_no_copies() -> None:
    generator = torch.Generator().manual_seed(0)
    train, held_out, real = torch.randn(9000, 4, generator=generator).split(3000)
    for fake in (0.1 * real, 3 * real, real + 5, torch.zeros_like(real)):
        ratio, real_ratio = (
            nearest_distance(x, train) / nearest_distance(x, held_out) for x in (fake, real)
        )
        share = is_copied(ratio, real_ratio).double().mean().item()
        assert copied_share(share) < 0.02


def test_ratios_must_be_numbers() -> None:
    good = torch.ones(3)
    for bad in (torch.tensor([1.0, torch.nan]), torch.empty(0)):
        with pytest.raises(ValueError, match="ratios that are numbers"):
            is_copied(good, bad)
