"""What is scored: a trained model or a baseline."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

import datasets
from common.errors import InputError, suggest
from converters.sound_as import REPRESENTATIONS
from datasets import TASKS, Part, Task, fixed_pairs, from_pixels, n_partners, to_pixels
from evaluation.baselines import BASELINES, Draw, Name
from evaluation.estimates import Estimate, estimate_mean
from evaluation.run_baselines import RUN_BASELINES, RunBaseline, label, lookup
from evaluation.scorecard import pool_pixels
from metrics.cost import sampling_cost
from metrics.neighbors import partner_rank
from models import GenerativeModel
from training.checkpoint import Checkpoint
from training.run import Run
from training.schedule import TERA, Schedule

__all__ = ["BATCH_SIZE", "Candidate"]

BATCH_SIZE = 250  # more is slower on a CPU; the noise of a sample depends on it


@dataclass(frozen=True)
class Candidate:
    """A name, and how to draw samples from it."""

    name: str
    needs_label: bool  # whether it is given the true digit
    draw: Draw
    model: GenerativeModel | None = None
    checkpoint: Checkpoint | None = None

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, device: torch.device) -> Candidate:
        """The model of a checkpoint, with its averaged weights.

        Raises:
            InputError: it cannot be built or scored here.
        """
        _check(checkpoint.run)
        model = checkpoint.build_model(device)

        def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
            bar = tqdm(c.split(BATCH_SIZE), "samples", leave=False, disable=None)
            return torch.cat(
                [to_pixels(_finite(model.sample(from_pixels(b), generator))) for b in bar]
            )

        return cls(checkpoint.run.model, False, draw, model, checkpoint)

    def baseline(self, name: RunBaseline, train: Part) -> Candidate:
        """What the run behind this candidate learned, used in another way.

        Raises:
            InputError: it cannot be.
        """
        assert self.model is not None
        if name == "lookup":
            return dataclasses.replace(self, name=name, draw=lookup(self.model, train))
        draw = label(self.model, train, self.draw)
        return dataclasses.replace(self, name=name, needs_label=True, draw=draw)

    @classmethod
    def from_baseline(cls, name: Name, task: Task, train: Part, validation: Part) -> Candidate:
        baseline = BASELINES[name]
        draw = partial(baseline.draw, train.sides(task), validation.sides(task))
        return cls(name, baseline.needs_label, draw)

    def about(self) -> dict[str, Any]:
        """What it is, for a file."""
        about: dict[str, Any] = {"name": self.name, "needs_label": self.needs_label}
        if self.checkpoint is None:
            return about | {"run": None, "weights_sha256": None}
        run, weights = dataclasses.asdict(self.checkpoint.run), self.checkpoint.weights_sha256()
        if self.name in RUN_BASELINES:
            run["preset"] = ""
        return about | {"run": run, "weights_sha256": weights}

    def extra_metrics(
        self, train: Part, test: Part, generator: torch.Generator
    ) -> dict[str, Estimate]:
        """Accuracy of the model's warm start; memorization of pairs that last."""
        metrics: dict[str, Estimate] = {}
        if self.model is not None:
            x, x_digit, c, c_digit = test.sides(self.model.spec.task)
            recognized = self.model.recognize(from_pixels(c), from_pixels(x), x_digit)
            if recognized is not None:
                correct = recognized == c_digit
                own = torch.arange(len(correct), device=correct.device)
                metrics["recognition_accuracy"] = estimate_mean(correct, own, c_digit)
        run = self.checkpoint.run if self.checkpoint else None
        if run and (k := n_partners(run.pairing)):
            pairs = fixed_pairs(train, run.pairing, run.seed)
            assert pairs is not None
            image, sound = (each[::k] for each in pairs)  # one partner of each recording
            x, c = train.images[image], train.sounds[sound]
            if run.task == "image2audio":
                x, c = c, x
            digit, pair = train.image_digit[image], torch.arange(len(x), device=x.device)
            drawn = self.draw(c, digit, generator)
            rank = partner_rank(pool_pixels(drawn), pool_pixels(x), pair, digit)
            metrics["partner_rank"] = estimate_mean(rank, pair, digit)
        return metrics

    def cost(self, train: Part) -> dict[str, float | None]:
        """Of training and of a sample."""
        checkpoint, model = self.checkpoint, self.model
        cost: dict[str, float | None] = {
            "mark_tflop": None,
            "steps": checkpoint.step if checkpoint else None,
            "training_seconds": checkpoint.seconds if checkpoint else None,
        }
        if checkpoint is not None and model is not None:
            schedule, step = Schedule.of(checkpoint.run, train.sounds.device), checkpoint.step
            marks = {schedule.steps(mark * TERA): mark for mark in checkpoint.run.marks}
            can_draw = step >= schedule.draws_from
            cost["mark_tflop"] = marks.get(step) if can_draw else None
            cost["training_flops"] = schedule.until(step)
            batch = from_pixels(train.sides(checkpoint.run.task).c[:BATCH_SIZE])
            generator = torch.Generator(train.sounds.device).manual_seed(0)
            sizes = sampling_cost(model, lambda: model.sample(batch, generator))
            cost["parameters"] = sizes.parameters
            cost["parameters_sampling"] = sizes.parameters_sampling
            cost["flops_per_sample"] = sizes.flops / len(batch)
        return cost


def _finite(x: Tensor) -> Tensor:
    if not x.isfinite().all():
        raise InputError("the model draws values that are not finite: its training diverged")
    return x


def _check(run: Run) -> None:
    """Refuses what cannot be scored here, before any data are loaded."""
    if run.task not in TASKS:
        raise InputError(f"checkpoint of an unknown task: {suggest(str(run.task), TASKS)}")
    if run.data.startswith(datasets.OWN):
        shapes = (run.x_shape, run.c_shape)
        image, sound = shapes if run.task == "audio2image" else shapes[::-1]
        channels, height, width = image
        possible = channels in (1, 3) and height == width and width in datasets.SIZES
        if sound != REPRESENTATIONS[run.sound_as].shape or not possible:
            raise InputError(f"checkpoint of shapes that no folder has: {image} and {sound}")
        return
    if run.data not in datasets.DATA or run.data == "auto":
        raise InputError(f"checkpoint of unknown data '{run.data}': written by other code?")
    here = datasets.spec(run.task, run.labels, run.sound_as)
    if run.spec != here:
        raise InputError(
            "checkpoint of another task or data shape: it makes "
            f"{run.x_shape} of {run.c_shape}, {run.task} here is {here.x_shape} of {here.c_shape}"
        )
