"""Runs that hear and speak as another picture of the same shape: every command gives them it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import evaluate
import train
from common.errors import InputError
from converters.sound_as import REPRESENTATIONS
from datasets import DIGITS
from drawing.draws import draw
from tests.training.runs import arguments, call
from training import validation

LINEAR = REPRESENTATIONS["linear"]


@pytest.mark.parametrize("task", ["audio2image", "image2audio"])
def test_a_run_is_scored_as_it_was_trained(
    task: str, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    seen: list[Any] = []

    def no_validation(*given: Any) -> None:
        seen.append(given[3])

    monkeypatch.setattr(train, "Validation", no_validation)
    out = tmp_path / "run"
    given = ("--task", task, "--sound-as", "linear", "--warm-start", "1e-5", "--steps", "1")
    done = call(*arguments(offline_dir, out, "cgan", *given))
    assert (done.code, seen) == (0, ["linear"]), done.err

    options = evaluate.Options(checkpoint=out, baseline=("lookup",), data_dir=offline_dir)
    ((lookup, evaluator, _),) = evaluate._from_checkpoint(options, out)
    test, train_part = evaluator.test, evaluator.train
    assert evaluator.sound_as == "linear"
    pictures = LINEAR.to_picture(train_part.clips)
    if task == "audio2image":
        assert torch.equal(test.sounds, LINEAR.to_picture(test.clips))
        assert torch.equal(train_part.sounds, pictures)
        return
    assert test.sound_as == "mel64"  # what is spoken is judged as that
    drawn = lookup.draw(test.images[:3], test.image_digit[:3], torch.Generator().manual_seed(0))
    for each in drawn:
        assert (pictures == each).flatten(1).all(1).any()


def test_draw_gives_each_model_the_picture_that_it_hears() -> None:
    clip = 0.1 * torch.randn(8192, generator=torch.Generator().manual_seed(0))
    heard: dict[str, Tensor] = {}

    class Model:
        def __init__(self, name: str) -> None:
            self.name = name

        def sample(self, c: Tensor, generator: torch.Generator) -> Tensor:
            heard[self.name] = (c[0, 0] * 255).round().byte()
            return torch.rand(len(c), 1, 28, 28, generator=generator)

    def judge(images: Tensor) -> tuple[Tensor, Tensor]:
        return images, torch.zeros(len(images), len(DIGITS))

    class Word:
        pass

    word: Any = Word()
    word.clip = clip
    row: Any = Word()
    row.word = word
    models: Any = {name: (Model(name), name) for name in ("linear", "mel64")}
    draw([row], models, judge, 2, 0, torch.device("cpu"))  # type: ignore[arg-type]
    for name, picture in heard.items():
        assert torch.equal(picture, REPRESENTATIONS[name].to_picture(clip[None])[0])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), "pictures"),
        (("--split", "speaker:en+Andy"), "smoothed"),
        (("--split", "speaker:en+Andy", "--augment", "pictures"), "pictures"),
        (("--sound-as", "tones"), "clips"),
        (("--task", "image2audio"), "none"),
    ],
)
def test_training_varies_what_is_said(
    given: tuple[str, ...], expected: str, offline_dir: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    class Stop(Exception):
        pass

    def batches(*arguments: Any) -> None:
        raise Stop(arguments[7])

    monkeypatch.setattr(train, "Batches", batches)
    with pytest.raises(Stop, match=expected):
        call(*arguments(offline_dir, tmp_path / "run", "cgan", *given))


@pytest.mark.parametrize(("model", "plain"), [("cgan", False), ("bridge", True)])
def test_a_model_that_draws_both_gets_sounds_as_they_are(
    model: str, plain: bool, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bool] = []

    def batches(*arguments: Any) -> None:
        given.append(arguments[8])
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "Batches", batches)
    call(*arguments(offline_dir, tmp_path / "run", model))
    assert given == [plain]


def test_a_bridge_is_scored_both_ways(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "Validation", lambda *_: None)
    out, small = tmp_path / "run", ("--warm-start", "1e-5", "--steps", "1")
    done = call(*arguments(offline_dir, out, "bridge", *small))
    assert done.code == 0, done.err
    found = {}
    for task in ("audio2image", "image2audio"):
        options = evaluate.Options(checkpoint=out, task=task, data_dir=offline_dir)
        ((candidate, evaluator, folder),) = evaluate._from_checkpoint(options, out)
        assert candidate.model and candidate.model.spec.task == task
        assert ("image" if task == "audio2image" else "sound") == evaluator.KIND
        assert candidate.about()["run"]["task"] == task
        found[task] = folder, candidate.model.state_dict()
    (first, weights), (second, same) = found.values()
    assert (first, second) == (out, out / "image2audio")
    assert all(torch.equal(weights[name], same[name]) for name in weights)

    assert call(*arguments(offline_dir, tmp_path / "other", "cvae", *small)).code == 0
    options = evaluate.Options(checkpoint=tmp_path / "other", task="image2audio")
    with pytest.raises(InputError, match="'cvae' does not serve the other task"):
        next(evaluate._from_checkpoint(options, tmp_path / "other"))
