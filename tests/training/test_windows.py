"""The steps of windows and budgets, counted by hand."""

from __future__ import annotations

import dataclasses

import pytest
from torch import Tensor

from datasets import Batch
from models import Logs, OptimizerConfig, Phase
from tests.training.test_schedule import small_run
from training.schedule import Schedule


def phase(name: str, start: float = 0.0, stop: float | None = None) -> Phase:
    def loss(batch: Batch) -> tuple[Tensor, Logs]:
        raise NotImplementedError

    return Phase(name, [], loss, OptimizerConfig(lr=0.1), start=start, stop=stop)


def test_a_phase_that_has_ended_costs_nothing() -> None:
    """Up to 500 FLOPs a step costs 10, up to 900 it costs 3 + 2, after that 3."""
    phases = [phase("a", 0.0, 0.5), phase("b", 0.5), phase("c", 0.5, 0.9), phase("d", 0.9)]
    schedule = Schedule(phases, [10, 3, 2, 4], mark=1000)
    windows = [(w.start, w.stop) for w in schedule.windows]
    assert windows == [(0, 50), (50, None), (50, 130), (130, None)]
    assert schedule.until(130) == 900 and schedule.until(140) == 970


def test_a_budget_that_is_met_exactly_has_all_its_steps() -> None:
    schedule = Schedule([phase("generator")], [7], mark=100)
    assert [schedule.steps(7 * n) for n in range(1, 40)] == [*range(1, 40)]
    assert [schedule.steps(7 * n - 1) for n in range(2, 40)] == [*range(1, 39)]
    assert schedule.steps(1) == 1


@pytest.mark.parametrize("name", ["cgan", "wgan"])
def test_a_warm_start_costs_by_its_own_batch(name: str) -> None:
    run = small_run(name, batch_size=4, warm_start_batch_size=4)
    wide = dataclasses.replace(run, config=run.config | {"warm_start_batch_size": 16})
    (first, *others), (second, *same) = (Schedule.of(each).windows for each in (run, wide))
    assert second.flops > 3.5 * first.flops
    assert [w.flops for w in same] == [w.flops for w in others]
