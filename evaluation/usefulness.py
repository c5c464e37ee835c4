"""What a classifier learns from samples."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import from_pixels

__all__ = ["classification_accuracy"]

STEPS_PER_IMAGE, BATCH_SIZE, LR = 0.06, 64, 2e-3


def classification_accuracy(x: Tensor, digit: Tensor, test_x: Tensor, test_digit: Tensor) -> Tensor:
    """Classification accuracy score: a classifier trained on samples, tested on real images.

    Ravuri & Vinyals, "Classification Accuracy Score for Conditional Generative Models", NeurIPS
    2019. A small convolutional network, always of the same seed and batches, for four epochs;
    read it beside its value for as many real images. It falls with wrong digits, with missing modes
    and with samples off the manifold; copies score as real images do.

    Args:
        x: n square images, uint8, as `from_pixels` takes them.
        digit: (n,) int64, requested of x.
        test_x, test_digit: m images, (m,) int64.

    Returns:
        (m,) bool, which test images are classified correctly.
    """
    device = x.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
        torch.manual_seed(0)
        n_in, n_digits = (1 if x.ndim == 3 else x.shape[1]), max(int(test_digit.max()) + 1, 10)
        network = _network(x.shape[-1], n_in, n_digits).to(device)
        steps = max(round(STEPS_PER_IMAGE * len(x)), 20)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps)
        generator = torch.Generator().manual_seed(0)
        for _ in range(steps):
            rows = torch.randint(len(x), (BATCH_SIZE,), generator=generator).to(device)
            loss = F.cross_entropy(network(from_pixels(x[rows])), digit[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        chunks = [network(from_pixels(each)).argmax(1) for each in test_x.split(500)]
    return torch.cat(chunks) == test_digit


def _network(size: int, n_in: int, n_digits: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(n_in, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * (size // 4) ** 2, 64),
        nn.ReLU(),
        nn.Linear(64, n_digits),
    )
