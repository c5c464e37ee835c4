"""The metrics of drawn speech that need the samples alone, not the model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from evaluation.estimates import Estimate, estimate_mean
from evaluation.judged import obeyed, verdict_values, verdicts
from evaluation.scorecard import BETTER as BETTER_OF_IMAGES
from evaluation.scorecard import K
from metrics.diversity import within_digit_diversity
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
from metrics.prdc import within_group_coverage
from metrics.wasserstein import wasserstein_by_group
from metrics.within import within_group_precision

__all__ = [
    "BETTER", "LEFT_OUT", "Heard", "RealSpeech", "SpeechFeatures", "folds", "score", "spread",
]  # fmt: skip

SHARED = (
    *("accuracy", "accuracy_judge_a", "accuracy_judge_b", "judges_disagree", "fd", "kid"),
    *("coverage_within_digit", "precision_within_digit", "diversity_relative", "copied"),
    *("copying_z", "authentic_pct", "cas", "recognition_accuracy", "partner_rank"),
)
BETTER = {name: BETTER_OF_IMAGES[name] for name in SHARED} | {
    "accuracy_heard": "as real",
    "speakers_relative": "as real",
    "w1_seconds": "lower",
    "w1_pitch": "lower",
    "level_db": "as real",
    "silent": "lower",
    "clipped": "lower",
    "diversity_given_image": "as real",
    "image_share": "0: any speaker for any image",
}
FEW = f"no digit has more than {K} test recordings"
LEFT_OUT = {  # why, where it is
    "coverage_within_digit": FEW,
    "precision_within_digit": FEW,
    "level_db": "every sound is silent",
    "image_share": "draws that do not differ, or too few of the right digit",
}


@dataclass(frozen=True)
class SpeechFeatures:
    """What metrics need of n pictures of speech, beside the pictures."""

    features: Tensor  # (n, 32) float32, judge A
    digit_a: Tensor  # (n,) int64, predicted by judge A
    digit_b: Tensor  # (n,) int64, predicted by judge B
    pixels: Tensor  # (n, p) float32

    def at(self, rows: Tensor) -> SpeechFeatures:
        return SpeechFeatures(*(each[rows] for each in vars(self).values()))


@dataclass(frozen=True)
class Heard:
    """What metrics need of n sounds that the converter made of pictures."""

    digit_a: Tensor  # (n,) int64, predicted of their pictures
    digit_b: Tensor
    seconds: Tensor  # (n,) float64, length of the word
    pitch: Tensor  # (n,) float64, Hz; NaN in silence
    level: Tensor  # (n,) float64, dB; -inf in silence
    clipped: Tensor  # (n,) float64, share of samples


@dataclass(frozen=True)
class RealSpeech:
    """The real side of a scorecard, the same for all models of a dataset and split."""

    test: SpeechFeatures  # of the test recordings
    test_digit: Tensor
    train: SpeechFeatures  # of all training recordings
    train_digit: Tensor
    train_speaker: Tensor
    held_out: SpeechFeatures  # of the validation recordings, which no model saw either
    held_out_digit: Tensor
    heard: Heard  # of the test recordings, through the converter
    held_out_heard: Heard

    @cached_property
    def copying_ratio(self) -> Tensor:
        """Of the validation recordings."""
        return self.nearest_ratio(self.held_out.pixels)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """What real recordings score in place of samples: the test recordings for what asks each,
        as many training recordings for distances (mean over such sets), validation recordings for
        voices and copying."""
        test, digit = self.test, self.test_digit
        return {
            **verdict_values(test, digit),
            "accuracy_heard": obeyed(self.heard, digit).mean().item(),
            **set_distances(self, self.train, self.train_digit),
            **varieties(self, self.held_out, self.held_out_digit),
            **voices(self, self.held_out_heard, self.held_out_digit),
            "copied": 0.0,
        }

    def state(self) -> dict[str, Any]:
        """All of it, for `from_state`."""
        fields = {
            name: value if isinstance(value, Tensor) else {**vars(value)}
            for name, value in vars(self).items()
            if name in self.__dataclass_fields__
        }
        return fields | {"copying_ratio": self.copying_ratio, "metrics": self.metrics}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> RealSpeech:
        kept = {name: state[name] for name in ("copying_ratio", "metrics")}
        features = {name: SpeechFeatures(**state[name]) for name in ("test", "train", "held_out")}
        heard = {name: Heard(**state[name]) for name in ("heard", "held_out_heard")}
        real = cls(**{k: v for k, v in state.items() if k not in kept} | features | heard)
        vars(real).update(kept)  # as if computed here
        return real

    def nearest_ratio(self, pixels: Tensor) -> Tensor:
        """(n,) distance to the nearest training recording over that to the nearest test one."""
        tiny = torch.finfo(pixels.dtype).tiny
        test = nearest_distance(pixels, self.test.pixels).clamp_min(tiny)
        return nearest_distance(pixels, self.train.pixels) / test

    def speakers(self, pixels: Tensor, digit: Tensor) -> Tensor:
        """(n,) of the nearest training recording of the digit."""
        found = torch.empty_like(digit)
        for d in digit.unique():
            mine, there = digit == d, self.train_digit == d
            row = nearest(pixels[mine], self.train.pixels[there]).row
            found[mine] = self.train_speaker[there][row]
        return found


def folds(digit: Tensor, real_digit: Tensor) -> Tensor:
    """(f, n) disjoint rows of samples, each with the digits of the n real recordings: distances
    are between sets of equal size. Drawn at random, as recordings are sorted by their speakers.

    Where a digit has fewer samples than recordings there is one row, with all that it has.

    Args:
        digit: (m,) of the samples.
        real_digit: (n,).

    Raises:
        ValueError: there is no sample of a digit.
    """
    n_digits = int(torch.cat((digit, real_digit)).max()) + 1
    count = real_digit.bincount(minlength=n_digits)
    there = digit.bincount(minlength=n_digits)
    wanted = count > 0
    if (there[wanted] == 0).any():
        raise ValueError("no sample of a digit")
    n = max(int((there[wanted] // count[wanted]).min()), 1)
    generator, rows = torch.Generator().manual_seed(0), []
    for d, k in enumerate(count.minimum(there).tolist()):
        if k > 0:
            mine = (digit == d).nonzero()[:, 0]
            order = torch.randperm(len(mine), generator=generator).to(mine.device)
            rows.append(mine[order[: n * k]].view(n, k))
    return torch.cat(rows, 1)


def spread(speaker: Tensor, digit: Tensor) -> float:
    """Effective number of speakers in a digit, mean over digits: exp of the entropy."""
    found = []
    for d in digit.unique():
        share = speaker[digit == d].bincount().double() / (digit == d).sum()
        found.append(torch.special.entr(share).sum().exp())
    return torch.stack(found).mean().item()


def set_distances(real: RealSpeech, fake: SpeechFeatures, digit: Tensor) -> dict[str, float]:
    """Between the test recordings and as many samples, of which (n,) digits were wanted; mean over
    such sets.

    What cannot be measured is left out: within the digit, where none has more than K recordings.
    """
    test = real.test.features
    found: dict[str, list[float]] = {}
    for fold in folds(digit, real.test_digit):
        features = fake.features[fold]
        within = (test, real.test_digit, features, digit[fold], K)
        values = {
            "fd": frechet_distance(test, features),
            "kid": kernel_distance(test, features),
            "coverage_within_digit": within_group_coverage(*within),
            "precision_within_digit": within_group_precision(*within),
        }
        for name, value in values.items():
            if not math.isnan(value):
                found.setdefault(name, []).append(value)
    return {name: sum(each) / len(each) for name, each in found.items()}


def voices(real: RealSpeech, heard: Heard, digit: Tensor) -> dict[str, float]:
    """Lengths, pitches, levels and faults of what is heard, of which (n,) digits were wanted.

    Distances are between sets of equal size, on average, in the deviation within a digit.
    """
    sets = folds(digit, real.test_digit)
    values = {}
    for name in ("seconds", "pitch"):
        one, other = getattr(real.heard, name), getattr(heard, name)
        there = one.isfinite()
        one, one_digit = one[there], real.test_digit[there]
        # What is silent has no pitch, which costs as much as the farthest one.
        distances = [wasserstein_by_group(one, one_digit, other[s], digit[s]).mean() for s in sets]
        within = one - torch.stack([one[one_digit == d].mean() for d in one_digit.tolist()])
        deviation = within.square().mean().sqrt()
        values[f"w1_{name}"] = (torch.stack(distances).mean() / deviation).item()
    silent = heard.level.isneginf()
    if not silent.all():
        values["level_db"] = heard.level[~silent].mean().item()
    return values | {
        "silent": silent.double().mean().item(),
        "clipped": heard.clipped.mean().item(),
    }


def score(
    fake: SpeechFeatures, digit: Tensor, heard: Heard, heard_digit: Tensor, real: RealSpeech
) -> dict[str, Estimate]:
    """Every metric of the samples alone, with what real recordings score.

    Each sample is of an image of its own, so that it stands for itself in the intervals.

    Args:
        digit: (n,) int64, wanted of the samples.
        heard_digit: (m,) of those that were heard.
    """
    own, own_heard = (torch.arange(len(d), device=d.device) for d in (digit, heard_digit))
    ratio = real.nearest_ratio(fake.pixels)
    flagged = is_copied(ratio, real.copying_ratio)
    copied = estimate_mean(flagged, own, digit)
    assert copied.low is not None and copied.high is not None
    values: dict[str, Estimate] = {
        **verdicts(fake, digit, own),
        "accuracy_heard": estimate_mean(obeyed(heard, heard_digit), own_heard, heard_digit),
        **_estimates(set_distances(real, fake, digit)),
        **_estimates(varieties(real, fake, digit)),
        **_estimates(voices(real, heard, heard_digit)),
        "copied": Estimate(*(copied_share(each) for each in copied[:3] if each is not None)),
    }
    return {name: each._replace(real=real.metrics.get(name)) for name, each in values.items()}


def varieties(real: RealSpeech, fake: SpeechFeatures, digit: Tensor) -> dict[str, float]:
    """Diversity, speakers and copying of pictures, of which (n,) digits were wanted."""
    near = nearest(fake.pixels, real.train.pixels)
    held_out = nearest_distance(real.held_out.pixels, real.train.pixels)
    speaker = real.speakers(fake.pixels, digit)
    # Of few recordings the entropy is too low: of as many as there are test recordings.
    spreads = [spread(speaker[fold], digit[fold]) for fold in folds(digit, real.test_digit)]
    return {
        "diversity_relative": within_digit_diversity(fake.features, digit)
        / within_digit_diversity(real.test.features, real.test_digit),
        "speakers_relative": sum(spreads)
        / len(spreads)
        / spread(real.speakers(real.test.pixels, real.test_digit), real.test_digit),
        "copying_z": copying_statistic(near.distance, held_out),
        "authentic_pct": auth_pct(real.train.pixels, near),
    }


def _estimates(values: dict[str, float]) -> dict[str, Estimate]:
    return {name: Estimate(value) for name, value in values.items()}
