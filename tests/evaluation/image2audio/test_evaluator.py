"""The evaluator of speech on planted data, in which every confusion gives another number."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from evaluation import cache, outputs
from evaluation.candidates import Candidate
from evaluation.image2audio import evaluator as module
from evaluation.image2audio import players
from evaluation.image2audio.evaluator import SpeechEvaluator, draws_metrics
from evaluation.image2audio.scorecard import SpeechFeatures, folds
from tests.evaluation.planted import planted_dataset

LEVEL = (40, 120, 60)  # of the features in each split


def judge(which: str) -> Any:
    """Reads its own pixel; its features are of the lower half."""

    def call(x: Tensor, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        digit = x[:, 1, "ab".index(which)].long() % 10
        features = x[:, 32:36].float().mean(2) * (1 if which == "a" else 7)
        return features, torch.nn.functional.one_hot(digit, 10).float()

    class Planted(SimpleNamespace):
        __call__ = staticmethod(call)

    return Planted(sha256=which * 64, network=SimpleNamespace(to=lambda **_: None))


def speech(a: Tensor, b: Tensor, seed: int, level: float = 40) -> Tensor:
    """(n, 64, 64) uint8 that judge A hears as `a`, judge B as `b`."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 99, (len(a), 64, 64), generator=generator, dtype=torch.uint8)
    x[:, 32:36] = (level + 9 * torch.randn(len(a), 4, 1, generator=generator)).byte()
    x[:, 1, 0], x[:, 1, 1] = a.byte(), b.byte()
    return x


def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """By the image alone. Judge A mishears every fourth, judge B digit 3."""
    shown = c[:, 0, 0].long()
    a = torch.where(torch.arange(len(c)) % 4 == 0, (shown + 1) % 10, shown)
    b = torch.where(shown == 3, 5, shown)
    seed = int(torch.randint(2**31, (), generator=generator))
    return speech(a, b, seed)


@pytest.fixture(scope="module")
def heard() -> list[Tensor]:
    return []


@pytest.fixture(scope="module")
def planted(heard: list[Tensor]) -> Any:
    dataset = planted_dataset()
    recordings = dataset.recordings
    for index, digit in enumerate(recordings.digit):
        split = int(recordings.official[index])
        one = speech(digit[None], digit[None], index, level=LEVEL[split])
        recordings.pictures[index, 1:] = one[0, 1:]

    def to_sound(pictures: Tensor) -> Tensor:
        if pictures.ndim == 2:
            return to_sound(pictures[None])[0]
        heard.append(pictures)
        t, noise = torch.arange(8192) / 8000, pictures[:, 40, :2].float()[..., None]
        clips = 0.2 * torch.sin(2 * torch.pi * (100 + noise[:, 0]) * t)  # 100 to 200 Hz
        clips[:, 4000:] *= torch.arange(4192) < 30 * noise[:, 1]  # 0.5 to 0.9 s
        clips[:, 0] = pictures[:, 1, 0] / 255
        clips[::5, 100:] = 1.0  # clipped
        return clips

    def to_picture(clips: Tensor) -> Tensor:
        x = torch.zeros(len(clips), 64, 64, dtype=torch.uint8)
        x[:, 1, :2] = (clips[:, :1] * 255).round().byte()
        return x

    def load(name: str, which: str, device: object, kind: str) -> Any:
        assert kind == "sound"
        return judge(which)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluation.base.judge_of", load)
        patch.setattr(module, "to_sound", to_sound)
        patch.setattr(module, "to_picture", to_picture)
        patch.setattr(players, "to_sound", to_sound)
        yield SpeechEvaluator(dataset, "official", torch.device("cpu"))


@pytest.fixture(scope="module")
def card(
    planted: SpeechEvaluator, heard: list[Tensor], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("speech")
    made = planted.evaluate(Candidate("planted", False, draw), out)
    assert (out / module.PLAYERS).read_text().count("<audio") == 10 * (1 + module.N_DRAWS)
    for name in (outputs.GRID, outputs.CONFUSION, outputs.NEIGHBORS):
        assert (out / name).exists()
    stored = json.loads((out / outputs.NAME).read_text())
    assert stored["metrics"]["accuracy"]["value"] == made["metrics"]["accuracy"]["value"]
    outputs.show(stored)
    return made


def value(card: dict[str, Any], name: str) -> float:
    return float(card["metrics"][name]["value"])


def test_each_image_is_drawn_for_once_and_judged_by_both(card: dict[str, Any]) -> None:
    assert card["fingerprint"]["n"] == 200 and card["fingerprint"]["protocol"] == "image2audio-2"
    assert value(card, "accuracy_judge_a") == pytest.approx(0.75)
    assert value(card, "accuracy_judge_b") == pytest.approx(0.9)
    assert value(card, "accuracy") == pytest.approx(0.825)
    assert card["by_digit"]["3"]["value"] == pytest.approx(0.375)
    assert card["by_recording"] == {}  # each image is one of its own
    matrix = torch.tensor(card["confusion"])
    assert (matrix.sum(1) == 40).all() and matrix[3, 5] == 20
    assert 0.9 < card["metrics"]["accuracy"]["real"] <= 1


def test_what_is_heard_are_sets_of_the_size_of_the_recordings(
    card: dict[str, Any], planted: SpeechEvaluator, heard: list[Tensor]
) -> None:
    samples = next(each for each in heard if len(each) == 90)
    drawn = draw(planted.test.images, planted.test.image_digit, planted.generator("noise"))
    rows = folds(planted.test.image_digit, planted.test.sound_digit)[:3].flatten()
    assert torch.equal(samples, drawn[rows]) and len(rows.unique()) == 90
    # The converter's pictures show judge A's digit to both.
    right = drawn[rows, 1, 0] == planted.test.image_digit[rows]
    assert value(card, "accuracy_heard") == pytest.approx(right.double().mean().item()) != 0.825
    assert value(card, "clipped") == pytest.approx(0.2, abs=0.01) and value(card, "silent") == 0


def test_the_real_side_is_of_its_parts(planted: SpeechEvaluator) -> None:
    real = planted.real
    for features, part, digit in (
        (real.test, planted.test, real.test_digit),
        (real.train, planted.train, real.train_digit),
        (real.held_out, planted.validation, real.held_out_digit),
    ):
        assert torch.equal(features.features, part.sounds[:, 32:36].float().mean(2))
        assert torch.equal(digit, part.sound_digit) and torch.equal(features.digit_a, digit)
    assert torch.equal(real.train_speaker, planted.train.speaker)
    assert len({len(each.features) for each in (real.test, real.train)}) == 2
    assert (real.held_out.features.mean() - real.test.features.mean()).abs() > 30


def test_a_classifier_learns_from_as_many_samples_as_there_are_recordings(
    planted: SpeechEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensor, ...]] = []

    def classify(*parts: Tensor) -> Tensor:
        seen.append(parts)
        return torch.arange(30) < 3 * len(seen)

    monkeypatch.setattr(module, "classification_accuracy", classify)
    vars(planted).pop("usefulness_of_real", None)
    digit = planted.test.image_digit
    samples = draw(planted.test.images, digit, torch.Generator())
    found = planted.usefulness(samples, digit)
    assert found.value == 0.1 and found.real == 0.2
    rows = folds(digit, planted.test.sound_digit)[:2].flatten()
    assert torch.equal(seen[0][0], samples[rows]) and torch.equal(seen[0][1], digit[rows])
    assert seen[1][0] is planted.train.sounds and seen[1][1] is planted.train.sound_digit
    for parts in seen:
        assert parts[2] is planted.test.sounds and parts[3] is planted.test.sound_digit
    vars(planted).pop("usefulness_of_real")


def test_two_draws_stand_against_two_recordings_of_the_digit(planted: SpeechEvaluator) -> None:
    real = planted.real
    generator = torch.Generator().manual_seed(0)
    digit = torch.arange(2000) % 10
    one, other = (torch.randn(2000, 4, generator=generator) for _ in range(2))
    nothing = torch.empty(2000, 0)
    found = draws_metrics(
        SpeechFeatures(one, digit, digit, nothing), SpeechFeatures(other, digit, digit, nothing),
        real, digit,
    )  # fmt: skip
    # Recordings that are sorted by speaker, whose own are alike: 1 by any two of a digit.
    of_digit, of_speaker = torch.arange(10).repeat_interleave(60), torch.arange(600) // 20
    level = 3 * torch.randn(30, 4, generator=generator)[of_speaker]
    features = level + 0.1 * torch.randn(600, 4, generator=generator)
    recordings = SpeechFeatures(features, of_digit, of_digit, torch.empty(600, 0))
    several = dataclasses.replace(real, test=recordings, test_digit=of_digit)
    one, other = (features[of_digit * 60 + torch.randint(60, (600,), generator=generator)]
                  for _ in range(2))  # fmt: skip
    alike = [SpeechFeatures(x, of_digit, of_digit, nothing) for x in (one, other)]
    given = draws_metrics(alike[0], alike[1], several, of_digit)
    assert given["diversity_given_image"].value == pytest.approx(1, abs=0.1)
    assert abs(found["image_share"].value) < 0.1
    same = SpeechFeatures(one, digit, digit, nothing)
    again = draws_metrics(same, same, real, digit)
    assert again["diversity_given_image"].value == 0 and "image_share" not in again


def test_what_real_recordings_score_is_kept(
    planted: SpeechEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    first, again = (
        SpeechEvaluator(planted.dataset, "official", torch.device("cpu")) for _ in range(2)
    )
    first.remember()
    with monkeypatch.context() as patch:
        patch.setattr(SpeechEvaluator, "hear", lambda *_: pytest.fail("computed again"))
        again.remember()
    assert again.usefulness_of_real == first.usefulness_of_real
    assert again.real.metrics == pytest.approx(first.real.metrics, rel=0, nan_ok=True)
    assert torch.equal(again.real.copying_ratio, first.real.copying_ratio)
    for name, one in vars(first.real).items():
        other = getattr(again.real, name)
        if dataclasses.is_dataclass(one):
            for field, value in vars(one).items():
                assert torch.equal(value, getattr(other, field)), (name, field)
        elif torch.is_tensor(one):
            assert torch.equal(one, other), name
