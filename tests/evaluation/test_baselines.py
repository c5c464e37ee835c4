"""Rows without training: what they draw."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from datasets import TASKS, PairedDataset, Sides, part
from evaluation.baselines import BASELINES, Name, draw_of_digit


@pytest.fixture(scope="module", params=TASKS)
def sides(offline_source: PairedDataset, request: pytest.FixtureRequest) -> tuple[Sides, Sides]:
    """Of training and of validation."""
    train = part(offline_source, "official", "train")
    return train.sides(request.param), part(offline_source, "official", "validation").sides(
        request.param
    )


def draw(name: Name, sides: tuple[Sides, Sides]) -> tuple[Tensor, Tensor]:
    """Targets for about a hundred validation conditions, and the digits of these."""
    every = -(-len(sides[1].c) // 100)
    c, digit = sides[1].c[::every], sides[1].c_digit[::every]
    generator = torch.Generator().manual_seed(0)
    return BASELINES[name].draw(*sides, c, digit, generator), digit


def items_of(x: Tensor, digit: Tensor) -> set[tuple[bytes, int]]:
    return {(item.numpy().tobytes(), int(d)) for item, d in zip(x, digit, strict=True)}


def test_every_name_has_one() -> None:
    assert set(get_args(Name)) == set(BASELINES)
    assert {name for name, each in BASELINES.items() if not each.needs_label} == {
        "nearest-neighbor"
    }


def test_real_data_are_validation_items_of_the_digit(sides: tuple[Sides, Sides]) -> None:
    x, digit = draw("real-data", sides)
    assert items_of(x, digit) <= items_of(sides[1].x, sides[1].x_digit)
    # None is repeated before all of its digit were drawn.
    zeros = x[digit == 0]
    n_there = int((sides[1].x_digit == 0).sum())
    assert len(zeros.unique(dim=0)) >= min(len(zeros), n_there) - 1


def test_class_mean_is_that_of_the_training_items(sides: tuple[Sides, Sides]) -> None:
    x, digit = draw("class-mean", sides)
    for d in range(10):
        mean = sides[0].x[sides[0].x_digit == d].double().mean(0)
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


def test_nearest_neighbor_draws_training_items(sides: tuple[Sides, Sides]) -> None:
    x, digit = draw("nearest-neighbor", sides)
    train = items_of(sides[0].x, sides[0].x_digit)
    assert {item for item, _ in items_of(x, digit)} <= {item for item, _ in train}


def test_nearest_neighbor_looks_at_the_condition_and_is_not_told(
    sides: tuple[Sides, Sides],
) -> None:
    train = sides[0]
    c, true = train.c[::50], train.c_digit[::50]
    told = (true + 1) % 10
    x = BASELINES["nearest-neighbor"].draw(*sides, c, told, torch.Generator().manual_seed(0))
    wanted = items_of(train.x, train.x_digit)
    assert items_of(x, true) <= wanted and not items_of(x, told) <= wanted
