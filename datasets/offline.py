"""Data for a machine that has neither the data nor a network.

Images: the 1,797 handwritten 8x8 digits of scikit-learn's `load_digits`, enlarged to look like
MNIST. Speech: 60 synthetic voices of espeak-ng say each digit five times, 3,000 recordings. It
stands in for MNIST-FSDD to try things out: its figures are figures of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import random
import secrets
import subprocess
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from common.errors import InputError
from converters.mel64 import features
from converters.mel64.features import MEL64, fit_clip, to_picture
from datasets.base import SPLITS, Images, PairedDataset, Recordings
from datasets.fingerprint import fingerprint

__all__ = ["NAME", "load"]

NAME = "offline"

# What espeakng-loader 0.2.4 (espeak-ng 1.52.0) speaks: sha256 over the hashes of the recordings.
_CORPUS = "deaf013976e694001c9e5ba9144c9ac2e77e6fe71278d5df31f9d6b55ce1236b"

_SAMPLE_RATE = 22050  # Hz, of espeak-ng
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TAKES = ("{}", "{}.", "{},", "{}?", "{}!")  # punctuation sets the melody

_ACCENTS = (
    "en-us",
    "en",
    "en-gb-scotland",
    "en-029",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-us-nyc",
    "en-gb-x-gbcwmd",
)
# Variants of espeak-ng by kind. Left out: those with a `breath` line (not deterministic), robots,
# near copies of another variant, and those too long, too short, too loud or hard to understand.
_FEMALE = ("Andrea", "Annie", "anika", "aunty", "f4", "steph", "steph2", "steph3")
_KLATT = ("adam", "announcer", "edward2", "klatt", "klatt4", "klatt6")
_MALE = (
    *("Alex", "Andy", "Denis", "Diogo", "Gene", "Hugo", "Jacky", "Mario", "Mike", "boris"),
    *("grandpa", "gustave", "iven2", "iven3", "john", "kaukovalta", "m1", "m2", "m3", "m5"),
    *("m8", "marcelo", "michel", "pablo", "shelby", "travis"),
)
# A variant that is held out is in no other voice. Two women, a Klatt voice and three men each.
_VARIANTS = {
    "train": _FEMALE + _MALE + _FEMALE + _KLATT,
    "validation": ("belinda", "grandma", "david", "Gene2", "Nguyen", "m4"),
    "test": ("f1", "linda", "edward", "Lee", "m7", "rob"),
}


class _Utterance(NamedTuple):
    voice: str
    split: str
    digit: int
    take: int
    line: tuple[str, str, int, int, int]  # voice, text, rate (words/min), pitch and range (0-99)


def load(data_dir: Path) -> PairedDataset:
    """All of it: 1,797 images and 3,000 recordings.

    Built once in some seconds and kept in `data_dir/offline`; a copy there that is damaged or made
    by other code is built again. Where nothing can be written, nothing is kept.

    Images: 1,201 train, 300 validation and 296 test, by content. Recordings: 2,400, 300 and 300,
    by voice. `official` is the split to use: `speaker:NAME` leaves the same variant in another
    accent among the training voices.

    Another build of espeak-ng may speak differently. That gives a warning and another fingerprint,
    so that its results never mix with others.

    Raises:
        InputError: espeakng-loader is not installed, or does not work here.
    """
    cache = data_dir / NAME / "offline.safetensors"
    tensors = _read(cache)
    if tensors is None:
        tensors = _build()
        if _corpus(tensors["hashes"]) == _CORPUS:
            _write(cache, tensors)
        else:
            warnings.warn(
                "offline data: this espeak-ng speaks differently from that of espeakng-loader"
                " 0.2.4 for Linux on x86-64; results compare only with those of the same build",
                stacklevel=2,
            )
    plan = _plan()
    speakers = tuple(dict.fromkeys(u.voice for u in plan))
    images = Images(tensors["pixels"], tensors["digit"], tensors["split"])
    recordings = Recordings(
        clips=tensors["clips"],
        pictures=tensors["pictures"],
        digit=torch.tensor([u.digit for u in plan]),
        speaker=torch.tensor([speakers.index(u.voice) for u in plan]),
        speakers=speakers,
        names=tuple(f"{u.digit}_{u.voice}_{u.take}" for u in plan),
        hashes=tuple(row.tobytes().hex() for row in tensors["hashes"].numpy()),
        official=torch.tensor([SPLITS.index(u.split) for u in plan]),
    )
    return PairedDataset(NAME, images, recordings, fingerprint(images, recordings))


def _build() -> dict[str, Tensor]:
    """The costly part, as it is kept on disk."""
    speech = _speak(u.line for u in _plan())  # first: it may fail
    pixels, digit = _images()
    clips = torch.stack([_clip(samples) for samples in speech])
    hashes = b"".join(hashlib.sha256(samples.tobytes()).digest() for samples in speech)
    return {
        "pixels": pixels,
        "digit": digit,
        "split": _split(pixels, digit),
        "clips": clips,
        "pictures": to_picture(clips),
        "hashes": torch.frombuffer(bytearray(hashes), dtype=torch.uint8).reshape(-1, 32),
    }


# Images


def _images() -> tuple[Tensor, Tensor]:
    """Pixels (n, 28, 28) uint8 and digits (n,) int64."""
    # Here, because it takes a second that a kept copy does not need.
    from sklearn.datasets import load_digits

    small, digit = load_digits(return_X_y=True)
    small = torch.from_numpy(small).reshape(-1, 1, 8, 8) / 16
    grey = F.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)[:, 0]
    grey = F.pad((2 * grey - 0.6).clamp(0, 1), (4, 4, 4, 4))  # the edges of a pen, not of a blur
    centred = torch.stack([_centre(image) for image in grey])
    return (centred * 255).round().to(torch.uint8), torch.from_numpy(digit).long()


def _centre(image: Tensor) -> Tensor:
    """Moves the centre of mass to the middle, as in MNIST, as far as the margin of 4 goes."""
    at = torch.arange(28, dtype=image.dtype)
    mass = image.sum()
    down = round(13.5 - float(image.sum(1) @ at / mass))
    right = round(13.5 - float(image.sum(0) @ at / mass))
    return image.roll((max(-4, min(4, down)), max(-4, min(4, right))), (0, 1))


def _split(pixels: Tensor, digit: Tensor) -> Tensor:
    """Of each digit 4/6, 1/6 and 1/6, in the order of the content's hash (no two are equal)."""
    split = torch.empty_like(digit)
    hashes = [hashlib.sha256(image.numpy().tobytes()).digest() for image in pixels]
    for d in range(10):
        members = sorted(torch.where(digit == d)[0].tolist(), key=hashes.__getitem__)
        for rank, i in enumerate(members):
            split[i] = max(0, 6 * rank // len(members) - 3)
    return split


# Speech


def _plan() -> list[_Utterance]:
    """Every utterance, in the order in which they are spoken."""
    rng = random.Random(0)

    def draw(low: float, high: float) -> float:
        return low + (high - low) * rng.random()  # `random` is the same in every Python

    plan = []
    voices = [(split, variant) for split in SPLITS for variant in _VARIANTS[split]]
    for v, (split, variant) in enumerate(voices):
        voice = f"{_ACCENTS[v % len(_ACCENTS)]}+{variant}"
        rate, pitch = draw(135, 170), draw(40, 60)
        for digit, word in enumerate(_WORDS):
            for take, text in enumerate(_TAKES):
                line = (
                    voice,
                    text.format(word),
                    round(rate * draw(0.93, 1.07)),
                    round(pitch + draw(-8, 8)),
                    round(draw(20, 80)),
                )
                plan.append(_Utterance(voice, split, digit, take, line))
    return plan


def _speak(lines: Iterable[tuple[str, str, int, int, int]]) -> list[np.ndarray]:
    """Samples of each line, int16 at 22,050 Hz."""
    try:
        loader = importlib.import_module("espeakng_loader")
    except ImportError:
        raise InputError(
            "offline data: espeakng-loader is not installed; it is the extra `offline`:"
            " pip install espeakng-loader"
        ) from None
    request = {"library": loader.get_library_path(), "lines": list(lines)}
    spoken = subprocess.run(
        [sys.executable, "-I", str(Path(__file__).with_name("espeak.py"))],
        input=json.dumps(request).encode(),
        cwd=Path(loader.get_data_path()).parent,
        capture_output=True,
        check=False,
    )
    if spoken.returncode:
        said = spoken.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(
            f"offline data: espeakng-loader does not work here: {said[-1] if said else 'it died'};"
            " install version 0.2.4"
        )
    speech = []
    at = 0
    while at < len(spoken.stdout):
        n = int(np.frombuffer(spoken.stdout, np.uint32, 1, at)[0])
        speech.append(np.frombuffer(spoken.stdout, np.int16, n, at + 4))
        at += 4 + 2 * n
    return speech


def _clip(samples: np.ndarray) -> Tensor:
    import soxr

    # float64, so that the clip hardly depends on the machine's vector unit.
    sound = soxr.resample(samples / 32768, _SAMPLE_RATE, MEL64.sample_rate)
    return fit_clip(torch.from_numpy(sound))


def _corpus(hashes: Tensor) -> str:
    return hashlib.sha256(hashes.numpy().tobytes()).hexdigest()


# The copy on disk


def _seal(tensors: dict[str, Tensor]) -> str:
    """sha256 over the tensors and over the code that made them."""
    sha = hashlib.sha256()
    here = Path(__file__)
    for code in (
        here,
        here.with_name("espeak.py"),
        Path(features.__file__),
    ):
        sha.update(code.read_bytes())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.numpy().data)
    return sha.hexdigest()


def _read(path: Path) -> dict[str, Tensor] | None:
    """None: there is no copy, or it is damaged or of other code."""
    try:
        with safe_open(path, framework="pt") as file:
            seal = (file.metadata() or {}).get("sha256")
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError):
        return None
    return tensors if seal == _seal(tensors) else None


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    """All or nothing; nothing where the disk is read-only or full."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    content = save(tensors, metadata={"sha256": _seal(tensors)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
