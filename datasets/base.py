"""The types of the data: a paired dataset and its halves, tasks, batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

__all__ = [
    "SPLITS", "TASKS", "Batch", "Images", "Labels", "PairedDataset", "Recordings", "Task",
    "TaskSpec",
]  # fmt: skip

Task = Literal["audio2image", "image2audio"]
TASKS: tuple[Task, ...] = ("audio2image", "image2audio")
Labels = Literal["none", "warm-start", "cascade"]
SPLITS = ("train", "validation", "test")  # an item's split is its index here; -1: in none


@dataclass(frozen=True)
class Images:
    """Pictures of digits."""

    pixels: Tensor  # (n, 28, 28) uint8
    digit: Tensor  # (n,) int64
    split: Tensor  # (n,) int64, index into SPLITS

    def __len__(self) -> int:
        return len(self.digit)


@dataclass(frozen=True)
class Recordings:
    """Spoken digits."""

    clips: Tensor  # (n, 8192) float32, of `converters.mel64.features.fit_clip`
    pictures: Tensor  # (n, 64, 64) uint8, of `converters.mel64.features.to_picture`
    digit: Tensor  # (n,) int64
    speaker: Tensor  # (n,) int64, index into `speakers`
    speakers: tuple[str, ...]
    names: tuple[str, ...]  # file or utterance names, unique
    hashes: tuple[str, ...]  # sha256 of the samples as published, before any preparation
    official: Tensor  # (n,) int64, index into SPLITS

    def __len__(self) -> int:
        return len(self.digit)


@dataclass(frozen=True)
class PairedDataset:
    """Images and recordings of the same digits, of all splits."""

    name: str
    images: Images
    recordings: Recordings
    fingerprint: str  # sha256 over the content of all images and recordings


@dataclass(frozen=True)
class TaskSpec:
    """What a model needs of its task: shapes and ranges of target x and condition c."""

    task: Task
    x_shape: tuple[int, int, int]  # (channels, height, width), values in [0, 1]
    c_shape: tuple[int, int, int]  # (channels, height, width), values in [0, 1]
    labels: Labels = "none"  # what learns from digit labels: nothing, or the warm start alone
    n_digits: int = 10


@dataclass(frozen=True)
class Batch:
    """b pairs of target and condition."""

    x: Tensor  # (b, *x_shape) float32 in [0, 1]
    c: Tensor  # (b, *c_shape) float32 in [0, 1], augmented in training
    digit: Tensor | None = None  # (b,) int64, of the condition; None where nothing learns from it
