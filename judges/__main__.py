"""Trains the judges.

python -m judges --data mnist-fsdd
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
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
from converters.mel64.features import to_picture, to_sound
from datasets import Part, part
from datasets.augment import augment
from judges import Kind, Which, load_judge, weights_path
from judges.networks import ARCHITECTURES, Network


def train_judge(train: Part, kind: Kind, which: Which, epochs: int, seed: int) -> Network:
    """Cross-entropy, AdamW, one cycle, on the distorted data of one kind."""
    torch.manual_seed(seed)
    network, sources, batch_size = ARCHITECTURES[kind, which](), _sources(train, kind), 100
    digit = train.image_digit if kind == "image" else train.sound_digit
    steps = epochs * max(len(digit) // batch_size, 100)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    progress = Progress(f"{kind} judge {which}", steps)
    for step in range(steps):
        index = torch.randint(len(digit), (batch_size,))
        x = sources[step % len(sources)][index].unsqueeze(1) / 255
        if kind == "sound":
            x = augment(x)
        elif which == "b":
            # Without blurred digits its wide strides fail on soft strokes.
            x = _blur(_distort(x))
        else:
            x = _distort(x)
        loss = F.cross_entropy(network(x), digit[index], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress.update()
    progress.close()
    return network.eval()


def _sources(train: Part, kind: Kind) -> list[Tensor]:
    """Pictures to learn from: of sounds also those of what the converter makes of them, as samples
    are heard through it."""
    if kind == "image":
        return [train.images]
    return [train.sounds, to_picture(to_sound(train.sounds))]


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
    kind: tuple[Kind, ...] = ("image", "sound")
    """Of what."""
    judge: tuple[Which, ...] = ("a", "b")
    """Which of the two."""
    epochs: int = 10
    """Passes over the training data."""


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m judges")
    if options.epochs < 1:
        raise InputError(f"--epochs {options.epochs}: at least 1")
    dataset = datasets.load(options.data, options.data_dir)
    train, held_out = (part(dataset, "official", name) for name in ("train", "validation"))
    for kind, which in itertools.product(options.kind, options.judge):
        network = train_judge(train, kind, which, options.epochs, seed=ord(which))
        # Half precision halves the file; the judge is what the file holds.
        tensors = {
            k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()
        }
        path = weights_path(dataset.name, which, kind)
        write_atomically(path, save(tensors))
        judge = load_judge(dataset.name, which, kind=kind)
        for name, x, digit in _held_out(held_out, kind):
            accuracy = (judge(x)[1].argmax(1) == digit).float().mean().item()
            print(f"{path}: {path.stat().st_size} bytes, {accuracy:.2%} on validation {name}")


def _held_out(held_out: Part, kind: Kind) -> Iterator[tuple[str, Tensor, Tensor]]:
    if kind == "image":
        yield "images", held_out.images, held_out.image_digit
        return
    yield "sounds", held_out.sounds, held_out.sound_digit
    converted = to_picture(to_sound(held_out.sounds))
    yield "sounds through the converter", converted, held_out.sound_digit


if __name__ == "__main__":
    main()
