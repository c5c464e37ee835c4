"""One of two processes that train together; prints its averaged gradient."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor

from datasets import Batch
from models import Logs
from tests.training.test_loop import Line
from training.loop import Trainer


class Own(Line):
    def first(self, batch: Batch) -> tuple[Tensor, Logs]:
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
trainer = Trainer(model, Constant(fabric.global_rank), fabric, 0.0)
trainer._update(trainer.phases[0], 0)
assert model.a.grad is not None
print(f"gradient {model.a.grad.item():.4f}", flush=True)
