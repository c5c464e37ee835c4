"""There and back: each stage is read by the judges of what is there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from evaluation import round_trips
from evaluation.candidates import Candidate
from evaluation.evaluator import ImageEvaluator
from evaluation.image2audio.evaluator import SpeechEvaluator
from evaluation.round_trips import EVERY, N_DRAWS, trips
from tests.evaluation.planted import image, planted_dataset
from tests.evaluation.planted import judge as judge_of_images


def judge_of_sounds(which: str) -> Any:
    """Hears the digit in its own pixel."""

    def call(x: Tensor, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        digit = x[:, 2, "ab".index(which)].long() % 10
        return x[:, :1, 0].float(), torch.nn.functional.one_hot(digit, 10).float()

    class Planted(SimpleNamespace):
        __call__ = staticmethod(call)

    return Planted(sha256=which * 64, network=SimpleNamespace(to=lambda **_: None))


def speech(a: Tensor, b: Tensor) -> Tensor:
    x = torch.zeros(len(a), 64, 64, dtype=torch.uint8)
    x[:, 0, 0] = a.byte()  # what a model hears
    x[:, 2, 0], x[:, 2, 1] = a.byte(), b.byte()
    return x


def say(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """Of the image alone; says 7 for 1."""
    shown = c[:, 0, 0].long()
    said = torch.where(shown == 1, 7, shown)
    return speech(said, said)


def paint(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """Of the sound alone; judge B does not read its 4."""
    heard = c[:, 0, 0].long()
    return image(heard, torch.where(heard == 4, 9, heard), torch.full((len(c), 4), 100.0))


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], round_trips.Stage]:
    dataset = planted_dataset()
    dataset.recordings.pictures[:, 2, :2] = dataset.recordings.digit[:, None].byte()
    monkeypatch.setattr(
        "evaluation.base.judge_of",
        lambda name, which, device, kind: (
            judge_of_images(which) if kind == "image" else judge_of_sounds(which)
        ),
    )
    converted: list[Tensor] = []

    def convert(pictures: Tensor) -> Tensor:
        """The converter loses every fifth sound."""
        converted.append(pictures)
        out = pictures.clone()
        out[::5, 2], out[::5, 0] = 0, 0
        return out

    monkeypatch.setattr(round_trips, "to_sound", lambda pictures: pictures)
    monkeypatch.setattr(round_trips, "to_picture", convert)
    device = torch.device("cpu")
    images = ImageEvaluator(dataset, "official", device)
    sounds = SpeechEvaluator(dataset, "official", device)
    painter, speaker = (Candidate(name, False, draw) for name, draw in (("p", paint), ("s", say)))
    found = [*trips(painter, speaker, images, sounds)]
    assert len(converted) == 2
    return {(stage.trip, stage.name): stage for stage in found}


def test_each_stage_is_read_by_its_judges(
    stages: dict[tuple[str, str], round_trips.Stage],
) -> None:
    there, back = "image -> speech -> image", "speech -> image -> speech"
    n, m = 200 // EVERY, 30 * N_DRAWS
    assert [stage.n for stage in stages.values()] == [n, n, n, m, m, m]
    digit = torch.arange(n) // 2  # images are sorted
    said = torch.where(digit == 1, 7, digit)
    said[::5] = 0
    right = said == digit
    assert stages[there, "test images"].kept.value == 1
    assert stages[there, "speech, heard"].kept.value == pytest.approx(right.double().mean().item())
    read = (right.double() + (right & (said != 4)).double()) / 2
    assert stages[there, "images"].kept.value == pytest.approx(read.mean().item())
    assert stages[back, "test recordings"].kept.value == 1
    assert stages[back, "images"].kept.value == pytest.approx(0.95)
    digit = (torch.arange(30) // 3).repeat_interleave(N_DRAWS)
    said = torch.where(digit == 1, 7, digit)
    said[::5] = 0
    kept = stages[back, "speech, heard"].kept
    assert kept.value == pytest.approx((said == digit).double().mean().item())
    assert kept.low is not None and kept.high is not None and kept.low < kept.value < kept.high
