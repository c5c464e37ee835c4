"""The metrics of a scorecard that need the samples alone, not the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from datasets import from_pixels
from evaluation.estimates import Estimate, estimate_mean
from evaluation.judged import verdict_values, verdicts
from metrics.attributes import Attributes
from metrics.diversity import within_digit_diversity, within_digit_vendi
from metrics.frechet import frechet_distance
from metrics.kid import kernel_distance
from metrics.neighbors import (
    auth_pct,
    copied_share,
    copying_statistic,
    is_copied,
    nearest,
    nearest_distance,
)
from metrics.prdc import prdc, within_group_coverage
from metrics.wasserstein import wasserstein_by_group
from metrics.within import (
    within_group_frechet_distance,
    within_group_kernel_distance,
    within_group_precision,
)

__all__ = [
    "BETTER",
    "Copying",
    "ImageFeatures",
    "K",
    "RealStatistics",
    "copying",
    "pool_pixels",
    "score",
    "values",
]

K = 5  # neighbours of density and coverage
DEPENDS_ON_N = {
    "fd", "kid", "precision", "recall", "density", "coverage", "coverage_within_digit",
    "precision_within_digit", "fd_within_digit", "kid_within_digit",
}  # fmt: skip

# What better means, by the name of a metric without its judge and n.
BETTER = {
    "accuracy": "as real",
    "accuracy_judge_a": "as real",
    "accuracy_judge_b": "as real",
    "judges_disagree": "lower",
    "recognition_accuracy": "higher",
    "fd": "lower",
    "kid": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "as real",
    "coverage": "higher",
    "coverage_within_digit": "higher",
    "precision_within_digit": "as real",
    "fd_within_digit": "lower",
    "kid_within_digit": "lower",
    "fd_pca": "lower",
    "w1_thickness": "lower",
    "w1_slant": "lower",
    "w1_width": "lower",
    "diversity": "as real",
    "diversity_relative": "as real",
    "vendi": "as real",
    "diversity_given_sound": "as real",
    "sound_share": "as real",
    "speaker_probe": "chance",
    "nearest_train_median": "not below real",
    "nearest_train_q01": "not below real",
    "nearest_test_median": "as real",
    "nearest_test_q01": "as real",
    "authentic_pct": "not below real",
    "copying_z": "not far below 0",
    "copied": "lower",
    "cas": "as real",
    "obeys_other_digit": "higher",
    "obeys_noisy_20db": "higher",
    "obeys_noisy_10db": "higher",
    "obeys_noisy_0db": "higher",
    "obeys_shifted": "higher",
    "speaker_effect": "as real",
    "silence_digit": "none",
    "partner_rank": "0.5, chance",
}


OF_TRAINING = ("train", "train_other", "train_attributes", "train_components")


@dataclass(frozen=True)
class ImageFeatures:
    """What metrics need of n images, beside the images."""

    features: Tensor  # (n, d) float32, judge A
    digit_a: Tensor  # (n,) int64, predicted by judge A
    digit_b: Tensor  # (n,) int64, predicted by judge B
    pixels: Tensor  # (n, p) float32
    attributes: Tensor  # (n, 3) float32: thickness, slant, width; (n, 0) of what is not written
    components: Tensor  # (n, c) float32: principal components of pixels, whitened

    def every(self, stride: int) -> ImageFeatures:
        """Of every `stride`-th image."""
        return ImageFeatures(*(each[::stride] for each in vars(self).values()))


@dataclass(frozen=True)
class RealStatistics:
    """The real side of a scorecard, the same for all models of a dataset."""

    digit: Tensor  # (n,) int64, of the test images, and requested of samples
    test: ImageFeatures  # of the n test images
    train: Tensor  # (n, d) judge A's features of training images of the same digits
    train_other: Tensor  # (n, d) of other training images
    train_attributes: Tensor  # (n, 3) of the training images that `train` is of
    train_components: Tensor  # (n, c)
    train_pixels: Tensor  # (m, p) of all training images
    held_out_pixels: Tensor  # (l, p) of all validation images, which no model saw either

    @cached_property
    def copying(self) -> Copying:
        """Of the validation images: by the writers of the training images, as samples are."""
        return copying(self.held_out_pixels, self)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """What real images score in place of samples: the test images themselves for what asks
        each image, training images of the same digits for distances between sets."""
        test = self.test
        of_images = {
            **verdict_values(test, self.digit),
            "diversity": within_digit_diversity(test.features, self.digit),
            "diversity_relative": 1.0,
            "vendi": within_digit_vendi(test.features, self.digit),
            "copied": 0.0,
            "copying_z": 0.0,
        }
        return (
            of_images
            | self.copying.metrics
            | set_distances(self, self.train)
            | attribute_distances(self, self.train_attributes)
            | {"fd_pca": frechet_distance(test.components, self.train_components)}
        )

    @cached_property
    def train_metrics(self) -> dict[str, float]:
        """Of training images against other training images."""
        return {
            "fd": frechet_distance(self.train, self.train_other),
            "kid": kernel_distance(self.train, self.train_other),
        }

    def state(self) -> dict[str, Any]:
        """All that takes long to compute, for `from_state`."""
        kept = {name: getattr(self, name) for name in (*OF_TRAINING, "metrics", "train_metrics")}
        return kept | {"test": {**vars(self.test)}, "copying": self.copying._asdict()}

    @classmethod
    def from_state(
        cls, state: dict[str, Any], digit: Tensor, train_pixels: Tensor, held_out_pixels: Tensor
    ) -> RealStatistics:
        real = cls(
            digit=digit,
            test=ImageFeatures(**state["test"]),
            **{name: state[name] for name in OF_TRAINING},
            train_pixels=train_pixels,
            held_out_pixels=held_out_pixels,
        )
        found = {name: state[name] for name in ("metrics", "train_metrics")}
        vars(real).update(found, copying=Copying(**state["copying"]))  # as if computed here
        return real


def set_distances(real: RealStatistics, features: Tensor) -> dict[str, float]:
    """Between the test images and a set of as many images of the same digits, by judge A.

    Args:
        features: (n, d); row i of digit real.digit[i].
    """
    test, digit = real.test.features, real.digit
    neighbors = prdc(test, features, K)
    return {
        "fd": frechet_distance(test, features),
        "kid": kernel_distance(test, features),
        "precision": neighbors.precision,
        "recall": neighbors.recall,
        "density": neighbors.density,
        "coverage": neighbors.coverage,
        "coverage_within_digit": within_group_coverage(test, digit, features, digit, K),
        "precision_within_digit": within_group_precision(test, digit, features, digit, K),
        "fd_within_digit": within_group_frechet_distance(test, digit, features, digit),
        "kid_within_digit": within_group_kernel_distance(test, digit, features, digit),
    }


def attribute_distances(real: RealStatistics, attributes: Tensor) -> dict[str, float]:
    """Between test images and (n, 3) attributes of images of the same digits; none where images
    are not of strokes."""
    digit = real.digit
    if not attributes.shape[1]:
        return {}
    return {
        f"w1_{name}": wasserstein_by_group(
            real.test.attributes[:, i], digit, attributes[:, i], digit, in_deviations=True
        ).mean().item()
        for i, name in enumerate(Attributes._fields)
    }  # fmt: skip


def values(fake: ImageFeatures, real: RealStatistics, copies: Copying) -> dict[str, float]:
    """Every metric that needs the samples alone, not the model.

    Args:
        fake: of n samples; sample i is to show real.digit[i].
        copies: `copying` of them.
    """
    digit = real.digit
    diversity = within_digit_diversity(fake.features, digit)
    return {
        **verdict_values(fake, digit),
        "diversity": diversity,
        "diversity_relative": diversity / real.metrics["diversity"],
        "vendi": within_digit_vendi(fake.features, digit),
        "copied": copied_share(copies.flagged(real).double().mean().item()),
        "copying_z": copying_statistic(copies.distance, real.copying.distance),
        **copies.metrics,
        **set_distances(real, fake.features),
        **attribute_distances(real, fake.attributes),
        "fd_pca": frechet_distance(real.test.components, fake.components),
    }


def score(
    fake: ImageFeatures, real: RealStatistics, copies: Copying, recording: Tensor
) -> dict[str, Estimate]:
    """`values` with what real images score, and with intervals where they are means over samples.

    Distances between sets and coverages have none: their resamples over recordings do not hold the
    truth as often as they should. Their spread is that over seeds.

    Args:
        recording: (n,) int64, of which sample i was drawn; a recording has one digit.

    Returns:
        By name. Those that need a judge's features or all n say so in their name.
    """
    digit, floor, train_floor = real.digit, real.metrics, real.train_metrics
    means = verdicts(fake, digit, recording)
    copied = estimate_mean(copies.flagged(real), recording, digit)
    assert copied.low is not None and copied.high is not None
    means["copied"] = Estimate(*(copied_share(each) for each in copied[:3] if each is not None))
    n = len(digit)
    suffix = f"_judge_{n // 1000}k" if n % 1000 == 0 else f"_judge_{n}"
    return {
        name + (suffix if name in DEPENDS_ON_N else ""): means.get(name, Estimate(value))._replace(
            real=floor.get(name), real_train=train_floor.get(name)
        )
        for name, value in values(fake, real, copies).items()
    }


def pool_pixels(images: Tensor) -> Tensor:
    """Images as `from_pixels` takes them -> (n, pixels / 4) float32, for distances.

    Means over 2x2 pixels: a search is four times cheaper, a stroke may shift by a pixel, and a copy
    is still at 0. Times 2, so that a distance is at most that of the whole images, in [0, 1] each.
    """
    return 2 * F.avg_pool2d(from_pixels(images), 2).flatten(1)


class Copying(NamedTuple):
    """How near images are to training images, and how much nearer than to test images."""

    metrics: dict[str, float]
    distance: Tensor  # (n,) to the nearest training image
    ratio: Tensor  # (n,) of that to the distance to the nearest test image
    row: Tensor  # (n,) int64, of the nearest training image

    def flagged(self, real: RealStatistics) -> Tensor:
        """(n,) bool: nearer to the training images than nearly all validation images are."""
        return is_copied(self.ratio, real.copying.ratio)


def copying(pixels: Tensor, real: RealStatistics) -> Copying:
    """Of (n, p) images."""
    train = real.train_pixels
    near, test = nearest(pixels, train), nearest_distance(pixels, real.test.pixels)
    metrics = {"authentic_pct": auth_pct(train, near)}
    for name, distance in (("train", near.distance), ("test", test)):
        metrics[f"nearest_{name}_median"] = distance.median().item()
        metrics[f"nearest_{name}_q01"] = distance.quantile(0.01).item()
    tiny = torch.finfo(test.dtype).tiny
    return Copying(metrics, near.distance, near.distance / test.clamp_min(tiny), near.row)
