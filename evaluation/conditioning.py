"""What of a sound the samples depend on, beside its digit."""

from __future__ import annotations

import torch
from torch import Tensor

from datasets import Part, from_pixels
from evaluation.candidates import BATCH_SIZE, Candidate
from evaluation.estimates import Estimate
from evaluation.scorecard import ImageFeatures
from metrics.diversity import condition_share, diversity_of_draws
from metrics.probe import FOLDS, probe_accuracy

__all__ = ["STRIDE", "draws_metrics", "speaker_probe"]

STRIDE = 5  # every fifth condition is drawn twice
MIN_RIGHT = 100  # pairs of draws of the right digit, for the sound's share


def draws_metrics(
    first: ImageFeatures, again: ImageFeatures, real: Tensor, other: Tensor, digit: Tensor
) -> dict[str, Estimate]:
    """Of two draws for the same sounds, which differ in noise alone, in judge A's features.

    Args:
        first, again: of n samples each; row i of both was drawn for condition i.
        real, other: (m, d) features of two different real images of the same digit in each row.
        digit: (n,) int64, of the conditions.

    Returns:
        `diversity_given_sound`: 1 where two draws are as different as two real images of a digit;
        `sound_share`, of those that both show the right digit: 0 where the sound decides nothing
        else.
    """
    metrics = {
        "diversity_given_sound": Estimate(
            diversity_of_draws(first.features, again.features) / diversity_of_draws(real, other),
            real=1.0,
        )
    }
    right = (first.digit_a == digit) & (again.digit_a == digit)
    if right.sum() > MIN_RIGHT and metrics["diversity_given_sound"].value > 0:
        share = condition_share(first.features[right], again.features[right], digit[right])
        metrics["sound_share"] = Estimate(share, real=0.0)
    return metrics


def speaker_probe(
    candidate: Candidate, train: Part, generator: torch.Generator
) -> dict[str, Estimate]:
    """How often the speaker of a training recording can be named, within its digit, from all that
    the network that samples gets of it. `real` is chance. Nothing where there is one speaker, or
    one has too few recordings of a digit."""
    each = torch.stack((train.sound_digit, train.speaker), 1).unique(dim=0, return_counts=True)[1]
    if candidate.model is None or len(train.speaker.unique()) < 2 or each.min() < FOLDS:
        return {}
    chunks = [
        candidate.model.embed_condition(from_pixels(c), generator)
        for c in train.sounds.split(BATCH_SIZE)
    ]
    found = [chunk.cpu() for chunk in chunks if chunk is not None]
    if not found:
        return {}
    speaker = train.speaker.cpu()
    value = probe_accuracy(torch.cat(found), speaker, train.sound_digit.cpu())
    chance = speaker.bincount().max().item() / len(speaker)
    return {"speaker_probe": Estimate(value, real=chance)}
