"""Paired data: images of digits and spoken digits, their splits, pairings and batches.

Four modules each make a `PairedDataset`: `mnist_fsdd` (real, downloaded), `offline` (the real 8x8
digits of scikit-learn and synthetic speech), `folder` (somebody's own) and `unpaired` (somebody's
own, without classes). What other packages may use is handed out here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from common.errors import InputError, suggest
from converters.sound_as import MEL64, REPRESENTATIONS
from datasets.base import (
    DIGITS,
    OWN,
    SIZES,
    SPLITS,
    TASKS,
    Augment,
    Batch,
    Color,
    Images,
    Labels,
    PairedDataset,
    Recordings,
    SoundAs,
    Task,
    TaskSpec,
)
from datasets.pairing import (
    PAIRINGS,
    Batches,
    check_augment,
    check_pairing,
    default_augment,
    fixed_pairs,
    n_partners,
    pairs_last,
    seed_of,
)
from datasets.pixels import from_pixels, to_pixels
from datasets.splits import Part, Sides, check_split, part, recording_split, test_part

__all__ = [
    "DATA",
    "DIGITS",
    "FOLDER",
    "OWN",
    "PAIRINGS",
    "SIZES",
    "SPLITS",
    "TASKS",
    "Augment",
    "Batch",
    "Batches",
    "Color",
    "Data",
    "Images",
    "Labels",
    "PairedDataset",
    "Part",
    "Recordings",
    "Sides",
    "SoundAs",
    "Task",
    "TaskSpec",
    "check_augment",
    "check_pairing",
    "check_split",
    "default_augment",
    "default_dir",
    "fixed_pairs",
    "from_pixels",
    "load",
    "n_partners",
    "pairs_last",
    "part",
    "recording_split",
    "seed_of",
    "spec",
    "test_part",
    "to_pixels",
]

Data = Literal["auto", "mnist-fsdd", "offline"]
DATA: tuple[Data, ...] = ("auto", "mnist-fsdd", "offline")
FOLDER = "folder:"  # before the path of somebody's own data


def default_dir() -> Path:
    """The default folder of the data: $DATA_DIR, else data/."""
    return Path(os.environ.get("DATA_DIR") or "data")


def load(
    data: str = "auto",
    data_dir: Path | None = None,
    size: int = 28,
    color: Color = "auto",
    images: Path | None = None,
    sounds: Path | None = None,
) -> PairedDataset:
    """A paired dataset, complete and verified.

    Args:
        data: `auto` takes MNIST-FSDD where it is present or can be downloaded, else the offline
            set, with a warning on stderr; `folder:PATH` is somebody's own (`datasets.folder`).
        size, color: of the images of a folder; see `datasets.folder.load`.
        images, sounds: folders of what is no pairs, in place of `data` (`datasets.unpaired`).

    Raises:
        InputError: there are no such data, they are damaged, or cannot be fetched and `data` allows
            nothing else.
    """
    # Here, so that the types above can be imported without what the modules load.
    if images or sounds:
        from datasets import unpaired

        if not images or not sounds or data != "auto":
            raise InputError("give --images and --sounds together, and no --data")
        return unpaired.load(images, sounds, size, color)
    if data.startswith(FOLDER):
        from datasets import folder

        return folder.load(Path(data.removeprefix(FOLDER)), size, color)
    if size != 28 or color != "auto":
        raise InputError(
            "--size and --color are of the images of a folder: --data folder:PATH, or --images"
        )
    if data not in DATA:
        raise InputError(f"unknown data '{data}': {suggest(data, [*DATA, FOLDER + 'PATH'])}")
    from datasets import offline

    data_dir = data_dir or default_dir()
    if data == "offline":
        return offline.load(data_dir)

    from datasets import mnist_fsdd
    from datasets.download import Unavailable

    try:
        return mnist_fsdd.load(data_dir)
    except Unavailable as error:
        if data != "auto":
            raise
        print(
            f"WARNING: OFFLINE DATA: 8x8 digits and synthetic speech, not MNIST-FSDD ({error})",
            file=sys.stderr,
        )
        return offline.load(data_dir)


def spec(task: Task, labels: Labels = "none", sound_as: str = MEL64) -> TaskSpec:
    """Shapes and ranges of a task of digits: images (1, 28, 28), sounds as `sound_as` has them,
    usually (1, 64, 64)."""
    image, sound = (1, 28, 28), REPRESENTATIONS[sound_as].shape
    x, c = (image, sound) if task == "audio2image" else (sound, image)
    return TaskSpec(task, x, c, labels)
