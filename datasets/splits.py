"""Which recording is for training, validation and test. Images have one fixed split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from common.errors import InputError, suggest
from converters.sound_as import MEL64, REPRESENTATIONS
from datasets.base import DIGITS, SPLITS, PairedDataset, Task

__all__ = [
    "Part", "Sides", "check_split", "part", "recording_split", "split_by_content", "test_part",
]  # fmt: skip

TRAIN, VALIDATION, TEST = range(len(SPLITS))
HELD_OUT = 0.2  # of a class for the test, and as much for validation, where data have no split


def recording_split(dataset: PairedDataset, split: str) -> Tensor:
    """(n,) index into SPLITS for every recording.

    Args:
        split: 'official' (the dataset's own), or 'speaker:NAME': NAME is test, the next speaker in
            alphabetical order (cyclic) is validation, the others train.

    Raises:
        InputError: there is no such split or speaker.
    """
    recordings = dataset.recordings
    if split == "official":
        return recordings.official
    kind, _, name = split.partition(":")
    if kind != "speaker" or not name:
        raise InputError(f"unknown split '{split}': give 'official' or 'speaker:NAME'")
    speakers = sorted(recordings.speakers)
    if name not in speakers:
        raise InputError(f"unknown speaker '{name}' in '{split}': {suggest(name, speakers)}")
    following = speakers[(speakers.index(name) + 1) % len(speakers)]
    result = torch.full_like(recordings.official, TRAIN)
    result[recordings.speaker == recordings.speakers.index(following)] = VALIDATION
    result[recordings.speaker == recordings.speakers.index(name)] = TEST
    return result


def split_by_content(keys: Sequence[str], digit: Tensor) -> Tensor:
    """(n,) index into SPLITS, within each class by the order of the contents' hashes, so that the
    same content is in one split wherever it is, and names and dates decide nothing."""
    split = torch.full_like(digit, TRAIN)
    for d in digit.unique().tolist():
        rows = sorted((digit == d).nonzero()[:, 0].tolist(), key=keys.__getitem__)
        n = max(2, round(HELD_OUT * len(rows)))
        taken = {TEST: 0, VALIDATION: 0}
        for _, same in groupby(rows, key=keys.__getitem__):
            of_one_content = list(same)
            held_out = next((each for each in taken if taken[each] < n), TRAIN)
            split[of_one_content] = held_out
            if held_out in taken:
                taken[held_out] += len(of_one_content)
    return split


def check_split(dataset: PairedDataset, split: str) -> None:
    """That there is such a split.

    Raises:
        InputError: there is no such split or speaker.
    """
    recording_split(dataset, split)


class Sides(NamedTuple):
    """Targets and conditions of a task, which are images and sounds or the other way round."""

    x: Tensor  # (n, height, width) uint8, targets
    x_digit: Tensor  # (n,) int64
    c: Tensor  # (m, height, width) uint8, conditions; colors as (m, 3, height, width)
    c_digit: Tensor  # (m,) int64


@dataclass(frozen=True)
class Part:
    """One of SPLITS of a dataset, on one device. Images are sorted by digit."""

    images: Tensor  # (n, 28, 28) uint8; see `Images`
    image_digit: Tensor  # (n,) int64, ascending
    sounds: Tensor  # (m, 64, 64) uint8, log-mel pictures, or as `sound_as` has them
    sound_digit: Tensor  # (m,) int64
    speaker: Tensor  # (m,) int64
    clips: Tensor  # (m, 8192) float32, on the CPU
    classes: tuple[str, ...] = DIGITS
    pairs: Tensor | None = None  # (p, 2) int64 image and recording of this part
    sound_as: str = MEL64  # of `converters.sound_as.REPRESENTATIONS`

    def sides(self, task: Task) -> Sides:
        """What is drawn, and for what."""
        images, sounds = (self.images, self.image_digit), (self.sounds, self.sound_digit)
        return Sides(*images, *sounds) if task == "audio2image" else Sides(*sounds, *images)

    def seen_as(self, sound_as: str) -> Part:
        """The same with other pictures of its sounds."""
        if sound_as == self.sound_as:
            return self
        sounds = REPRESENTATIONS[sound_as].to_picture(self.clips).to(self.sounds.device)
        return replace(self, sounds=sounds, sound_as=sound_as)

    def to(self, device: torch.device | str) -> Part:
        moved: dict[str, Any] = {
            k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor) and k != "clips"
        }
        return replace(self, **moved)


def part(dataset: PairedDataset, split: str, name: Literal["train", "validation"]) -> Part:
    """The training or validation part of a dataset under a split.

    Raises:
        ValueError: `name` is neither 'train' nor 'validation'.
    """
    if name not in ("train", "validation"):
        raise ValueError(f"a part is 'train' or 'validation', not '{name}'")
    return _part(dataset, split, SPLITS.index(name))


def test_part(dataset: PairedDataset, split: str) -> Part:
    """The test part of a dataset under a split: for the evaluator alone."""
    return _part(dataset, split, TEST)


def _part(dataset: PairedDataset, split: str, index: int) -> Part:
    images, recordings = dataset.images, dataset.recordings
    x = (images.split == index).nonzero().squeeze(1)
    x = x[images.digit[x].argsort(stable=True)]
    c = (recording_split(dataset, split) == index).nonzero().squeeze(1)
    return Part(
        images=images.pixels[x],
        image_digit=images.digit[x],
        sounds=recordings.pictures[c],
        sound_digit=recordings.digit[c],
        speaker=recordings.speaker[c],
        clips=recordings.clips[c],
        classes=dataset.classes,
        pairs=_pairs_among(dataset.pairs, x, c),
    )


def _pairs_among(pairs: Tensor | None, x: Tensor, c: Tensor) -> Tensor | None:
    """Those whose image and recording both are among x and c, by their places there."""
    if pairs is None:
        return None
    found = []
    for i, rows in enumerate((x, c)):
        place = torch.full((int(torch.cat((pairs[:, i], rows)).max()) + 1,), -1)
        place[rows] = torch.arange(len(rows))
        found.append(place[pairs[:, i]])
    both = torch.stack(found, 1)
    return both[(both >= 0).all(1)]
