"""Data and judges in which every confusion gives another number."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor

from datasets.base import Images, PairedDataset, Recordings

N_OF_SPLIT = (60, 30, 20)  # images of a digit in training, validation, test
LEVEL = (100, 160, 110)  # of their features, so that each set is elsewhere
SPEAKERS = ("ann", "bob", "cid")


def image(a: Tensor, b: Tensor, features: Tensor) -> Tensor:
    """(n, 28, 28) uint8 that judge A reads as `a`, judge B as `b`, with (n, 4) features."""
    x = torch.zeros(len(a), 28, 28, dtype=torch.uint8)
    x[:, 0, 0], x[:, 0, 1] = a.to(torch.uint8), b.to(torch.uint8)
    x[:, 10:14, 8:20] = features.round().clamp(1, 255).to(torch.uint8)[:, :, None]
    return x


def judge(which: str) -> SimpleNamespace:
    """Reads its own pixel; its features are its own."""

    def call(x: Tensor, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        digit = x[:, 0, "ab".index(which)].long() % 10  # changed sounds hold any byte
        logits = torch.nn.functional.one_hot(digit, 10).float()
        features = x[:, 10:14, 8].float()
        return (features if which == "a" else features.flip(1) * 7), logits

    class Planted(SimpleNamespace):
        __call__ = staticmethod(call)

    network = SimpleNamespace(to=lambda **_: None)
    return Planted(sha256=which * 64, network=network)


def planted_dataset() -> PairedDataset:
    """Its sounds hold digit, speaker, split and number in their first pixels."""
    generator = torch.Generator().manual_seed(0)
    digit = torch.cat([torch.arange(10).repeat(n) for n in N_OF_SPLIT])
    split = torch.cat([torch.full((10 * n,), s) for s, n in enumerate(N_OF_SPLIT)])
    level = torch.tensor(LEVEL)[split].float()[:, None]
    features = level + 8 * torch.randn(len(digit), 4, generator=generator)
    images = Images(image(digit, digit, features), digit, split)
    # Two recordings for training and one each to validate and test, of each speaker and digit.
    rows = [(d, s, p) for d in range(10) for s in range(3) for p in (0, 0, 1, 2)]
    spoken, speaker, official = torch.tensor(rows).T
    pictures = torch.zeros(len(rows), 64, 64, dtype=torch.uint8)
    for k, column in enumerate((spoken, speaker, official)):
        pictures[:, 0, k] = column
    pictures[:, 0, 3] = torch.arange(len(rows))
    recordings = Recordings(
        clips=0.1 * torch.randn(len(rows), 8192, generator=generator), pictures=pictures,
        digit=spoken, speaker=speaker, speakers=SPEAKERS,
        names=tuple(map(str, range(len(rows)))), hashes=tuple(map(str, range(len(rows)))),
        official=official,
    )  # fmt: skip
    return PairedDataset("planted", images, recordings, "f" * 64)


def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """By the sound alone. Judge A misreads speaker 1, judge B digit 3; features are elsewhere."""
    spoken, speaker = c[:, 0, 0].long(), c[:, 0, 1]
    a = torch.where(speaker == 1, (spoken + 1) % 10, spoken)
    b = torch.where(spoken == 3, (spoken + 2) % 10, spoken)
    return image(a, b, 110 + 2 * speaker[:, None] + 4 * torch.randn(len(c), 4, generator=generator))
