"""What training costs, counted before it."""

from __future__ import annotations

import torch

from datasets import Batch
from metrics.cost import count_flops
from models import GenerativeModel, Phase
from training.run import Run

__all__ = ["TrainingFlops"]

PROBE = (2, 4, 6)  # batch sizes at which an update is counted


class TrainingFlops:
    """FLOPs of the updates of a run, forward and backward, in all its processes.

    Updates of each phase are counted on a new model, in small batches of random inputs: FLOPs are a
    polynomial of the batch size, of degree 2 where pairs are compared with each other. The rest is
    arithmetic, so that a run that was resumed, or logged none, has the same count.

    Raises:
        InputError: the model cannot be built.
    """

    def __init__(self, run: Run, device: torch.device | str = "cpu") -> None:
        device = torch.device(device)
        # What is drawn here must not move the noise of anything else.
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            model = run.build().to(device)
            self.phases = [
                (phase, run.processes * phase.repeat * flops)
                for phase in model.phases()
                for size in [phase.batch_size or run.config["batch_size"]]
                for flops in [_flops(model, phase, size, device)]
            ]

    def until(self, step: int) -> int:
        """FLOPs of the first `step` steps."""
        return sum(phase.runs_before(step) * flops for phase, flops in self.phases)


def _flops(model: GenerativeModel, phase: Phase, batch_size: int, device: torch.device) -> int:
    """FLOPs of an update with a batch of this size."""
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
