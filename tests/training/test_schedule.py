"""When phases run and what that costs: functions of the run and the step alone."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import models
from datasets import Batch
from metrics.cost import count_flops
from models import Logs, OptimizerConfig, Phase
from training.run import Run
from training.schedule import Schedule, Window, update_flops

MARK = 0.0007875  # TFLOP: the warm start of a small run has three steps


def small_run(model: str = "wgan", processes: int = 1, mark: float = MARK, **settings: int) -> Run:
    small = {"width": 8, "encoder_width": 8, "batch_size": 4, "warm_start_batch_size": 4}
    small |= settings
    config = dataclasses.asdict(models.presets(model)["reference"]) | small
    return Run(
        model=model, preset="reference", config=config, data="offline", data_fingerprint="",
        task="audio2image", split="official", pairing="resampled", labels="none",
        seed=0, precision="32-true",
        x_shape=(1, 28, 28), c_shape=(1, 64, 64), marks=(mark,), code="abc", processes=processes,
    )  # fmt: skip


def phase(start: float = 0.0, stop: float | None = None, **settings: Any) -> Phase:
    def loss(batch: Batch) -> tuple[Tensor, Logs]:
        raise NotImplementedError

    optimizer = OptimizerConfig(lr=0.1)
    return Phase(**{"name": "generator"} | settings, parameters=[], loss=loss,
                 optimizer=optimizer, start=start, stop=stop)  # fmt: skip


def runs(window: Window, steps: int) -> list[int]:
    return [step for step in range(steps) if window.runs_at(step)]


def test_windows_are_shares_of_the_flops_up_to_the_mark() -> None:
    phases = [phase(0.0, 0.4), phase(0.4), phase(0.4, 0.6), phase()]
    schedule = Schedule(phases, [3, 10, 5, 1], mark=100)
    # Up to 40 FLOPs a step costs 3 + 1, then up to 60 it costs 10 + 5 + 1: 10 steps, then 1.
    assert [(w.start, w.stop) for w in schedule.windows] == [
        (0, 10),
        (10, None),
        (10, 11),
        (0, None),
    ]
    assert [w.phase for w in schedule.windows] == phases
    assert [schedule.until(n) for n in (0, 1, 10, 11, 12, 13)] == [0, 4, 40, 56, 67, 78]
    assert schedule.draws_from == 1
    later = Schedule([phase(0.0, 0.4, name="align"), phase(0.4)], [3, 10], mark=100)
    assert later.draws_from == 14  # 13 steps of 3 FLOPs


def test_a_window_has_a_step_even_of_a_tiny_budget() -> None:
    schedule = Schedule([phase(0.0, 0.4, name="align"), phase(0.4)], [10**9, 10**9], mark=1.0)
    assert [(w.start, w.stop) for w in schedule.windows] == [(0, 1), (1, None)]
    assert schedule.steps(1.0) == 1


def test_after_its_window_a_phase_may_take_a_share_of_the_flops() -> None:
    """A quarter, at 4 FLOPs beside 3: a third of 3, in one of four steps."""
    schedule = Schedule([phase(0.0, 0.5, then_share=0.25), phase(0.5)], [4, 3], mark=32)
    align, model = schedule.windows
    assert align.rate == 0.25
    assert runs(align, 16) == [0, 1, 2, 3, 4, 8, 12] and runs(model, 7) == [4, 5, 6]
    for step in range(16):
        assert align.runs_before(step) == len(runs(align, step))
    assert schedule.until(8) == 5 * 4 + 4 * 3
    spent = [schedule.until(n) for n in (4, 4004)]
    assert 4 * align.runs_before(4004) - 4 * 4 == 0.25 * (spent[1] - spent[0])


def test_a_share_of_the_flops_is_spread_evenly_and_at_most_in_every_step() -> None:
    align, _ = Schedule([phase(0.0, 0.1, then_share=0.2), phase(0.1)], [7, 20], mark=70).windows
    assert align.rate == pytest.approx(5 / 7)
    later = [step - 1 for step in runs(align, 15)[1:]]
    assert later == [0, 1, 2, 4, 5, 7, 8, 9, 11, 12]
    often, _ = Schedule([phase(0.0, 0.1, then_share=0.9), phase(0.1)], [1, 20], mark=10).windows
    assert often.rate == 1.0 and runs(often, 9) == [*range(9)]


@pytest.mark.parametrize("flops", [1.0, 39.9, 40.0, 41.0, 55.9, 56.0, 1e4])
def test_the_steps_of_a_budget_are_the_most_that_it_pays(flops: float) -> None:
    schedule = Schedule([phase(0.0, 0.4), phase(0.4)], [4, 16], mark=100)
    steps = schedule.steps(flops)
    assert schedule.until(steps) <= flops or steps == 1
    assert schedule.until(steps + 1) > flops


def test_a_rate_falls_in_its_window_and_stays_after_it() -> None:
    falling = dataclasses.replace(phase(), optimizer=OptimizerConfig(lr=2.0, cosine_to=0.25))
    window = Window(falling, flops=1, start=100, stop=200)
    rates = [window.learning_rate(step) for step in range(100, 300)]
    assert rates[0] == pytest.approx(2.0 * 1e-3 / 0.1)
    assert rates[5] == pytest.approx(2.0 * (0.05 + 1e-3) / 0.1)
    assert rates[10] == pytest.approx(2.0) == max(rates)
    assert rates[55] == pytest.approx(2.0 * (0.25 + 0.75 * 0.5))  # half of the cosine
    assert rates[100:] == [pytest.approx(0.5)] * 100
    constant = Window(phase(), flops=1, start=100, stop=200)
    assert {constant.learning_rate(step) for step in (100, 150, 250)} == {0.1}


def test_every_update_of_every_phase_counts() -> None:
    run = small_run()
    schedule = Schedule.of(run)
    align, critic, generator = schedule.windows
    assert critic.phase.repeat > 1
    model, cpu = run.build(), torch.device("cpu")
    for window, mine in zip(schedule.windows, model.phases(), strict=True):
        size = mine.batch_size or run.config["batch_size"]
        assert window.flops == mine.repeat * update_flops(model, mine, size, cpu)
    assert align.stop == critic.start == generator.start == 3
    assert schedule.until(3) == 3 * align.flops
    share = align.rate * align.flops / (align.rate * align.flops + critic.flops + generator.flops)
    assert share == pytest.approx(0.2)
    later = math.ceil(7 * align.rate)
    assert schedule.until(10) == (3 + later) * align.flops + 7 * (critic.flops + generator.flops)


def test_the_first_mark_decides_the_warm_start() -> None:
    once, twice = (Schedule.of(small_run(mark=MARK * n)) for n in (1, 2))
    assert [s.windows[0].stop for s in (once, twice)] == [3, 6]
    later = dataclasses.replace(small_run(), marks=(MARK, 5.0))
    assert Schedule.of(later).windows[0].stop == 3


def test_the_schedule_is_of_the_model_that_is_trained() -> None:
    model = small_run().build()
    windows = Schedule.of(small_run(), model=model).windows
    mine = {id(p) for p in model.parameters()}
    assert all(id(p) in mine for window in windows for p in window.phase.parameters)


def test_processes_count() -> None:
    one, three = Schedule.of(small_run()), Schedule.of(small_run(processes=3, mark=3 * MARK))
    assert three.until(10) == 3 * one.until(10)


@pytest.mark.parametrize("model", models.names())
def test_the_count_is_that_of_a_whole_batch(model: str) -> None:
    run = small_run(model, batch_size=11, warm_start_batch_size=11)
    whole = run.build()
    batch = Batch(torch.rand(11, 1, 28, 28), torch.rand(11, 1, 64, 64), torch.arange(11) % 10)
    for window, each in zip(Schedule.of(run).windows, whole.phases(), strict=True):
        assert window.flops == each.repeat * count_flops(partial(_update, each, batch))


def test_pairs_that_are_compared_with_each_other_count() -> None:
    """A loss over all pairs of a batch costs by the square of its size."""
    model = small_run("cvae").build()
    weight = nn.Parameter(torch.ones(784, 784))

    def loss(batch: Batch) -> tuple[Tensor, Logs]:
        x = batch.x.flatten(1)
        return (x @ weight @ x.T).sum(), {}

    compared = Phase("all pairs", [weight], loss, OptimizerConfig(lr=0.1))
    found = update_flops(model, compared, 64, torch.device("cpu"))
    # Forward x w and (x w) x'; backward the gradients of x w and of w.
    assert found == 2 * (64 * 784 * 784 + 64 * 64 * 784) * 2


def _update(phase: Phase, batch: Batch) -> None:
    phase.loss(batch)[0].backward(inputs=[*phase.parameters])


def test_counting_moves_no_noise() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    Schedule.of(small_run("vaegan"))
    assert torch.equal(torch.rand(4), expected)
