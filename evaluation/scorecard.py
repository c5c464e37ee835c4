"""All metrics of a scorecard, from what the judges compute of images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from metrics.accuracy import accuracy
from metrics.bootstrap import group_weights, interval, weighted_means, wilson
from metrics.diversity import within_digit_diversity, within_digit_vendi
from metrics.frechet import frechet_distance, resampled_frechet_distance
from metrics.kid import kernel_distance, resampled_kernel_distance
from metrics.neighbors import auth_pct, copying_statistic, nearest, nearest_distance
from metrics.prdc import prdc, within_group_coverage

__all__ = [
    "BETTER",
    "STAGES",
    "Estimate",
    "JudgeOutputs",
    "RealStatistics",
    "copying_metrics",
    "estimate_by_group",
    "estimate_mean",
    "pool_pixels",
    "score",
]

K = 5  # neighbours of density and coverage
N_RESAMPLES = 1000
STAGES = 5  # calls of `on_progress` in `score`

# What better means, by the name of a metric without its judge and n.
BETTER = {
    "accuracy": "higher",
    "accuracy_judge_b": "higher",
    "recognition_accuracy": "higher",
    "fd": "lower",
    "kid": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "as real",
    "coverage": "higher",
    "coverage_within_digit": "higher",
    "diversity": "as real",
    "diversity_relative": "as real",
    "vendi": "as real",
    "diversity_given_sound": "as real",
    "sound_share": "as real",
    "speaker_probe": "chance",
    "nearest_train_median": "not below real",
    "nearest_train_q01": "not below real",
    "nearest_held_out_median": "as real",
    "nearest_held_out_q01": "as real",
    "authentic_pct": "not below real",
    "copying_z": "not far below 0",
    "partner_rank": "0.5, chance",
}


class Estimate(NamedTuple):
    """A value, its 95 % interval over recordings, and what real images score in its place."""

    value: float
    low: float | None = None
    high: float | None = None
    real: float | None = None  # training for test images, or the test images themselves
    real_train: float | None = None  # training images against other training images


@dataclass(frozen=True)
class JudgeOutputs:
    """What the judges compute of n images, and pixels for distances."""

    features: Tensor  # (n, d) float32, judge A
    digit_a: Tensor  # (n,) int64, predicted by judge A
    digit_b: Tensor  # (n,) int64, predicted by judge B
    pixels: Tensor  # (n, p) float32

    def every(self, stride: int) -> JudgeOutputs:
        """Of every `stride`-th image."""
        return JudgeOutputs(*(each[::stride] for each in vars(self).values()))


@dataclass(frozen=True)
class RealStatistics:
    """The real side of a scorecard, the same for all models of a dataset."""

    digit: Tensor  # (n,) int64, of the test images, and requested of samples
    test: JudgeOutputs  # of the n test images
    train: Tensor  # (n, d) judge A's features of training images of the same digits
    train_other: Tensor  # (n, d) of other training images
    train_pixels: Tensor  # (m, p) of all training images
    held_out_pixels: Tensor  # (l, p) of all validation images

    @cached_property
    def distance(self) -> Tensor:
        """(n,) of the test images to the nearest training image."""
        return self._copying[1]

    @cached_property
    def _copying(self) -> tuple[dict[str, float], Tensor]:
        return copying_metrics(self.test.pixels, self)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Of test images, or of training against test images."""
        test, neighbors = self.test, prdc(self.test.features, self.train, K)
        return self._copying[0] | {
            "accuracy": accuracy(test.digit_a, self.digit),
            "accuracy_judge_b": accuracy(test.digit_b, self.digit),
            "fd": frechet_distance(test.features, self.train),
            "kid": kernel_distance(test.features, self.train),
            "precision": neighbors.precision,
            "recall": neighbors.recall,
            "density": neighbors.density,
            "coverage": neighbors.coverage,
            "coverage_within_digit": within_group_coverage(
                test.features, self.digit, self.train, self.digit, K
            ),
            "diversity": within_digit_diversity(test.features, self.digit),
            "diversity_relative": 1.0,
            "vendi": within_digit_vendi(test.features, self.digit),
        }

    @cached_property
    def train_metrics(self) -> dict[str, float]:
        """Of training images against other training images."""
        return {
            "fd": frechet_distance(self.train, self.train_other),
            "kid": kernel_distance(self.train, self.train_other),
        }


def score(
    fake: JudgeOutputs,
    real: RealStatistics,
    recording: Tensor,
    on_progress: Callable[[str], object] = lambda _: None,
) -> dict[str, Estimate]:
    """Every metric that needs the samples alone, not the model.

    Args:
        fake: of n samples; sample i is to show real.digit[i].
        recording: (n,) int64, of which sample i was drawn; a recording has one digit.
        on_progress: called STAGES times, with the stage that starts.

    Returns:
        By name. Those that need a judge's features or all n say so in their name.
    """
    on_progress("real against real")
    floor, train_floor, digit = real.metrics, real.train_metrics, real.digit
    on_progress("accuracy, Frechet distance")
    weights = _weights(recording, digit)
    features = (real.test.features, fake.features)
    fd = frechet_distance(*features)
    fds = resampled_frechet_distance(*features, recording, weights)
    on_progress("kernel distance")
    kid = kernel_distance(*features)
    kids = resampled_kernel_distance(*features, recording, weights)
    on_progress("density, coverage")
    neighbors = prdc(*features, K, recording)
    resampled = neighbors.resample(recording, weights)
    on_progress("diversity, copies")
    copies, distance = copying_metrics(fake.pixels, real)
    diversity = within_digit_diversity(fake.features, digit)
    values = copies | {
        "diversity": diversity,
        "diversity_relative": diversity / floor["diversity"],
        "vendi": within_digit_vendi(fake.features, digit),
        "coverage_within_digit": within_group_coverage(
            real.test.features, digit, fake.features, digit, K
        ),
        "copying_z": copying_statistic(distance, real.distance),
    }

    metrics = {
        "accuracy": estimate_mean(fake.digit_a == digit, recording, digit),
        "accuracy_judge_b": estimate_mean(fake.digit_b == digit, recording, digit),
        "fd": _estimate(fd, fds, (0, math.inf)),
        "kid": _estimate(kid, kids, (-math.inf, math.inf)),
        "density": _estimate(neighbors.density, resampled["density"], (0, math.inf)),
    }
    for name in ("precision", "recall", "coverage"):
        metrics[name] = _estimate(getattr(neighbors, name), resampled[name], (0, 1))
    metrics |= {name: Estimate(value) for name, value in values.items()}
    n = len(digit)
    suffix = f"_judge_{n // 1000}k" if n % 1000 == 0 else f"_judge_{n}"
    depends_on_n = (
        "fd",
        "kid",
        "precision",
        "recall",
        "density",
        "coverage",
        "coverage_within_digit",
    )
    return {
        name + (suffix if name in depends_on_n else ""): estimate._replace(
            real=floor.get(name), real_train=train_floor.get(name)
        )
        for name, estimate in metrics.items()
    }


def pool_pixels(images: Tensor) -> Tensor:
    """(n, 28, 28) uint8 -> (n, 196) float32, for distances.

    Means over 2x2 pixels: a search is four times cheaper, a stroke may shift by a pixel, and a copy
    is still at 0. Times 2, so that a distance is at most that of the whole images, in [0, 1] each.
    """
    return 2 * F.avg_pool2d(images.unsqueeze(1) / 255, 2).flatten(1)


def copying_metrics(pixels: Tensor, real: RealStatistics) -> tuple[dict[str, float], Tensor]:
    """Distances to the nearest training and held-out image, and `auth_pct`, of (n, p) images.

    Returns:
        The metrics, and the (n,) distances to the nearest training image.
    """
    train = real.train_pixels
    near = nearest(pixels, train)
    metrics = {"authentic_pct": auth_pct(train, near)}
    held_out = nearest_distance(pixels, real.held_out_pixels)
    for name, distance in (("train", near.distance), ("held_out", held_out)):
        metrics[f"nearest_{name}_median"] = distance.median().item()
        metrics[f"nearest_{name}_q01"] = distance.quantile(0.01).item()
    return metrics, near.distance


def estimate_mean(values: Tensor, recording: Tensor, digit: Tensor) -> Estimate:
    """The mean of indicators, or of values in [0, 1], with its interval.

    Args:
        values, recording, digit: (n,), a sample's value, recording and requested digit.
    """
    mean = values.double().mean().item()
    if mean in (0, 1):  # all resamples agree, which does not make it certain
        return Estimate(mean, *wilson(mean, len(recording.unique())))
    return _estimate(mean, weighted_means(values, recording, _weights(recording, digit)), (0, 1))


def estimate_by_group(
    values: Tensor, recording: Tensor, digit: Tensor, group: Tensor
) -> dict[int, Estimate]:
    """`estimate_mean` in each group (digit, speaker) that occurs."""
    return {
        int(g): estimate_mean(*(each[group == g] for each in (values, recording, digit)))
        for g in group.unique()
    }


def _weights(recording: Tensor, digit: Tensor) -> Tensor:
    return group_weights(recording, N_RESAMPLES, torch.Generator().manual_seed(0), stratum=digit)


def _estimate(value: float, resampled: Tensor, bounds: tuple[float, float]) -> Estimate:
    low, high = interval(resampled, estimate=value)
    # Shifted to the value, the resamples may leave the bounds; and where all are equal, rounding
    # must not leave the value outside.
    return Estimate(value, min(max(low, bounds[0]), value), max(min(high, bounds[1]), value))
