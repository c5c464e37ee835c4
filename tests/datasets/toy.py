"""Small paired datasets: one in memory, one in files by the names and formats of MNIST and FSDD."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from datasets.base import Images, PairedDataset, Recordings
from datasets.fingerprint import fingerprint

TRAIN, VALIDATION, TEST = range(3)
SPEAKERS = ("zoe", "ann", "mia", "bob")  # in no order
TAKES = (0, 4, 5, 9, 10, 49)


def toy_dataset(n_images: int = 900) -> PairedDataset:
    """Every item differs from every other: image i holds i in its first two pixels, recording i in
    those of its picture and in its clip."""
    i = torch.arange(n_images)
    images = Images(
        pixels=numbered(n_images, 28),
        digit=(7 * i + i // 13) % 10,
        split=torch.where(i % 9 < 6, TRAIN, torch.where(i % 9 < 7, VALIDATION, TEST)),
    )
    every = list(itertools.product(range(10), SPEAKERS, range(6)))
    n = len(every)
    take = torch.tensor([take for _, _, take in every])
    recordings = Recordings(
        clips=torch.linspace(0.01, 1, n).unsqueeze(1).repeat(1, 8192),
        pictures=numbered(n, 64),
        digit=torch.tensor([digit for digit, _, _ in every]),
        speaker=torch.tensor([SPEAKERS.index(speaker) for _, speaker, _ in every]),
        speakers=SPEAKERS,
        names=tuple(f"{digit}_{speaker}_{take}" for digit, speaker, take in every),
        hashes=tuple(hashlib.sha256(repr(item).encode()).hexdigest() for item in every),
        official=torch.where(take < 1, TEST, torch.where(take < 2, VALIDATION, TRAIN)),
    )
    return PairedDataset("toy", images, recordings, fingerprint(images, recordings))


def numbered(n: int, size: int) -> torch.Tensor:
    """(n, size, size) uint8"""
    pictures = torch.zeros(n, size, size, dtype=torch.uint8)
    pictures[:, 0, 0] = torch.arange(n) % 256
    pictures[:, 0, 1] = torch.arange(n) // 256
    return pictures


def numbers(pictures: torch.Tensor) -> torch.Tensor:
    """The inverse of `numbered`: (n, size, size) -> (n,)"""
    top = pictures[..., 0, :2].long()
    return top[..., 0] + 256 * top[..., 1]


def fake_files() -> Iterator[tuple[str, bytes]]:
    """Files by the names and formats of MNIST and FSDD: images of one pixel, few recordings."""
    for name, n in (("train", 60_000), ("t10k", 10_000)):
        i = np.arange(n)
        size = n.to_bytes(4, "big")
        pixels, digits = (i * 31 % 251).astype(np.uint8), (i % 10).astype(np.uint8)
        one = (1).to_bytes(4, "big")
        path = f"MNIST/raw/{name}"
        yield f"{path}-images-idx3-ubyte", b"\0\0\x08\x03" + size + one + one + pixels.tobytes()
        yield f"{path}-labels-idx1-ubyte", b"\0\0\x08\x01" + size + digits.tobytes()
    items = itertools.product((0, 7), ("theo", "george"), TAKES)
    for k, (digit, speaker, take) in enumerate(items):
        samples = np.random.default_rng(k).integers(-9000, 9000, 500 + 100 * k).astype(np.int16)
        wav = io.BytesIO()
        soundfile.write(wav, samples, 8000, format="WAV")
        yield f"FSDD/recordings/{digit}_{speaker}_{take}.wav", wav.getvalue()


def fake_data(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A data folder that is complete by a manifest of its own."""
    manifest = {}
    for path, content in fake_files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        manifest[path] = hashlib.sha256(content).hexdigest()
    for module in ("manifest", "download"):
        patch.setattr(f"datasets.{module}.read_manifest", lambda: manifest)
    return folder


def with_same_image(dataset: PairedDataset, a: int, b: int) -> PairedDataset:
    """Image b gets the pixels of image a."""
    pixels = dataset.images.pixels.clone()
    pixels[b] = pixels[a]
    return dataclasses.replace(dataset, images=dataclasses.replace(dataset.images, pixels=pixels))


def first(index: torch.Tensor, split: int, k: int = 0) -> int:
    """The k-th item of a split."""
    return int((index == split).nonzero()[k])
