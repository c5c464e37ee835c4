"""Which recording is for training, validation and test. Images have one fixed split."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from common.errors import InputError, suggest
from datasets.base import SPLITS, PairedDataset

__all__ = ["Part", "part", "recording_split"]

TRAIN, VALIDATION, TEST = range(len(SPLITS))


def recording_split(source: PairedDataset, split: str) -> Tensor:
    """(n,) index into SPLITS for every recording.

    Args:
        split: 'official' (the source's own), or 'speaker:NAME': NAME is test, the next voice in
            alphabetical order (cyclic) is validation, the others train.

    Raises:
        InputError: there is no such split or speaker.
    """
    recordings = source.recordings
    if split == "official":
        return recordings.official
    kind, _, name = split.partition(":")
    if kind != "speaker" or not name:
        raise InputError(f"unknown split '{split}': give 'official' or 'speaker:NAME'")
    voices = sorted(recordings.speakers)
    if name not in voices:
        raise InputError(f"unknown speaker '{name}' in '{split}': {suggest(name, voices)}")
    following = voices[(voices.index(name) + 1) % len(voices)]
    result = torch.full_like(recordings.official, TRAIN)
    result[recordings.speaker == recordings.speakers.index(following)] = VALIDATION
    result[recordings.speaker == recordings.speakers.index(name)] = TEST
    return result


@dataclass(frozen=True)
class Part:
    """One of SPLITS of a source, on one device. Images are sorted by digit."""

    x: Tensor  # (n, 28, 28) uint8
    x_digit: Tensor  # (n,) int64, ascending
    c: Tensor  # (m, 64, 64) uint8
    c_digit: Tensor  # (m,) int64
    c_speaker: Tensor  # (m,) int64
    clips: Tensor  # (m, 8192) float32, on the CPU

    def to(self, device: torch.device | str) -> Part:
        moved = {k: v.to(device) for k, v in vars(self).items() if k != "clips"}
        return Part(**moved, clips=self.clips)


def part(source: PairedDataset, split: str, name: str) -> Part:
    """The training, validation or test part of a source under a split.

    Args:
        name: one of SPLITS. Only the evaluator asks for 'test'.
    """
    index = SPLITS.index(name)
    images, recordings = source.images, source.recordings
    chosen = (images.split == index).nonzero().squeeze(1)
    chosen = chosen[images.digit[chosen].argsort(stable=True)]
    heard = (recording_split(source, split) == index).nonzero().squeeze(1)
    return Part(
        x=images.pixels[chosen],
        x_digit=images.digit[chosen],
        c=recordings.pictures[heard],
        c_digit=recordings.digit[heard],
        c_speaker=recordings.speaker[heard],
        clips=recordings.clips[heard],
    )
