"""The ruler passes its own test, and fails it when a metric is broken."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from datasets import PairedDataset
from evaluation import scorecard
from evaluation.controls import CONTROLS
from evaluation.evaluator import ImageEvaluator
from evaluation.judged import verdict_values
from evaluation.scorecard import BETTER, ImageFeatures, copying, values
from evaluation.self_test import ORDER, Relation, broken, read_order
from metrics.prdc import prdc

Measured = dict[str, tuple[ImageFeatures, float]]


def test_the_order_is_of_controls_and_metrics() -> None:
    order = read_order()
    assert len({each[:3] for each in order}) == len(order) > 50
    for each in order:
        assert {each.better, each.worse} <= CONTROLS.keys() and each.better != each.worse
        assert each.metric in BETTER and each.margin > 0
        assert BETTER[each.metric] in (each.direction, "as real", "not below real",
                                       "not far below 0")  # fmt: skip
    used = {name for each in order for name in (each.better, each.worse)}
    assert used == CONTROLS.keys()
    assert ORDER.read_text().startswith("metric,direction,better,worse,margin\n")


def test_an_order_has_no_circle() -> None:
    for metric in {each.metric for each in read_order()}:
        below = [(each.better, each.worse) for each in read_order() if each.metric == metric]
        names = {name for pair in below for name in pair}
        while names:
            top = {n for n in names if not any(worse == n for _, worse in below)}
            assert top, metric
            names -= top
            below = [pair for pair in below if pair[0] not in top]


@pytest.mark.parametrize(
    ("direction", "better", "worse", "holds"),
    [
        ("higher", 0.9, 0.7, True),
        ("higher", 0.9, 0.85, False),
        ("higher", 0.7, 0.9, False),
        ("lower", 0.7, 0.9, True),
        ("lower", 0.9, 0.7, False),
        ("lower", math.nan, 0.7, False),
        ("higher", 0.9, math.nan, False),
    ],
)
def test_a_relation_needs_its_margin(
    direction: str, better: float, worse: float, holds: bool
) -> None:
    relation = Relation("m", "a", "b", 0.1, direction)
    table = {"a": {"m": better}, "b": {"m": worse}}
    assert relation.holds(table) == holds
    assert broken(table, [relation]) == ([] if holds else [relation])


@pytest.fixture(scope="module")
def evaluator(offline_source: PairedDataset) -> ImageEvaluator:
    return ImageEvaluator(offline_source, "official", torch.device("cpu"))


@pytest.fixture(scope="module")
def drawn(evaluator: ImageEvaluator) -> Measured:
    found: Measured = {}
    for name, control in CONTROLS.items():
        digit, generator = evaluator.test.image_digit, torch.Generator().manual_seed(0)
        images = control(evaluator.train, evaluator.validation, digit, generator)
        found[name] = evaluator.features_of(images), evaluator.usefulness(images).value
    return found


def table_of(drawn: Measured, evaluator: ImageEvaluator) -> dict[str, dict[str, float]]:
    real = evaluator.real
    for name in ("metrics", "train_metrics", "copying"):  # cached: a broken metric breaks them too
        real.__dict__.pop(name, None)
    return {
        name: values(images, real, copying(images.pixels, real)) | {"cas": cas}
        for name, (images, cas) in drawn.items()
    }


def shuffled(call: Callable[..., Any]) -> Callable[..., Any]:
    """A distance within groups that forgets which group a sample is of."""

    def wrong(real: Tensor, group: Tensor, fake: Tensor, of: Tensor, *a: Any, **k: Any) -> Any:
        order = torch.randperm(len(of), generator=torch.Generator().manual_seed(0))
        return call(real, group, fake[order], of, *a, **k)

    return wrong


def of_precision(real: Tensor, group: Tensor, fake: Tensor, of: Tensor, k: int) -> float:
    return prdc(real, fake, k).precision


BROKEN: dict[str, tuple[str, Callable[..., Any]]] = {
    "coverage is precision": ("within_group_coverage", of_precision),
    "a Frechet distance of means alone": (
        "frechet_distance",
        lambda x, y: (x.mean(0) - y.mean(0)).square().sum().item(),
    ),
    "a kernel distance of itself": ("kernel_distance", lambda x, y: 0.0),
    "nothing is copied": ("copied_share", lambda share: 0.0),
    "accuracy of the wrong rows": (
        "verdict_values",
        lambda images, digit: verdict_values(images, digit.flip(0)),
    ),
    "a distance that forgets the digit": (
        "within_group_frechet_distance",
        shuffled(scorecard.within_group_frechet_distance),
    ),
    "attributes that forget the digit": (
        "wasserstein_by_group",
        lambda x, g, y, h, in_deviations: torch.zeros(10),
    ),
    "copies by the wrong statistic": ("copying_statistic", lambda fake, test: -len(fake)),
}


def test_broken_metrics_break_the_order(
    drawn: Measured, evaluator: ImageEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the relations that hold on the offline set, too, some without the margin that they have on
    MNIST: a few images of a digit are all that there is of it."""
    table = table_of(drawn, evaluator)
    tries = [(each, each._replace(margin=1e-9)) for each in read_order()]
    held = (next((r for r in both if r.holds(table)), None) for both in tries)
    order = [each for each in held if each is not None]
    assert len(order) > 50
    for what, (name, wrong) in BROKEN.items():
        with monkeypatch.context() as patch:
            patch.setattr(scorecard, name, wrong)
            assert broken(table_of(drawn, evaluator), order), what
    assert not broken(table_of(drawn, evaluator), order)
