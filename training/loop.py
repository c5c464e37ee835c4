"""The only code that updates a model."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from common.errors import InputError
from datasets import Batch, seed_of
from models import GenerativeModel, OptimizerConfig
from training.ema import EMA
from training.schedule import Schedule, Window

__all__ = ["BatchSource", "Stopwatch", "Trainer"]


class Stopwatch:
    """Seconds of the host spent in each section of the loop."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, section: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[section] += time.perf_counter() - start


class BatchSource(Protocol):
    """(step, phase, k) -> batch, a pure function of these, of `seed` and of `rank`; of `batch_size`
    pairs, unless a phase has its own."""

    seed: int
    rank: int  # of the process, where several train together
    batch_size: int

    def __call__(
        self, step: int, phase: str = "", k: int = 0, batch_size: int | None = None
    ) -> Batch: ...


class Trainer:
    """Runs the phases of a model, step by step.

    Everything random in a step is seeded by (seed, step, phase, k), so that a resumed run
    ends with the same weights.

    Args:
        model: on fabric's device.
        schedule: of its phases.
        on_logs: (step, {tag: value}) receives every loss term and gradient norm, late: values are
            fetched from the device once in `flush_every` steps.
    """

    flush_every = 25

    def __init__(
        self,
        model: GenerativeModel,
        schedule: Schedule,
        batches: BatchSource,
        fabric: Fabric,
        ema_decay: float,
        on_logs: Callable[[int, dict[str, float]], None] = lambda step, logs: None,
    ) -> None:
        self.model, self.batches, self.fabric, self.on_logs = model, batches, fabric, on_logs
        self.windows = schedule.windows
        self.optimizers = {w.phase.name: _adam(w) for w in self.windows}
        self.ema = EMA(model, ema_decay)
        self.step = 0  # steps done
        self.watch = Stopwatch()
        self.latest: dict[str, float] = {}  # values of the last flush
        self.intact: Callable[[], str] = lambda: ""  # what remains, for messages
        self._waiting: list[tuple[int, list[str], Tensor]] = []

    def advance(self) -> None:
        """One step: every phase that runs at it, then the average.

        Raises:
            InputError: a loss term or gradient of a recent step is not finite.
        """
        self.model.train()
        logs: dict[str, Tensor] = {}
        running = [w for w in self.windows if w.runs_at(self.step)]
        for window in running:
            for k in range(window.phase.repeat):
                logs |= self._update(window, k)
        if any(w.stop is not None and w.stop <= self.step + 1 for w in running):
            self._share_buffers()
        with self.watch("step"):
            self.ema.update(self.step)
        self._waiting.append((self.step, list(logs), torch.stack(list(logs.values()))))
        self.step += 1
        if len(self._waiting) >= self.flush_every:
            self.flush()

    def _update(self, window: Window, k: int) -> dict[str, Tensor]:
        phase = window.phase
        watch, parameters = self.watch, phase.parameters
        with watch("data"):
            batch = self.batches(self.step, phase.name, k, phase.batch_size)
        with watch("forward"), self.fabric.autocast():
            torch.manual_seed(seed_of("noise", self.batches.seed, self.step, phase.name, k,
                                      self.batches.rank))  # fmt: skip
            loss, terms = phase.loss(batch)
        with watch("backward"):
            optimizer = self.optimizers[phase.name]
            optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss, inputs=list(parameters))
            self._average_gradients(parameters)
        with watch("step"):
            norm = torch.nn.utils.clip_grad_norm_(parameters, phase.optimizer.clip or math.inf)
            for group in optimizer.param_groups:
                group["lr"] = window.learning_rate(self.step)
            optimizer.step()
        # Terms first: the first that is not finite is named.
        logs = {f"loss_terms/{phase.name}/{name}": term for name, term in terms.items()}
        logs |= {f"loss/{phase.name}": loss.detach(), f"grad_norm/{phase.name}": norm}
        return {tag: value.float().reshape(()) for tag, value in logs.items()}

    def _average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Over the processes that train together, in one message."""
        if self.fabric.world_size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        flat = cast(Tensor, self.fabric.all_reduce(flat, reduce_op="mean"))
        for g, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            g.copy_(part.view_as(g))

    def _share_buffers(self) -> None:
        """Of the first process, with those that train together: each filled them by its batches."""
        if self.fabric.world_size > 1:
            for buffer in self.model.buffers():
                buffer.copy_(self.fabric.broadcast(buffer))

    def flush(self) -> None:
        """Fetches the logs of the steps since the last flush and checks that they are finite.

        Raises:
            InputError: names the first step and term that is not.
        """
        waiting, self._waiting = self._waiting, []
        for step, names, values in waiting:
            found = dict(zip(names, values.tolist(), strict=True))
            bad = next((name for name, value in found.items() if not math.isfinite(value)), None)
            if bad:
                raise InputError(
                    f"{bad} is {found[bad]} at step {step}: training stopped{self.intact()}; "
                    "try a lower learning rate or --precision 32-true"
                )
            self.latest = found
            self.on_logs(step, found)


def _adam(window: Window) -> torch.optim.Optimizer:
    settings: OptimizerConfig = window.phase.optimizer
    return torch.optim.AdamW(
        window.phase.parameters,
        lr=settings.lr,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        fused=True,
    )
