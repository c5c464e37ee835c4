"""What the evaluators of both tasks share. Reads the test split."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from common.errors import InputError
from converters.mel64 import features
from converters.sound_as import MEL64
from datasets import PairedDataset, part, recording_split, seed_of, test_part
from evaluation import cache
from evaluation.candidates import Candidate
from evaluation.estimates import Estimate, estimate_by_group
from evaluation.judged import Judged, obeyed
from evaluation.scorecard import K
from judges import JUDGES, Kind
from judges.own import judge_of
from metrics.accuracy import confusion_matrix
from metrics.cost import peak_memory, reset_peak_memory
from training.run import code_version

__all__ = ["SEED", "Evaluator"]

MAX_SHOWN = 10
SEED = 0  # of conditions and noise: the same for all models


class Evaluator(ABC):
    """Conditions, judges and real statistics of one dataset and split.

    Args:
        split: 'official' or 'speaker:NAME'.
        sound_as: how the candidates hear or speak; one of
            `converters.sound_as.REPRESENTATIONS`. What is spoken is judged as mel64.

    Raises:
        InputError: there is no such split, or no judge for this dataset.
    """

    PROTOCOL: ClassVar[str]  # of all its numbers
    KIND: ClassVar[Kind]  # of what is drawn and judged
    PAGES: ClassVar[tuple[str, ...]] = ()  # files beside those of every scorecard

    def __init__(
        self, dataset: PairedDataset, split: str, device: torch.device, sound_as: str = MEL64
    ) -> None:
        self.dataset, self.split, self.device = dataset, split, device
        self.sound_as = sound_as
        parts = part(dataset, split, "train"), part(dataset, split, "validation")
        heard_as = sound_as if self.KIND == "image" else MEL64
        self.train, self.validation, self.test = (
            each.seen_as(heard_as).to(device) for each in (*parts, test_part(dataset, split))
        )
        name = dataset.name
        try:
            self.judges = tuple(judge_of(dataset, which, device, self.KIND) for which in JUDGES)
        except FileNotFoundError as error:
            raise InputError(
                f"no judge for the data '{name}': python -m judges --data {name} --kind {self.KIND}"
            ) from error
        for judge in self.judges:  # several times faster on a CPU, in small batches
            judge.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @abstractmethod
    def evaluate(
        self, candidate: Candidate, out: Path, json_path: Path | None = None
    ) -> dict[str, Any]:
        """Draws the samples, scores them and writes all files.

        Returns:
            What the JSON holds: candidate, fingerprint, metrics, by_digit, by_speaker,
            by_recording, too_few, confusion, cost; of speech left_out: metrics that cannot be
            measured, and why.
        """

    # Not `cached_property`, which hides from Python that they are abstract.
    @property
    @abstractmethod
    def real(self) -> Any:
        """The real side of a scorecard, with its `state`; a `cached_property`."""

    @property
    @abstractmethod
    def usefulness_of_real(self) -> float:
        """What a classifier learns from real data; a `cached_property`."""

    @abstractmethod
    def restored(self, state: dict[str, Any]) -> Any:
        """The real side, of its state."""

    def remember(self) -> None:
        """Takes what real data score from an earlier evaluation, or keeps it for later ones."""
        if "real" in vars(self):
            return
        fingerprint = self.fingerprint()
        if state := cache.read(fingerprint, self.device):
            real = self.restored(state.pop("real"))
            vars(self).update(state, real=real)  # as if computed here
        else:
            state = {"real": self.real.state(), "usefulness_of_real": self.usefulness_of_real}
            cache.write(state, fingerprint)

    @property
    def shown(self) -> range:
        """The classes that pictures show."""
        return range(min(len(self.test.classes), MAX_SHOWN))

    def generator(self, purpose: str) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed_of("evaluate", purpose, SEED))

    def fingerprint(self) -> dict[str, Any]:
        """Everything that a number depends on beside the candidate."""
        indices = (recording_split(self.dataset, self.split), self.dataset.images.split)
        split = hashlib.sha256(b"".join(index.numpy().tobytes() for index in indices))
        return {
            "protocol": self.PROTOCOL,
            "data": self.dataset.name,
            "data_sha256": self.dataset.fingerprint,
            "split": self.split,
            "split_sha256": split.hexdigest(),
            "judge_a": self.judges[0].sha256,
            "judge_b": self.judges[1].sha256,
            "converter": dataclasses.asdict(features.MEL64),
            "code": code_version(),
            "n": len(self.test.images),
            "n_recordings": len(self.test.sounds),
            "k": K,
            "seed": SEED,
            "device": self.device.type,
        }

    def draw(
        self, candidate: Candidate, c: Tensor, digit: Tensor
    ) -> tuple[Tensor, dict[str, float | None]]:
        """The samples, and what they and the candidate cost. Peak memory counts from here."""
        reset_peak_memory(self.device)  # another candidate of this process may have held more
        start = time.perf_counter()
        samples = candidate.draw(c, digit, self.generator("noise"))
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        return samples, candidate.cost(self.train) | {"samples_per_second": len(samples) / seconds}

    def card(
        self,
        candidate: Candidate,
        metrics: dict[str, Estimate],
        fake: Judged,
        digit: Tensor,
        unit: Tensor,
        condition: Tensor,
        condition_digit: Tensor,
        cost: dict[str, float | None],
    ) -> dict[str, Any]:
        """What the JSON holds; its speakers are left to the task.

        Args:
            digit: (n,) int64, wanted of the samples.
            unit: (n,) int64: samples of one unit do not count as independent.
            condition: (n,) int64, of which of m conditions each sample was drawn.
            condition_digit: (m,) int64.
        """
        correct = obeyed(fake, digit)
        by_digit = estimate_by_group(correct, unit, digit, digit)
        n_classes = len(self.test.classes)
        real_digit = self.test.image_digit if self.KIND == "image" else self.test.sound_digit
        fewest = torch.minimum(*(d.bincount(minlength=n_classes) for d in (real_digit, digit)))
        matrix = confusion_matrix(
            torch.cat((fake.digit_a, fake.digit_b)), digit.repeat(2), n_classes
        )
        return {
            "candidate": candidate.about(),
            "fingerprint": self.fingerprint(),
            "metrics": {name: estimate._asdict() for name, estimate in metrics.items()},
            "by_digit": {self.test.classes[d]: found._asdict() for d, found in by_digit.items()},
            "by_speaker": {},
            "by_recording": {
                # Judgements: two of each sample.
                "drawn": (2 * condition.bincount(minlength=len(condition_digit))).tolist(),
                "correct": (2 * condition.bincount(correct, len(condition_digit))).long().tolist(),
                "digit": condition_digit.tolist(),
            },
            # Of which figures within the digit by neighbors say nothing.
            "too_few": [self.test.classes[d] for d in (fewest <= K).nonzero()[:, 0].tolist()],
            "confusion": matrix.tolist(),
            "cost": cost | {"peak_memory_bytes": peak_memory(self.device)},
        }
