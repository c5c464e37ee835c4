"""Do 95 % intervals cover what they should? A simulation of every kind that is published.

    python -m benchmarking.intervals

Runs of known truth are drawn again and again: 300 recordings of ten digits, of which a few are hard
to recognize, 33 samples of each, seeds that differ. results/intervals.csv has the share of
intervals that hold the truth.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import trange

from common import files
from common.command_line import parse
from common.errors import command
from common.files import ROOT
from evaluation.estimates import estimate_mean
from metrics.bootstrap import group_weights, two_level_interval, weighted_means

__all__ = ["KINDS", "World", "coverage"]

N_RECORDINGS, N_DRAWS, N_RESAMPLES = 300, 33, 400
Interval = tuple[float, float]


@dataclass(frozen=True)
class World:
    """What runs and recordings are drawn from. Accuracies are logistic in their sums."""

    level: float = 5.0  # logit of a usual recording
    spread: float = 1.5  # standard deviation over recordings
    hard: float = 0.03  # share of recordings that are lower by `drop`
    drop: float = 5.0
    seeds: float = 0.4  # standard deviation over seeds

    def logits(self, n: int, generator: torch.Generator) -> Tensor:
        """(n,) logits."""
        logit = self.level + self.spread * torch.randn(n, generator=generator)
        return logit - self.drop * (torch.rand(n, generator=generator) < self.hard)

    def accuracy(self, logit: Tensor, generator: torch.Generator) -> Tensor:
        """(n,) of one seed's model for each recording."""
        return (logit + self.seeds * torch.randn((), generator=generator)).sigmoid()

    def truth(self, n_seeds: int = 2000) -> float:
        """The mean over all recordings and seeds."""
        generator = torch.Generator().manual_seed(99)
        logit = self.logits(20_000, generator)
        return torch.stack(
            [self.accuracy(logit, generator).mean() for _ in range(n_seeds)]
        ).mean().item()  # fmt: skip


RECORDING = torch.arange(N_RECORDINGS).repeat_interleave(N_DRAWS)
DIGIT = RECORDING % 10


def one_run(world: World, generator: torch.Generator) -> tuple[Interval, float]:
    """The accuracy of one run, for new recordings."""
    shift = world.seeds * torch.randn((), generator=generator)
    every = (world.logits(20_000, generator) + shift).sigmoid().mean().item()
    p = (world.logits(N_RECORDINGS, generator) + shift).sigmoid()
    correct = torch.rand(len(RECORDING), generator=generator) < p[RECORDING]
    found = estimate_mean(correct, RECORDING, DIGIT)
    assert found.low is not None and found.high is not None
    return (found.low, found.high), every


def _seeds(world: World, n: int, logit: Tensor, generator: torch.Generator) -> Tensor:
    """(n, samples) bool: correct samples of n seeds on the same recordings."""
    p = torch.stack([world.accuracy(logit, generator) for _ in range(n)])
    return torch.rand(n, len(RECORDING), generator=generator) < p[:, RECORDING]


def _two_level(correct: Tensor, generator: torch.Generator) -> Interval:
    weights = group_weights(RECORDING, N_RESAMPLES, generator, stratum=DIGIT)
    resampled = torch.stack([weighted_means(each, RECORDING, weights) for each in correct])
    return two_level_interval(correct.double().mean(1), resampled)


def mean_over_seeds(n: int) -> Callable[[World, torch.Generator, float], tuple[Interval, float]]:
    """The accuracy of a model, for new seeds and recordings."""

    def draw(world: World, generator: torch.Generator, truth: float) -> tuple[Interval, float]:
        logit = world.logits(N_RECORDINGS, generator)
        return _two_level(_seeds(world, n, logit, generator), generator), truth

    return draw


def difference(n: int) -> Callable[[World, torch.Generator, float], tuple[Interval, float]]:
    """Between two models that are alike, paired by recording: the truth is 0."""

    def draw(world: World, generator: torch.Generator, truth: float) -> tuple[Interval, float]:
        logit = world.logits(N_RECORDINGS, generator)
        first, second = (_seeds(world, n, logit, generator).double() for _ in range(2))
        return _two_level(first - second, generator), 0.0

    return draw


def over_seeds(n: int) -> Callable[[World, torch.Generator, float], tuple[Interval, float]]:
    """A distance or a coverage, whose values over seeds are skewed: log-normal, of 20 % spread."""

    def draw(world: World, generator: torch.Generator, truth: float) -> tuple[Interval, float]:
        values = (0.2 * torch.randn(n, generator=generator, dtype=torch.float64)).exp()
        return two_level_interval(values, values.new_empty(n, 0)), torch.tensor(0.02).exp().item()

    return draw


KINDS: dict[str, Callable[[World, torch.Generator, float], tuple[Interval, float]]] = {
    "accuracy of one run": lambda world, generator, truth: one_run(world, generator),
    "accuracy, 3 seeds": mean_over_seeds(3),
    "accuracy, 6 seeds": mean_over_seeds(6),
    "difference of accuracy, 3 seeds": difference(3),
    "difference of accuracy, 6 seeds": difference(6),
    "distance or coverage, 3 seeds": over_seeds(3),
    "distance or coverage, 6 seeds": over_seeds(6),
}
WORLDS = {
    "few hard recordings": World(),
    "no hard recordings": World(hard=0.0),
    "weak model": World(level=2.5, hard=0.0),
    "seeds differ much": World(seeds=1.0),
    "seeds differ little": World(seeds=0.05),
}


def coverage(kind: str, world: World, n: int, truth: float | None = None, seed: int = 0) -> float:
    """The share of n simulated intervals that hold the truth."""
    generator = torch.Generator().manual_seed(seed)
    truth = world.truth() if truth is None else truth
    hits = 0
    for _ in trange(n, desc=kind, leave=False, disable=None):
        (low, high), value = KINDS[kind](world, generator, truth)
        hits += low <= value <= high
    return hits / n


@dataclass(frozen=True)
class Options:
    """Simulates every kind of interval."""

    n: int = 1000
    """Intervals of each kind."""
    out: Path = ROOT / "results" / "intervals.csv"
    """The file of the shares that hold the truth."""


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m benchmarking.intervals")
    rows = []
    for where, world in WORLDS.items():
        truth = world.truth()
        for kind in KINDS:
            share = coverage(kind, world, options.n, truth)
            rows.append({"kind": kind, "runs": where, "intervals": options.n, "covered": share})
            print(f"{kind:34} {where:22} {share:.1%}")
    files.write_rows(options.out, rows)
    print(options.out)


if __name__ == "__main__":
    main()
