"""Whether what was heard before a sound went through a picture is heard after it.

    python -m benchmarking.recognition --seeds 3 --out results/hearing.csv

Trains the models' sound encoder with a linear head to name digits, on the training recordings and
with their augmentation; then it names the validation recordings from their pictures, and from the
pictures of the sounds that were made of these: as they come, and with their level set anew (by
`fit_clip`, which takes the silence around a word for a part of it and so makes it louder).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric, seed_everything
from torch import Tensor
from tqdm import trange

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import write_rows
from converters.mel64.features import fit_clip, to_picture, to_sound
from datasets.base import TaskSpec
from datasets.pairing import Batches
from datasets.splits import Part, part
from metrics.bootstrap import group_weights, interval, weighted_means
from models._base import ConditionalConfig, ConditionalModel, Phase
from training.loop import Trainer
from training.run import code_version

N_RESAMPLES = 10_000


@dataclass(frozen=True)
class Options:
    """Measures how much a spoken-digit classifier loses by one round trip through a picture."""

    data: datasets.Data = "auto"
    """Which data."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    split: str = "official"
    """'official' or 'speaker:NAME', for other validation recordings."""
    steps: int = 300
    """Of training, for each classifier."""
    seeds: int = 2
    """Classifiers, trained from seeds 0, 1, ..."""
    out: Path | None = None
    """A CSV file for the rows."""


@dataclass(frozen=True)
class ClassifierConfig(ConditionalConfig):
    """Settings of a Classifier."""

    def build(self, spec: TaskSpec) -> Classifier:
        return Classifier(spec, self)


class Classifier(ConditionalModel):
    """The warm start of every model, and nothing else."""

    def phases(self) -> Sequence[Phase]:
        return (self.classification_phase(),)

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        raise NotImplementedError("a listener draws nothing")


def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m benchmarking.recognition")
    if options.steps < 1 or options.seeds < 1:
        raise InputError("--steps and --seeds must be at least 1")
    source = datasets.load(options.data, options.data_dir)
    train = part(source, options.split, "train")
    held_out = part(source, options.split, "validation")
    sounds = to_sound(held_out.c)
    pictures = {
        "before": held_out.c,
        "after": to_picture(sounds),
        "after, level set anew": to_picture(torch.stack([fit_clip(sound) for sound in sounds])),
    }
    right: dict[str, list[Tensor]] = {name: [] for name in pictures}  # of each seed: (n,)
    for seed in range(options.seeds):
        listener = trained(train, seed, options.steps)
        for name, c in pictures.items():
            with torch.no_grad():
                digit = listener.digit_logits(c.unsqueeze(1) / 255).argmax(1)
            right[name].append(digit == held_out.c_digit)

    n = f"{len(held_out.c)} validation recordings, {options.seeds} classifiers"
    print(f"{source.name}, split {options.split}: {n} of {options.steps} steps")
    before, rows = torch.stack(right["before"]), []
    for name, c in pictures.items():
        after = torch.stack(right[name])
        lost, low, high = points_lost(before, after, held_out.c_digit)
        loss = f"{lost:.2f} points lost (95 % interval {low:.2f} .. {high:.2f})"
        apart = (c.double() - held_out.c.double()).abs().mean() / 255
        print(
            f"{name}: accuracy {after.double().mean():.2%}, {loss}; {apart:.2%} of the grey apart"
        )
        rows.append({
            "pictures": name, "data": source.name, "data_sha256": source.fingerprint,
            "split": options.split, "part": "validation", "recordings": len(c),
            "seeds": options.seeds, "steps": options.steps, "code": code_version(),
            "accuracy": after.double().mean().item(), "points_lost": lost, "low": low, "high": high,
            "grey_apart": apart.item(),
        })  # fmt: skip
    if options.out:
        write_rows(options.out, rows)
        print(options.out)


def trained(train: Part, seed: int, steps: int) -> Classifier:
    """A classifier of the training recordings, with its averaged weights."""
    seed_everything(seed, verbose=False)
    config = ClassifierConfig(steps=steps, warm_start=steps)
    model = config.build(datasets.spec("audio2image"))
    batches = Batches(train, "resampled", config.batch_size, seed)
    trainer = Trainer(model, batches, Fabric(accelerator="cpu", devices=1), config.ema)
    for _ in trange(steps, desc=f"classifier {seed}", leave=False, disable=None):
        trainer.advance()
    return trainer.ema.model  # type: ignore[return-value]


def points_lost(before: Tensor, after: Tensor, digit: Tensor) -> tuple[float, float, float]:
    """Points of accuracy, and the interval over classifiers and recordings of each digit.

    Args:
        before, after: (seeds, n) whether right.
        digit: (n,).
    """
    points = 100 * (before.double() - after.double())
    recording, generator = torch.arange(len(digit)), torch.Generator().manual_seed(0)
    weights = group_weights(recording, N_RESAMPLES, generator, len(points), digit)
    return points.mean().item(), *interval(weighted_means(points, recording, weights))


if __name__ == "__main__":
    command(main)()
