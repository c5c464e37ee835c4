"""Pairs of image and sound, and training batches of them."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

import torch
from torch import Tensor

from datasets.augment import augment
from datasets.base import Batch
from datasets.pixels import from_pixels
from datasets.splits import Part

__all__ = ["PAIRINGS", "Batches", "Pairing", "one_to_one", "seed_of"]

Pairing = Literal["resampled", "one-to-one", "shuffled"]
PAIRINGS: tuple[Pairing, ...] = get_args(Pairing)


def seed_of(*key: int | str) -> int:
    """A seed for torch from any key: near keys give unrelated seeds."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def one_to_one(part: Part, seed: int) -> tuple[Tensor, Tensor]:
    """A fixed partner of the same digit for each recording, while images last.

    Returns:
        Two (n,) int64: index of the image, index of the recording. No index comes twice.
    """
    generator = torch.Generator().manual_seed(seed_of("one-to-one", seed))
    images, recordings = [], []
    for digit in part.c_digit.unique().tolist():
        x = (part.x_digit == digit).nonzero().squeeze(1).cpu()
        c = (part.c_digit == digit).nonzero().squeeze(1).cpu()
        n = min(len(x), len(c))
        images.append(x[torch.randperm(len(x), generator=generator)[:n]])
        recordings.append(c[torch.randperm(len(c), generator=generator)[:n]])
    device = part.x.device
    return torch.cat(images).to(device), torch.cat(recordings).to(device)


class Batches:
    """Training batches; each is a pure function of (seed, step, phase, k).

    Args:
        part: the training part, on the device that trains.
        pairing: `resampled`: a fresh image of the recording's digit at every draw; `one-to-one`:
            always the same image; `shuffled`: a fresh image of any digit.
        rank: of the process, where several train together; each draws batches of its own.
    """

    def __init__(
        self, part: Part, pairing: Pairing, batch_size: int, seed: int, rank: int = 0
    ) -> None:
        self.part, self.pairing, self.batch_size = part, pairing, batch_size
        self.seed, self.rank = seed, rank
        self.generator = torch.Generator(part.x.device)
        count = part.x_digit.bincount(minlength=10)
        if pairing == "resampled" and (count[part.c_digit.unique()] == 0).any():
            raise ValueError("a spoken digit has no image")
        self._count, self._start = count, count.cumsum(0) - count
        self._pairs = one_to_one(part, seed) if pairing == "one-to-one" else None

    def __call__(self, step: int, phase: str = "", k: int = 0) -> Batch:
        part, generator = self.part, self.generator
        generator.manual_seed(seed_of(self.seed, step, phase, k, self.rank))
        image, recording = self._draw()
        return Batch(
            x=from_pixels(part.x[image]),
            c=augment(from_pixels(part.c[recording]), generator),
            digit=part.c_digit[recording],
        )

    def _draw(self) -> tuple[Tensor, Tensor]:
        """(b,) indices of images and of recordings."""
        u, v = torch.rand(2, self.batch_size, generator=self.generator, device=self.part.x.device)
        if self._pairs is not None:
            images, recordings = self._pairs
            pair = (u * len(images)).long()
            return images[pair], recordings[pair]
        recording = (u * len(self.part.c)).long()
        if self.pairing == "shuffled":
            return (v * len(self.part.x)).long(), recording
        digit = self.part.c_digit[recording]
        return self._start[digit] + (v * self._count[digit]).long(), recording
