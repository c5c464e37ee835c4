"""Rows without training: what they draw."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from datasets import PairedDataset, Part, part
from evaluation.baselines import BASELINES, Name, draw_of_digit


@pytest.fixture(scope="module")
def parts(offline_source: PairedDataset) -> tuple[Part, Part]:
    return part(offline_source, "official", "train"), part(offline_source, "official", "validation")


def draw(name: Name, parts: tuple[Part, Part], n: int = 100) -> tuple[torch.Tensor, torch.Tensor]:
    """Images for validation sounds, and the digits of these."""
    c, digit = parts[1].sounds[:n], parts[1].sound_digit[:n]
    generator = torch.Generator().manual_seed(0)
    return BASELINES[name].draw(*parts, c, digit, generator), digit


def images_of(x: torch.Tensor, digit: torch.Tensor) -> set[tuple[bytes, int]]:
    return {(image.numpy().tobytes(), int(d)) for image, d in zip(x, digit, strict=True)}


def test_every_name_has_one() -> None:
    assert set(get_args(Name)) == set(BASELINES)
    assert {name for name, each in BASELINES.items() if not each.needs_label} == {
        "nearest-neighbor"
    }


def test_real_data_are_validation_images_of_the_digit(parts: tuple[Part, Part]) -> None:
    x, digit = draw("real-data", parts)
    assert images_of(x, digit) <= images_of(parts[1].images, parts[1].image_digit)
    # None is repeated before all of its digit were drawn.
    zeros = x[digit == 0]
    n_there = int((parts[1].image_digit == 0).sum())
    assert len(zeros.unique(dim=0)) >= min(len(zeros), n_there) - 1


def test_class_mean_is_that_of_the_training_images(parts: tuple[Part, Part]) -> None:
    x, digit = draw("class-mean", parts)
    for d in range(10):
        mean = parts[0].images[parts[0].image_digit == d].double().mean(0)
        assert (x[digit == d] - mean).abs().max() <= 0.5


def test_none_is_repeated_before_all_were_drawn() -> None:
    x_digit = torch.arange(40) % 4
    x = torch.arange(40).view(-1, 1)
    wanted = torch.arange(100) % 4  # 25 of each digit, of which there are 10
    for n in (10, 20):
        found = draw_of_digit(x, x_digit, wanted, torch.Generator().manual_seed(0))
        assert torch.equal(x_digit[found[:, 0]], wanted)
        mine = found[wanted == 1][:n, 0]
        assert (mine.bincount()[1::4] == n / 10).all()


def test_nearest_neighbor_draws_training_images(parts: tuple[Part, Part]) -> None:
    x, digit = draw("nearest-neighbor", parts)
    train = images_of(parts[0].images, parts[0].image_digit)
    assert {image for image, _ in images_of(x, digit)} <= {image for image, _ in train}


def test_nearest_neighbor_hears_the_sound_and_is_not_told(parts: tuple[Part, Part]) -> None:
    train = parts[0]
    sounds, heard = train.sounds[::50], train.sound_digit[::50]
    told = (heard + 1) % 10
    x = BASELINES["nearest-neighbor"].draw(*parts, sounds, told, torch.Generator().manual_seed(0))
    wanted = images_of(train.images, train.image_digit)
    assert images_of(x, heard) <= wanted and not images_of(x, told) <= wanted
