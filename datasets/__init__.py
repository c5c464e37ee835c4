"""Paired data: every module here without a leading underscore is a source."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from datasets import mnist_fsdd, offline
from datasets.base import PairedDataset, Task, TaskSpec
from datasets.download import Unavailable

__all__ = ["DATA", "Data", "default_dir", "load", "spec"]

Data = Literal["auto", "mnist-fsdd", "offline"]
DATA: tuple[Data, ...] = ("auto", "mnist-fsdd", "offline")


def default_dir() -> Path:
    """Where data live unless told otherwise: $DATA_DIR, else data/."""
    return Path(os.environ.get("DATA_DIR") or "data")


def load(data: Data = "auto", data_dir: Path | None = None) -> PairedDataset:
    """A source, whole and verified.

    Args:
        data: `auto` takes MNIST-FSDD where it is present or can be downloaded, else the offline
            set, and says so.

    Raises:
        InputError: the data are damaged, or cannot be fetched and `data` allows nothing else.
    """
    data_dir = data_dir or default_dir()
    if data == "offline":
        return offline.load(data_dir)
    try:
        return mnist_fsdd.load(data_dir)
    except Unavailable as error:
        if data != "auto":
            raise
        print(
            f"WARNING: OFFLINE DATA: 8x8 digits and synthetic voices, not MNIST-FSDD ({error})",
            file=sys.stderr,
        )
        return offline.load(data_dir)


def spec(task: Task) -> TaskSpec:
    """Shapes and ranges of a task: images (1, 28, 28), log-mel pictures (1, 64, 64)."""
    image, sound = (1, 28, 28), (1, 64, 64)
    return TaskSpec(task, image, sound) if task == "audio2image" else TaskSpec(task, sound, image)
