"""FLOPs of training: a function of the run and the step alone."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch
from torch import Tensor, nn

import models
from datasets import Batch
from metrics.cost import count_flops
from models import Logs, OptimizerConfig, Phase
from training.flops import TrainingFlops, _flops
from training.run import Run


def small_run(model: str = "wgan", processes: int = 1, **settings: int) -> Run:
    small = {"width": 8, "encoder_width": 8, "batch_size": 4, "warm_start": 3} | settings
    config = dataclasses.asdict(models.presets(model)["reference"]) | small
    return Run(
        model=model, preset="reference", config=config, data="offline", data_fingerprint="",
        task="audio2image", split="official", pairing="resampled", labels="none",
        seed=0, precision="32-true",
        x_shape=(1, 28, 28), c_shape=(1, 64, 64), code="abc", processes=processes,
    )  # fmt: skip


def updates(phase: Phase, steps: int) -> int:
    return phase.repeat * sum(phase.runs_at(step) for step in range(steps))


def test_every_update_of_every_phase_counts() -> None:
    run = small_run()
    phases = {phase.name: phase for phase in run.build().phases()}
    assert phases["discriminator"].repeat > 1
    flops = TrainingFlops(run)
    assert flops.until(0) == 0
    warm, one = flops.until(1), flops.until(4) - flops.until(3)
    assert one == sum(each for _, stop, each in flops.phases if stop is None)
    for steps in (1, 3, 4, 10):
        parts = updates(phases["align"], steps) * warm
        assert flops.until(steps) == parts + updates(phases["generator"], steps) * one


def test_processes_count() -> None:
    one = TrainingFlops(small_run()).until(10)
    assert TrainingFlops(small_run(processes=3)).until(10) == 3 * one


@pytest.mark.parametrize("model", models.names())
def test_the_count_is_that_of_a_whole_batch(model: str) -> None:
    run = small_run(model, batch_size=11, warm_start_batch_size=11)
    whole = run.build()
    batch = Batch(torch.rand(11, 1, 28, 28), torch.rand(11, 1, 64, 64), torch.arange(11) % 10)
    for phase, (*_, flops) in zip(whole.phases(), TrainingFlops(run).phases, strict=True):
        update = partial(_update, phase, batch)
        assert flops == phase.repeat * count_flops(update)


def test_pairs_that_are_compared_with_each_other_count() -> None:
    """A loss over all pairs of a batch costs by the square of its size."""
    model = small_run("cvae").build()
    weight = nn.Parameter(torch.ones(784, 784))

    def loss(batch: Batch) -> tuple[Tensor, Logs]:
        x = batch.x.flatten(1)
        return (x @ weight @ x.T).sum(), {}

    phase = Phase("all pairs", [weight], loss, OptimizerConfig(lr=0.1))
    found = _flops(model, phase, 64, torch.device("cpu"))
    # Forward x w and (x w) x'; backward the gradients of x w and of w.
    assert found == 2 * (64 * 784 * 784 + 64 * 64 * 784) * 2


def _update(phase: Phase, batch: Batch) -> None:
    phase.loss(batch)[0].backward(inputs=[*phase.parameters])


def test_counting_moves_no_noise() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    TrainingFlops(small_run("vaegan"))
    assert torch.equal(torch.rand(4), expected)
