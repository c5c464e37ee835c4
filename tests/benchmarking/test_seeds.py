"""Means over seeds and paired differences, with intervals that hold what they promise."""

from __future__ import annotations

import pytest
import torch

from benchmarking.seeds import accuracy_difference, accuracy_of_seeds

N = 60  # recordings
DRAWN = torch.arange(N) % 7 + 20


def rows(*correct: torch.Tensor) -> list[dict[str, str]]:
    def text(values: torch.Tensor) -> str:
        return " ".join(map(str, values.tolist()))

    return [
        {
            "seed": str(seed),
            "recording_drawn": text(DRAWN),
            "recording_correct": text(each),
            "recording_digit": text(torch.arange(N) % 10),
        }
        for seed, each in enumerate(correct)
    ]


def runs(generator: torch.Generator, n: int, mean: float, hard: torch.Tensor) -> torch.Tensor:
    """Runs of a model: by recording, by seed, and by sample."""
    seed = 0.02 * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    p = (mean + seed + hard).clamp(0, 1)
    return torch.binomial(DRAWN.double().expand(n, N), p, generator=generator).long()


def test_the_mean_is_over_seeds_and_samples() -> None:
    first, second = DRAWN.clone(), torch.zeros(N).long()
    assert accuracy_of_seeds(rows(first))[0] == 1
    assert accuracy_of_seeds(rows(first, second))[0] == 0.5
    second[:10] = DRAWN[:10]
    value, low, high = accuracy_of_seeds(rows(second))
    assert value == pytest.approx((DRAWN[:10].sum() / DRAWN.sum()).item())
    assert 0 <= low < value < high <= 1


def test_a_difference_is_paired() -> None:
    generator = torch.Generator().manual_seed(0)
    hard = 0.1 * torch.randn(N, generator=generator, dtype=torch.float64)
    first = runs(generator, 3, 0.8, hard)
    second = (first - 1).clamp(min=0)
    value, low, high = accuracy_difference(rows(*first), rows(*second))
    assert value == pytest.approx(N / DRAWN.sum().item(), rel=0.01)
    assert high - low < 0.01  # the recordings differ far more than that
    mirrored = accuracy_difference(rows(*second), rows(*first))
    assert mirrored == pytest.approx((-value, -high, -low))
    with pytest.raises(ValueError, match="same seeds"):
        accuracy_difference(rows(*first), rows(*second)[1:])
    other = rows(*second)
    other[0]["recording_drawn"] = " ".join(["9"] * N)
    with pytest.raises(ValueError, match="same recordings"):
        accuracy_difference(rows(*first), other)


def test_intervals_cover_the_truth() -> None:
    """Eight seeds: fewer give intervals that are too narrow, as the bootstrap of seeds does."""
    generator = torch.Generator().manual_seed(1)
    covered = difference_covered = 0
    for _ in range(100):
        hard = 0.05 * torch.randn(N, generator=generator, dtype=torch.float64)
        first, second = (runs(generator, 8, mean, hard) for mean in (0.8, 0.75))
        _, low, high = accuracy_of_seeds(rows(*first))
        covered += low < 0.8 < high
        _, low, high = accuracy_difference(rows(*first), rows(*second))
        difference_covered += low < 0.05 < high
    assert 86 <= covered <= 99 and 86 <= difference_covered <= 99
