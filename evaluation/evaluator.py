"""What every candidate that draws images is measured with, on the test split."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib.figure
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from common.plots import sample_grid, side_by_side
from converters.sound_as import MEL64
from datasets import DIGITS, PairedDataset, from_pixels, seed_of, to_pixels
from evaluation import outputs
from evaluation.base import SEED, Evaluator
from evaluation.candidates import Candidate
from evaluation.condition_probes import condition_probes
from evaluation.conditioning import STRIDE, draws_metrics, speaker_probe
from evaluation.estimates import Estimate, estimate_by_group
from evaluation.judged import obeyed
from evaluation.scorecard import (
    Copying,
    ImageFeatures,
    RealStatistics,
    copying,
    pool_pixels,
    score,
)
from evaluation.usefulness import classification_accuracy
from metrics.attributes import stroke_attributes
from metrics.descriptors import fit_descriptor

__all__ = ["ImageEvaluator"]

JUDGE_BATCH = 100  # images
SMALL = 32
N_DRAWS = 8  # of one sound in the sample grid


class ImageEvaluator(Evaluator):
    """Images from sounds: a test recording for every test image."""

    PROTOCOL = "audio2image-4"
    KIND = "image"

    def __init__(
        self, dataset: PairedDataset, split: str, device: torch.device, sound_as: str = MEL64
    ) -> None:
        super().__init__(dataset, split, device, sound_as)
        self.descriptor = fit_descriptor(_planes(self.train.images))
        self.recording = self._conditions()

    @cached_property
    def real(self) -> RealStatistics:
        rows = self._training_images()
        first, second = (self.judges[0](self.train.images[i], JUDGE_BATCH)[0] for i in rows)
        return RealStatistics(
            digit=self.test.image_digit,
            test=self.features_of(self.test.images),
            train=first,
            train_other=second,
            train_attributes=self._attributes(self.train.images[rows[0]]),
            train_components=self.descriptor(_planes(self.train.images[rows[0]])),
            train_pixels=_pooled(self.train.images),
            held_out_pixels=_pooled(self.validation.images),
        )

    def restored(self, state: dict[str, Any]) -> RealStatistics:
        pixels = _pooled(self.train.images), _pooled(self.validation.images)
        return RealStatistics.from_state(state, self.test.image_digit, *pixels)

    def features_of(self, images: Tensor) -> ImageFeatures:
        """What the metrics need of n images, uint8."""
        (features, logits), (_, logits_b) = (judge(images, JUDGE_BATCH) for judge in self.judges)
        return ImageFeatures(
            features,
            logits.argmax(1),
            logits_b.argmax(1),
            _pooled(images),
            self._attributes(images),
            self.descriptor(_planes(images)),
        )

    def _attributes(self, images: Tensor) -> Tensor:
        if self.test.classes != DIGITS:  # only what is written has strokes
            return torch.empty(len(images), 0, device=images.device)
        return torch.stack(stroke_attributes(images), 1)

    def usefulness(self, images: Tensor) -> Estimate:
        """What a classifier learns from samples, beside what it learns from real images."""
        test = self.test
        correct = classification_accuracy(images, test.image_digit, test.images, test.image_digit)
        return Estimate(correct.double().mean().item(), real=self.usefulness_of_real)

    @cached_property
    def usefulness_of_real(self) -> float:
        test, (row, _) = self.test, self._training_images()
        correct = classification_accuracy(
            self.train.images[row], test.image_digit, test.images, test.image_digit
        )
        return correct.double().mean().item()

    def _pools(self, digit: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, int]]:
        """For each digit the shuffled indices that have it, and its number of test images."""
        for d, n in enumerate(self.test.image_digit.bincount().tolist()):
            pool = (digit == d).nonzero().squeeze(1).cpu()
            yield pool[torch.randperm(len(pool), generator=generator)].to(self.device), n

    def _conditions(self) -> Tensor:
        """(n,) for each test image a random test recording of its digit; images are sorted."""
        generator = torch.Generator().manual_seed(seed_of("evaluate", "conditions", SEED))
        pools = self._pools(self.test.sound_digit, generator)
        return torch.cat([p[torch.randint(len(p), (n,), generator=generator)] for p, n in pools])

    def _training_images(self) -> tuple[Tensor, Tensor]:
        """Two disjoint (n,) draws of training images, of the test images' digits."""
        generator = torch.Generator().manual_seed(seed_of("evaluate", "floors", SEED))
        pools = list(self._pools(self.train.image_digit, generator))
        return torch.cat([p[:n] for p, n in pools]), torch.cat([p[n : 2 * n] for p, n in pools])

    @torch.no_grad()  # not inference_mode: some models optimize while they sample
    def evaluate(
        self, candidate: Candidate, out: Path, json_path: Path | None = None
    ) -> dict[str, Any]:
        test, recording, digit = self.test, self.recording, self.test.image_digit
        images, cost = self.draw(candidate, test.sounds[recording], digit)
        # What is given the digit does not depend on recordings: each sample stands for itself.
        own = torch.arange(len(digit), device=self.device)
        unit = own if candidate.needs_label else recording

        with tqdm(total=6, leave=False, disable=None) as bar:

            def on_progress(stage: str) -> None:
                bar.set_description(stage)
                bar.update()

            on_progress("judges on real images")
            real = self.real
            on_progress("judges on samples")
            fake = self.features_of(images)
            on_progress("distances, copies")
            copies = copying(fake.pixels, real)
            metrics = score(fake, real, copies, unit)
            on_progress("draws for the same sounds")
            again = candidate.draw(
                test.sounds[recording][::STRIDE], digit[::STRIDE], self.generator("noise again")
            )
            metrics |= draws_metrics(
                fake.every(STRIDE), self.features_of(again), real.test.features, real.train,
                digit[::STRIDE],
            )  # fmt: skip
            on_progress("usefulness")
            metrics["cas"] = self.usefulness(images)
            on_progress("probes")
            if not candidate.needs_label:
                metrics |= condition_probes(
                    candidate.draw, test, self.features_of, lambda: self.generator("changes")
                )
            metrics |= speaker_probe(candidate, self.train, self.generator("probe"))
            metrics |= candidate.extra_metrics(self.train, test, self.generator("partners"))

        card = self.card(candidate, metrics, fake, digit, unit, recording, test.sound_digit, cost)
        names, spoken_by = self.dataset.recordings.speakers, test.speaker[recording]
        by_speaker = estimate_by_group(obeyed(fake, digit), unit, digit, spoken_by)
        named = {names[s]: found._asdict() for s, found in by_speaker.items() if names[s]}
        card["by_speaker"] = named
        outputs.write(
            card,
            _grid(candidate, self),
            _neighbors(images, copies, self),
            out,
            json_path or out / outputs.NAME,
        )
        return card


def _small(images: Tensor) -> Tensor:
    """Of at most SMALL pixels a side: what more shows is for the judges."""
    if images.shape[-1] <= SMALL:
        return images
    return to_pixels(F.adaptive_avg_pool2d(from_pixels(images), SMALL))


def _pooled(images: Tensor) -> Tensor:
    return pool_pixels(_small(images))


def _planes(images: Tensor) -> Tensor:
    """(n, h, w), or (n, 3 h, w) of colour images."""
    small = _small(images)
    return small if small.ndim == 3 else small.flatten(1, 2)


def _grid(candidate: Candidate, evaluator: ImageEvaluator) -> matplotlib.figure.Figure:
    """One test recording of each digit, of changing speakers, with draws that differ in noise."""
    test, names = evaluator.test, evaluator.dataset.recordings.speakers
    rows, partners = [], []
    for d in evaluator.shown:
        spoken = (test.sound_digit == d).nonzero().squeeze(1)
        speakers = test.speaker[spoken].unique()
        speaker = speakers[d % len(speakers)]
        rows.append(spoken[test.speaker[spoken] == speaker][0])
        partners.append(test.images[test.image_digit == d][0])
    row = torch.stack(rows)
    c, digit = test.sounds[row], test.sound_digit[row]
    draws = candidate.draw(
        c.repeat_interleave(N_DRAWS, 0),
        digit.repeat_interleave(N_DRAWS),
        evaluator.generator("grid"),
    )
    labels = [
        f"{test.classes[d]} by {names[s]}" if names[s] else test.classes[d]
        for d, s in enumerate(test.speaker[row].tolist())
    ]
    drawn = draws.unflatten(0, (-1, N_DRAWS))
    return sample_grid(
        test.seen_as(MEL64).sounds[row], torch.stack(partners), drawn, labels, given="sound"
    )


def _neighbors(
    images: Tensor, found: Copying, evaluator: ImageEvaluator
) -> matplotlib.figure.Figure:
    """Samples above their nearest training images: for each digit the first, and the one that is
    nearer to the training set than to the test set by most."""
    digit, columns = evaluator.test.image_digit, []
    for d in evaluator.shown:
        rows = (digit == d).nonzero()[:, 0]
        columns.append(torch.stack((rows[0], rows[found.ratio[rows].argmin()])))
    first, copied = torch.stack(columns, 1)
    shown = {
        "a sample": images[first],
        "its nearest": evaluator.train.images[found.row[first]],
        "most copied": images[copied],
        "its nearest ": evaluator.train.images[found.row[copied]],
    }
    return side_by_side(shown, [evaluator.test.classes[d] for d in evaluator.shown])
