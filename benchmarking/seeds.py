"""Means of runs, differences between runs and how often an order holds, with their intervals.

All runs of a table are scored on the same recordings, and what is compared shares them and the
seeds. The interval of a mean over seeds has two parts (`metrics.bootstrap.two_level_interval`): of
the seeds, and of the recordings, which all seeds share. A mean over splits, each with a speaker of
its own, varies with the speakers: the same interval, of one value for each speaker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean
from typing import NamedTuple

import torch
from torch import Tensor

from metrics.bootstrap import group_weights, two_level_interval

__all__ = ["Interval", "Order", "counts", "difference", "mean", "order", "splits_of"]

LEVEL = 0.95
N_RESAMPLES = 2000
Row = Mapping[str, str]


class Interval(NamedTuple):
    """A value and its 95 % interval, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


class Order(NamedTuple):
    """How often the order of two means holds.

    Attributes:
        units: seeds, or speakers where there are several, in which it holds; of `n_units`.
        resamples: share of the resamples in which it holds; None: nothing to resample.
    """

    units: int
    n_units: int
    resamples: float | None


def splits_of(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each split."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["split"], []).append(row)
    return found


def mean(
    rows: Sequence[Row], metric: str, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Interval:
    """Of runs that differ in their seed and their split: over seeds, then over splits.

    The interval of one run is that of its scorecard.

    Args:
        bounds: that the interval stays in.
    """
    splits = splits_of(rows)
    if len(splits) > 1:
        units = [fmean(float(row[metric]) for row in each) for each in splits.values()]
        return _within(_over_seeds(units), bounds)
    if rows[0]["split"].startswith("speaker:"):  # one speaker says nothing of others
        return Interval(fmean(float(row[metric]) for row in rows))
    if len(rows) == 1:
        return _within(Interval(float(rows[0][metric]), *_ends(rows[0], metric)), bounds)
    within = 0.0
    if metric == "accuracy" and _have_counts(rows):
        within = _ratio_variance(_correct(rows), rows[0])
    if not within:  # all right or all wrong has no variance, which does not make it certain
        known = [each for row in rows if (each := _own_variance(row, metric)) is not None]
        within = fmean(known) if len(known) == len(rows) else 0.0
    values = [float(row[metric]) for row in rows]
    return _within(_over_seeds(values, within), bounds)


def difference(first: Sequence[Row], second: Sequence[Row], metric: str) -> Interval:
    """The mean of `first` minus that of `second`, paired by split, seed and recording.

    Where a metric is not known by recording, two runs count as scored on independent ones, which
    makes the interval too wide rather than too narrow.

    Args:
        first, second: rows of the same splits and seeds.

    Raises:
        ValueError: other splits or seeds, or other recordings.
    """
    pairs = _paired(first, second)
    splits = splits_of([mine for mine, _ in pairs])
    differences = {
        split: [float(a[metric]) - float(b[metric]) for a, b in pairs if a["split"] == split]
        for split in splits
    }
    if len(splits) > 1:
        return _over_seeds([fmean(each) for each in differences.values()])
    mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    within: float | None
    if metric == "accuracy" and _have_counts([*mine, *theirs]):
        gap = _correct(mine, theirs[0]) - _correct(theirs, mine[0])
        # Most of what recordings have in common is gone here. What is left is mostly of single
        # seeds, whose spread has it already.
        within = max(_ratio_variance(gap, mine[0]) - _of_single_seeds(gap, mine[0]), 0.0)
    else:
        known = [
            each for row in (*mine, *theirs) if (each := _own_variance(row, metric)) is not None
        ]
        within = sum(known) / len(pairs) if len(known) == 2 * len(pairs) else None
    (values,) = differences.values()
    if mine[0]["split"].startswith("speaker:"):
        return Interval(fmean(values))
    if len(values) == 1 and within is None:
        return Interval(values[0])
    return _over_seeds(values, within or 0.0)


def order(first: Sequence[Row], second: Sequence[Row], metric: str) -> Order:
    """How often the mean of `first` lies on the same side of the mean of `second` as it does over
    all: seed by seed or speaker by speaker, and in resamples of them.

    Accuracies on one split are resampled by seed and, apart from that, by recording (Owen 2007, the
    pigeonhole bootstrap). A tie does not hold.
    """
    pairs = _paired(first, second)
    splits = splits_of([mine for mine, _ in pairs])
    if len(splits) > 1:
        by_split = [[(a, b) for a, b in pairs if a["split"] == split] for split in splits]
        units = [fmean(float(a[metric]) - float(b[metric]) for a, b in each) for each in by_split]
    else:
        units = [float(a[metric]) - float(b[metric]) for a, b in pairs]
    sign = math.copysign(1.0, fmean(units))
    generator = torch.Generator().manual_seed(0)
    resampled: Tensor | None = None
    mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    if len(splits) == 1 and metric == "accuracy" and _have_counts([*mine, *theirs]):
        gap = _correct(mine, theirs[0]) - _correct(theirs, mine[0])  # (seeds, n_recordings)
        digit = counts(mine[0])["digit"]
        recording = torch.arange(len(digit))
        weights = group_weights(recording, N_RESAMPLES, generator, len(gap), digit)
        resampled = (weights * gap).sum((1, 2))
    elif len(units) > 1:
        weights = group_weights(torch.arange(len(units)), N_RESAMPLES, generator)
        resampled = weights @ torch.tensor(units, dtype=torch.float64)
    held = sum(sign * each > 0 for each in units)
    share = None if resampled is None else (sign * resampled > 0).double().mean().item()
    return Order(held, len(units), share)


def counts(row: Row) -> dict[str, Tensor]:
    """(n_recordings,) int64 each: judgements, right ones, and the digit of each recording.

    Raises:
        KeyError: the row is of before these were kept.
    """
    names = ("drawn", "correct", "digit")
    return {name: torch.tensor([*map(int, row[f"recording_{name}"].split())]) for name in names}


def _paired(first: Sequence[Row], second: Sequence[Row]) -> list[tuple[Row, Row]]:
    keys = [sorted((row["split"], row["seed"]) for row in rows) for rows in (first, second)]
    if keys[0] != keys[1]:
        raise ValueError("the same splits and seeds wanted in both")
    theirs = {(row["split"], row["seed"]): row for row in second}
    return [(row, theirs[row["split"], row["seed"]]) for row in first]


def _ends(row: Row, metric: str) -> tuple[float | None, float | None]:
    low, high = (row.get(f"{metric}_{end}") for end in ("low", "high"))
    return (float(low), float(high)) if low and high else (None, None)


def _own_variance(row: Row, metric: str) -> float | None:
    """Of the recordings, by the interval of the row."""
    low, high = _ends(row, metric)
    if low is None or high is None:
        return None
    return ((high - low) / (2 * _quantile())) ** 2


def _over_seeds(values: Sequence[float], of_recordings: float = 0.0) -> Interval:
    """Of the mean of values, one for each seed, or each speaker.

    Args:
        of_recordings: the variance of the mean by the recordings that they share.
    """
    value = fmean(values)
    if len(values) == 1:
        half = _quantile() * math.sqrt(of_recordings)
        return Interval(value, value - half, value + half)
    spread = math.sqrt(of_recordings / 2)  # two resamples of that variance
    resampled = torch.tensor([[-spread, spread]], dtype=torch.float64).expand(len(values), 2)
    return Interval(value, *two_level_interval(torch.tensor(values).double(), resampled))


def _quantile() -> float:
    """Of the normal distribution."""
    return NormalDist().inv_cdf((1 + LEVEL) / 2)


def _within(found: Interval, bounds: tuple[float, float]) -> Interval:
    if found.low is None or found.high is None:
        return found
    return Interval(found.value, max(found.low, bounds[0]), min(found.high, bounds[1]))


def _have_counts(rows: Sequence[Row]) -> bool:
    return all(row.get("recording_drawn") for row in rows)


def _correct(rows: Sequence[Row], like: Row | None = None) -> Tensor:
    """(seeds, n_recordings) float64 of right judgements.

    Raises:
        ValueError: the rows are not of the same recordings, or not of those of `like`.
    """
    found = [counts(row) for row in rows]
    first = counts(like) if like else found[0]
    for each in found:
        for name in ("drawn", "digit"):
            if not torch.equal(each[name], first[name]):
                raise ValueError("rows of the same recordings wanted")
    return torch.stack([each["correct"] for each in found]).double()


def _ratio_variance(values: Tensor, row: Row) -> float:
    """Of sum(values) / sum(drawn), averaged over seeds, by the recordings: its linear part, the
    recordings within each digit independent (Cochran 1977, 6.13).

    Args:
        values: (seeds, n_recordings) float64.
    """
    drawn, digit = counts(row)["drawn"].double(), counts(row)["digit"]
    rest = _linear_part(values, drawn).mean(0)
    total = 0.0
    for d in digit.unique():
        each = rest[digit == d]
        if len(each) > 1:
            total += len(each) * each.var().item()
    return total / drawn.sum().item() ** 2


def _of_single_seeds(values: Tensor, row: Row) -> float:
    """What of `_ratio_variance` is of single seeds with single recordings, their draws among it:
    the mean square of the residuals of both, as in an analysis of variance with two ways."""
    n_seeds = len(values)
    if n_seeds == 1:
        return 0.0
    drawn, digit = counts(row)["drawn"].double(), counts(row)["digit"]
    rest = _linear_part(values, drawn)
    rest = rest - rest.mean(0)
    total = 0.0
    for d in digit.unique():
        each = rest[:, digit == d]
        n = each.shape[1]
        if n > 1:
            square = (each - each.mean(1, keepdim=True)).square().sum().item()
            total += n * square / ((n_seeds - 1) * (n - 1)) / n_seeds
    return total / drawn.sum().item() ** 2


def _linear_part(values: Tensor, drawn: Tensor) -> Tensor:
    """(seeds, n_recordings): of sum(values) / sum(drawn), what each recording adds."""
    return values - values.sum(1, keepdim=True) / drawn.sum() * drawn
