"""What is asked of a run beside its samples, and baselines that use what it learned."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import datasets
from common.errors import InputError
from datasets import Part, fixed_pairs, part
from evaluation.candidates import Candidate
from evaluation.run_baselines import label, lookup
from tests.evaluation.planted import planted_dataset

DATASET = planted_dataset()
TRAIN, TEST = part(DATASET, "official", "train"), datasets.test_part(DATASET, "official")


class Listener:
    """Recognizes each sound's digit from its first pixel, but takes 3 for 4 in speaker 1."""

    def __init__(self, labels: str = "none", deaf_to: int | None = None) -> None:
        self.spec = SimpleNamespace(labels=labels, n_digits=10)
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
    spec = SimpleNamespace(labels="none")

    def recognize(self, *_: Tensor) -> None:
        return None


def candidate(model: Any, draw: Any = None, pairing: str = "resampled") -> Candidate:
    run = SimpleNamespace(pairing=pairing, seed=3)
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
    if asked:
        assert found["partner_rank"].value == 0


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
    monkeypatch.setattr("evaluation.run_baselines.N_IMAGES", 100)
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
    with pytest.raises(InputError, match="no training sound of digit 6"):
        label(Listener("cascade", deaf_to=6), TRAIN, draw)  # type: ignore[arg-type]


def test_a_baseline_says_whether_it_is_told() -> None:
    model = Listener("cascade")
    run = candidate(model, lambda c, digit, generator: c)
    assert run.baseline("label", TRAIN).needs_label and run.baseline("label", TRAIN).name == "label"
    assert not run.baseline("lookup", TRAIN).needs_label
    assert run.baseline("lookup", TRAIN).model is model
