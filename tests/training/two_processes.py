"""One of two processes that train together; prints its averaged gradient, and a buffer that each
filled by its own batches, after the end of a phase."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from lightning_fabric import Fabric
from torch import Tensor

from datasets import Batch
from models import Logs, Phase
from tests.training.test_loop import Line
from training.loop import Trainer
from training.schedule import Schedule


class Own(Line):
    kept: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.tensor(5.0))

    def phases(self) -> Sequence[Phase]:
        return [dataclasses.replace(super().phases()[0], stop=1)]

    def first(self, batch: Batch) -> tuple[Tensor, Logs]:
        self.kept.fill_(batch.x.mean())
        loss = (self.a - batch.x.mean()).square()
        return loss, {}


class Constant:
    seed = 0
    batch_size = 1

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def __call__(
        self, step: int, phase: str = "", k: int = 0, batch_size: int | None = None
    ) -> Batch:
        x = torch.full((1, 1, 28, 28), float(self.rank))
        return Batch(x, torch.zeros(1, 1, 64, 64))


fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
fabric.launch()
model = Own()
schedule = Schedule(model.phases(), [1], 1)
trainer = Trainer(model, schedule, Constant(fabric.global_rank), fabric, 0.0)
trainer._update(trainer.windows[0], 0)
assert model.a.grad is not None
gradient = model.a.grad.item()
trainer.advance()
print(f"gradient {gradient:.4f} kept {model.kept.item():.4f}", flush=True)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
