"""Proves by content, not by name, that nothing is in two splits."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from datasets.base import SPLITS, PairedDataset
from datasets.splits import recording_split

__all__ = ["audit", "shared_content"]


def shared_content(hashes: Iterable[str], splits: Iterable[int]) -> int:
    """How many distinct contents are in more than one split."""
    splits_of: dict[str, set[int]] = defaultdict(set)
    for content, split in zip(hashes, splits, strict=True):
        splits_of[content].add(split)
    return sum(len(found) > 1 for found in splits_of.values())


def audit(dataset: PairedDataset, split: str) -> list[tuple[str, tuple[int, ...], int]]:
    """What each split holds, and what is in two of them.

    Returns:
        For images and for recordings: the name, the number of items in each of SPLITS, and the
        number of contents that more than one split holds, which must be 0.
    """
    images = [
        hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in dataset.images.pixels
    ]
    rows = []
    for name, hashes, index in (
        ("images", images, dataset.images.split),
        ("recordings", dataset.recordings.hashes, recording_split(dataset, split)),
    ):
        sizes = tuple(int((index == i).sum()) for i in range(len(SPLITS)))
        rows.append((name, sizes, shared_content(hashes, index.tolist())))
    return rows
