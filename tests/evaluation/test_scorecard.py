"""Metrics from what the judges compute, and their intervals."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from evaluation.estimates import estimate_by_group, estimate_mean, estimate_resampled
from evaluation.scorecard import (
    BETTER,
    ImageFeatures,
    RealStatistics,
    copying,
    pool_pixels,
    score,
    values,
)
from metrics.frechet import frechet_distance
from metrics.neighbors import auth_pct, copied_share, copying_statistic, nearest
from metrics.prdc import within_group_coverage
from metrics.wasserstein import wasserstein_by_group
from metrics.within import within_group_frechet_distance, within_group_precision


def test_copies_are_found() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (300, 28, 28), generator=generator, dtype=torch.uint8)
    train, test, fake = pool_pixels(images).split(100)
    nothing = torch.empty(0)
    real = RealStatistics(
        digit=nothing,
        test=ImageFeatures(nothing, nothing, nothing, test, nothing, nothing),
        train=nothing,
        train_other=nothing,
        train_attributes=nothing,
        train_components=nothing,
        train_pixels=train,
        held_out_pixels=nothing,
    )
    metrics, distance, ratio, _ = copying(fake, real)
    assert metrics["authentic_pct"] == auth_pct(train, nearest(fake, train))
    assert (distance > 0).all() and ratio.median().item() == pytest.approx(1, abs=0.1)
    metrics, distance, ratio, row = copying(train, real)
    assert row.tolist() == [*range(100)]
    assert metrics["authentic_pct"] == 0 and (distance == 0).all() and (ratio == 0).all()
    assert metrics["nearest_test_q01"] > 0
    *_, ratio, _ = copying(test, real)
    assert (ratio > 1e30).all()


N = 200


def judged(seed: int) -> ImageFeatures:
    generator = torch.Generator().manual_seed(seed)
    digit = torch.arange(N) % 10
    features = torch.randn(N, 4, generator=generator) + digit[:, None]
    more = [torch.rand(N, k, generator=generator) for k in (9, 3, 5)]
    return ImageFeatures(features, digit, digit, *more)


def statistics() -> RealStatistics:
    test, first, second = judged(0), judged(1), judged(2)
    return RealStatistics(
        digit=torch.arange(N) % 10,
        test=test,
        train=first.features,
        train_other=second.features,
        train_attributes=first.attributes,
        train_components=first.components,
        train_pixels=first.pixels,
        held_out_pixels=second.pixels,
    )


def test_every_metric_has_a_direction_and_real_images_beside_it() -> None:
    real, fake = statistics(), judged(3)
    metrics = score(fake, real, copying(fake.pixels, real), torch.arange(N))
    for name, estimate in metrics.items():
        short = name.removesuffix(f"_judge_{N}")
        assert short in BETTER
        assert estimate.real is not None
    assert metrics["accuracy"].value == 1
    assert metrics[f"fd_judge_{N}"].real_train is not None


def test_the_accuracy_is_the_mean_of_both_judges() -> None:
    right, fake = torch.arange(N) % 10, judged(3)
    one = right.clone()
    one[:20] = (one[:20] + 1) % 10
    other = right.clone()
    other[:50] = (other[:50] + 1) % 10
    fake = dataclasses.replace(fake, digit_a=one, digit_b=other)
    real = statistics()
    metrics = score(fake, real, copying(fake.pixels, real), torch.arange(N))
    found = {name: each.value for name, each in metrics.items()}
    assert (found["accuracy_judge_a"], found["accuracy_judge_b"]) == (0.9, 0.75)
    assert found["accuracy"] == pytest.approx(0.825)
    assert found["judges_disagree"] == pytest.approx(0.15)


def test_each_metric_compares_samples_with_test_images_the_right_way() -> None:
    """Samples that are no mirror image of the test images: exchanged, each value is another."""
    real, digit = statistics(), torch.arange(N) % 10
    fake = dataclasses.replace(judged(3), features=0.4 * judged(3).features)
    copies = copying(fake.pixels, real)
    metrics = score(fake, real, copies, torch.arange(N))
    found = {name.removesuffix(f"_judge_{N}"): each.value for name, each in metrics.items()}
    sides = (real.test.features, digit, fake.features, digit)
    swapped = (fake.features, digit, real.test.features, digit)
    for name, metric in {
        "coverage_within_digit": within_group_coverage,
        "precision_within_digit": within_group_precision,
        "fd_within_digit": within_group_frechet_distance,
    }.items():
        assert found[name] == pytest.approx(metric(*sides))
        assert metric(*sides) != pytest.approx(metric(*swapped), rel=0.01)
    assert found["precision"] != pytest.approx(found["recall"], rel=0.01)
    assert found["diversity_relative"] < 0.9 < 1 / found["diversity_relative"]
    assert found["copying_z"] == copying_statistic(copies.distance, real.copying.distance) != 0
    wanted = wasserstein_by_group(
        real.test.attributes[:, 1], digit, fake.attributes[:, 1], digit, in_deviations=True
    ).mean()
    assert found["w1_slant"] == pytest.approx(wanted.item())
    components = real.test.components, fake.components
    assert found["fd_pca"] == pytest.approx(frechet_distance(*components))
    assert len({found[f"w1_{name}"] for name in ("thickness", "slant", "width")}) == 3


def test_copies_are_nearer_than_unseen_images_to_training_than_to_test_images() -> None:
    real, fake = statistics(), judged(3)
    pixels = fake.pixels.clone()
    pixels[:60] = real.train_pixels[:60]
    train = real.train_pixels[60:100]  # half-way to a test image: near, but to both
    pixels[60:100] = (train + real.test.pixels[nearest(train, real.test.pixels).row]) / 2
    copies = copying(pixels, real)
    assert copies.distance[60:100].median() < real.copying.distance.quantile(0.01)
    found = score(fake, real, copies, torch.arange(N))["copied"].value
    flagged = copies.ratio < real.copying.ratio.double().quantile(0.01)
    assert flagged[:60].all() and 60 <= flagged.sum() < 70
    assert found == values(dataclasses.replace(fake, pixels=pixels), real, copies)["copied"]
    assert found == copied_share(flagged.double().mean().item()) != flagged.double().mean().item()


def test_quantiles_of_distances_are_the_hundredth_and_the_median() -> None:
    real = statistics()
    metrics, distance, *_ = copying(judged(3).pixels, real)
    ordered = distance.sort().values
    assert ordered[0] <= metrics["nearest_train_q01"] <= ordered[3]
    assert metrics["nearest_train_median"] == ordered[(N - 1) // 2]


def test_resamples_are_of_recordings_within_their_digit() -> None:
    """Digits that differ do not make the mean less certain: each keeps its number of recordings."""
    recording = torch.arange(400) // 4
    digit = recording % 10
    by_digit = (digit < 5) & (torch.arange(400) > 3)  # all right or all wrong in a digit, but four
    found = estimate_mean(by_digit, recording, digit)
    assert found.low is not None and found.high is not None
    assert found.high - found.low < 0.05
    mixed = estimate_mean(by_digit, recording, torch.zeros_like(digit))
    assert mixed.low is not None and mixed.high is not None
    assert mixed.high - mixed.low > 0.15


def test_resamples_are_moved_to_the_value() -> None:
    resampled = torch.cat((torch.linspace(0.4, 0.5, 900), torch.full((100,), 0.9)))  # skewed
    found = estimate_resampled(0.7, resampled, (0, 1))
    moved = 0.7 + resampled.quantile(0.025) - resampled.mean()
    assert found.low == pytest.approx(moved.item(), abs=1e-6)
    assert estimate_resampled(0.98, resampled, (0, 1)).high == 1


def test_the_certainty_of_equal_values_is_that_of_recordings() -> None:
    few = estimate_mean(torch.ones(100), torch.arange(100) // 20, torch.zeros(100))
    many = estimate_mean(torch.ones(100), torch.arange(100), torch.zeros(100))
    assert few.low is not None and many.low is not None and few.low < 0.6 < 0.9 < many.low


def test_a_mean_of_equal_values_is_not_certain() -> None:
    recording, digit = torch.arange(50), torch.arange(50) % 10
    all_correct = estimate_mean(torch.ones(50, dtype=torch.bool), recording, digit)
    assert all_correct.value == all_correct.high == 1
    assert all_correct.low is not None and 0.9 < all_correct.low < 1
    mixed = estimate_mean(torch.arange(50) % 3 == 0, recording, digit)
    assert mixed.low is not None and mixed.high is not None
    assert 0 <= mixed.low < mixed.value < mixed.high <= 1


def test_groups_are_estimated_apart() -> None:
    recording, digit = torch.arange(40), torch.arange(40) % 10
    correct = digit < 5
    by_digit = estimate_by_group(correct, recording, digit, digit)
    assert {d: e.value for d, e in by_digit.items()} == {d: float(d < 5) for d in range(10)}
    assert estimate_mean(correct, recording, digit).value == pytest.approx(0.5)
