"""Recognition of spoken digits before and after a round trip through a picture.

Trains the models' sound encoder with a linear head as a classifier of digits, on the training
recordings and with their augmentation; then classifies the validation recordings from their
pictures, from the pictures of the sounds that were made of these, and from the same with their
level normalized again (by `fit_clip`, which counts the silence around a word as part of it and so
makes it louder).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric, seed_everything
from torch import Tensor
from tqdm import trange

import datasets
from common.errors import InputError
from common.files import write_rows
from converters.mel64.features import fit_clip, to_picture, to_sound
from datasets import Batches, Part, TaskSpec, part
from metrics.bootstrap import group_weights, interval, weighted_means
from models import ConditionalConfig, ConditionalModel, Phase
from training.loop import Trainer
from training.run import code_version
from training.schedule import Schedule

__all__ = ["Options", "accuracy_drop", "run"]

N_RESAMPLES = 10_000


@dataclass(frozen=True)
class Options:
    """Measures the drop in a spoken-digit classifier's accuracy by a round trip through a
    picture."""

    data: datasets.Data = "auto"
    """Which data."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    split: str = "official"
    """'official' or 'speaker:NAME', for other validation recordings."""
    steps: int = 300
    """Of training, for each classifier."""
    seeds: int = 2
    """Number of classifiers, trained from seeds 0, 1, ..."""
    out: Path | None = None
    """A CSV file for the rows, such as results/recognition.csv."""


@dataclass(frozen=True)
class ClassifierConfig(ConditionalConfig):
    """Settings of a Classifier."""

    def build(self, spec: TaskSpec) -> Classifier:
        return Classifier(spec, self)


class Classifier(ConditionalModel):
    """The warm start of every model, and nothing else."""

    def phases(self) -> Sequence[Phase]:
        return self.warm_start_phases()

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        raise NotImplementedError("a classifier draws no samples")


def run(options: Options) -> None:
    """Trains the classifiers, prints their accuracies and writes the rows."""
    if options.steps < 1 or options.seeds < 1:
        raise InputError("--steps and --seeds must be at least 1")
    dataset = datasets.load(options.data, options.data_dir)
    train = part(dataset, options.split, "train")
    held_out = part(dataset, options.split, "validation")
    sounds = to_sound(held_out.sounds)
    pictures = {
        "before": held_out.sounds,
        "after": to_picture(sounds),
        "after, re-normalized level": to_picture(torch.stack([fit_clip(s) for s in sounds])),
    }
    correct: dict[str, list[Tensor]] = {name: [] for name in pictures}  # of each seed: (n,)
    for seed in range(options.seeds):
        classifier = train_classifier(train, seed, options.steps)
        for name, c in pictures.items():
            with torch.no_grad():
                logits = classifier.digit_cosines(c.unsqueeze(1) / 255)
            correct[name].append(logits.argmax(1) == held_out.sound_digit)

    n = f"{len(held_out.sounds)} validation recordings, {options.seeds} classifiers"
    print(f"{dataset.name}, split {options.split}: {n} of {options.steps} steps")
    before, rows = torch.stack(correct["before"]), []
    for name, c in pictures.items():
        after = torch.stack(correct[name])
        accuracy = after.double().mean().item()
        drop, low, high = accuracy_drop(before, after, held_out.sound_digit)
        difference = ((c.double() - held_out.sounds.double()).abs().mean() / 255).item()
        print(
            f"{name}: accuracy {accuracy:.2%}, a drop of {drop:.2f} points (95 % interval "
            f"{low:.2f} .. {high:.2f}); mean difference {difference:.2%} of the gray range"
        )
        rows.append(
            {
                "pictures": name,
                "data": dataset.name,
                "data_sha256": dataset.fingerprint,
                "split": options.split,
                "part": "validation",
                "recordings": len(c),
                "seeds": options.seeds,
                "steps": options.steps,
                "code": code_version(),
                "accuracy": accuracy,
                "accuracy_drop_points": drop,
                "accuracy_drop_points_low": low,
                "accuracy_drop_points_high": high,
                "mean_gray_difference": difference,
            }
        )
    if options.out:
        write_rows(options.out, rows)
        print(options.out)


def train_classifier(train: Part, seed: int, steps: int) -> Classifier:
    """A classifier of the training recordings, with its averaged weights."""
    seed_everything(seed, verbose=False)
    config = ClassifierConfig(warm_start=1.0)
    model = config.build(datasets.spec("audio2image", "warm-start"))
    batches = Batches(train, "resampled", config.batch_size, seed, labels="warm-start")
    schedule = Schedule(model.phases(), flops=[1], mark=steps)
    trainer = Trainer(model, schedule, batches, Fabric(accelerator="cpu", devices=1), config.ema)
    for _ in trange(steps, desc=f"classifier {seed}", leave=False, disable=None):
        trainer.advance()
    return trainer.ema.model  # type: ignore[return-value]


def accuracy_drop(before: Tensor, after: Tensor, digit: Tensor) -> tuple[float, float, float]:
    """In points, with its 95 % interval over classifiers and recordings of each digit.

    Args:
        before, after: (seeds, n) bool, whether a classifier is correct on a recording.
        digit: (n,) int64, of the recordings.

    Returns:
        The drop, low, high.
    """
    points = 100 * (before.double() - after.double())
    recording, generator = torch.arange(len(digit)), torch.Generator().manual_seed(0)
    weights = group_weights(recording, N_RESAMPLES, generator, len(points), digit)
    return points.mean().item(), *interval(weighted_means(points, recording, weights))
