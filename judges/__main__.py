"""Trains the judges.

python -m judges --data mnist-fsdd
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import write_atomically
from common.progress import Progress
from datasets import Part, part
from judges import WEIGHTS, load_judge
from judges.networks import ARCHITECTURES, JudgeA, JudgeB


def train_judge(train: Part, which: str, epochs: int, seed: int) -> JudgeA | JudgeB:
    """Cross-entropy, AdamW, one cycle; small shifts, turns, shears and scalings.

    B is trained on blurred digits too: without them its wide strides fail on soft strokes.
    """
    torch.manual_seed(seed)
    network = ARCHITECTURES[which]()
    batch_size = 100
    steps = epochs * max(len(train.images) // batch_size, 100)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    progress = Progress(f"judge {which}", steps)
    for _ in range(steps):
        index = torch.randint(len(train.images), (batch_size,))
        x = _distort(train.images[index].unsqueeze(1) / 255)
        if which == "b":
            x = _blur(x)
        loss = F.cross_entropy(network(x), train.image_digit[index], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress.update()
    progress.close()
    return network.eval()


def _distort(x: Tensor) -> Tensor:
    """Random affine maps: +-2 pixels, +-10 degrees, +-10 % size and shear."""
    b = len(x)
    turn, shear = (torch.rand(2, b) * 2 - 1) * torch.tensor([[0.17], [0.1]])
    size = 1 + (torch.rand(2, b) * 2 - 1) * 0.1
    shift = (torch.rand(2, b) * 2 - 1) * 2 / 14
    cos, sin = turn.cos(), turn.sin()
    row_x = torch.stack((size[0] * cos, shear - sin, shift[0]), 1)
    row_y = torch.stack((sin, size[1] * cos, shift[1]), 1)
    grid = F.affine_grid(torch.stack((row_x, row_y), 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def _blur(x: Tensor) -> Tensor:
    """A quarter of the images under a Gaussian, of 0.5 to 2.5 pixels."""
    sigma = torch.rand(()) * 2 + 0.5
    at = torch.arange(-4, 5)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    n = len(x) // 4
    soft = F.conv2d(x[:n], kernel.view(1, 1, -1, 1), padding=(4, 0))
    return torch.cat((F.conv2d(soft, kernel.view(1, 1, 1, -1), padding=(0, 4)), x[n:]))


@dataclass(frozen=True)
class Options:
    """Trains the judges and writes their weights."""

    data: Literal["mnist-fsdd", "offline"] = "mnist-fsdd"
    """Which images."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    judge: tuple[Literal["a", "b"], ...] = ("a", "b")
    """Which of the two."""
    epochs: int = 10
    """Passes over the training images."""


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m judges")
    if options.epochs < 1:
        raise InputError(f"--epochs {options.epochs}: at least 1")
    dataset = datasets.load(options.data, options.data_dir)
    for which in options.judge:
        network = train_judge(
            part(dataset, "official", "train"), which, options.epochs, seed=ord(which)
        )
        # Half precision halves the file; the judge is what the file holds.
        tensors = {
            k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()
        }
        path = WEIGHTS / f"{dataset.name}-{which}.safetensors"
        write_atomically(path, save(tensors))
        judge, held_out = load_judge(dataset.name, which), part(dataset, "official", "validation")
        _, logits = judge(held_out.images)
        accuracy = (logits.argmax(1) == held_out.image_digit).float().mean().item()
        print(f"{path}: {path.stat().st_size} bytes, {accuracy:.2%} on validation")


if __name__ == "__main__":
    main()
