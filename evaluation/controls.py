"""Sets of images of known faults, made of real data: what the ruler is tested with."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets import Part
from evaluation.baselines import draw_of_digit
from metrics.attributes import stroke_attributes

__all__ = ["CONTROLS", "Control"]

# Training part, validation part, wanted digits (n,), noise -> (n, 28, 28) uint8.
Control = Callable[[Part, Part, Tensor, torch.Generator], Tensor]

WRONG = 0.086  # share of wrong digits, as of a nearest neighbour among the sounds
FEW = 50  # images of a digit


def held_out(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
    """Validation images: what a perfect model draws."""
    return draw_of_digit(validation.images, validation.image_digit, digit, generator)


def train_copies(
    train: Part, validation: Part, digit: Tensor, generator: torch.Generator
) -> Tensor:
    """Training images."""
    return draw_of_digit(train.images, train.image_digit, digit, generator)


def planted(share: float) -> Control:
    """Validation images, `share` of them training images."""

    def draw(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
        x = held_out(train, validation, digit, generator)
        chosen = _choose(digit, share, generator)
        x[chosen] = train_copies(train, validation, digit[chosen], generator)
        return x

    return draw


def class_means(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
    """The mean training image of the digit."""
    means = [train.images[train.image_digit == d].float().mean(0) for d in range(10)]
    return torch.stack(means).round().to(torch.uint8)[digit]


def one_image(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
    """One validation image of the digit, again and again."""
    first = torch.stack([(validation.image_digit == d).nonzero()[0, 0] for d in range(10)])
    return validation.images[first[digit]]


def few_images(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
    """FEW validation images of the digit, again and again."""
    rows = [(validation.image_digit == d).nonzero()[:FEW, 0] for d in range(10)]
    kept = torch.cat(rows)
    return draw_of_digit(validation.images[kept], validation.image_digit[kept], digit, generator)


def thick_half(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
    """The half of the digit's validation images with the thickest strokes, each twice."""
    measured = stroke_attributes(validation.images).thickness
    kept = torch.zeros(len(measured), dtype=torch.bool)
    for d in range(10):
        mine = (validation.image_digit == d).nonzero()[:, 0]
        kept[mine[measured[mine].argsort(descending=True)[: -(-len(mine) // 2)]]] = True
    return draw_of_digit(validation.images[kept], validation.image_digit[kept], digit, generator)


def wrong_digits(
    train: Part, validation: Part, digit: Tensor, generator: torch.Generator
) -> Tensor:
    """Validation images, WRONG of them of another digit."""
    shown, chosen = digit.clone(), _choose(digit, WRONG, generator)
    turn = torch.randint(1, 10, chosen.shape, generator=generator).to(digit.device)
    shown[chosen] = (digit[chosen] + turn) % 10
    return held_out(train, validation, shown, generator)


def deaf(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
    """Validation images, whatever digit was wanted."""
    order = torch.randperm(len(digit), generator=generator).to(digit.device)
    return held_out(train, validation, digit[order], generator)


def blurred(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
    """Validation images under a Gaussian of one pixel."""
    x = held_out(train, validation, digit, generator).unsqueeze(1).float()
    at = torch.arange(-3, 4, device=x.device)
    kernel = torch.exp(-0.5 * at**2.0)
    kernel = kernel / kernel.sum()
    x = F.conv2d(x, kernel.view(1, 1, -1, 1), padding=(3, 0))
    return F.conv2d(x, kernel.view(1, 1, 1, -1), padding=(0, 3))[:, 0].round().to(torch.uint8)


def noisy(train: Part, validation: Part, digit: Tensor, generator: torch.Generator) -> Tensor:
    """Validation images with Gaussian noise of standard deviation 25 of 255."""
    x = held_out(train, validation, digit, generator).float()
    noise = 25 * torch.randn(x.shape, generator=generator).to(x.device)
    return (x + noise).round().clamp(0, 255).to(torch.uint8)


CONTROLS: dict[str, Control] = {
    "held-out": held_out,
    "train-copies": train_copies,
    "copies-1%": planted(0.01),
    "copies-5%": planted(0.05),
    "copies-20%": planted(0.2),
    "class-means": class_means,
    "one-image": one_image,
    "few-images": few_images,
    "thick-half": thick_half,
    "wrong-digits": wrong_digits,
    "deaf": deaf,
    "blurred": blurred,
    "noisy": noisy,
}


def _choose(digit: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """(round(share n),) random rows."""
    rows = torch.randperm(len(digit), generator=generator)[: round(share * len(digit))]
    return rows.to(digit.device)
