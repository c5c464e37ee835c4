"""One update, against AdamW by hand, and what it gets: batches, noise, its rate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

import datasets
import models
import train
from datasets import Batch, Batches
from models import GenerativeModel, Logs, OptimizerConfig, Phase
from tests.training.runs import arguments, call
from training.loop import Trainer
from training.schedule import Schedule, Window

Key = tuple[int, str, int]


class Source:
    """Batches of one number each, a function of (step, phase, k) that is recorded."""

    batch_size = 4

    def __init__(self, seed: int = 0, rank: int = 0) -> None:
        self.seed, self.rank = seed, rank
        self.asked: list[tuple[Key, int | None]] = []

    def __call__(
        self, step: int, phase: str = "", k: int = 0, batch_size: int | None = None
    ) -> Batch:
        self.asked.append(((step, phase, k), batch_size))
        x = torch.full((1, 1, 28, 28), self.value(step, phase, k))
        return Batch(x, torch.zeros(1, 1, 64, 64))

    @staticmethod
    def value(step: int, phase: str, k: int) -> float:
        return math.sin(3 * step + 5 * k + len(phase))


class Bowls(GenerativeModel):
    """Two vectors, each in a bowl around the number of its batch; the second begins at step 2."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(datasets.spec("audio2image"), models.presets("cgan")["reference"])
        self.a = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
        self.b = nn.Parameter(torch.tensor([0.3, 4.0]))
        self.settings = settings
        self.noise: list[float] = []
        self.modes: set[bool] = set()

    def phases(self) -> Sequence[Phase]:
        first = OptimizerConfig(
            lr=0.2, betas=(0.6, 0.7), weight_decay=0.3, cosine_to=0.25, clip=1.5
        )
        second = OptimizerConfig(lr=0.05, betas=(0.0, 0.9))
        return (
            Phase("first", [self.a], self.loss_of(self.a), first, repeat=2, stop=10, batch_size=9),
            Phase("second", [self.b], self.loss_of(self.b), second, start=2),
        )

    def loss_of(self, weight: Tensor) -> Callable[[Batch], tuple[Tensor, Logs]]:
        def loss(batch: Batch) -> tuple[Tensor, Logs]:
            self.noise.append(torch.rand(()).item())
            self.modes.add(self.training)
            found = (weight - batch.x[0, 0, 0, 0]).square().sum()
            return found, {"half": found.detach() / 2}

        return loss

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return c


def trainer_of(model: GenerativeModel, source: Source) -> Trainer:
    phases = model.phases()
    schedule = Schedule(phases, [1] * len(phases), 1)  # an update costs as much as the mark
    return Trainer(model, schedule, source, Fabric(accelerator="cpu"), 0.0)


class Adam:
    """AdamW (Loshchilov & Hutter 2019, algorithm 2), of a bowl whose gradient is clipped."""

    def __init__(self, weight: Tensor, betas: tuple[float, float], decay: float, clip: float):
        self.w = weight.detach().double().numpy().copy()
        self.m, self.v, self.t = np.zeros_like(self.w), np.zeros_like(self.w), 0
        self.betas, self.decay, self.clip = betas, decay, clip

    def step(self, lr: float, center: float) -> tuple[float, float]:
        """The loss and the norm of its gradient before the update."""
        loss = float(((self.w - center) ** 2).sum())
        g = 2 * (self.w - center)
        norm = float(np.linalg.norm(g))
        g = g * min(1, self.clip / norm)
        self.t += 1
        (b1, b2), t = self.betas, self.t
        self.m, self.v = b1 * self.m + (1 - b1) * g, b2 * self.v + (1 - b2) * g**2
        root = np.sqrt(self.v / (1 - b2**t)) + 1e-8
        self.w = self.w - lr * self.decay * self.w - lr * (self.m / (1 - b1**t)) / root
        return loss, norm


def first_rate(step: int, stop: int) -> float:
    """A warm-up over a tenth of the window, then half a cosine to a quarter, which stays."""
    done = min(step / stop, 1.0)
    if done < 0.1:
        return 0.2 * (done + 0.001) / 0.1
    return 0.2 * (0.25 + 0.75 * 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9)))


def test_updates_are_those_of_adamw() -> None:
    """With betas, decay, clipping and rate of its phase, on a batch of its own for each repeat."""
    model, source = Bowls(), Source()
    first, second = Adam(model.a, (0.6, 0.7), 0.3, 1.5), Adam(model.b, (0.0, 0.9), 0.0, math.inf)
    trainer = trainer_of(model, source)
    stop = trainer.windows[0].stop
    assert stop is not None and trainer.windows[1].start == 2
    logged: dict[int, dict[str, float]] = {}
    trainer.on_logs = logged.__setitem__
    model.eval()
    for step in range(stop + 2):
        expected: dict[str, float] = {}
        if step < stop:
            for k in range(2):
                loss, norm = first.step(first_rate(step, stop), source.value(step, "first", k))
            # Of the last repeat.
            expected |= {"loss/first": loss, "grad_norm/first": norm,
                         "loss_terms/first/half": loss / 2}  # fmt: skip
        if step >= 2:
            loss, norm = second.step(0.05, source.value(step, "second", 0))
            expected |= {"loss/second": loss, "grad_norm/second": norm,
                         "loss_terms/second/half": loss / 2}  # fmt: skip
        trainer.advance()
        assert trainer.step == step + 1
        np.testing.assert_allclose(model.a.detach(), first.w, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.b.detach(), second.w, rtol=1e-4, atol=1e-5)
        trainer.flush()
        assert logged[step] == pytest.approx(expected, rel=1e-4, abs=1e-7)
        assert trainer.latest == logged[step]
    assert model.modes == {True}
    asked: list[tuple[Key, int | None]] = []
    asked += [((s, "first", k), 9) for s in range(stop) for k in range(2)]
    asked += [((s, "second", 0), None) for s in range(2, stop + 2)]
    assert sorted(source.asked, key=str) == sorted(asked, key=str)
    order = [key for key, _ in source.asked if key[0] == 3]
    assert order == [(3, "first", 0), (3, "first", 1), (3, "second", 0)]


def test_noise_is_fresh_in_every_update_and_a_function_of_it() -> None:
    """Of seed, rank, step, phase and repeat."""
    seen: dict[tuple[int, int, Key], float] = {}
    for seed, rank in itertools.product((0, 1), (0, 1)):
        model, source = Bowls(), Source(seed, rank)
        trainer = trainer_of(model, source)
        for _ in range(5):
            trainer.advance()
        for (key, _), noise in zip(source.asked, model.noise, strict=True):
            seen[seed, rank, key] = noise
    assert len(seen) == 4 * (5 * 2 + 3) == len(set(seen.values()))

    model, source = Bowls(), Source(1, 1)
    trainer = trainer_of(model, source)
    trainer.step = 4  # as a session that goes on there
    torch.rand(3)
    trainer.advance()
    for (key, _), noise in zip(source.asked, model.noise, strict=True):
        assert noise == seen[1, 1, key]


def test_logs_come_with_their_steps_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "flush_every", 3)
    logged: list[int] = []
    trainer = trainer_of(Bowls(), Source())
    trainer.on_logs = lambda step, values: logged.append(step)
    counts = []
    for _ in range(7):
        trainer.advance()
        counts.append(len(logged))
    assert counts == [0, 0, 3, 3, 3, 6, 6] and logged == [0, 1, 2, 3, 4, 5]
    trainer.flush()
    trainer.flush()
    assert logged == [0, 1, 2, 3, 4, 5, 6]


class Ongoing(Window):
    """Goes on in every other step after its end."""

    def runs_at(self, step: int) -> bool:
        return self.stop is None or step < self.stop or (step - self.stop) % 2 == 0


def test_processes_share_buffers_at_the_end_of_a_window_and_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a warm start kept is the same in all of them whenever it has run."""
    model, shared = Bowls(), list[int]()
    trainer = trainer_of(model, Source())
    first, second = trainer.windows
    stop = first.stop
    assert stop is not None
    monkeypatch.setattr(trainer, "_share_buffers", lambda: shared.append(trainer.step))
    trainer.windows = (Ongoing(**vars(first)), second)
    for _ in range(stop + 4):
        trainer.advance()
    assert shared == [stop - 1, stop, stop + 2]


@pytest.mark.usefixtures("quick")
def test_a_run_trains_on_its_own_part_and_pairs(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed, pairing, labels and batch size are those of the command."""
    made: list[Batches] = []

    def recorded(*given: Any) -> Batches:
        made.append(Batches(*given))
        return made[-1]

    monkeypatch.setattr(train, "Batches", recorded)
    more = ("--seed", "5", "--pairing", "fixed-2", "--labels", "warm-start", "--steps", "1")
    done = call(*arguments(offline_dir, tmp_path, "cgan", *more))
    assert done.code == 0, done.err
    (batches,) = made
    assert (batches.seed, batches.pairing, batches.labels, batches.rank) == (
        *(5, "fixed-2", "warm-start", 0),
    )
    assert batches.batch_size == 8
    dataset = datasets.load("offline", offline_dir)
    train_part = datasets.part(dataset, "official", "train")
    assert torch.equal(batches.part.images, train_part.images)
    assert torch.equal(batches.part.sounds, train_part.sounds)
