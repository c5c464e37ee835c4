"""Validation on planted data: which set, which judge, which noise, which way round."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import datasets
from converters.sound_as import REPRESENTATIONS
from datasets import PairedDataset
from datasets.base import Images, Recordings
from datasets.splits import part
from metrics.diversity import condition_share, diversity_of_draws
from metrics.frechet import frechet_distance
from metrics.prdc import prdc, within_group_coverage
from models import GenerativeModel
from training import validation
from training.validation import Validation

N = 300  # images and recordings of each part
FEATURES = torch.randn(28 * 28, 8, generator=torch.Generator().manual_seed(5)) / 28


def planted() -> PairedDataset:
    """The first cells of each image and picture name its digit, its part and itself."""
    rng = torch.Generator().manual_seed(0)
    digit, split = torch.arange(3 * N) % 10, torch.arange(3 * N) // N

    def marked(size: int) -> Tensor:
        pixels = torch.randint(0, 256, (3 * N, size, size), generator=rng).byte()
        pixels[:, 0, 0] = (digit * 25).byte()
        pixels[:, 0, 1] = (split * 100).byte()
        pixels[:, 0, 2] = (torch.arange(3 * N) % N % 256).byte()
        return pixels

    order = torch.randperm(3 * N, generator=rng)
    recordings = Recordings(
        clips=torch.arange(3 * N, dtype=torch.float32)[:, None], pictures=marked(64)[order],
        digit=digit[order], speaker=torch.arange(3 * N)[order] % 7 % 3,
        speakers=("ann", "bob", "eve"), names=(), hashes=(), official=split[order],
    )  # fmt: skip
    return PairedDataset("planted", Images(marked(28), digit, split), recordings, "")


class FakeJudge:
    """Reads the digit in the first pixel."""

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        flat = x[:, :28, :28].flatten(1).float() / 255
        logits = torch.nn.functional.one_hot((flat[:, 0] * 255 / 25).round().long(), 10)
        return flat @ FEATURES, logits.float()


class Drawer(GenerativeModel):
    """Draws noise with the digit of the condition, or the next one in a tenth of the draws."""

    def __init__(self) -> None:
        super().__init__(datasets.spec("audio2image"), None)  # type: ignore[arg-type]
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.drawn: list[Tensor] = []
        self.given: list[Tensor] = []
        self.recognized: tuple[Tensor, ...] = ()

    def phases(self) -> Any:
        raise NotImplementedError

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        assert generator is not None and not torch.is_grad_enabled()
        assert c.shape[1:] == (1, 64, 64) and c.min() >= 0 and c.max() <= 1
        x = torch.rand(len(c), 1, 28, 28, generator=generator)
        x = 0.8 * x + 0.2 * c[:, :, :28, :28]  # a share of the condition
        digit = (c[:, 0, 0, 0] * 255 / 25).round()
        wrong = torch.rand(len(c), generator=generator) < 0.1
        x[:, 0, 0, 0] = ((digit + wrong) % 10) * 25 / 255
        self.given.append(c)
        self.drawn.append((x * 255).round().byte()[:, 0])
        return x

    def recognize(self, c: Tensor, x: Tensor, x_digit: Tensor) -> Tensor | None:
        self.recognized = (c, x, x_digit)
        return x_digit.roll(1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []

    def load(dataset: PairedDataset, which: str, kind: str) -> FakeJudge:
        found.append((dataset.name, which, kind))
        return FakeJudge()

    monkeypatch.setattr(validation, "judge_of", load)
    return found


def digit_of(pixels: Tensor) -> Tensor:
    return pixels[:, 0, 0] // 25


def test_it_sees_validation_data_and_judge_b_alone(asked: list[tuple[str, ...]]) -> None:
    torch.manual_seed(0)
    found = Validation(planted(), "official")
    assert asked == [("planted", "b", "image")]
    assert len(found.x) == len(found.c) == N
    for pixels in (found.x, found.c, found.shown, found.partners):
        assert (pixels[:, 0, 1] == 100).all()
    for pixels in (found.x, found.c):
        assert torch.equal(digit_of(pixels), found.digit.byte())
    assert len(found.x.flatten(1).unique(dim=0)) == N  # each image once
    assert len(found.c.flatten(1).unique(dim=0)) > N / 2
    # Its order is random within the digit: a metric pairs neighbours.
    assert found.x[:, 0, 2].tolist() != sorted(found.x[:, 0, 2].tolist())
    torch.manual_seed(1)
    again = Validation(planted(), "official")
    assert torch.equal(found.x, again.x) and torch.equal(found.c, again.c)
    assert torch.equal(found.other, again.other)


def test_its_size_is_in_the_name_of_the_distance(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "N_SAMPLES", 120)
    found = Validation(planted(), "official")
    assert found.fd_name == "fd_judge_120" and len(found.x) == 120


def test_its_metrics_are_those_of_the_draws(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real images are its own, two draws differ in noise alone, each for its recording."""
    monkeypatch.setattr(validation, "MIN_RIGHT", 100)
    held, model = Validation(planted(), "official"), Drawer()
    found = held.metrics(model)
    first, second = torch.cat(model.drawn).split(N)
    for given in torch.cat(model.given).split(N):
        assert torch.equal((given[:, 0] * 255).round().byte(), held.c)
    judge = FakeJudge()
    (features, logits), (again, logits_again) = judge(first), judge(second)
    real = judge(held.x)[0]
    digit, other_digit = held.digit, digit_of(second)
    assert not torch.equal(digit_of(first), other_digit)
    assert found["accuracy"] == pytest.approx((digit_of(first) == digit).float().mean().item())
    assert found["accuracy"] != (other_digit == digit).float().mean().item()
    assert found["fd_judge_300"] == pytest.approx(frechet_distance(real, features))
    assert found["coverage"] == prdc(real, features).coverage
    assert found["coverage"] != prdc(features, real).coverage
    within = within_group_coverage(real, digit, features, digit)
    assert found["coverage_within_digit"] == pytest.approx(within)
    diversity = diversity_of_draws(features, again) / diversity_of_draws(real, held.other)
    assert found["diversity_given_sound"] == pytest.approx(diversity)
    right = (logits.argmax(1) == digit) & (logits_again.argmax(1) == digit)
    assert 0.6 < right.float().mean() < 0.95
    share = condition_share(features[right], again[right], digit[right])
    assert found["sound_share"] == pytest.approx(share)
    recognized = (digit.roll(1) == digit).float().mean().item()
    assert found["recognition_accuracy"] == pytest.approx(recognized)
    c, x, x_digit = model.recognized
    assert torch.equal(x_digit, digit)
    assert torch.equal((c[:, 0] * 255).round().byte(), held.c)
    assert torch.equal((x[:, 0] * 255).round().byte(), held.x)
    assert found == Validation(planted(), "official").metrics(Drawer())  # noise is fixed


def test_diversity_is_relative_to_other_real_images_of_the_digit(
    asked: list[tuple[str, ...]],
) -> None:
    held = Validation(planted(), "official")
    images = planted().images
    features = FakeJudge()(images.pixels)[0]
    nearest = torch.cdist(held.other, features).argmin(1)
    assert torch.equal(images.digit[nearest], held.digit)
    assert (images.split[nearest] == 1).all()
    mine = torch.cdist(held.real, features).argmin(1)
    assert (mine == nearest).float().mean() < 0.2


def test_few_right_draws_have_no_share(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Validation(planted(), "official")
    monkeypatch.setattr(validation, "MIN_RIGHT", N)
    model = Drawer()
    monkeypatch.setattr(model, "recognize", lambda *given: None)
    assert not {"sound_share", "recognition_accuracy"} & held.metrics(model).keys()


def test_a_grid_has_a_recording_of_each_digit_and_its_draws(
    asked: list[tuple[str, ...]],
) -> None:
    dataset = planted()
    held, model = Validation(dataset, "official"), Drawer()
    assert torch.equal(digit_of(held.shown), 25 * torch.arange(10) // 25)
    assert torch.equal(digit_of(held.partners), torch.arange(10))
    recordings = dataset.recordings
    for row in range(10):
        (at,) = (recordings.pictures == held.shown[row]).flatten(1).all(1).nonzero()[0].tolist()
        assert held.clips[row].item() == at
        assert held.speakers[row] == recordings.speakers[recordings.speaker[at]]
    assert len(set(held.speakers[:3])) == 3  # each digit by another speaker
    draws = held.draws(model, 4)
    assert draws.shape == (10, 4, 28, 28) and draws.dtype == torch.uint8
    assert len(draws.flatten(2).flatten(0, 1).unique(dim=0)) == 40
    (given,) = model.given
    rows = (given[:, 0] * 255).round().byte().view(10, 4, 64, 64)
    assert all(torch.equal(rows[:, i], held.shown) for i in range(4))
    assert torch.equal(draws.flatten(0, 1), model.drawn[0])


def test_within_digits_of_few_targets_nothing_is_measured(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of one speaker of the offline data, who says each digit five times."""
    whole = Validation(planted(), "official").metrics(Drawer())
    monkeypatch.setattr(validation, "N_SAMPLES", 15)
    few = Validation(planted(), "official").metrics(Drawer())
    assert not any(math.isnan(value) for value in few.values())
    renamed = {"fd_judge_300", "fd_judge_15", "sound_share"}
    assert whole.keys() - few.keys() - renamed == {"coverage_within_digit"}


class Speaker(Drawer):
    """Draws 64 x 64 pictures of sounds for images."""

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        assert c.shape[1:] == (1, 28, 28)
        x = torch.zeros(len(c), 1, 64, 64)
        x[:, :, :28, :28] = c
        x[:, :, 40:] = torch.rand(len(c), 1, 24, 64, generator=generator)
        self.given.append(c)
        return x


def test_the_other_way_round_images_are_given_and_sounds_are_judged(
    asked: list[tuple[str, ...]],
) -> None:
    dataset = planted()
    held = Validation(dataset, "official", "image2audio")
    assert asked == [("planted", "b", "sound")]
    assert held.x.shape[1:] == held.partners.shape[1:] == (64, 64)
    assert held.c.shape[1:] == held.shown.shape[1:] == (28, 28)
    for pixels in (held.x, held.c, held.shown, held.partners):
        assert (pixels[:, 0, 1] == 100).all()  # of the validation part
    for pixels in (held.x, held.c):
        assert torch.equal(digit_of(pixels), held.digit.byte())
    model = Speaker()
    found = held.metrics(model)
    assert {"diversity_given_image", "image_share"} <= found.keys() and found["accuracy"] == 1
    assert torch.equal((model.given[0][:, 0] * 255).round().byte(), held.c[:250])
    draws = held.draws(model, 2)
    assert draws.shape == (10, 2, 64, 64) and torch.equal(digit_of(draws[:, 0]), torch.arange(10))
    assert held.sounds(model).shape == (10, 8192)
    held.grid(model)


def test_other_pictures_of_sound_are_shown_and_judged_as_they_sound(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative, which sounds as the usual picture."""
    dataset = planted()
    usual = Validation(dataset, "official"), Validation(dataset, "official", "image2audio")
    pictures = part(dataset, "official", "validation").sounds
    other = SimpleNamespace(
        to_picture=lambda _: 255 - pictures, to_sound=lambda x: x.flatten(1).float()
    )
    monkeypatch.setitem(REPRESENTATIONS, "other", other)

    def hear(x: Tensor, kind: str) -> Tensor:
        return 255 - x if kind == "other" else x

    monkeypatch.setattr("training.validation.to_mel64", hear)

    heard = Validation(dataset, "official", "audio2image", "other")
    assert torch.equal(heard.c, 255 - usual[0].c) and torch.equal(heard.x, usual[0].x)
    assert torch.equal(heard.shown, usual[0].shown)
    assert torch.equal(heard.first, 255 - heard.shown)

    said = Validation(dataset, "official", "image2audio", "other")
    assert torch.equal(said.x, 255 - usual[1].x) and torch.equal(said.c, usual[1].c)
    assert torch.equal(said.real, usual[1].real)

    class Negative(Speaker):
        def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
            return 1 - super().sample(c, generator)

    mine, theirs = said.metrics(Negative()), usual[1].metrics(Speaker())
    assert mine == pytest.approx(theirs, rel=1e-4) and mine["accuracy"] == 1
    assert torch.equal(said.draws(Negative(), 2), usual[1].draws(Speaker(), 2))
    native = said.sounds(Negative()).unflatten(1, (64, 64))
    assert torch.equal(native, 255 - usual[1].draws(Speaker(), 1)[:, 0].float())
