"""Do 95 % intervals cover what they should? A simulation of every kind that is published.

    python -m benchmarking.intervals

Runs of known truth are drawn again and again: 300 recordings of ten digits, of which a few are hard
to recognize, 33 samples of each, seeds that differ. results/intervals.csv has the share of
intervals that hold the truth.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import trange

from benchmarking import seeds
from common import files
from common.command_line import parse
from common.errors import command
from common.files import ROOT
from evaluation.estimates import estimate_mean

__all__ = ["KINDS", "OF_VALUES", "World", "coverage"]

N_RECORDINGS, N_DRAWS = 300, 33
Ends = tuple[float, float]


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


Row = dict[str, str]
Simulation = Callable[[World, torch.Generator, float], tuple[Ends, float]]
RECORDING = torch.arange(N_RECORDINGS).repeat_interleave(N_DRAWS)
DIGIT = RECORDING % 10


def one_run(world: World, generator: torch.Generator) -> tuple[Ends, float]:
    """The accuracy of one run, for new recordings."""
    shift = world.seeds * torch.randn((), generator=generator)
    every = (world.logits(20_000, generator) + shift).sigmoid().mean().item()
    p = (world.logits(N_RECORDINGS, generator) + shift).sigmoid()
    correct = torch.rand(len(RECORDING), generator=generator) < p[RECORDING]
    found = estimate_mean(correct, RECORDING, DIGIT)
    assert found.low is not None and found.high is not None
    return (found.low, found.high), every


def _rows(world: World, n: int, logit: Tensor, generator: torch.Generator) -> list[Row]:
    """Of n seeds on the same recordings, as results.csv has them."""
    drawn = torch.full((N_RECORDINGS,), N_DRAWS)
    found = []
    for seed in range(n):
        p = world.accuracy(logit, generator).double()
        correct = torch.binomial(drawn.double(), p, generator=generator).long()
        counts = {"drawn": drawn, "correct": correct, "digit": torch.arange(N_RECORDINGS) % 10}
        row = {f"recording_{k}": " ".join(map(str, v.tolist())) for k, v in counts.items()}
        accuracy = correct.double().mean().item() / N_DRAWS
        found.append(row | {"split": "official", "seed": str(seed), "accuracy": str(accuracy)})
    return found


def _ends(found: seeds.Interval) -> Ends:
    assert found.low is not None and found.high is not None
    return found.low, found.high


def mean_over_seeds(n: int) -> Simulation:
    """The accuracy of a model, for new seeds and recordings."""

    def draw(world: World, generator: torch.Generator, truth: float) -> tuple[Ends, float]:
        rows = _rows(world, n, world.logits(N_RECORDINGS, generator), generator)
        return _ends(seeds.mean(rows, "accuracy", (0.0, 1.0))), truth

    return draw


def difference(n: int) -> Simulation:
    """Between two models that are alike, paired by recording: the truth is 0."""

    def draw(world: World, generator: torch.Generator, truth: float) -> tuple[Ends, float]:
        logit = world.logits(N_RECORDINGS, generator)
        first, second = (_rows(world, n, logit, generator) for _ in range(2))
        return _ends(seeds.difference(first, second, "accuracy")), 0.0

    return draw


def share_over_seeds(n: int) -> Simulation:
    """A share whose rows have its interval and no counts by recording: what is recognized, heard,
    copied."""

    def draw(world: World, generator: torch.Generator, truth: float) -> tuple[Ends, float]:
        logit = world.logits(N_RECORDINGS, generator)
        unit = torch.arange(N_RECORDINGS)
        rows = []
        for seed in range(n):
            p = world.accuracy(logit, generator)
            right = torch.rand(N_RECORDINGS, generator=generator) < p
            found = estimate_mean(right, unit, unit % 10)
            ends = {"_low": found.low, "": found.value, "_high": found.high}
            row = {f"copied{end}": str(value) for end, value in ends.items()}
            rows.append(row | {"split": "official", "seed": str(seed)})
        return _ends(seeds.mean(rows, "copied", (0.0, 1.0))), truth

    return draw


def _skewed(n: int, name: str, generator: torch.Generator) -> list[Row]:
    """n rows of a value that is log-normal over seeds or splits, of 20 % spread."""
    drawn = (0.2 * torch.randn(n, generator=generator, dtype=torch.float64)).exp().tolist()
    one = {"split": "official", "seed": "0"}
    return [one | {name: str(i), "fd": str(value)} for i, value in enumerate(drawn)]


def values(n: int, name: str) -> Simulation:
    """A distance or a coverage whose values over seeds, or speakers, are skewed."""

    def draw(world: World, generator: torch.Generator, truth: float) -> tuple[Ends, float]:
        return _ends(seeds.mean(_skewed(n, name, generator), "fd")), math.exp(0.02)

    return draw


def difference_of_values(n: int, name: str) -> Simulation:
    """Between two models that are alike in such a value: the truth is 0."""

    def draw(world: World, generator: torch.Generator, truth: float) -> tuple[Ends, float]:
        first, second = (_skewed(n, name, generator) for _ in range(2))
        return _ends(seeds.difference(first, second, "fd")), 0.0

    return draw


KINDS: dict[str, Simulation] = {
    "accuracy of one run": lambda world, generator, truth: one_run(world, generator),
    "accuracy, 2 seeds": mean_over_seeds(2),
    "accuracy, 3 seeds": mean_over_seeds(3),
    "accuracy, 6 seeds": mean_over_seeds(6),
    "difference of accuracy, 3 seeds": difference(3),
    "difference of accuracy, 6 seeds": difference(6),
    "other share, 3 seeds": share_over_seeds(3),
}
OF_VALUES: dict[str, Simulation] = {
    "distance or coverage, 2 seeds": values(2, "seed"),
    "distance or coverage, 3 seeds": values(3, "seed"),
    "distance or coverage, 6 seeds": values(6, "seed"),
    "difference of distance or coverage, 3 seeds": difference_of_values(3, "seed"),
    "mean over 4 speakers": values(4, "split"),
    "mean over 6 speakers": values(6, "split"),
    "difference over 6 speakers": difference_of_values(6, "split"),
}
"""Kinds that know no recordings, of one world."""
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
        (low, high), value = (KINDS | OF_VALUES)[kind](world, generator, truth)
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
            print(f"{kind:44} {where:22} {share:.1%}")
    for kind in OF_VALUES:
        share = coverage(kind, World(), options.n, 0.0)
        where = "log-normal, 20 %"
        rows.append({"kind": kind, "runs": where, "intervals": options.n, "covered": share})
        print(f"{kind:44} {where:22} {share:.1%}")
    files.write_rows(options.out, rows)
    print(options.out)


if __name__ == "__main__":
    main()
