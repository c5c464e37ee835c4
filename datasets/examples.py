"""Material to try things out with, drawn and synthesized: classes of shapes, abstract art, speech.

python -m datasets.examples examples

examples/shapes/images/<class>/*    crosses, discs and stripes, for --data folder:examples/shapes
examples/shapes/sounds/<class>/*    tones, rising tones and noise
examples/art/*                      pictures without classes, for --images
examples/speech/*                   sentences of espeak-ng, for --sounds
examples/digits/*                   ten spoken digits, for draw.py
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import tyro
from PIL import Image, ImageDraw

from common.command_line import parse
from common.errors import InputError, command
from common.progress import Progress
from datasets.offline import synthesize

__all__ = [
    "CLASSES",
    "write_art",
    "write_digits",
    "write_image",
    "write_shapes",
    "write_sound",
    "write_speech",
]

CLASSES = ("cross", "disc", "stripes")
SUFFIXES = (".png", ".jpg", ".webp"), (".wav", ".flac", ".ogg")
WORDS: tuple[Sequence[str], ...] = (
    ("The painter", "A child", "My neighbour", "The old sailor", "Nobody", "Every morning a bird"),
    ("hears", "draws", "remembers", "forgets", "sings about", "listens to"),
    (
        "a green river",
        "the sound of rain",
        "seven small boats",
        "a broken mirror",
        "the last train",
    ),
    ("near the harbour", "in the evening", "without a word", "for a long time", "under the bridge"),
)
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOICES = ("en-us+Annie", "en-us+Andy", "en-gb-scotland+steph", "en-us+Mike", "en-029+m3")


@dataclass(frozen=True)
class Options:
    """Writes images and sounds to try things out with."""

    folder: Annotated[Path, tyro.conf.Positional]
    """Where: a new folder."""
    files: int = 30
    """Images, and sounds, of each class of shapes."""
    images: int = 300
    """Of abstract art, 128 x 128 in colour."""
    sentences: int = 60
    """Of speech, each two to three seconds long."""


def write_shapes(path: Path, n: int = 30, color: bool = True, size: int = 48) -> Path:
    """n images and n sounds of each class, in changing formats."""
    rng = np.random.default_rng(0)
    with Progress("shapes", len(CLASSES) * n, unit="pair") as bar:
        for label in CLASSES:
            for i in range(n):
                image, sound = (
                    path / kind / label / f"{label} {i}{suffixes[i % 3]}"
                    for kind, suffixes in zip(("images", "sounds"), SUFFIXES, strict=True)
                )
                write_image(image, label, rng, color, size)
                write_sound(sound, label, rng)
                bar.update()
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


def write_art(path: Path, n: int = 300, size: int = 128) -> Path:
    """n pictures of warped waves in three colours, with discs."""
    rng = np.random.default_rng(1)
    path.mkdir(parents=True, exist_ok=True)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, size)] * 2))  # (2, size, size)
    with Progress("art", n, unit="picture") as bar:
        for i in range(n):
            colors = rng.uniform(0, 1, (3, 3))
            place = at
            for _ in range(2):  # a wave along one place bends the next
                along = rng.uniform(-2, 2, (2, 2))
                place = place + 0.4 * np.sin(np.einsum("ij,jhw->ihw", along, place * 3))
            wave = np.sin(rng.uniform(1, 4) * np.pi * place[0] + rng.uniform(0, 6)) / 2 + 0.5
            other = np.sin(rng.uniform(1, 3) * np.pi * place[1] + rng.uniform(0, 6)) / 2 + 0.5
            mixed = wave[..., None] * colors[0] + (1 - wave[..., None]) * colors[1]
            for _ in range(rng.integers(0, 3)):
                x, y = rng.uniform(-0.7, 0.7, 2)
                inside = np.hypot(at[0] - x, at[1] - y) < rng.uniform(0.1, 0.4)
                mixed[inside] = colors[2]
            mixed *= 0.6 + 0.4 * other[..., None]
            Image.fromarray((255 * mixed).round().astype(np.uint8)).save(path / f"art {i:03}.png")
            bar.update()
    return path


def write_digits(path: Path) -> Path:
    """zero.wav to nine.wav, in five voices.

    Raises:
        InputError: espeakng-loader is not installed, or does not work here.
    """
    lines = [(VOICES[i % len(VOICES)], word, 150, 50, 50) for i, word in enumerate(DIGITS)]
    speech = synthesize(lines)
    path.mkdir(parents=True, exist_ok=True)
    for word, samples in zip(DIGITS, speech, strict=True):
        soundfile.write(path / f"{word}.wav", samples, 22050)
    return path


def write_speech(path: Path, n: int = 60) -> Path:
    """n different sentences, in five voices.

    Raises:
        InputError: espeakng-loader is not installed, or does not work here; too many sentences.
    """
    rng = np.random.default_rng(2)
    n_words = [len(words) for words in WORDS]
    if n > (most := int(np.prod(n_words))):
        raise InputError(f"--sentences {n}: there are {most} different ones")
    lines = []
    for i, chosen in enumerate(rng.permutation(most)[:n]):
        which = np.unravel_index(chosen, n_words)
        text = " ".join(words[w] for words, w in zip(WORDS, which, strict=True))
        voice, rate, pitch = VOICES[i % len(VOICES)], rng.integers(130, 170), rng.integers(40, 60)
        lines.append((voice, f"{text}.", int(rate), int(pitch), 50))
    speech = synthesize(lines)
    path.mkdir(parents=True, exist_ok=True)
    for i, samples in enumerate(speech):
        soundfile.write(path / f"sentence {i:03}.wav", samples, 22050)
    return path


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m datasets.examples")
    folder = options.folder
    if folder.exists():
        raise InputError(f"{folder} exists: give a new folder")
    write_art(folder / "art", options.images)
    write_shapes(folder / "shapes", options.files)
    write_speech(folder / "speech", options.sentences)  # last: it may fail
    write_digits(folder / "digits")
    print(f"next: python -m datasets folder:{folder / 'shapes'}")


if __name__ == "__main__":
    main()
