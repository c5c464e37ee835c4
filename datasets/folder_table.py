"""A CSV of pairs of an image and a sound.

Columns: image, sound, class; if wanted speaker, and split (train, validation or test). Paths begin
at the folder of the CSV and do not leave it.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from common.errors import InputError, escaped
from datasets.base import SPLITS
from datasets.own_files import shown
from datasets.splits import split_by_content

__all__ = ["Item", "Table", "read_table"]

MAX_ROWS = 200_000


class Item(NamedTuple):
    """A file of a class."""

    path: Path
    label: str
    speaker: str = ""


class Table(NamedTuple):
    """The rows of a CSV."""

    images: list[Item]  # each file once
    sounds: list[Item]
    pairs: Tensor  # (p, 2) int64: image, sound
    split: list[str]  # p names, or all empty

    @property
    def items(self) -> tuple[list[Item], list[Item]]:
        return self.images, self.sounds

    def splits(
        self, image_hashes: Sequence[str], sound_hashes: Sequence[str], index: dict[str, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(n,) and (m,) indices into SPLITS, and the pairs. What is connected by pairs or has the
        same content is in one split."""
        contents = {h: i for i, h in enumerate(dict.fromkeys((*image_hashes, *sound_hashes)))}
        image = torch.tensor([contents[h] for h in image_hashes])
        sound = torch.tensor([contents[h] for h in sound_hashes])
        a, b = image[self.pairs[:, 0]], sound[self.pairs[:, 1]]
        edges = coo_array((np.ones(len(a)), (a.numpy(), b.numpy())), [len(contents)] * 2)
        _, part_of = connected_components(edges, directed=False)
        names = list(contents)
        least = {c: min(names[i] for i in np.flatnonzero(part_of == c)) for c in set(part_of)}
        group = [least[c] for c in part_of[a.numpy()]]
        digit = torch.tensor([index[self.images[i].label] for i in self.pairs[:, 0].tolist()])
        if any(self.split):
            of_pair = torch.tensor([SPLITS.index(name) for name in self.split])
            _refuse_two_parts(group, of_pair, [self.images[i] for i in self.pairs[:, 0].tolist()])
        else:
            of_pair = split_by_content(group, digit)
        images, sounds = torch.empty(len(image), dtype=torch.int64), torch.empty_like(sound)
        images[self.pairs[:, 0]], sounds[self.pairs[:, 1]] = of_pair, of_pair
        return images, sounds, self.pairs


def _refuse_two_parts(group: Sequence[str], split: Tensor, items: Sequence[Item]) -> None:
    first: dict[str, int] = {}
    for key, part, item in zip(group, split.tolist(), items, strict=True):
        if first.setdefault(key, part) != part:
            raise InputError(
                f"{shown(item.path)}: it, what it is paired with, or a copy is in two splits"
            )


def read_table(path: Path) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, columns = list(islice(reader, MAX_ROWS + 1)), {*(reader.fieldnames or ())}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file that can be read ({error})") from error
    if missing := {"image", "sound", "class"} - columns:
        raise InputError(f"{path}: has no column '{min(missing)}'; it needs image, sound, class")
    if not rows:
        raise InputError(f"{path}: has no rows: give pairs of image and sound")
    if len(rows) > MAX_ROWS:
        raise InputError(f"{path}: more than {MAX_ROWS:,} rows: give fewer")
    images: dict[Path, Item] = {}
    sounds: dict[Path, Item] = {}
    pairs, split = [], []
    for n, row in enumerate(rows, 2):
        where = f"{path}, line {n}"
        label, name = row["class"] or "", row.get("split") or ""
        if not label:
            raise InputError(f"{where}: has no class")
        if name not in (*SPLITS, ""):
            raise InputError(f"{where}: unknown split '{escaped(name)}': {', '.join(SPLITS)}")
        ends = []
        for column, items in (("image", images), ("sound", sounds)):
            item_path = _inside(path.parent, row[column] or "", where)
            speaker = (row.get("speaker") or "") if column == "sound" else ""
            known = items.setdefault(item_path, Item(item_path, label, speaker))
            if known != Item(item_path, label, speaker):
                raise InputError(f"{where}: {shown(item_path)} has another class or speaker above")
            ends.append(known)
        pairs.append(ends)
        split.append(name)
    if any(split) and not all(split):
        raise InputError(f"{path}, line {split.index('') + 2}: has no split, others have")
    at = [{item: i for i, item in enumerate(items.values())} for items in (images, sounds)]
    index = torch.tensor([[at[0][image], at[1][sound]] for image, sound in pairs])
    return Table([*images.values()], [*sounds.values()], index, split)


def _inside(folder: Path, name: str, where: str) -> Path:
    parts = PurePosixPath(name.replace("\\", "/"))
    if not name or parts.is_absolute() or ".." in parts.parts or ":" in name:
        raise InputError(f"{where}: '{escaped(name)}' is no path below the folder of the CSV")
    return folder / parts
