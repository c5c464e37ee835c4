"""Somebody's own images and sounds: a folder with a sub-folder for each class, or a CSV of pairs.

    PATH/images/<class>/*      PATH.csv with the columns image, sound, class
    PATH/sounds/<class>/*      and, if wanted, speaker and split; its paths begin at its folder

Any format that Pillow and libsndfile read. Images are cropped to their middle square and resized.
A sound is one window of the models: of a longer one its loudest second.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.errors import InputError, escaped
from converters.mel64.features import MEL64, to_picture
from datasets.base import OWN, SIZES, SPLITS, Color, Images, PairedDataset, Recordings
from datasets.fingerprint import fingerprint
from datasets.folder_table import Item, read_table
from datasets.own_files import read_images, read_sounds, shown
from datasets.splits import split_by_content

__all__ = ["MAX_FILES", "MIN_FILES", "check_size", "listed", "load", "own_fingerprint", "slug"]

MIN_FILES = 10  # of a class, of each kind: a fifth of them is for the test
MAX_FILES = 200_000  # of each kind
MAX_CLASSES = 1000


def load(path: Path, size: int = 28, color: Color = "auto") -> PairedDataset:
    """Reads everything in a folder, or in a CSV.

    Args:
        size: of the images, in pixels: a multiple of 4 from 16 to 256.
        color: auto: grey if all images are.

    Raises:
        InputError: a file or a class that cannot be used; it names the file.
    """
    check_size(size)
    table = read_table(path) if path.suffix.lower() == ".csv" else None
    images, sounds = table.items if table else _find(path)
    classes = _classes(images, sounds)
    index = {label: i for i, label in enumerate(classes)}
    pixels = read_images([item.path for item in images], size, color)
    clips, sound_hashes, n_longer, _ = read_sounds([item.path for item in sounds])
    digit, spoken = (torch.tensor([index[item.label] for item in s]) for s in (images, sounds))
    image_hashes = [hashlib.sha256(image.tobytes()).hexdigest() for image in pixels.numpy()]
    for items, hashes in ((images, image_hashes), (sounds, sound_hashes)):
        _refuse_twice_labelled(items, hashes)
    if table:
        split, heard, pairs = table.splits(image_hashes, sound_hashes, index)
    else:
        split = split_by_content(image_hashes, digit)
        heard = split_by_content(sound_hashes, spoken)
        pairs = None
    _refuse_empty_parts(classes, {"images": (digit, split), "sounds": (spoken, heard)})
    speakers = tuple(sorted({item.speaker for item in sounds}))
    recordings = Recordings(
        clips=clips,
        pictures=to_picture(clips),
        digit=spoken,
        speaker=torch.tensor([speakers.index(item.speaker) for item in sounds]),
        speakers=_printable(speakers),
        names=tuple(str(item.path) for item in sounds),
        hashes=tuple(sound_hashes),
        official=heard,
    )
    shown = Images(pixels, digit, split)
    return PairedDataset(
        name=OWN + slug(path.stem),
        images=shown,
        recordings=recordings,
        fingerprint=own_fingerprint(shown, recordings, classes, pairs),
        classes=_printable(classes),
        pairs=pairs,
        notes=_notes(n_longer, len(sounds)),
    )


def check_size(size: int) -> None:
    """That images can be of this size.

    Raises:
        InputError: they cannot.
    """
    if size not in SIZES:
        raise InputError(f"--size {size}: give a multiple of 4 from {SIZES[0]} to {SIZES[-1]}")


def _printable(names: Sequence[str]) -> tuple[str, ...]:
    """Names as they are safe to print.

    Raises:
        InputError: two of them are then the same.
    """
    found = tuple(map(escaped, names))
    if len({*found}) < len(found):
        same = next(name for name in found if found.count(name) > 1)
        raise InputError(f"two names are printed alike, as '{same}': rename one")
    return found


# What there is


def _find(path: Path) -> tuple[list[Item], list[Item]]:
    """The files of both kinds, in the order of their names."""
    if not path.is_dir():
        raise InputError(
            f"{path}: no such folder; it should hold images/<class>/* and sounds/<class>/*, "
            "or be a CSV with the columns image, sound, class"
        )
    found = []
    for kind in ("images", "sounds"):
        if not (path / kind).is_dir():
            raise InputError(f"{path}: has no folder {kind}/ with a sub-folder for each class")
        items = []
        for folder in listed(path / kind):
            if not folder.is_dir():
                raise InputError(f"{shown(folder)}: lies beside the classes: move it into one")
            for file in listed(folder):
                if not file.is_file():
                    raise InputError(f"{shown(file)}: is no file: take it away")
                items.append(Item(file, folder.name))
        found.append(items)
    return found[0], found[1]


def listed(folder: Path) -> list[Path]:
    """What is not hidden, sorted."""
    return sorted(each for each in folder.iterdir() if not each.name.startswith("."))


def _classes(images: Sequence[Item], sounds: Sequence[Item]) -> tuple[str, ...]:
    """The names of the classes, which both kinds have, sorted."""
    counts = [Counter(item.label for item in items) for items in (images, sounds)]
    classes = tuple(sorted(counts[0] | counts[1]))
    for kind, count in zip(("images", "sounds"), counts, strict=True):
        for label in classes:
            if count[label] < MIN_FILES:
                raise InputError(
                    f"class '{escaped(label)}' has {count[label]} {kind}: add some to have at "
                    f"least {MIN_FILES}, or take the class away"
                )
        if count.total() > MAX_FILES:
            raise InputError(f"{count.total():,} {kind}: more than {MAX_FILES:,} are not read")
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise InputError(f"{len(classes)} classes: give 2 to {MAX_CLASSES:,}")
    return classes


def _refuse_twice_labelled(items: Sequence[Item], hashes: Sequence[str]) -> None:
    first: dict[str, Item] = {}
    for item, content in zip(items, hashes, strict=True):
        other = first.setdefault(content, item)
        if other.label != item.label:
            raise InputError(
                f"{shown(item.path)}: the same as {shown(other.path)}, of another class: "
                "take one of them away"
            )


def _refuse_empty_parts(classes: Sequence[str], kinds: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Each class needs two of each kind in every part: distances compare at least two."""
    for kind, (digit, split) in kinds.items():
        for i, label in enumerate(classes):
            for part, name in enumerate(SPLITS):
                if (n := int(((digit == i) & (split == part)).sum())) < 2:
                    raise InputError(
                        f"class '{escaped(label)}' has {n} different {kind} for {name}: add more"
                    )


def own_fingerprint(
    images: Images, recordings: Recordings, classes: Sequence[str], pairs: Tensor | None = None
) -> str:
    """sha256 over content, splits, classes and pairs."""
    more: list[object] = [fingerprint(images, recordings), list(images.pixels.shape[1:])]
    more += [list(classes)]
    more += [images.split.tolist(), recordings.official.tolist()]
    more += [None if pairs is None else pairs.tolist()]
    return hashlib.sha256(json.dumps(more).encode()).hexdigest()


def slug(name: str) -> str:
    """A name as a part of those of folders."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return kept.strip("-")[:40] or "data"


def _notes(n_longer: int, n: int) -> tuple[str, ...]:
    if not n_longer:
        return ()
    window = MEL64.n_samples / MEL64.sample_rate
    return (
        f"{n_longer:,} of {n:,} sounds are longer than {window:.3f} s: models hear the loudest "
        f"{window:.3f} s of each",
    )
