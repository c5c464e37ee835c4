"""What is asked of a run beside its samples, and baselines that use what it learned."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

import datasets
import models
from common.errors import InputError
from datasets import Part, fixed_pairs, from_pixels, part
from evaluation.candidates import Candidate
from evaluation.run_baselines import label, lookup
from evaluation.scorecard import pool_pixels
from metrics.cost import count_flops
from metrics.neighbors import partner_rank
from tests.evaluation.planted import planted_dataset
from training.checkpoint import Checkpoint
from training.run import Run
from training.schedule import TERA, Schedule

DATASET = planted_dataset()
TRAIN, TEST = part(DATASET, "official", "train"), datasets.test_part(DATASET, "official")


class Listener:
    """Recognizes each sound's digit from its first pixel, but takes 3 for 4 in speaker 1."""

    def __init__(self, labels: str = "none", deaf_to: int | None = None) -> None:
        self.spec = SimpleNamespace(labels=labels, n_digits=10, task="audio2image")
        self.deaf_to = deaf_to
        self.among: list[tuple[Tensor, Tensor]] = []

    def recognize(self, c: Tensor, x: Tensor, x_digit: Tensor) -> Tensor:
        assert c.shape[1:] == (1, 64, 64) and x.shape[1:] == (1, 28, 28)
        assert c.max() <= 1 and x.max() <= 1
        self.among.append((x, x_digit))
        digit, speaker = (255 * c[:, 0, 0, :2]).round().long().T
        heard = torch.where((digit == 3) & (speaker == 1), 4, digit)
        return torch.where(digit == self.deaf_to, 9 - digit, heard) if self.deaf_to else heard


class Deaf:
    spec = SimpleNamespace(labels="none", task="audio2image")

    def recognize(self, *_: Tensor) -> None:
        return None


def candidate(model: Any, draw: Any = None, pairing: str = "resampled") -> Candidate:
    run = SimpleNamespace(pairing=pairing, seed=3, task="audio2image")
    checkpoint: Any = SimpleNamespace(run=run)
    return Candidate("x", False, draw, model, checkpoint)


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def rows_in(x: Tensor, part: Part) -> list[int]:
    return [int((part.images == each).flatten(1).all(1).nonzero()[0, 0]) for each in x]


def test_recognition_is_of_test_sounds_among_test_images() -> None:
    model = Listener()
    found = candidate(model).extra_metrics(TRAIN, TEST, noise())
    assert list(found) == ["recognition_accuracy"]
    assert found["recognition_accuracy"].value == pytest.approx(29 / 30)
    (x, digit), = model.among  # fmt: skip
    assert torch.equal((255 * x[:, 0]).round().to(torch.uint8), TEST.images)
    assert digit is TEST.image_digit
    assert candidate(Deaf()).extra_metrics(TRAIN, TEST, noise()) == {}


@pytest.mark.parametrize(
    ("pairing", "asked"),
    [("one-to-one", True), ("fixed-1", True), ("fixed-4", True), ("resampled", False)],
)
def test_memorized_pairs_are_those_of_the_run(pairing: str, asked: bool) -> None:
    partners: dict[bytes, Tensor] = {}
    if asked:
        pairs = fixed_pairs(TRAIN, pairing, 3)
        assert pairs is not None
        for x, c in zip(*pairs, strict=True):
            partners.setdefault(TRAIN.sounds[c].numpy().tobytes(), TRAIN.images[x])

    def memorized(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        assert torch.equal(c[:, 0, 0].long(), digit)
        return torch.stack([partners[each.numpy().tobytes()] for each in c])

    found = candidate(Deaf(), memorized, pairing).extra_metrics(TRAIN, TEST, noise())
    assert ("partner_rank" in found) == asked
    if not asked:
        return
    assert found["partner_rank"].value == 0

    def half(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        """Mixed with the first image of the digit, more in some speakers than in others."""
        first = torch.stack([TRAIN.images[TRAIN.image_digit == d][0] for d in digit])
        share = c[:, 0, 1, None, None] / 2
        return (share * first + (1 - share) * memorized(c, digit, generator)).byte()

    rank = candidate(Deaf(), half, pairing).extra_metrics(TRAIN, TEST, noise())["partner_rank"]
    assert pairs is not None
    k = 4 if pairing == "fixed-4" else 1
    x, c = (each[::k] for each in pairs)
    drawn = half(TRAIN.sounds[c], TRAIN.image_digit[x], noise())
    pixels = pool_pixels(drawn), pool_pixels(TRAIN.images[x])
    pair, digit = torch.arange(len(x)), TRAIN.image_digit[x]
    assert rank.value == pytest.approx(partner_rank(*pixels, pair, digit).mean().item())
    assert rank.value != pytest.approx(partner_rank(*pixels[::-1], pair, digit).mean().item())


def test_lookup_draws_training_images_of_what_is_recognized() -> None:
    model: Any = Listener()
    draw = lookup(model, TRAIN)
    row = torch.arange(len(TEST.sounds)).flip(0).repeat(2)
    c, digit = TEST.sounds[row], (TEST.sound_digit[row] + 1) % 10  # it is not told
    found = rows_in(draw(c, digit, noise()), TRAIN)
    heard = torch.where((TEST.sound_digit == 3) & (TEST.speaker == 1), 4, TEST.sound_digit)[row]
    assert TRAIN.image_digit[found].tolist() == heard.tolist()
    assert len({*found}) > 50
    for x, x_digit in model.among:
        shown = (255 * x[:, 0, 0, 0]).round().long()  # the planted digit of the image
        assert torch.equal(shown, x_digit)
    with pytest.raises(InputError, match="needs a run with a warm start"):
        lookup(Deaf(), TRAIN)  # type: ignore[arg-type]


def test_lookup_searches_among_some_images_with_their_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("evaluation.run_baselines.N_TARGETS", 100)
    model: Any = Listener()
    lookup(model, TRAIN)(TEST.sounds, TEST.sound_digit, noise())
    x, x_digit = model.among[-1]
    assert len(x) == 100 and len(x_digit.unique()) == 10
    assert torch.equal((255 * x[:, 0, 0, 0]).round().long(), x_digit)


def test_label_draws_for_a_sound_that_is_recognized_as_the_digit() -> None:
    model: Any = Listener("cascade")
    heard: list[Tensor] = []

    def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        heard.append(model.recognize(c.unsqueeze(1) / 255, torch.zeros(1, 1, 28, 28), digit))
        return c[:, :28, :28]

    told = label(model, TRAIN, draw)
    told(TEST.sounds.flip(0), TEST.image_digit[:30], noise())
    assert torch.equal(heard[0], TEST.image_digit[:30])
    with pytest.raises(InputError, match="needs a run with --labels cascade"):
        label(Listener(), TRAIN, draw)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no training condition of digit 6"):
        label(Listener("cascade", deaf_to=6), TRAIN, draw)  # type: ignore[arg-type]


def test_a_baseline_says_whether_it_is_told() -> None:
    model = Listener("cascade")
    run = candidate(model, lambda c, digit, generator: c)
    assert run.baseline("label", TRAIN).needs_label and run.baseline("label", TRAIN).name == "label"
    assert not run.baseline("lookup", TRAIN).needs_label
    assert run.baseline("lookup", TRAIN).model is model


LABELS = get_args(datasets.Labels)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """Of an untrained run, at its second mark."""
    spec = datasets.spec("audio2image")
    config = dataclasses.replace(models.presets("cvae")["reference"], **{"width": 8})
    run = Run(
        "cvae", "reference", dataclasses.asdict(config), "offline", "", "audio2image", "official",
        "resampled", "none", 0, "32-true", spec.x_shape, spec.c_shape, (0.4, 0.9), "code",
    )  # fmt: skip
    tensors = {f"ema.{k}": v for k, v in config.build(spec).state_dict().items()}
    step = Schedule.of(run).steps(0.9 * TERA)
    return Checkpoint(run, step, 12.5, 0, tensors)


@pytest.mark.parametrize("labels", LABELS)
def test_runs_of_every_track_are_scored(checkpoint: Checkpoint, labels: datasets.Labels) -> None:
    run = dataclasses.replace(checkpoint.run, labels=labels)
    tensors = {f"ema.{k}": v for k, v in run.build().state_dict().items()}
    made = dataclasses.replace(checkpoint, run=run, tensors=tensors)
    found = Candidate.from_checkpoint(made, torch.device("cpu"))
    assert found.model is not None and found.model.spec.labels == labels


def test_the_cost_is_that_of_the_run_and_of_one_sample(checkpoint: Checkpoint) -> None:
    schedule = Schedule.of(checkpoint.run)
    found = Candidate.from_checkpoint(checkpoint, torch.device("cpu")).cost(TRAIN)
    assert (found["mark_tflop"], found["steps"], found["training_seconds"]) == (
        0.9, checkpoint.step, 12.5,
    )  # fmt: skip
    assert found["training_flops"] == schedule.until(checkpoint.step) > 0.8 * TERA
    model = checkpoint.build_model(torch.device("cpu"))
    one = count_flops(lambda: model.sample(from_pixels(TRAIN.sounds[:1])))
    assert found["flops_per_sample"] == pytest.approx(one, rel=0.01)
    assert found["parameters"] == sum(p.numel() for p in model.parameters())
    sampling, all_of_it = found["parameters_sampling"], found["parameters"]
    assert sampling and all_of_it and 0 < sampling < all_of_it
    assert Candidate("x", False, lambda *_: TRAIN.images).cost(TRAIN)["steps"] is None


@pytest.mark.parametrize(("step", "why"), [(-1, "is at no mark"), (None, "cannot draw yet")])
def test_what_is_at_no_mark_or_cannot_draw_has_none(
    checkpoint: Checkpoint, step: int | None, why: str
) -> None:
    run, schedule = checkpoint.run, Schedule.of(checkpoint.run)
    there = checkpoint.step - 1
    if step is None:  # a second mark before the end of the warm start
        early = schedule.until(schedule.draws_from - 1) / TERA
        run = dataclasses.replace(run, marks=(0.4, early))
        there = schedule.steps(early * TERA)
        assert 0 < there < schedule.draws_from
    found = dataclasses.replace(checkpoint, run=run, step=there)
    cost = Candidate.from_checkpoint(found, torch.device("cpu")).cost(TRAIN)
    assert cost["mark_tflop"] is None, why


def test_samples_are_drawn_as_in_evaluation_by_the_average(checkpoint: Checkpoint) -> None:
    made = Candidate.from_checkpoint(checkpoint, torch.device("cpu"))
    assert made.model is not None and not made.model.training
    told = made.about()
    assert told["run"]["preset"] == "reference" and told["name"] == "cvae"
    assert made.baseline("lookup", TRAIN).about()["run"]["preset"] == ""
