"""A folder of images and a folder of sounds that are no pairs and have no classes.

Formats as in `datasets.folder`. Every sound is heard whole, window by window; a file's windows are
in one split.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from common.errors import InputError
from converters.mel64.features import to_picture
from datasets.base import OWN, SPLITS, Color, Images, PairedDataset, Recordings
from datasets.folder import MAX_FILES, MIN_FILES, check_size, listed, own_fingerprint, slug
from datasets.own_files import read_images, read_sounds, shown
from datasets.splits import split_by_content

__all__ = ["load"]

ALL = "all"  # the one class


def load(images: Path, sounds: Path, size: int = 28, color: Color = "auto") -> PairedDataset:
    """Reads everything in two folders, which may have sub-folders.

    Args:
        size: of the images, in pixels: a multiple of 4 from 16 to 256.
        color: auto: grey if all images are.

    Raises:
        InputError: a folder or a file that cannot be used; it names the file.
    """
    check_size(size)
    image_files, sound_files = _files(images, "images"), _files(sounds, "sounds")
    pixels = read_images(image_files, size, color)
    clips, hashes, _, sources = read_sounds(sound_files, whole=True)
    image_hashes = [hashlib.sha256(image.tobytes()).hexdigest() for image in pixels.numpy()]
    of_images = split_by_content(image_hashes, torch.zeros(len(pixels), dtype=torch.int64))
    of_sounds = split_by_content(hashes, torch.zeros(len(hashes), dtype=torch.int64))
    for kind, split in (("images", of_images), ("sounds", of_sounds)):
        if (split.bincount(minlength=len(SPLITS)) < 2).any():
            raise InputError(
                f"too few different {kind} for training, validation and test: add more"
            )
    source = torch.tensor(sources)
    all_images = Images(pixels, torch.zeros(len(pixels), dtype=torch.int64), of_images)
    recordings = Recordings(
        clips=clips,
        pictures=to_picture(clips),
        digit=torch.zeros_like(source),
        speaker=torch.zeros_like(source),
        speakers=("",),
        names=tuple(f"{sound_files[s]}#{i}" for i, s in enumerate(sources)),
        hashes=tuple(hashes[s] for s in sources),
        official=of_sounds[source],
    )
    return PairedDataset(
        name=f"{OWN}{slug(images.name)}-{slug(sounds.name)}",
        images=all_images,
        recordings=recordings,
        fingerprint=own_fingerprint(all_images, recordings, (ALL,)),
        classes=(ALL,),
        notes=(f"{len(sound_files):,} sounds are heard in {len(clips):,} windows; no pairs",),
    )


def _files(folder: Path, kind: str) -> list[Path]:
    """All of a folder, however deep, sorted."""
    if not folder.is_dir():
        raise InputError(f"--{kind} {shown(folder)}: no such folder")
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        for each in listed(waiting.pop()):
            (waiting if each.is_dir() and not each.is_symlink() else found).append(each)
    if odd := next((each for each in found if not each.is_file()), None):
        raise InputError(f"{shown(odd)}: is no file: take it away")
    if not MIN_FILES <= len(found) <= MAX_FILES:
        raise InputError(
            f"--{kind} {shown(folder)}: {len(found):,} files: give {MIN_FILES} to {MAX_FILES:,}"
        )
    return sorted(found)
