"""MNIST and the Free Spoken Digit Dataset (FSDD v1.0.10).

Images: the first 50,000 of MNIST train, its last 10,000 (validation), t10k (test).
Sound: six speakers, ten digits, fifty takes: 0-4 test, 5-9 validation, 10-49 train.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from converters.mel64.features import fit_clip, to_picture
from datasets import download, manifest
from datasets.base import SPLITS, Images, PairedDataset, Recordings
from datasets.fingerprint import fingerprint

__all__ = ["NAME", "is_present", "load"]

NAME = "mnist-fsdd"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TRAIN, VALIDATION, TEST = range(len(SPLITS))


def is_present(data_dir: Path) -> bool:
    """Whether any of it is under `data_dir`; it may still be damaged."""
    return manifest.state(data_dir) in ("partial", "complete-looking")


def load(data_dir: Path) -> PairedDataset:
    """Reads and verifies everything under `data_dir`; downloads it first where nothing is there.

    Raises:
        Unavailable: it is not there and no address gives it.
        InputError: a file is missing or altered.
    """
    if not is_present(data_dir):
        download.fetch(data_dir)
    manifest.verify(data_dir)
    images = _images(data_dir / "MNIST" / "raw")
    recordings = _recordings(data_dir / "FSDD" / "recordings")
    return PairedDataset(NAME, images, recordings, fingerprint(images, recordings))


def _images(folder: Path) -> Images:
    pixels = torch.cat([_idx(folder / f"{part}-images-idx3-ubyte") for part in ("train", "t10k")])
    digit = torch.cat([_idx(folder / f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")])
    split = torch.full((len(digit),), TRAIN)
    split[50_000:60_000] = VALIDATION
    split[60_000:] = TEST
    return Images(pixels, digit.long(), split)


def _idx(path: Path) -> Tensor:
    """The format of Y. LeCun: two zero bytes, type, rank, then big-endian sizes, then bytes."""
    raw = path.read_bytes()
    sizes = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    return torch.from_numpy(values.reshape(sizes.tolist()).copy())


def _recordings(folder: Path) -> Recordings:
    # By the manifest, not by the folder's content: only that has been verified.
    names = sorted(Path(path).stem for path in manifest.read_manifest() if path.startswith("FSDD/"))
    fields = [name.split("_") for name in names]  # digit, speaker, take
    samples = [soundfile.read(folder / f"{name}.wav", dtype="int16")[0] for name in names]
    clips = torch.stack([fit_clip(torch.from_numpy(clip)) for clip in samples])
    take = torch.tensor([int(field[2]) for field in fields])
    return Recordings(
        clips=clips,
        pictures=to_picture(clips),
        digit=torch.tensor([int(field[0]) for field in fields]),
        speaker=torch.tensor([SPEAKERS.index(field[1]) for field in fields]),
        speakers=SPEAKERS,
        names=tuple(names),
        hashes=tuple(hashlib.sha256(clip.tobytes()).hexdigest() for clip in samples),
        official=torch.where(take < 5, TEST, torch.where(take < 10, VALIDATION, TRAIN)),
    )
