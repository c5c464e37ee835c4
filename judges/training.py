"""How a judge is trained."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from common.progress import Progress
from converters.mel64.features import to_picture, to_sound
from datasets import Part, from_pixels
from datasets.augment import augment
from judges.networks import ARCHITECTURES, Kind, Network, Which

__all__ = ["held_out_data", "packed", "train_judge"]

BATCH_SIZE, LR = 100, 4e-3


def train_judge(
    train: Part, kind: Kind, which: Which, epochs: int, min_steps: int = 100
) -> Network:
    """Cross-entropy, AdamW, one cycle, on the distorted data of one kind. On the CPU.

    Args:
        min_steps: in an epoch, however few data there are.
    """
    with torch.random.fork_rng([]), torch.enable_grad():
        torch.manual_seed(ord(which))
        return _train(train, kind, which, epochs, min_steps)


def _train(train: Part, kind: Kind, which: Which, epochs: int, min_steps: int) -> Network:
    sources = _sources(train, kind)
    digit = train.image_digit if kind == "image" else train.sound_digit
    n_in = 1 if sources[0].ndim == 3 else sources[0].shape[1]
    network = ARCHITECTURES[kind, which](len(train.classes), n_in)
    steps = epochs * max(len(digit) // BATCH_SIZE, min_steps)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps)
    progress = Progress(f"{kind} judge {which}", steps)
    for step in range(steps):
        index = torch.randint(len(digit), (BATCH_SIZE,))
        x = from_pixels(sources[step % len(sources)][index])
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
    planes = x[:n].flatten(0, 1).unsqueeze(1)
    soft = F.conv2d(planes, kernel.view(1, 1, -1, 1), padding=(4, 0))
    soft = F.conv2d(soft, kernel.view(1, 1, 1, -1), padding=(0, 4))
    return torch.cat((soft.view_as(x[:n]), x[n:]))


def held_out_data(held_out: Part, kind: Kind) -> Iterator[tuple[str, Tensor, Tensor]]:
    """What a judge of this kind is tried on: a name, data, digits."""
    if kind == "image":
        yield "images", held_out.images, held_out.image_digit
        return
    yield "sounds", held_out.sounds, held_out.sound_digit
    converted = to_picture(to_sound(held_out.sounds))
    yield "sounds through the converter", converted, held_out.sound_digit


def packed(network: Network) -> bytes:
    """The file of a judge. Half precision halves it; the judge is what the file holds."""
    state = network.state_dict().items()
    return save({k: v.half() if v.is_floating_point() else v for k, v in state})
