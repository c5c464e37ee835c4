"""What a classifier learns from samples."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["classification_accuracy"]

STEPS_PER_IMAGE, BATCH_SIZE, LR = 0.06, 64, 2e-3


def classification_accuracy(x: Tensor, digit: Tensor, test_x: Tensor, test_digit: Tensor) -> Tensor:
    """Classification accuracy score: a classifier trained on samples, tested on real images.

    Ravuri & Vinyals, "Classification Accuracy Score for Conditional Generative Models", NeurIPS
    2019. A small convolutional network, always of the same seed and batches, for four epochs;
    read it beside its value for as many real images. It falls with wrong digits, with missing modes
    and with samples off the manifold; copies score as real images do.

    Args:
        x: (n, size, size) uint8.
        digit: (n,) int64, requested of x.
        test_x, test_digit: (m, size, size) uint8, (m,) int64.

    Returns:
        (m,) bool, which test images are classified correctly.
    """
    device = x.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
        torch.manual_seed(0)
        network, steps = _network(x.shape[-1]).to(device), max(round(STEPS_PER_IMAGE * len(x)), 20)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps)
        generator = torch.Generator().manual_seed(0)
        for _ in range(steps):
            rows = torch.randint(len(x), (BATCH_SIZE,), generator=generator).to(device)
            loss = F.cross_entropy(network(x[rows].unsqueeze(1) / 255), digit[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        chunks = [network(each.unsqueeze(1) / 255).argmax(1) for each in test_x.split(500)]
    return torch.cat(chunks) == test_digit


def _network(size: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * (size // 4) ** 2, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
