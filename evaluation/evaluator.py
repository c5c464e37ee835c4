"""What every candidate is measured with. The only code that reads the test split."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib.figure
import torch
from torch import Tensor
from tqdm import tqdm

from common.errors import InputError
from common.plots import sample_grid, side_by_side
from converters.mel64.features import MEL64
from datasets import PairedDataset, part, recording_split, seed_of, test_part
from evaluation import cache, outputs
from evaluation.candidates import Candidate
from evaluation.condition_probes import condition_probes
from evaluation.conditioning import STRIDE, draws_metrics, speaker_probe
from evaluation.estimates import Estimate, estimate_by_group
from evaluation.scorecard import (
    Copying,
    ImageFeatures,
    K,
    RealStatistics,
    copying,
    obeyed,
    pool_pixels,
    score,
)
from evaluation.usefulness import classification_accuracy
from judges import JUDGES, load_judge
from metrics.accuracy import confusion_matrix
from metrics.attributes import stroke_attributes
from metrics.descriptors import fit_descriptor
from training.run import code_version

__all__ = ["PROTOCOL", "Evaluator", "evaluate"]

PROTOCOL = "audio2image-4"
SEED = 0  # of conditions and noise: the same for all models
JUDGE_BATCH = 100  # images
N_DRAWS = 8  # of one sound in the sample grid


class Evaluator:
    """Conditions, judges and real statistics of one dataset and split.

    Args:
        split: 'official' or 'speaker:NAME'.

    Raises:
        InputError: there is no such split, or no judge for this dataset.
    """

    def __init__(self, dataset: PairedDataset, split: str, device: torch.device) -> None:
        self.dataset, self.split, self.device = dataset, split, device
        self.train = part(dataset, split, "train").to(device)
        self.validation = part(dataset, split, "validation").to(device)
        self.test = test_part(dataset, split).to(device)
        try:
            self.judges = tuple(load_judge(dataset.name, which, device) for which in JUDGES)
        except FileNotFoundError as error:
            raise InputError(
                f"no judge for the data '{dataset.name}': python -m judges --data {dataset.name}"
            ) from error
        for judge in self.judges:  # several times faster on a CPU, in small batches
            judge.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.descriptor = fit_descriptor(self.train.images)
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
            train_attributes=torch.stack(stroke_attributes(self.train.images[rows[0]]), 1),
            train_components=self.descriptor(self.train.images[rows[0]]),
            train_pixels=pool_pixels(self.train.images),
            held_out_pixels=pool_pixels(self.validation.images),
        )

    def remember(self) -> None:
        """Takes what real images score from an earlier evaluation, or keeps it for later ones."""
        if "real" in vars(self):
            return
        fingerprint = self.fingerprint()
        if state := cache.read(fingerprint, self.device):
            pixels = pool_pixels(self.train.images), pool_pixels(self.validation.images)
            self.usefulness_of_real = state["usefulness_of_real"]
            self.real = RealStatistics.from_state(state["real"], self.test.image_digit, *pixels)
        else:
            state = {"real": self.real.state(), "usefulness_of_real": self.usefulness_of_real}
            cache.write(state, fingerprint)

    def features_of(self, images: Tensor) -> ImageFeatures:
        """What the metrics need of (n, 28, 28) uint8."""
        (features, logits), (_, logits_b) = (judge(images, JUDGE_BATCH) for judge in self.judges)
        return ImageFeatures(
            features,
            logits.argmax(1),
            logits_b.argmax(1),
            pool_pixels(images),
            torch.stack(stroke_attributes(images), 1),
            self.descriptor(images),
        )

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

    def generator(self, purpose: str) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed_of("evaluate", purpose, SEED))

    def _pools(self, digit: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, int]]:
        """For each digit the shuffled indices that have it, and its number of test images."""
        for d, n in enumerate(self.test.image_digit.bincount(minlength=10).tolist()):
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

    def fingerprint(self) -> dict[str, Any]:
        """Everything that a number depends on beside the candidate."""
        indices = (recording_split(self.dataset, self.split), self.dataset.images.split)
        split = hashlib.sha256(b"".join(index.numpy().tobytes() for index in indices))
        return {
            "protocol": PROTOCOL,
            "data": self.dataset.name,
            "data_sha256": self.dataset.fingerprint,
            "split": self.split,
            "split_sha256": split.hexdigest(),
            "judge_a": self.judges[0].sha256,
            "judge_b": self.judges[1].sha256,
            "converter": dataclasses.asdict(MEL64),
            "code": code_version(),
            "n": len(self.recording),
            "n_recordings": len(self.test.sounds),
            "k": K,
            "seed": SEED,
            "device": self.device.type,
        }


@torch.no_grad()  # not inference_mode: some models optimize while they sample
def evaluate(
    candidate: Candidate, evaluator: Evaluator, out: Path, json_path: Path | None = None
) -> dict[str, Any]:
    """Draws the samples, scores them and writes all files.

    Returns:
        What the JSON holds: candidate, fingerprint, metrics, by_digit, by_speaker, by_recording,
        confusion, cost.
    """
    test, recording, digit = evaluator.test, evaluator.recording, evaluator.test.image_digit
    start = time.perf_counter()
    images = candidate.draw(test.sounds[recording], digit, evaluator.generator("noise"))
    if evaluator.device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    cost = candidate.cost(evaluator.train) | {"samples_per_second": len(images) / seconds}

    with tqdm(total=6, leave=False, disable=None) as bar:

        def on_progress(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        on_progress("judges on real images")
        real = evaluator.real
        on_progress("judges on samples")
        fake = evaluator.features_of(images)
        on_progress("distances, copies")
        copies = copying(fake.pixels, real)
        # What is given the digit does not depend on recordings: each sample stands for itself.
        group = torch.arange(len(digit)) if candidate.needs_label else recording
        metrics = score(fake, real, copies, group)
        on_progress("draws for the same sounds")
        again = candidate.draw(
            test.sounds[recording][::STRIDE], digit[::STRIDE], evaluator.generator("noise again")
        )
        metrics |= draws_metrics(
            fake.every(STRIDE), evaluator.features_of(again), real.test.features, real.train,
            digit[::STRIDE],
        )  # fmt: skip
        on_progress("usefulness")
        metrics["cas"] = evaluator.usefulness(images)
        on_progress("probes")
        if not candidate.needs_label:
            metrics |= condition_probes(
                candidate.draw, test, evaluator.features_of, lambda: evaluator.generator("changes")
            )
        metrics |= speaker_probe(candidate, evaluator.train, evaluator.generator("probe"))
        metrics |= candidate.extra_metrics(evaluator.train, test, evaluator.generator("partners"))

    correct, speakers = obeyed(fake, digit), evaluator.dataset.recordings.speakers
    by_digit = estimate_by_group(correct, group, digit, digit)
    by_speaker = estimate_by_group(correct, group, digit, test.speaker[recording])
    card: dict[str, Any] = {
        "candidate": candidate.about(),
        "fingerprint": evaluator.fingerprint(),
        "metrics": {name: estimate._asdict() for name, estimate in metrics.items()},
        "by_digit": {str(d): estimate._asdict() for d, estimate in by_digit.items()},
        "by_speaker": {speakers[s]: estimate._asdict() for s, estimate in by_speaker.items()},
        "by_recording": {
            # Judgements: two of each sample.
            "drawn": (2 * recording.bincount(minlength=len(test.sounds))).tolist(),
            "correct": (2 * recording.bincount(correct, len(test.sounds))).long().tolist(),
            "digit": test.sound_digit.tolist(),
        },
        "confusion": (
            confusion_matrix(fake.digit_a, digit) + confusion_matrix(fake.digit_b, digit)
        ).tolist(),
        "cost": cost,
    }
    outputs.write(
        card,
        _grid(candidate, evaluator),
        _neighbors(images, copies, evaluator),
        out,
        json_path or out / outputs.NAME,
    )
    return card


def _grid(candidate: Candidate, evaluator: Evaluator) -> matplotlib.figure.Figure:
    """One test recording of each digit, of changing speakers, with draws that differ in noise."""
    test, names = evaluator.test, evaluator.dataset.recordings.speakers
    rows, partners = [], []
    for d in range(10):
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
    labels = [f"{d} by {names[s]}" for d, s in enumerate(test.speaker[row].tolist())]
    return sample_grid(c, torch.stack(partners), draws.unflatten(0, (-1, N_DRAWS)), labels)


def _neighbors(images: Tensor, found: Copying, evaluator: Evaluator) -> matplotlib.figure.Figure:
    """Samples above their nearest training images: for each digit the first, and the one that is
    nearer to the training set than to the test set by most."""
    digit, columns = evaluator.test.image_digit, []
    for d in range(10):
        rows = (digit == d).nonzero()[:, 0]
        columns.append(torch.stack((rows[0], rows[found.ratio[rows].argmin()])))
    first, copied = torch.stack(columns, 1)
    shown = {
        "a sample": images[first],
        "its nearest": evaluator.train.images[found.row[first]],
        "most copied": images[copied],
        "its nearest ": evaluator.train.images[found.row[copied]],
    }
    return side_by_side(shown, [f"{d}" for d in range(10)])
