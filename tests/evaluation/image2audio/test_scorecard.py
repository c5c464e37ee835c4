"""What drawn speech is compared with, and how."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from evaluation.image2audio.scorecard import (
    BETTER,
    LEFT_OUT,
    Heard,
    RealSpeech,
    SpeechFeatures,
    folds,
    score,
    spread,
)
from metrics.diversity import within_digit_diversity
from metrics.frechet import frechet_distance
from metrics.neighbors import auth_pct, copying_statistic, nearest, nearest_distance
from metrics.prdc import within_group_coverage
from metrics.wasserstein import wasserstein_by_group
from metrics.within import within_group_precision

SPEAKERS = 4


def speech(n: int, seed: int, at: float = 0.0) -> tuple[SpeechFeatures, Tensor, Tensor]:
    """Of n recordings their features, digits and speakers; a speaker's are near to each other."""
    generator = torch.Generator().manual_seed(seed)
    digit = torch.arange(n).flip(0) % 10
    speaker = torch.randint(SPEAKERS, (n,), generator=generator)
    features = torch.randn(n, 6, generator=generator) + 3 * digit[:, None] + at
    pixels = torch.rand(n, 12, generator=generator) + digit[:, None] + 5 * speaker[:, None]
    return SpeechFeatures(features, digit, digit, pixels), digit, speaker


def heard(digit: Tensor, seed: int, seconds: float = 0.4, pitch: float = 120) -> Heard:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(4, len(digit), generator=generator).double()
    return Heard(
        digit, digit, seconds + 0.1 * noise[0], pitch + 20 * noise[1], -20 + noise[2], 0 * noise[3]
    )


@pytest.fixture
def real() -> RealSpeech:
    (test, test_digit, _), (train, train_digit, speaker) = speech(60, 0), speech(400, 1)
    held_out, held_out_digit, _ = speech(60, 2)
    return RealSpeech(
        test, test_digit, train, train_digit, speaker, held_out, held_out_digit,
        heard(test_digit, 3), heard(held_out_digit, 4),
    )  # fmt: skip


def test_folds_are_disjoint_and_have_the_digits_of_the_real_side() -> None:
    real_digit = torch.tensor([3, 1, 1, 0])
    digit = torch.tensor([0, 0, 0, 1, 1, 3, 1, 3, 1, 3, 1, 2])
    rows = folds(digit, real_digit)
    assert rows.shape == (2, 4)  # of 1 there are five, of which two are wanted at a time
    assert len(rows.unique()) == 8
    sorted_by_speaker = folds(torch.zeros(100, dtype=torch.long), torch.zeros(10, dtype=torch.long))
    assert all(each.max() - each.min() > 20 for each in sorted_by_speaker)
    for fold in rows:
        assert digit[fold].tolist() == [0, 1, 1, 3]
    with pytest.raises(ValueError, match="no sample of a digit"):
        folds(torch.tensor([0, 0, 1]), torch.tensor([0, 2]))


def test_where_a_digit_has_too_few_samples_there_is_one_set_with_all_of_them() -> None:
    """As in the offline data, whose digits have 30 recordings and 29 or 30 images."""
    real_digit = torch.arange(2).repeat(30)
    digit = torch.tensor([0] * 29 + [1] * 100 + [2] * 9)
    (row,) = folds(digit, real_digit)
    assert len(row.unique()) == 59 and digit[row].bincount().tolist() == [29, 30]


def test_sets_of_unequal_size_are_compared_by_their_own_digits(real: RealSpeech) -> None:
    fake, digit, _ = speech(59, 5)  # a digit lacks one
    (row,) = folds(digit, real.test_digit)
    at = heard(digit[row], 6)
    found = score(fake, digit, at, digit[row], real)
    test, test_digit, features = real.test.features, real.test_digit, fake.features[row]
    within = (test, test_digit, features, digit[row])
    assert found["coverage_within_digit"].value == within_group_coverage(*within) > 0.5
    assert found["precision_within_digit"].value == within_group_precision(*within) > 0.5
    assert found["fd"].value == pytest.approx(frechet_distance(test, features))


def test_within_digits_of_few_recordings_nothing_is_measured(real: RealSpeech) -> None:
    few = dataclasses.replace(
        real, test=real.test.at(torch.arange(50)), test_digit=real.test_digit[:50],
        heard=heard(real.test_digit[:50], 3),
    )  # fmt: skip
    fake, digit, _ = speech(600, 5)
    at = digit[folds(digit, few.test_digit)[0]]
    found = score(fake, digit, heard(at, 6), at, few)
    missing = {"coverage_within_digit", "precision_within_digit"}
    assert missing == score(fake, digit, heard(at, 6), at, real).keys() - found.keys()
    assert missing <= LEFT_OUT.keys() and not missing & few.metrics.keys()
    assert not any(math.isnan(each.value) for each in found.values())


def test_each_number_is_against_its_set(real: RealSpeech) -> None:
    fake, digit, _ = speech(600, 5)
    at = digit[folds(digit, real.test_digit)[0]]
    misread = real.test.digit_b.clone()
    misread[:6] += 1
    real = dataclasses.replace(real, test=dataclasses.replace(real.test, digit_b=misread))
    found = score(fake, digit, heard(at, 6), at, real)
    test, train, held_out = real.test, real.train, real.held_out
    assert (found["accuracy"].real, found["accuracy_judge_a"].real) == (0.95, 1)
    of_test = within_digit_diversity(test.features, real.test_digit)

    def check(name: str, of_samples: float, of_real: float) -> None:
        assert found[name].value == pytest.approx(of_samples), name
        assert found[name].real == pytest.approx(of_real), name

    check(
        "diversity_relative",
        within_digit_diversity(fake.features, digit) / of_test,
        within_digit_diversity(held_out.features, real.held_out_digit) / of_test,
    )
    unseen = nearest_distance(held_out.pixels, train.pixels)
    distance = nearest_distance(fake.pixels, train.pixels)
    check("copying_z", copying_statistic(distance, unseen), 0)
    authentic = (auth_pct(train.pixels, nearest(x.pixels, train.pixels)) for x in (fake, held_out))
    check("authentic_pct", *authentic)
    among_test = nearest_distance(held_out.pixels, test.pixels)
    assert torch.allclose(real.copying_ratio, unseen / among_test)

    def speakers(x: SpeechFeatures, digit: Tensor) -> float:
        of = real.speakers(x.pixels, digit)
        spreads = [spread(of[row], digit[row]) for row in folds(digit, real.test_digit)]
        return sum(spreads) / len(spreads)

    there = speakers(test, real.test_digit)
    held_out_speakers = speakers(held_out, real.held_out_digit)
    check("speakers_relative", speakers(fake, digit) / there, held_out_speakers / there)
    sets = [train.features[row] for row in folds(real.train_digit, real.test_digit)]
    fds = [frechet_distance(test.features, each) for each in sets]
    assert found["fd"].real == pytest.approx(sum(fds) / len(fds)) and len(fds) == 6


def test_the_spread_is_the_number_of_equal_speakers() -> None:
    digit = torch.tensor([0] * 8 + [1] * 8)
    assert spread(torch.arange(16) % 4, digit) == pytest.approx(4)
    assert spread(torch.zeros(16, dtype=torch.long), digit) == pytest.approx(1)
    assert spread(torch.tensor([0] * 8 + [0, 1] * 4), digit) == pytest.approx(1.5)


def test_a_speaker_is_that_of_the_nearest_training_recording_of_the_digit(
    real: RealSpeech,
) -> None:
    fake, digit, speaker = speech(80, 7)
    assert torch.equal(real.speakers(fake.pixels, digit), speaker)


def test_real_like_samples_score_as_real_ones(real: RealSpeech) -> None:
    fake, digit, _ = speech(600, 5)
    at = digit[folds(digit, real.test_digit)[0]]
    found = score(fake, digit, heard(at, 6), at, real)
    assert found.keys() <= BETTER.keys()
    for name, each in found.items():
        assert each.real is not None, name
    assert found["accuracy"].value == found["accuracy_heard"].value == 1
    for name in ("fd", "diversity_relative", "speakers_relative", "coverage_within_digit"):
        value, beside = found[name].value, found[name].real
        assert beside is not None and value == pytest.approx(beside, rel=0.35), name
    assert found["copied"].value < 0.05 and found["silent"].value == 0
    for name in ("w1_seconds", "w1_pitch"):  # of six of a digit
        assert 0.1 < found[name].value < 0.9
    assert found["level_db"].value == pytest.approx(-19.5, abs=0.2)
    # Beside them stand recordings that no model saw, not the test recordings themselves.
    for name in ("seconds", "pitch"):
        one, other = getattr(real.heard, name), getattr(real.held_out_heard, name)
        distance = wasserstein_by_group(one, real.test_digit, other, real.held_out_digit)
        within = torch.stack([one[real.test_digit == d].var(unbiased=False) for d in range(10)])
        wanted = distance.mean() / within.mean().sqrt()  # as many of each digit
        assert found[f"w1_{name}"].real == pytest.approx(wanted.item())
    # Sets of equal size: the mean over the folds.
    order = real.test_digit.argsort(stable=True)
    test, test_digit = real.test.features[order], real.test_digit[order]
    rows = folds(digit, real.test_digit)
    assert len(rows) == 10
    fds = [frechet_distance(test, fake.features[r]) for r in rows]
    coverages = [within_group_coverage(test, test_digit, fake.features[r], digit[r]) for r in rows]
    assert found["fd"].value == pytest.approx(sum(fds) / 10)
    assert found["coverage_within_digit"].value == pytest.approx(sum(coverages) / 10)


def test_each_fault_moves_its_metric(real: RealSpeech) -> None:
    fake, digit, speaker = speech(600, 5)
    at = digit[folds(digit, real.test_digit)[0]]
    sounds = heard(at, 6)
    good = score(fake, digit, sounds, at, real)

    one = (speaker == 0)[:, None]
    monotone = dataclasses.replace(
        fake, pixels=fake.pixels - 5 * speaker[:, None], features=fake.features * one
    )
    assert score(monotone, digit, sounds, at, real)["speakers_relative"].value < 0.5

    rows = torch.stack([(real.train_digit == d).nonzero()[i % 30, 0]
                        for i, d in enumerate(digit[:300])])  # fmt: skip
    pixels = fake.pixels.clone()
    pixels[:300] = real.train.pixels[rows]
    copied = score(dataclasses.replace(fake, pixels=pixels), digit, sounds, at, real)["copied"]
    assert copied.value == pytest.approx(0.5, abs=0.05)
    assert copied.low is not None and copied.high is not None
    assert copied.low < copied.value < copied.high

    wrong = fake.digit_a.clone()
    wrong[::4] = (wrong[::4] + 1) % 10
    judged = score(dataclasses.replace(fake, digit_a=wrong), digit, sounds, at, real)
    assert judged["accuracy_judge_a"].value == 0.75 and judged["accuracy_judge_b"].value == 1
    assert judged["accuracy"].value == 0.875 and judged["judges_disagree"].value == 0.25

    far = dataclasses.replace(fake, features=fake.features + 2)
    assert score(far, digit, sounds, at, real)["fd"].value > good["fd"].value + 10
    for name, other in (("seconds", heard(at, 6, seconds=0.6)), ("pitch", heard(at, 6, pitch=200))):
        moved = score(fake, digit, other, at, real)
        assert moved[f"w1_{name}"].value > good[f"w1_{name}"].value + 1
    level, clipped = sounds.level.clone(), sounds.clipped.clone()
    level[:6], clipped[:30] = -torch.inf, 0.2
    faulty = dataclasses.replace(sounds, level=level, clipped=clipped)
    found = score(fake, digit, faulty, at, real)
    assert found["silent"].value == 0.1 and found["clipped"].value == pytest.approx(0.1)
    assert found["level_db"].value == pytest.approx(-19.5, abs=0.2)
    missed = dataclasses.replace(sounds, digit_b=(sounds.digit_b + 1) % 10)
    assert score(fake, digit, missed, at, real)["accuracy_heard"].value == 0.5


def test_silence_is_scored(real: RealSpeech) -> None:
    fake, digit, _ = speech(600, 5)
    sounds, at = heard(digit[::7], 6), digit[::7]
    nothing = torch.full_like(sounds.pitch, torch.nan)
    silent = dataclasses.replace(
        sounds,
        seconds=0 * sounds.seconds,
        pitch=nothing,
        level=torch.full_like(nothing, -torch.inf),
    )
    found, good = score(fake, digit, silent, at, real), score(fake, digit, sounds, at, real)
    assert found["silent"].value == 1 and "level_db" not in found
    for name in ("w1_seconds", "w1_pitch"):
        assert found[name].value > good[name].value + 0.5
    one_digit = dataclasses.replace(sounds, pitch=torch.where(at == 3, torch.nan, sounds.pitch))
    assert score(fake, digit, one_digit, at, real)["w1_pitch"].value > good["w1_pitch"].value


def test_words_of_one_length_are_scored(real: RealSpeech) -> None:
    """Of a digit all test recordings may be as long: lengths are multiples of 10 ms."""
    same = torch.where(real.test_digit == 4, 0.37, real.heard.seconds)
    several = dataclasses.replace(real, heard=dataclasses.replace(real.heard, seconds=same))
    fake, digit, _ = speech(600, 5)
    at = digit[folds(digit, real.test_digit)[0]]
    assert 0 < score(fake, digit, heard(at, 6), at, several)["w1_seconds"].value < 2
