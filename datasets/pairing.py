"""Pairs of image and sound, and training batches of them."""

from __future__ import annotations

import hashlib
import re

import torch
from torch import Tensor

from common.errors import InputError
from converters.sound_as import MEL64, REPRESENTATIONS
from datasets.augment import NEW_SPEAKERS, USUAL, augment
from datasets.augment_sound import augment_clips
from datasets.base import Augment, Batch, Labels, Task
from datasets.pixels import from_pixels
from datasets.splits import Part

__all__ = [
    "PAIRINGS", "Batches", "check_augment", "check_pairing", "default_augment", "fixed_pairs",
    "n_partners", "pairs_last", "seed_of",
]  # fmt: skip

PAIRINGS = ("resampled", "one-to-one", "fixed-K", "given", "shuffled")


def seed_of(*key: int | str) -> int:
    """A seed for torch from any key: near keys give unrelated seeds."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def check_pairing(pairing: str) -> None:
    """That there is such a pairing.

    Raises:
        InputError: there is none.
    """
    if n_partners(pairing) is None and pairing not in ("resampled", "shuffled", "given"):
        raise InputError(
            f"unknown pairing '{pairing}': give resampled, one-to-one, fixed-K (K lasting partners "
            "of each recording, such as fixed-4), given (the pairs of a CSV) or shuffled"
        )


def default_augment(task: Task, split: str, sound_as: str) -> Augment:
    """What is varied of the sounds that are heard in training."""
    if task == "image2audio":
        return "none"
    if sound_as != MEL64:
        return "clips"
    return "pictures" if split == "official" else "smoothed"


def check_augment(augment: Augment, task: Task, sound_as: str) -> None:
    """That it can be varied.

    Raises:
        InputError: it cannot.
    """
    if task == "image2audio" and augment != "none":
        raise InputError(f"--augment {augment}: no sound is heard with --task image2audio")
    if augment in ("pictures", "smoothed") and sound_as != MEL64:
        raise InputError(
            f"--augment {augment} is of --sound-as {MEL64}: pictures as '{sound_as}' cannot be "
            "shifted and stretched; give --augment clips"
        )


def n_partners(pairing: str) -> int | None:
    """K of `fixed-K`, 1 of `one-to-one`, None of a pairing that draws partners anew."""
    if pairing == "one-to-one":
        return 1
    found = re.fullmatch(r"fixed-([1-9][0-9]{0,3})", pairing)
    return int(found[1]) if found else None


def pairs_last(pairing: str) -> bool:
    """Whether a recording keeps its partners through training."""
    return pairing == "given" or n_partners(pairing) is not None


def fixed_pairs(part: Part, pairing: str, seed: int) -> tuple[Tensor, Tensor] | None:
    """The pairs of a pairing whose pairs last, None of another.

    Partners have the same digit. No image has two recordings while images last; after that,
    `fixed-K` uses them again, and `one-to-one` leaves recordings without one.

    Returns:
        Two (n,) int64: index of the image, index of the recording, which comes K times.
    """
    if pairing == "given":
        if part.pairs is None:
            raise InputError("--pairing given: these data have no pairs; give a CSV of pairs")
        image, recording = part.pairs.unbind(1)
        return image, recording
    k = n_partners(pairing)
    if k is None:
        return None
    generator = torch.Generator().manual_seed(seed_of("one-to-one", seed))
    images, recordings = [], []
    for digit in part.sound_digit.unique().tolist():
        x = (part.image_digit == digit).nonzero().squeeze(1).cpu()
        c = (part.sound_digit == digit).nonzero().squeeze(1).cpu()
        x = x[torch.randperm(len(x), generator=generator)]
        c = c[torch.randperm(len(c), generator=generator)]
        if pairing == "one-to-one":
            c = c[: len(x)]
        images.append(x[torch.arange(k * len(c)) % len(x)])
        recordings.append(c.repeat_interleave(k))
    device = part.images.device
    return torch.cat(images).to(device), torch.cat(recordings).to(device)


class Batches:
    """Training batches; each is a pure function of (seed, step, phase, k).

    Args:
        part: the training part, on the device that trains.
        pairing: `resampled`: a fresh image of the recording's digit at every draw; `fixed-K`: one
            of the same K images; `one-to-one`: `fixed-1`; `shuffled`: a fresh image of any digit.
        rank: of the process, where several train together; each draws batches of its own.
        labels: whether batches hold digits.
        task: which side is the target.
        plain: whether batches hold conditions without augmentation, too.
        augment: what of the sounds that are conditions is varied: nothing, their log-mel pictures,
            these with smoothing along frequency, or clips before they become pictures of any kind;
            by default as on the official split.

    Raises:
        InputError: there is no such pairing, or pictures that are no log-mel pictures are to be
            augmented.
    """

    def __init__(
        self,
        part: Part,
        pairing: str,
        batch_size: int,
        seed: int,
        rank: int = 0,
        labels: Labels = "none",
        task: Task = "audio2image",
        augment: Augment | None = None,
        plain: bool = False,
    ) -> None:
        check_pairing(pairing)
        augment = augment or default_augment(task, "official", part.sound_as)
        check_augment(augment, task, part.sound_as)
        self.part, self.pairing, self.batch_size = part, pairing, batch_size
        self.seed, self.rank, self.labels, self.task = seed, rank, labels, task
        self.augment, self.plain = augment, plain
        self.generator = torch.Generator(part.images.device)
        count = part.image_digit.bincount(minlength=len(part.classes))
        if pairing != "shuffled" and (count[part.sound_digit.unique()] == 0).any():
            raise ValueError("a spoken digit has no image")
        self._count, self._start = count, count.cumsum(0) - count
        self._pairs = fixed_pairs(part, pairing, seed)

    def __call__(
        self, step: int, phase: str = "", k: int = 0, batch_size: int | None = None
    ) -> Batch:
        part, generator = self.part, self.generator
        generator.manual_seed(seed_of(self.seed, step, phase, k, self.rank))
        image, recording = self._draw(batch_size or self.batch_size)
        x, digit = from_pixels(part.images[image]), part.sound_digit[recording]
        plain = from_pixels(part.sounds[recording]) if self.plain else None
        if self.task == "audio2image":
            c = self._augmented(recording)
        else:
            c, digit, plain = x, part.image_digit[image], None
            x = from_pixels(part.sounds[recording])
        return Batch(x, c, None if self.labels == "none" else digit, plain)

    def _augmented(self, recording: Tensor) -> Tensor:
        """(b, *c_shape): the sounds as they are heard in training."""
        part = self.part
        if self.augment != "clips":
            pictures = from_pixels(part.sounds[recording])
            if self.augment == "none":
                return pictures
            strength = NEW_SPEAKERS if self.augment == "smoothed" else USUAL
            return augment(pictures, self.generator, strength)
        clips = part.clips[recording.cpu()].to(part.sounds.device)
        changed = augment_clips(clips, self.generator)
        return from_pixels(REPRESENTATIONS[part.sound_as].to_picture(changed))

    def _draw(self, n: int) -> tuple[Tensor, Tensor]:
        """(n,) indices of images and of recordings."""
        u, v = torch.rand(2, n, generator=self.generator, device=self.part.images.device)
        if self._pairs is not None:
            images, recordings = self._pairs
            pair = (u * len(images)).long()
            return images[pair], recordings[pair]
        recording = (u * len(self.part.sounds)).long()
        if self.pairing == "shuffled":
            return (v * len(self.part.images)).long(), recording
        digit = self.part.sound_digit[recording]
        return self._start[digit] + (v * self._count[digit]).long(), recording
