"""Sets of known faults are what they say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from datasets import PairedDataset, Part, part
from evaluation.controls import CONTROLS, FEW
from metrics.attributes import stroke_attributes

N = 400


@pytest.fixture(scope="module")
def parts(offline_source: PairedDataset) -> tuple[Part, Part]:
    return part(offline_source, "official", "train"), part(offline_source, "official", "validation")


def draw(name: str, parts: tuple[Part, Part]) -> Tensor:
    digit = torch.arange(N) % 10
    x = CONTROLS[name](*parts, digit, torch.Generator().manual_seed(0))
    assert x.shape == (N, 28, 28) and x.dtype == torch.uint8
    again = CONTROLS[name](*parts, digit, torch.Generator().manual_seed(0))
    assert torch.equal(x, again)
    return x


def digits_in(x: Tensor, part: Part) -> list[int | None]:
    """Of each image the digit that it has in the part, None if it is not there."""
    known = {
        row.numpy().tobytes(): int(d) for row, d in zip(part.images, part.image_digit, strict=True)
    }
    return [known.get(row.numpy().tobytes()) for row in x]


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_changes_no_data(name: str, parts: tuple[Part, Part]) -> None:
    before = [each.images.clone() for each in parts]
    draw(name, parts)
    assert all(torch.equal(a, b.images) for a, b in zip(before, parts, strict=True))


def test_held_out_and_copies_are_of_the_wanted_digit(parts: tuple[Part, Part]) -> None:
    wanted = [d % 10 for d in range(N)]
    assert digits_in(draw("held-out", parts), parts[1]) == wanted
    assert digits_in(draw("train-copies", parts), parts[0]) == wanted
    assert not any(d is not None for d in digits_in(draw("train-copies", parts), parts[1]))


@pytest.mark.parametrize(("name", "share"), [("copies-1%", 0.01), ("copies-5%", 0.05),
                                             ("copies-20%", 0.2)])  # fmt: skip
def test_the_planted_share_is_exact(name: str, share: float, parts: tuple[Part, Part]) -> None:
    x = draw(name, parts)
    copied = [i for i, d in enumerate(digits_in(x, parts[0])) if d is not None]
    assert len(copied) == round(share * N)
    assert [d for d in digits_in(x, parts[0]) if d is not None] == [i % 10 for i in copied]


def test_wrong_digits_are_another(parts: tuple[Part, Part]) -> None:
    shown = digits_in(draw("wrong-digits", parts), parts[1])
    wrong = [i for i, d in enumerate(shown) if d != i % 10]
    assert len(wrong) == round(0.086 * N) and None not in shown


def test_the_deaf_shows_as_many_of_each_digit(parts: tuple[Part, Part]) -> None:
    shown = digits_in(draw("deaf", parts), parts[1])
    assert sorted(d for d in shown if d is not None) == sorted(d % 10 for d in range(N))
    assert 0.04 < sum(d == i % 10 for i, d in enumerate(shown)) / N < 0.18


def test_modes_are_lost(parts: tuple[Part, Part]) -> None:
    for name, kept in (("one-image", 1), ("few-images", FEW), ("class-means", 1)):
        x = draw(name, parts)
        for d in range(10):
            assert len(x[d::10].unique(dim=0)) <= kept
    means = draw("class-means", parts)[:10].float()
    real = torch.stack(
        [parts[0].images[parts[0].image_digit == d].float().mean(0) for d in range(10)]
    )
    assert (means - real).abs().max() <= 0.5


def test_few_images_are_as_many_as_it_says(
    parts: tuple[Part, Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.controls.FEW", 5)
    x = draw("few-images", parts)
    assert {len(x[d::10].unique(dim=0)) for d in range(10)} == {5}


def test_the_thick_half_is_thicker_and_half(parts: tuple[Part, Part]) -> None:
    x, validation = draw("thick-half", parts), parts[1]
    assert digits_in(x, validation) == [d % 10 for d in range(N)]
    measured = stroke_attributes(validation.images).thickness
    for d in range(10):
        median = measured[validation.image_digit == d].quantile(0.4)
        assert (stroke_attributes(x[d::10]).thickness >= median).all()


def test_blur_and_noise_change_every_image_as_much_as_they_say(parts: tuple[Part, Part]) -> None:
    clean = draw("held-out", parts).float()
    noise = draw("noisy", parts).float() - clean
    inside = (clean > 80) & (clean < 175)  # where nothing is cut off
    assert noise[inside].std().item() == pytest.approx(25, rel=0.05)
    soft = draw("blurred", parts).float()
    assert soft.mean().item() == pytest.approx(clean.mean().item(), rel=0.02)
    assert (soft.amax((1, 2)) < clean.amax((1, 2))).float().mean() > 0.9
