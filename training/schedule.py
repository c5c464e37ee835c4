"""What training costs, counted before it, and by it the steps in which each phase runs."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from datasets import Batch
from metrics.cost import count_flops
from models import GenerativeModel, Phase
from training.run import Run

__all__ = ["Schedule", "Window", "update_flops"]

TERA = 10**12
PROBE = (2, 4, 6)  # batch sizes at which an update is counted
WARM_UP = 0.1  # of a window, where its learning rate falls


@dataclass(frozen=True)
class Window:
    """The steps in which a phase runs.

    Attributes:
        flops: of its updates in one step, in all processes.
        start, stop: first step, and first step after it; no stop: to the end.
        rate: share of the steps after it at which the phase goes on, evenly.
    """

    phase: Phase
    flops: int
    start: int
    stop: int | None
    rate: float = 0.0

    def runs_at(self, step: int) -> bool:
        return self.runs_before(step + 1) > self.runs_before(step)

    def runs_before(self, step: int) -> int:
        """The number of the first `step` steps at which it runs."""
        stop = step if self.stop is None else min(step, self.stop)
        return max(stop - self.start, 0) + math.ceil((step - stop) * self.rate)

    def learning_rate(self, step: int) -> float:
        """Constant, or a warm-up and a cosine over the window and constant after it."""
        settings = self.phase.optimizer
        if settings.cosine_to is None or self.stop is None:
            return settings.lr
        done = min((step - self.start) / (self.stop - self.start), 1.0)
        if done < WARM_UP:
            return settings.lr * (done + 1e-3) / WARM_UP
        fall = 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))
        return settings.lr * (settings.cosine_to + (1 - settings.cosine_to) * fall)


class Schedule:
    """The windows of a model's phases, in steps, and the FLOPs of its steps.

    Args:
        phases: of the model; their windows are shares of `mark`.
        flops: of the updates of each in one step.
        mark: FLOPs of the first mark. A window has at least one step.
    """

    def __init__(self, phases: Sequence[Phase], flops: Sequence[int], mark: float) -> None:
        ends = {0.0, *(p.start for p in phases), *(p.stop for p in phases if p.stop is not None)}
        step_at, step, last = {0.0: 0}, 0, 0.0
        for share in sorted(ends - {0.0}):
            cost = sum(
                each
                for phase, each in zip(phases, flops, strict=True)
                if phase.start <= last and (phase.stop is None or phase.stop >= share)
            )
            step += max(round((share - last) * mark / max(cost, 1)), 1)
            step_at[share], last = step, share
        lasting = sum(each for p, each in zip(phases, flops, strict=True) if p.stop is None)
        self.windows = tuple(
            Window(
                p,
                each,
                step_at[p.start],
                None if p.stop is None else step_at[p.stop],
                _rate(p, each, lasting),
            )
            for p, each in zip(phases, flops, strict=True)
        )

    @classmethod
    def of(
        cls, run: Run, device: torch.device | str = "cpu", model: GenerativeModel | None = None
    ) -> Schedule:
        """Of a run: its updates are counted on a new model, in small batches of random inputs.

        Args:
            model: the run's, which is to be trained; without one, the schedule only tells costs.

        Raises:
            InputError: the model cannot be built.
        """
        device = torch.device(device)
        # What is drawn here must not move the noise of anything else.
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            probe = run.build().to(device)
            flops = [
                run.processes * phase.repeat * update_flops(probe, phase, size, device)
                for phase in probe.phases()
                for size in [phase.batch_size or run.config["batch_size"]]
            ]
        return cls((model or probe).phases(), flops, run.marks[0] * TERA)

    def until(self, step: int) -> int:
        """FLOPs of the first `step` steps."""
        return sum(window.runs_before(step) * window.flops for window in self.windows)

    def steps(self, flops: float) -> int:
        """The most steps that take no more FLOPs than these; at least 1."""
        high = 1
        while self.until(high) <= flops:
            high *= 2
        return max(bisect_right(range(high), flops, key=self.until) - 1, 1)

    @property
    def draws_from(self) -> int:
        """The number of steps after which what samples was updated once."""
        return 1 + min(w.start for w in self.windows if w.phase.name == "generator")


def _rate(phase: Phase, flops: int, others: int) -> float:
    """Of the steps after its window, each of which costs `others` and the phase `flops` more, those
    in which it takes its share of the FLOPs; at most all."""
    if not phase.then_share:
        return 0.0
    return min(phase.then_share / (1 - phase.then_share) * others / flops, 1.0)


def update_flops(
    model: GenerativeModel, phase: Phase, batch_size: int, device: torch.device
) -> int:
    """FLOPs of an update, forward and backward, with a batch of this size.

    They are a polynomial of it, of degree 2 where pairs are compared with each other.
    """
    first, second, third = (_count(model, phase, n, device) for n in PROBE)
    start, width = PROBE[0], PROBE[1] - PROBE[0]
    k = batch_size - start  # Newton's polynomial through the three
    linear, curved = second - first, third - 2 * second + first
    return first + (2 * width * k * linear + k * (k - width) * curved) // (2 * width**2)


def _count(model: GenerativeModel, phase: Phase, n: int, device: torch.device) -> int:
    spec = model.spec
    batch = Batch(
        torch.rand(n, *spec.x_shape, device=device),
        torch.rand(n, *spec.c_shape, device=device),
        torch.arange(n, device=device) % spec.n_digits,
    )

    def update() -> None:
        with torch.enable_grad():
            torch.autograd.grad(phase.loss(batch)[0], phase.parameters, allow_unused=True)

    return count_flops(update)
