"""The update rule, on a model small enough to follow by hand."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from collections.abc import Sequence

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

import datasets
import models
from common.errors import InputError
from common.files import ROOT
from datasets.base import Batch, PairedDataset
from datasets.pairing import Batches
from datasets.splits import part
from models import GenerativeModel, Logs, OptimizerConfig, Phase
from training.ema import EMA
from training.loop import Trainer
from training.schedule import Schedule, Window


class Line(GenerativeModel):
    """Two weights, two phases: the second sees the first's weight but must not move it."""

    def __init__(self, lr: float = 0.1, explode_at: int | None = None) -> None:
        super().__init__(datasets.spec("audio2image"), models.presets("cgan")["reference"])
        self.a, self.b = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))
        self.lr, self.explode_at, self.calls = lr, explode_at, 0
        self.seen: list[float] = []

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(self.lr)
        return (
            Phase(name="first", parameters=[self.a], loss=self.first, optimizer=adam, repeat=2),
            Phase(
                name="second",
                parameters=[self.b],
                loss=self.second,
                optimizer=adam,
                start=3,
                stop=7,  # two steps of both phases
            ),
        )

    def first(self, batch: Batch) -> tuple[Tensor, Logs]:
        self.calls += 1
        self.seen.append(batch.x.sum().item())
        scale = math.nan if self.calls == self.explode_at else 1.0
        loss = (self.a * scale - 3).square()
        return loss, {"term": loss.detach()}

    def second(self, batch: Batch) -> tuple[Tensor, Logs]:
        loss = (self.a * self.b).square()
        return loss, {"term": loss.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return c


@pytest.fixture
def batches(offline_source: PairedDataset) -> Batches:
    return Batches(part(offline_source, "official", "train"), "resampled", 4, seed=0)


def trainer_of(model: GenerativeModel, batches: Batches, ema: float = 0.0) -> Trainer:
    phases = model.phases()
    # An update costs 1, as much as the mark: n shares of it are n steps of one phase.
    schedule = Schedule(phases, [1] * len(phases), 1)
    return Trainer(model, schedule, batches, Fabric(accelerator="cpu"), ema)


def test_phases_run_in_their_window_and_repeat_on_fresh_batches(batches: Batches) -> None:
    model = Line()
    trainer = trainer_of(model, batches)
    for _ in range(3):
        trainer.advance()
    assert model.b.item() == 1.0
    assert model.calls == len(set(model.seen)) == 6
    trainer.advance()
    moved = model.b.item()
    assert moved != 1.0
    for _ in range(4):
        trainer.advance()
    after = model.b.item()
    trainer.advance()
    assert model.b.item() == after


def test_a_phase_may_have_batches_of_its_own_size(batches: Batches) -> None:
    sizes: dict[str, set[int]] = {"first": set(), "second": set()}

    class Sized(Line):
        def phases(self) -> Sequence[Phase]:
            first, second = super().phases()
            return first, dataclasses.replace(second, batch_size=7)

        def first(self, batch: Batch) -> tuple[Tensor, Logs]:
            sizes["first"].add(len(batch.c))
            return super().first(batch)

        def second(self, batch: Batch) -> tuple[Tensor, Logs]:
            sizes["second"].add(len(batch.c))
            return super().second(batch)

    trainer = trainer_of(Sized(), batches)
    for _ in range(5):
        trainer.advance()
    assert sizes == {"first": {4}, "second": {7}}


def test_a_phase_leaves_no_gradient_on_what_it_does_not_name(batches: Batches) -> None:
    model = Line()
    trainer = trainer_of(model, batches)
    model.a.grad = None
    trainer._update(trainer.windows[1], 0)
    assert model.a.grad is None
    assert model.b.grad is not None


def test_a_value_that_is_not_finite_stops_with_its_step_and_term(batches: Batches) -> None:
    trainer = trainer_of(Line(explode_at=9), batches)  # two calls a step
    with pytest.raises(InputError, match=r"loss_terms/first/term is nan at step 4"):
        for _ in range(100):
            trainer.advance()


def test_clipping_comes_after_the_whole_gradient(batches: Batches) -> None:
    """The reported norm is the norm before clipping; the applied gradient is at the bound."""
    model = Line()
    phase = Phase("first", [model.a], model.first, OptimizerConfig(0.1, clip=0.5))
    model.phases = lambda: (phase,)  # type: ignore[method-assign]
    trainer = trainer_of(model, batches)
    logs = trainer._update(trainer.windows[0], 0)
    assert logs["grad_norm/first"].item() == pytest.approx(4.0)
    assert not any(value.requires_grad for value in logs.values())  # kept for many steps
    assert model.a.grad is not None
    assert abs(model.a.grad.item()) == pytest.approx(0.5, rel=1e-4)


def test_the_average_follows_its_recursion() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    ema = EMA(model, 0.9)
    expected = 0.0
    for step in range(200):
        nn.init.constant_(model.weight, float(step))
        ema.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert ema.model.weight.item() == pytest.approx(expected, rel=1e-5)  # type: ignore[operator]


def test_no_average_is_the_model_itself() -> None:
    model = nn.Linear(2, 2)
    ema = EMA(model, 0.0)
    nn.init.ones_(model.weight)
    ema.update(50)
    assert torch.equal(ema.model.weight, model.weight)  # type: ignore[arg-type]


def test_a_cosine_depends_on_the_step_alone_and_ends_at_zero() -> None:
    phase = Phase("p", [], lambda batch: None, OptimizerConfig(1.0, cosine_to=0.0), stop=0.5)  # type: ignore[arg-type, return-value]
    window = Window(phase, flops=1, start=0, stop=100)
    rates = [window.learning_rate(step) for step in range(101)]
    assert max(rates) == pytest.approx(1.0, abs=0.02)
    assert rates[0] < 0.02
    assert rates[100] == pytest.approx(0.0, abs=1e-9)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    endless = Window(phase, flops=1, start=0, stop=None)
    assert {endless.learning_rate(step) for step in (0, 1, 1000)} == {1.0}


def test_gradients_are_averaged_over_processes() -> None:
    """Ranks see 0 and 1: gradients 2 and 0, both end with their mean."""
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         "-m", "tests.training.two_processes"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("gradient 1.0000 kept 0.0000") == 2
