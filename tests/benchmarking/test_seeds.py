"""Means over seeds and speakers, paired differences and orders; intervals hold what they say."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarking.seeds import difference, mean, order

N = 60  # recordings
DRAWN = torch.arange(N) % 7 + 20
T3, T6, T2 = 4.302653, 2.570582, 12.706205  # Student's 97.5 % quantiles for 2, 5 and 1 degrees


def rows(*correct: Tensor, split: str = "official", **more: Any) -> list[dict[str, str]]:
    """A row for each seed."""

    def text(values: Tensor) -> str:
        return " ".join(map(str, values.tolist()))

    return [
        {
            "seed": str(seed),
            "split": split,
            "accuracy": str((each.sum() / DRAWN.sum()).item()),
            "recording_drawn": text(DRAWN),
            "recording_correct": text(each),
            "recording_digit": text(torch.arange(N) % 10),
        }
        | more
        for seed, each in enumerate(correct)
    ]


def values(
    *given: float, metric: str = "fd", half: float | None = None, split: str = "official"
) -> list[dict[str, str]]:
    """Rows with a value for each seed, and the interval of each."""
    ends = {} if half is None else {"low": -half, "high": half}
    return [
        {"seed": str(seed), "split": split, metric: str(value)}
        | {f"{metric}_{end}": str(value + each) for end, each in ends.items()}
        for seed, value in enumerate(given)
    ]


def by_speaker(*given: float) -> list[dict[str, str]]:
    return [values(value, split=f"speaker:{i}")[0] for i, value in enumerate(given)]


def runs(generator: torch.Generator, n: int, level: float, hard: Tensor) -> Tensor:
    """(n, N) of a model: by recording, by seed, and by sample."""
    seed = 0.02 * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    p = (level + seed + hard).clamp(0, 1)
    return torch.binomial(DRAWN.double().expand(n, N), p, generator=generator).long()


def test_one_run_has_the_interval_of_its_scorecard() -> None:
    (row,) = values(3.0)
    assert mean([row], "fd") == (3.0, None, None)
    assert mean([row | {"fd_low": "2.5", "fd_high": "4.5"}], "fd") == (3.0, 2.5, 4.5)
    assert mean([row | {"fd_low": "2.5", "fd_high": "4.5"}], "fd", (2.75, 4.0)) == (3.0, 2.75, 4.0)


def test_the_interval_over_seeds_is_students() -> None:
    value, low, high = mean(values(1.0, 2.0, 6.0), "fd")
    half = T3 * math.sqrt(7.0 / 3)  # the variance of the three is 7
    assert (value, low, high) == pytest.approx((3.0, 3.0 - half, 3.0 + half), rel=1e-5)
    assert mean(values(1.0, 2.0, 6.0), "fd", (0.0, 5.0))[1:] == (0.0, 5.0)


def test_what_the_recordings_add_is_in_the_interval() -> None:
    found = mean(values(1.0, 2.0, 6.0, half=1.959964 * 4), "fd")
    assert found.high is not None
    seeds, recordings = T3 * math.sqrt(7.0 / 3), 1.959964 * 4
    assert found.high - 3.0 == pytest.approx(math.hypot(seeds, recordings), rel=1e-4)


def test_a_mean_over_speakers_varies_with_them() -> None:
    """Whatever the number of seeds of each: its mean counts once."""
    rows = [*by_speaker(1.0, 2.0, 6.0), *values(0.0, 3.0, 3.0, split="speaker:1")[1:]]
    value, low, high = mean(rows, "fd")
    seeds = (2.0 + 3.0 + 3.0) / 3
    center = (1.0 + seeds + 6.0) / 3
    spread = sum((each - center) ** 2 for each in (1.0, seeds, 6.0)) / 2
    assert value == pytest.approx(center)
    assert (low, high) == pytest.approx(
        (center - T3 * math.sqrt(spread / 3), center + T3 * math.sqrt(spread / 3)), rel=1e-5
    )
    one = values(1.0, 2.0, 6.0, split="speaker:1")
    assert mean(one, "fd") == (3.0, None, None)  # one speaker says nothing of others


def test_accuracy_varies_with_its_recordings() -> None:
    """Against the formula, by hand: two digits, two recordings of each."""
    row = {
        "split": "official", "recording_drawn": "10 10 20 20", "recording_digit": "0 0 1 1",
    }  # fmt: skip
    correct = ((10, 8, 15, 20), (8, 7, 13, 20))
    runs = [
        row | {"seed": str(i), "accuracy": str(sum(each) / 60),
               "recording_correct": " ".join(map(str, each))}
        for i, each in enumerate(correct)
    ]  # fmt: skip
    average = (9, 7.5, 14, 20)
    p = sum(average) / 60
    rest = [c - p * n for c, n in zip(average, (10, 10, 20, 20), strict=True)]
    recordings = sum(2 * (rest[i] - rest[i + 1]) ** 2 / 2 for i in (0, 2)) / 60**2
    seeds = T2 * abs(53 - 48) / 60 / 2
    value, low, high = mean(runs, "accuracy", (0.0, 2.0))
    half = math.hypot(seeds, 1.959964 * math.sqrt(recordings))
    assert (value, low, high) == pytest.approx((p, p - half, p + half), rel=1e-4)


def test_all_right_is_not_certain() -> None:
    same = {"accuracy_low": "0.98", "accuracy_high": "1.0"}
    found = mean(rows(DRAWN, DRAWN, **same), "accuracy", (0.0, 1.0))
    assert found.value == 1 == found.high
    assert found.low == pytest.approx(0.99, abs=1e-6)


def test_a_difference_is_paired_by_recording() -> None:
    generator = torch.Generator().manual_seed(0)
    hard = 0.1 * torch.randn(N, generator=generator, dtype=torch.float64)
    first = runs(generator, 3, 0.8, hard)
    second = (first - 1).clamp(min=0)
    value, low, high = difference(rows(*first), rows(*second), "accuracy")
    assert value == pytest.approx(N / DRAWN.sum().item(), rel=0.01)
    assert low is not None and high is not None and 0 < high - low < 0.01
    mirrored = difference(rows(*second), rows(*first), "accuracy")
    assert mirrored == pytest.approx((-value, -high, -low))


def test_what_single_seeds_do_counts_once_in_a_difference() -> None:
    """Noise of single draws, none of the recordings: the interval is hardly more than Student's of
    the seeds, which would miss by half if the noise counted as one of recordings, too."""
    generator, ratios = torch.Generator().manual_seed(1), []
    for _ in range(40):
        noise = [torch.randint(-3, 4, (N,), generator=generator) for _ in range(6)]
        first = [2 * DRAWN + each for each in noise]  # so that a ratio fits all recordings alike
        found = difference(rows(*first), rows(*[DRAWN] * 6), "accuracy")
        values = (torch.stack(first) - DRAWN).sum(1).double() / DRAWN.sum()
        assert found.high is not None
        ratios.append((found.high - found.value) / (T6 * values.std().item() / math.sqrt(6)))
    assert 0.999 < min(ratios) < 1.01 and sorted(ratios)[20] < 1.15


def test_a_difference_is_paired_by_seed_and_by_speaker() -> None:
    first, second = values(1.0, 5.0, 3.0), values(2.0, 6.5, 4.5)
    one = difference(first, second, "fd")
    half = T3 * math.sqrt((1 / 12) / 3)  # of -1, -1.5, -1.5
    assert one == pytest.approx((-4 / 3, -4 / 3 - half, -4 / 3 + half), rel=1e-5)
    assert difference(first, second[::-1], "fd") == one
    speakers = difference(by_speaker(1.0, 5.0, 3.0), by_speaker(2.0, 6.5, 4.5), "fd")
    assert speakers == pytest.approx(one)


def test_a_difference_without_counts_is_rather_too_wide() -> None:
    """The recordings of two runs count as independent."""
    first, second = values(3.0, half=1.959964), values(1.0, half=1.959964 * 2)
    found = difference(first, second, "fd")
    assert found == pytest.approx((2.0, 2 - 1.959964 * 5**0.5, 2 + 1.959964 * 5**0.5), rel=1e-5)
    assert difference(values(3.0), values(1.0), "fd") == (2.0, None, None)
    three = difference(values(3.0, 4.0, 5.0, half=1.959964), values(0.0, 2.0, 1.0), "fd")
    assert three == difference(values(3.0, 4.0, 5.0), values(0.0, 2.0, 1.0), "fd")


def test_other_seeds_splits_or_recordings_are_refused() -> None:
    first = rows(DRAWN, DRAWN)
    for other in (first[1:], [{**each, "split": "speaker:a"} for each in first]):
        with pytest.raises(ValueError, match="same splits and seeds"):
            difference(first, other, "accuracy")
        with pytest.raises(ValueError, match="same splits and seeds"):
            order(first, other, "accuracy")
    for name, text in (("drawn", " ".join(["9"] * N)), ("digit", " ".join(["1"] * N))):
        other = [{**each, f"recording_{name}": text} for each in first]
        with pytest.raises(ValueError, match="same recordings"):
            difference(first, other, "accuracy")
        with pytest.raises(ValueError, match="same recordings"):
            mean([first[0], other[1]], "accuracy")


def test_an_order_holds_in_seeds_and_in_resamples() -> None:
    found = order(values(3.0, 4.0, 5.0), values(1.0, 2.0, 6.0), "fd")
    assert (found.units, found.n_units) == (2, 3)
    # Of 2, 2, -1 three are drawn: above 0 where -1 is drawn once or not at all.
    assert found.resamples == pytest.approx(20 / 27, abs=0.03)
    turned = order(values(1.0, 2.0, 6.0), values(3.0, 4.0, 5.0), "fd")
    assert turned == found
    assert order(values(1.0), values(2.0), "fd") == (1, 1, None)
    assert order(values(1.0), values(1.0), "fd") == (0, 1, None)
    speakers = order(by_speaker(3.0, 4.0, 5.0), by_speaker(1.0, 2.0, 6.0), "fd")
    assert speakers == found


def test_the_order_of_accuracies_is_resampled_by_recording_too() -> None:
    ahead = DRAWN.clone()
    ahead[0] -= 1
    behind = DRAWN.clone()
    behind[10] -= 2  # another recording of the same digit
    found = order(rows(ahead), rows(behind), "accuracy")
    assert (found.units, found.n_units) == (1, 1)
    assert found.resamples is not None and 0.4 < found.resamples < 0.7
    certain = order(rows(DRAWN, DRAWN), rows(DRAWN - 1, DRAWN - 1), "accuracy")
    assert certain == (2, 2, 1.0)


@pytest.mark.parametrize("n_seeds", [2, 3, 6])
def test_intervals_cover_the_truth(n_seeds: int) -> None:
    generator = torch.Generator().manual_seed(n_seeds)
    covered = difference_covered = 0
    for _ in range(100):
        hard = 0.05 * torch.randn(N, generator=generator, dtype=torch.float64)
        first, second = (runs(generator, n_seeds, level, hard) for level in (0.8, 0.75))
        _, low, high = mean(rows(*first), "accuracy")
        covered += low < 0.8 < high  # type: ignore[operator]
        _, low, high = difference(rows(*first), rows(*second), "accuracy")
        difference_covered += low < 0.05 < high  # type: ignore[operator]
    assert covered >= 90 and difference_covered >= 90


def test_intervals_over_speakers_cover_the_truth() -> None:
    generator = torch.Generator().manual_seed(4)
    covered = 0
    for _ in range(300):
        speakers = 2.0 + torch.randn(6, generator=generator, dtype=torch.float64)
        _, low, high = mean(by_speaker(*speakers.tolist()), "fd")
        covered += low < 2.0 < high  # type: ignore[operator]
    assert 0.91 <= covered / 300 <= 0.99


def test_recordings_are_resampled_within_their_digit() -> None:
    """With one of each there is nothing to resample."""
    common = {"split": "official", "seed": "0", "recording_drawn": "5 5", "recording_digit": "0 1"}
    first = common | {"accuracy": "0.9", "recording_correct": "5 4"}
    second = common | {"accuracy": "0.8", "recording_correct": "3 5"}
    assert order([first], [second], "accuracy") == (1, 1, 1.0)
    assert difference([first], [second], "accuracy") == pytest.approx((0.1, 0.1, 0.1))
