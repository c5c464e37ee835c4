"""Data for a machine that has neither the data nor a network.

Images: the 1,797 handwritten 8x8 digits of scikit-learn's `load_digits`, enlarged to look like
MNIST. Speech: 60 synthetic speakers, which are voices of espeak-ng, say each digit five times,
3,000 recordings. It stands in for MNIST-FSDD to try things out; its results compare with no others.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import random
import subprocess
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from common.errors import InputError
from common.files import write_atomically
from converters.mel64 import features
from converters.mel64.features import MEL64, fit_clip, to_picture
from datasets.base import SPLITS, Images, PairedDataset, Recordings
from datasets.fingerprint import fingerprint

__all__ = ["NAME", "load", "synthesize"]

NAME = "offline"

# Of espeakng-loader 0.2.4 (espeak-ng 1.52.0): sha256 over the hashes of the recordings.
_CORPUS_SHA256 = "deaf013976e694001c9e5ba9144c9ac2e77e6fe71278d5df31f9d6b55ce1236b"

_SAMPLE_RATE = 22050  # Hz, of espeak-ng
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TAKES = ("{}", "{}.", "{},", "{}?", "{}!")  # punctuation sets the intonation

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
# A variant that is held out is in no other speaker. Two women, a Klatt voice and three men each.
_VARIANTS = {
    "train": _FEMALE + _MALE + _FEMALE + _KLATT,
    "validation": ("belinda", "grandma", "david", "Gene2", "Nguyen", "m4"),
    "test": ("f1", "linda", "edward", "Lee", "m7", "rob"),
}


class _Utterance(NamedTuple):
    speaker: str  # a voice of espeak-ng: accent+variant
    split: str
    digit: int
    take: int
    line: tuple[str, str, int, int, int]  # voice, text, rate (words/min), pitch, range (0-99)


def load(data_dir: Path) -> PairedDataset:
    """All of it: 1,797 images and 3,000 recordings.

    Built once in some seconds and cached in `data_dir/offline`; a cache that is damaged or made by
    other code is built again. Where nothing can be written, nothing is cached.

    Images: 1,201 train, 300 validation and 296 test, by content. Recordings: 2,400, 300 and 300,
    by speaker. `official` is the split to use: `speaker:NAME` leaves the same variant in another
    accent among the training speakers.

    Another build of espeak-ng may give other speech. That gives a warning and another fingerprint,
    so that its results never mix with others.

    Raises:
        InputError: espeakng-loader is not installed, or does not work here.
    """
    cache = data_dir / NAME / "offline.safetensors"
    tensors = _read_cache(cache)
    if tensors is None:
        tensors = _build()
        if hashlib.sha256(tensors["hashes"].numpy().tobytes()).hexdigest() == _CORPUS_SHA256:
            _write_cache(cache, tensors)
        else:
            warnings.warn(
                "offline data: the speech of this espeak-ng differs from that of espeakng-loader"
                " 0.2.4 for Linux on x86-64; results compare only with those of the same build",
                stacklevel=2,
            )
    plan = _plan()
    speakers = tuple(dict.fromkeys(u.speaker for u in plan))
    images = Images(tensors["pixels"], tensors["digit"], tensors["split"])
    recordings = Recordings(
        clips=tensors["clips"],
        pictures=tensors["pictures"],
        digit=torch.tensor([u.digit for u in plan]),
        speaker=torch.tensor([speakers.index(u.speaker) for u in plan]),
        speakers=speakers,
        names=tuple(f"{u.digit}_{u.speaker}_{u.take}" for u in plan),
        hashes=tuple(row.tobytes().hex() for row in tensors["hashes"].numpy()),
        official=torch.tensor([SPLITS.index(u.split) for u in plan]),
    )
    return PairedDataset(NAME, images, recordings, fingerprint(images, recordings))


def _build() -> dict[str, Tensor]:
    """The costly part, as it is cached on disk."""
    speech = synthesize(u.line for u in _plan())  # first: it may fail
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
    # Here, because it takes a second, which the cache saves.
    from sklearn.datasets import load_digits

    small, digit = load_digits(return_X_y=True)
    small = torch.from_numpy(small).reshape(-1, 1, 8, 8) / 16
    grey = F.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)[:, 0]
    grey = F.pad((2 * grey - 0.6).clamp(0, 1), (4, 4, 4, 4))  # the edges of a pen, not of a blur
    centered = torch.stack([_center(image) for image in grey])
    return (centered * 255).round().to(torch.uint8), torch.from_numpy(digit).long()


def _center(image: Tensor) -> Tensor:
    """Moves the center of mass to the middle, as in MNIST, by at most the margin of 4."""
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
    """Every utterance, in the order of synthesis."""
    rng = random.Random(0)

    def draw(low: float, high: float) -> float:
        return low + (high - low) * rng.random()  # `random` is the same in every Python

    plan = []
    speakers = [(split, variant) for split in SPLITS for variant in _VARIANTS[split]]
    for s, (split, variant) in enumerate(speakers):
        speaker = f"{_ACCENTS[s % len(_ACCENTS)]}+{variant}"
        rate, pitch = draw(135, 170), draw(40, 60)
        for digit, word in enumerate(_WORDS):
            for take, text in enumerate(_TAKES):
                line = (
                    speaker,
                    text.format(word),
                    round(rate * draw(0.93, 1.07)),
                    round(pitch + draw(-8, 8)),
                    round(draw(20, 80)),
                )
                plan.append(_Utterance(speaker, split, digit, take, line))
    return plan


def synthesize(lines: Iterable[tuple[str, str, int, int, int]]) -> list[np.ndarray]:
    """Speech of espeak-ng.

    Args:
        lines: voice, text, rate in words/min, pitch and range of pitch (0-99).

    Returns:
        Samples of each line, int16 at 22,050 Hz.

    Raises:
        InputError: espeakng-loader is not installed, or does not work here.
    """
    try:
        loader = importlib.import_module("espeakng_loader")
    except ImportError:
        raise InputError(
            "offline data: espeakng-loader is not installed; it is the extra `offline`:"
            " pip install espeakng-loader"
        ) from None
    request = {"library": loader.get_library_path(), "lines": list(lines)}
    done = subprocess.run(
        [sys.executable, "-I", str(Path(__file__).with_name("espeak.py"))],
        input=json.dumps(request).encode(),
        cwd=Path(loader.get_data_path()).parent,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        stderr = done.stderr.decode(errors="replace").strip()
        why = stderr.splitlines()[-1] if stderr else "its process terminated"
        raise InputError(
            f"offline data: espeakng-loader does not work here: {why}; install version 0.2.4"
        )
    speech = []
    at = 0
    while at < len(done.stdout):
        n = int(np.frombuffer(done.stdout, np.uint32, 1, at)[0])
        speech.append(np.frombuffer(done.stdout, np.int16, n, at + 4))
        at += 4 + 2 * n
    return speech


def _clip(samples: np.ndarray) -> Tensor:
    import soxr

    # float64, so that the clip hardly depends on the machine's vector unit.
    sound = soxr.resample(samples / 32768, _SAMPLE_RATE, MEL64.sample_rate)
    return fit_clip(torch.from_numpy(sound))


# The cache


def _checksum(tensors: dict[str, Tensor]) -> str:
    """sha256 over the tensors and over the code that made them."""
    sha = hashlib.sha256()
    here = Path(__file__)
    for code in (here, here.with_name("espeak.py"), Path(features.__file__)):
        sha.update(code.read_bytes())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.numpy().data)
    return sha.hexdigest()


def _read_cache(path: Path) -> dict[str, Tensor] | None:
    """None: there is no file, or it is damaged or of other code."""
    try:
        with safe_open(path, framework="pt") as file:
            checksum = (file.metadata() or {}).get("sha256")
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError):
        return None
    return tensors if checksum == _checksum(tensors) else None


def _write_cache(path: Path, tensors: dict[str, Tensor]) -> None:
    """Leaves nothing where the disk is read-only or full."""
    with suppress(InputError):
        write_atomically(path, save(tensors, metadata={"sha256": _checksum(tensors)}))
