"""Folders of somebody's own images and sounds, made of shapes and tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, ImageDraw

__all__ = ["CLASSES", "write_folder", "write_image", "write_sound"]

CLASSES = ("cross", "disc", "stripes")
SUFFIXES = (".png", ".jpg", ".webp"), (".wav", ".flac", ".ogg")


def write_folder(path: Path, n: int = 30, color: bool = True, size: int = 48) -> Path:
    """n images and n sounds of each class, in changing formats."""
    rng = np.random.default_rng(0)
    for label in CLASSES:
        for i in range(n):
            image, sound = (
                path / kind / label / f"{label} {i}{suffixes[i % 3]}"
                for kind, suffixes in zip(("images", "sounds"), SUFFIXES, strict=True)
            )
            write_image(image, label, rng, color, size)
            write_sound(sound, label, rng)
    return path


def write_image(
    path: Path, label: str, rng: np.random.Generator, color: bool = True, size: int = 48
) -> None:
    """A shape of random place and size, in a colour of its own."""
    image = Image.new("RGB", (size + 8, size), (0, 0, 0))
    canvas, ink = ImageDraw.Draw(image), tuple(rng.integers(120, 256, 3).tolist())
    x, y = rng.uniform(0.4, 0.6, 2) * size
    r = rng.uniform(0.2, 0.35) * size
    if label == "disc":
        canvas.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    elif label == "cross":
        for dx in (-1, 1):
            canvas.line((x - dx * r, y - r, x + dx * r, y + r), fill=ink, width=size // 8)
    else:
        for k in range(4):
            canvas.line((x - r, y - r + k * r / 2, x + r, y - r + k * r / 2), fill=ink, width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if color else image.convert("L")).save(path)


def write_sound(
    path: Path, label: str, rng: np.random.Generator, seconds: float = 0.6, rate: int = 16000
) -> None:
    """A tone, a rising tone or noise, of random pitch."""
    t = np.arange(round(seconds * rate)) / rate
    pitch = rng.uniform(300, 600)
    wave = {
        "disc": np.sin(2 * np.pi * pitch * t),
        "cross": np.sin(2 * np.pi * pitch * (1 + 2 * t) * t),
        "stripes": rng.standard_normal(len(t)) / 4,
    }[label]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * wave * np.hanning(len(t)), rate)
