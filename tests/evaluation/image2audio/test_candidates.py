"""A run that draws speech for images: what is asked of it, and its baselines."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import datasets
import models
from datasets import fixed_pairs, from_pixels, part, to_pixels
from evaluation.candidates import BATCH_SIZE, Candidate
from evaluation.run_baselines import label, lookup
from evaluation.scorecard import pool_pixels
from metrics.cost import count_flops
from metrics.neighbors import partner_rank
from tests.evaluation.planted import planted_dataset
from training.checkpoint import Checkpoint
from training.run import Run
from training.schedule import TERA, Schedule

DATASET = planted_dataset()
TRAIN, VALIDATION = part(DATASET, "official", "train"), part(DATASET, "official", "validation")
TEST = datasets.test_part(DATASET, "official")


def is_odd(images: Tensor) -> Tensor:
    return images[:, 10, 8] % 2 == 1


def read(images: Tensor) -> Tensor:
    """The digit in the first pixel, but 4 for 3 where an image is odd."""
    digit = images[:, 0, 0].long()
    return torch.where((digit == 3) & is_odd(images), 4, digit)


class Reader:
    """Recognizes what `read` says."""

    def __init__(self, labels: str = "none") -> None:
        self.spec = SimpleNamespace(labels=labels, n_digits=10, task="image2audio")
        self.among: list[tuple[Tensor, Tensor]] = []

    def recognize(self, c: Tensor, x: Tensor, x_digit: Tensor) -> Tensor:
        assert c.shape[1:] == (1, 28, 28) and x.shape[1:] == (1, 64, 64)
        self.among.append((to_pixels(x), x_digit))
        return read(to_pixels(c))


def candidate(model: Any, draw: Any = None, pairing: str = "resampled") -> Candidate:
    run = SimpleNamespace(pairing=pairing, seed=3, task="image2audio")
    checkpoint: Any = SimpleNamespace(run=run)
    return Candidate("x", False, draw, model, checkpoint)


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_recognition_is_of_test_images_among_test_recordings() -> None:
    model = Reader()
    found = candidate(model).extra_metrics(TRAIN, TEST, noise())
    right = (read(TEST.images) == TEST.image_digit).double().mean().item()
    assert [*found] == ["recognition_accuracy"] and 0.9 < right < 1
    assert found["recognition_accuracy"].value == pytest.approx(right)
    (x, digit), = model.among  # fmt: skip
    assert torch.equal(x, TEST.sounds) and digit is TEST.sound_digit


@pytest.mark.parametrize("pairing", ["one-to-one", "fixed-1", "fixed-4"])
def test_memorized_pairs_are_recordings_of_the_images_of_the_run(pairing: str) -> None:
    pairs = fixed_pairs(TRAIN, pairing, 3)
    assert pairs is not None
    partners = {
        TRAIN.images[i].numpy().tobytes(): TRAIN.sounds[s] for i, s in zip(*pairs, strict=True)
    }
    assert len(partners) == len(pairs[0])

    def memorized(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        assert torch.equal(c[:, 0, 0].long(), digit)
        return torch.stack([partners[each.numpy().tobytes()] for each in c])

    def asked(draw: Any) -> float:
        model: Any = SimpleNamespace(spec=Reader().spec, recognize=lambda *_: None)
        found = candidate(model, draw, pairing).extra_metrics(TRAIN, TEST, noise())
        assert [*found] == ["partner_rank"]
        return found["partner_rank"].value

    assert asked(memorized) == 0

    def half(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        """For odd images alone; for others the digit's first recording."""
        first = torch.stack([TRAIN.sounds[TRAIN.sound_digit == d][0] for d in digit])
        return torch.where(is_odd(c)[:, None, None], memorized(c, digit, generator), first)

    def rank(images: Tensor, sounds: Tensor) -> float:
        drawn = half(TRAIN.images[images], TRAIN.image_digit[images], noise())
        pixels = pool_pixels(drawn), pool_pixels(TRAIN.sounds[sounds])
        own = torch.arange(len(sounds))
        return partner_rank(*pixels, own, TRAIN.sound_digit[sounds]).mean().item()

    k = 4 if pairing == "fixed-4" else 1
    one_of_each = rank(*(each[::k] for each in pairs))
    assert asked(half) == pytest.approx(one_of_each) != 0
    assert k == 1 or one_of_each != pytest.approx(rank(*pairs))


def test_baselines_draw_recordings_of_their_part() -> None:
    c, digit = TRAIN.images[::7], TRAIN.image_digit[::7]
    told = (digit + 1) % 10

    def drawn_by(name: Any) -> Tensor:
        made = Candidate.from_baseline(name, "image2audio", TRAIN, VALIDATION)
        assert made.name == name and made.needs_label == (name != "nearest-neighbor")
        assert made.cost(TRAIN)["steps"] is None
        return made.draw(c, told, noise())

    means = [TRAIN.sounds[TRAIN.sound_digit == d].float().mean(0) for d in range(10)]
    assert torch.equal(drawn_by("class-mean"), torch.stack(means).round().byte()[told])
    for name, wanted, split in (("real-data", told, 1), ("nearest-neighbor", digit, 0)):
        drawn = drawn_by(name)
        assert drawn.shape[1:] == (64, 64) and (drawn[:, 0, 2] == split).all()
        assert torch.equal(drawn[:, 0, 0].long(), wanted)
        assert len(drawn[:, 0, 3].unique()) > 25


def test_lookup_draws_training_recordings_of_what_is_read() -> None:
    model: Any = Reader()
    told = (TEST.image_digit + 1) % 10
    drawn = lookup(model, TRAIN)(TEST.images, told, noise())
    assert torch.equal(drawn[:, 0, 0].long(), read(TEST.images)) and (drawn[:, 0, 2] == 0).all()
    assert len(drawn[:, 0, 3].unique()) == len(TRAIN.sounds)
    for x, digit in model.among:
        assert torch.equal(x, TRAIN.sounds) and torch.equal(digit, TRAIN.sound_digit)


def test_label_draws_for_an_image_that_is_read_as_the_digit() -> None:
    model: Any = Reader("cascade")

    def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        return torch.stack((c[:, 0, 0].long(), read(c)))

    found = label(model, TRAIN, draw)(TEST.images.flip(0), TEST.image_digit, noise())
    assert torch.equal(found, TEST.image_digit.expand(2, -1))


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """Of an untrained run, at its second mark."""
    spec = datasets.spec("image2audio")
    config = dataclasses.replace(models.presets("cvae")["reference"], **{"width": 8})
    run = Run(
        "cvae", "reference", dataclasses.asdict(config), "offline", "", "image2audio", "official",
        "resampled", "none", 0, "32-true", spec.x_shape, spec.c_shape, (0.4, 0.9), "code",
    )  # fmt: skip
    torch.manual_seed(0)
    tensors = {f"ema.{k}": v for k, v in config.build(spec).state_dict().items()}
    return Checkpoint(run, Schedule.of(run).steps(0.9 * TERA), 12.5, 0, tensors)


def test_the_cost_is_that_of_drawing_for_images(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Candidate.from_checkpoint(checkpoint, torch.device("cpu"))
    assert made.model is not None
    given: list[Tensor] = []
    sample = made.model.sample

    def listen(c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        given.append(to_pixels(c))
        return sample(c, generator)

    monkeypatch.setattr(made.model, "sample", listen)
    found = made.cost(TRAIN)
    assert torch.equal(given[0], TRAIN.images[:BATCH_SIZE])
    one = count_flops(lambda: sample(from_pixels(TRAIN.images[:1])))
    assert found["flops_per_sample"] == pytest.approx(one, rel=0.01)
    schedule = Schedule.of(checkpoint.run)
    assert found["training_flops"] == schedule.until(checkpoint.step) and found["mark_tflop"] == 0.9


def test_a_run_draws_pictures_of_sounds(checkpoint: Checkpoint) -> None:
    made = Candidate.from_checkpoint(checkpoint, torch.device("cpu"))
    drawn = made.draw(TEST.images[:3], TEST.image_digit[:3], noise())
    assert drawn.shape == (3, 64, 64) and drawn.dtype == torch.uint8
