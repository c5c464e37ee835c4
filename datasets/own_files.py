"""Images and sounds of any format, as models take them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common.errors import InputError, escaped
from common.progress import Progress
from converters.header import ConverterError
from converters.mel64.converter import mono_samples
from converters.mel64.features import MEL64, fit_clip
from converters.picture_files import read_picture
from converters.sound_files import read_sound
from datasets.base import Color

__all__ = ["Sounds", "read_images", "read_samples", "read_sounds", "shown", "windows"]

MAX_SECONDS = 60  # of a sound
GREY = 8  # of 255: as much as the compression of a grey image tints it
MAX_BYTES = 4 << 30  # of all images in memory
MAX_WINDOWS = 100_000  # of all sounds in memory
QUIET = 1 / 30  # of a sound's loudest window: a window below it is a pause


class Sounds(NamedTuple):
    """n sounds."""

    clips: Tensor  # (c, 8192) float32
    hashes: list[str]  # sha256 of the samples of each
    n_longer: int  # than a window
    sources: list[int]  # of each clip, which sound it is of


def read_images(paths: Sequence[Path], size: int, color: Color) -> Tensor:
    """(n, size, size) uint8, or (n, 3, size, size) in colour.

    Raises:
        InputError: a file that cannot be read, or too many.
    """
    if len(paths) * size * size * 3 > MAX_BYTES:
        raise InputError(f"{len(paths):,} images of {size} x {size} do not fit: lower --size")
    read = [_square(path, size) for path in _bar("images", paths)]  # (size, size, 3) each
    pixels = torch.from_numpy(np.stack(read))
    grey = int((pixels.amax(-1) - pixels.amin(-1)).max()) <= GREY
    if color == "grey" or (color == "auto" and grey):
        weights = torch.tensor([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow does it
        return (pixels.float() @ weights).round().to(torch.uint8)
    return pixels.permute(0, 3, 1, 2).contiguous()


def _square(path: Path, size: int) -> np.ndarray:
    """(size, size, 3) uint8: the middle square of a picture."""
    try:
        pixels = read_picture(path, shown(path), strict=True).pixels  # (h, w[, c])
    except (ConverterError, OSError) as error:
        raise InputError(f"{error}: repair it or take it away") from error
    if pixels.dtype != np.uint8:
        pixels = (pixels / np.iinfo(pixels.dtype).max * 255).round().astype(np.uint8)
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = Image.fromarray(pixels[top : top + side, left : left + side]).convert("RGB")
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))


def read_sounds(paths: Sequence[Path], whole: bool = False) -> Sounds:
    """One window of each; of a longer sound its loudest, or, if `whole`, all that are no pauses.

    Raises:
        InputError: a file that cannot be read, or holds nothing or too much.
    """
    clips: list[Tensor] = []
    sources: list[int] = []
    hashes, n_longer = [], 0
    for i, path in enumerate(_bar("sounds", paths)):
        samples = read_samples(path)
        hashes.append(hashlib.sha256(samples.tobytes()).hexdigest())
        n_longer += len(samples) > MEL64.n_samples
        found = windows(samples)[0] if whole else fit_clip(torch.from_numpy(samples))[None]
        heard = found[found.any(1)]
        if len(sources) + len(heard) > MAX_WINDOWS:
            raise InputError(
                f"more than {MAX_WINDOWS:,} windows of sound do not fit: take some away"
            )
        clips.append(heard)
        sources += [i] * len(heard)
    return Sounds(torch.cat(clips), hashes, n_longer, sources)


def windows(samples: np.ndarray) -> tuple[Tensor, Tensor]:
    """A sound of any length, cut into windows one after the other; a pause is all zeros.

    Args:
        samples: (n,), n >= 1, finite, at the rate of the models.

    Returns:
        (w, 8192) clips, each normalized, and (w,) the RMS that each had without DC. The rest at the
        end, if it is shorter than half a window, is left out.
    """
    size = MEL64.n_samples
    n = max(1, (len(samples) + size // 2) // size)
    pieces = [torch.from_numpy(samples[i * size : (i + 1) * size]) for i in range(n)]
    level = torch.stack([piece.double().std(correction=0) for piece in pieces])  # without DC
    heard = level > QUIET * level.max()
    clips = torch.stack([fit_clip(piece) for piece in pieces])
    return clips * heard[:, None], (level * heard).float()


def read_samples(path: Path) -> np.ndarray:
    """(n,) float32 at the rate of the models, in mono.

    Raises:
        InputError: it cannot be read, or holds nothing or too much.
    """
    try:
        sound = read_sound(path, shown(path), strict=True)
        seconds = sound.format.n_samples / sound.format.sample_rate
        if seconds > MAX_SECONDS:
            raise InputError(
                f"{shown(path)}: {seconds:.0f} s long, more than {MAX_SECONDS} s: cut out what is "
                "to be heard"
            )
        samples = mono_samples(sound, MEL64.sample_rate)
    except (ConverterError, OSError) as error:
        raise InputError(f"{error}: repair it or take it away") from error
    if samples.dtype.kind == "i":
        samples = samples / sound.format.full_scale
    if not len(samples) or not np.isfinite(samples).all():
        raise InputError(f"{shown(path)}: is empty or not finite: take it away")
    if not np.ptp(samples):
        raise InputError(f"{shown(path)}: is silent: take it away")
    return np.asarray(samples, np.float32)


def _bar(name: str, paths: Sequence[Path]) -> Iterator[Path]:
    with Progress(f"reading {name}", len(paths), unit="file") as bar:
        for path in paths:
            yield path
            bar.update()


def shown(path: Path) -> str:
    """Its name, safe to print."""
    return escaped(str(path))
