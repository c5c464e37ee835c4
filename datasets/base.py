"""The types of the data: a paired dataset and its halves, tasks, batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from converters.sound_as import MEL64, REPRESENTATIONS

__all__ = [
    "DIGITS", "OWN", "SIZES", "SPLITS", "TASKS", "Augment", "Batch", "Color", "Images", "Labels",
    "PairedDataset", "Recordings", "SoundAs", "Task", "TaskSpec",
]  # fmt: skip

Task = Literal["audio2image", "image2audio"]
TASKS: tuple[Task, ...] = ("audio2image", "image2audio")
Labels = Literal["none", "warm-start", "cascade"]
Augment = Literal["none", "pictures", "smoothed", "clips"]
SoundAs = Literal["mel64", "linear", "complex", "tones", "planes", "packed-rgb"]
DIGITS = tuple("0123456789")
Color = Literal["auto", "grey", "rgb"]
SIZES = range(16, 257, 4)  # of somebody's own images, in pixels
OWN = "folder-"  # begins the names of somebody's own data
SPLITS = ("train", "validation", "test")  # an item's split is its index here; -1: in none


@dataclass(frozen=True)
class Images:
    """Pictures of digits, or of somebody's own classes, whose index is called digit here too."""

    pixels: Tensor  # (n, 28, 28) uint8; somebody's own: (n, size, size), or (n, 3, size, size)
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
    classes: tuple[str, ...] = DIGITS  # names, by index
    pairs: Tensor | None = None  # (p, 2) int64 image and recording, where the data have pairs
    notes: tuple[str, ...] = ()  # what somebody should know of how they were read

    @property
    def is_paired(self) -> bool:
        """Whether a class tells which images and recordings belong together."""
        return len(self.classes) > 1

    def spec(self, task: Task, labels: Labels = "none", sound_as: str = MEL64) -> TaskSpec:
        """Shapes of a task on these data, with sound as one of
        `converters.sound_as.REPRESENTATIONS`."""
        image = (*self.images.pixels.shape[1:],)
        image = image if len(image) == 3 else (1, *image)
        sound = REPRESENTATIONS[sound_as].shape
        x, c = (image, sound) if task == "audio2image" else (sound, image)
        return TaskSpec(task, x, c, labels, len(self.classes))


@dataclass(frozen=True)
class TaskSpec:
    """What a model needs of its task: shapes and ranges of target x and condition c."""

    task: Task
    x_shape: tuple[int, int, int]  # (channels, height, width), values in [0, 1]
    c_shape: tuple[int, int, int]  # (channels, height, width), values in [0, 1]
    labels: Labels = "none"  # what learns from digit labels: nothing, or the warm start alone
    n_digits: int = len(DIGITS)  # or classes


@dataclass(frozen=True)
class Batch:
    """b pairs of target and condition."""

    x: Tensor  # (b, *x_shape) float32 in [0, 1]
    c: Tensor  # (b, *c_shape) float32 in [0, 1], augmented in training
    digit: Tensor | None = None  # (b,) int64, of the condition; None where nothing learns from it
    plain: Tensor | None = None  # c without augmentation, for models that draw it, too
