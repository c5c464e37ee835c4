"""What a latent bridge makes of images and sounds: images of sounds, sounds of images, and back.

    python -m drawing.both_ways --checkpoint RUN art/ speech.wav

For a sound, NAME.png has an image of each second of it, and NAME.back.wav is the sound of these
images; for an image, NAME.wav is its sound and NAME.back.png the image of that. index.html shows
and plays all of it.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
import html
import io
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import numpy as np
import soundfile
import torch
from PIL import Image
from torch import Tensor
from tyro.conf import Positional, arg

from common.command_line import names_last, parse
from common.errors import InputError, command
from common.files import check_writable, write_atomically
from common.progress import Progress
from converters.mel64.features import MEL64
from converters.sound_as import REPRESENTATIONS
from datasets import Color, from_pixels, seed_of, to_pixels
from datasets.own_files import read_images, read_samples, windows
from drawing.outputs import FOLDER, new_folder, printable
from drawing.sounds import SUFFIXES, expand, file_name
from models import LatentBridge
from training import checkpoint

__all__ = ["Converter"]

PAGE = "index.html"
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".tga"}
READ = {*SUFFIXES, *PICTURES}
MAX_FILES = 200
FADE = 80  # samples at the ends of a window, 10 ms
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
  color-scheme: light dark; }
table { border-collapse: collapse; } td, th { padding: .4rem .6rem; text-align: left; }
tr + tr { border-top: 1px solid #8886; } audio { width: 15rem; }
img { image-rendering: pixelated; height: 6rem; max-width: 30rem; }
"""


@dataclass(frozen=True)
class Options:
    """Converts images and sounds with a trained latent bridge."""

    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE [FILE ...]")]
    """Images and sounds, and folders of them."""
    checkpoint: Annotated[Path, arg(help_behavior_hint="(required)")]
    """A run of a latent bridge: its folder, that of a mark, or its checkpoint."""
    seed: int = 0
    """Of the noise."""
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """A new folder for what is made; by default one in results/drawings/."""


class Converter:
    """A bridge that takes and gives what files hold.

    Args:
        sound_as: how it hears and speaks, of `REPRESENTATIONS`.
    """

    def __init__(self, bridge: LatentBridge, sound_as: str, seed: int) -> None:
        self.bridge, self.sound_as = bridge, REPRESENTATIONS[sound_as]
        self.noise = torch.Generator().manual_seed(seed_of("both ways", seed))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.bridge.shapes(self.bridge.spec)[0]

    @torch.no_grad()  # not inference_mode: projection optimizes
    def images_of(self, samples: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """Images (w, ...) uint8, one of each window of a sound, and the sound of these, (n,)
        float32; pauses stay pauses, and windows as loud as they were."""
        clips, level = windows(samples)
        heard = level > 0
        images = torch.zeros(len(clips), *self.image_shape)
        spoken = torch.zeros_like(clips)
        if heard.any():
            z = self.bridge.encode(from_pixels(self.sound_as.to_picture(clips[heard])), self.noise)
            images[heard] = self.bridge.draw_image(z)
            again = from_pixels(to_pixels(images[heard]))  # as a file would hold them
            said = self._say(self.bridge.project(again, self.noise))
            spoken[heard] = said * level[heard, None]
        return to_pixels(images), _joined(spoken)

    @torch.no_grad()
    def sound_of(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Sounds (b, 8192) of images (b, ...) uint8, and the images (b, ...) uint8 of these."""
        z = self.bridge.project(from_pixels(images), self.noise)
        spoken = self._say(z)
        heard = from_pixels(self.sound_as.to_picture(spoken))
        back = self.bridge.draw_image(self.bridge.encode(heard, self.noise))
        return spoken, to_pixels(back)

    def _say(self, z: Tensor) -> Tensor:
        """(b, 8192), of an RMS of 1, or silent."""
        spoken = self.sound_as.to_sound(to_pixels(self.bridge.draw_sound(z)))
        return spoken / spoken.square().mean(1, keepdim=True).sqrt().clamp_min(1e-6)


def _joined(clips: Tensor) -> np.ndarray:
    """(w, n) -> (w n,), each faded in and out, so that nothing clicks."""
    ramp = torch.linspace(0, 1, FADE)
    clips = clips.clone()
    clips[:, :FADE] *= ramp
    clips[:, -FADE:] *= ramp.flip(0)
    return clips.flatten().numpy()


@dataclass(frozen=True)
class _Row:
    """A line of the page: names of files, which are images (.png) or sounds (.wav)."""

    name: str
    given: str
    made: str
    back: str


@command
def main() -> None:
    options = parse(Options, None, names_last(sys.argv[1:]), "python -m drawing.both_ways")
    found = checkpoint.load(checkpoint.find(options.checkpoint), groups=("ema",))
    model = found.build_model()
    if not isinstance(model, LatentBridge):
        raise InputError(f"{options.checkpoint}: '{found.run.model}' serves one way: give a bridge")
    if options.out and options.out.is_dir() and any(options.out.iterdir()):
        raise InputError(f"{options.out} is not empty: give another --out")
    check_writable(options.out or FOLDER)
    files = [file for path in options.files for file in expand(path, READ, "image or sound")]
    if len(files) > MAX_FILES:
        raise InputError(f"{len(files):,} files: give at most {MAX_FILES}")
    converter = Converter(model, found.run.sound_as, options.seed)
    sounds = [path for path in files if path.suffix.lower() in SUFFIXES]
    pictures = [path for path in files if path not in sounds]
    samples = [read_samples(path) for path in sounds]  # all are read before anything is made
    channels, size, _ = converter.image_shape
    color: Color = "grey" if channels == 1 else "rgb"
    images = [*read_images(pictures, size, color)] if pictures else []

    out = options.out or new_folder(FOLDER)
    rows: list[_Row] = []
    with Progress("converting", len(files), unit="file") as bar:
        for path, sound in zip(sounds, samples, strict=True):
            name = file_name(path.stem, [row.name for row in rows])
            rows.append(_of_sound(converter, sound, out, name))
            bar.update()
        for path, image in zip(pictures, images, strict=True):
            name = file_name(path.stem, [row.name for row in rows])
            rows.append(_of_image(converter, image, out, name))
            bar.update()
    title = f"{found.run.model} ({found.run.preset}), {found.run.data}, step {found.step:,}"
    write_atomically(out / PAGE, _page(title, rows).encode())
    print(f"page:  {out / PAGE}")
    words = ["--checkpoint", *map(printable, [options.checkpoint, *options.files])]
    again = ["python", "-m", "drawing.both_ways", *words, "--seed", str(options.seed + 1)]
    print("next:  " + shlex.join(again) + "   # with other noise")


def _of_sound(converter: Converter, samples: np.ndarray, out: Path, name: str) -> _Row:
    images, back = converter.images_of(samples)
    clips, level = windows(samples)
    loud = clips / clips.square().mean(1, keepdim=True).sqrt().clamp_min(1e-6) * level[:, None]
    row = _Row(name, f"{name}.heard.wav", f"{name}.png", f"{name}.back.wav")
    _write_sound(out / row.given, loud.flatten().numpy())
    _write_image(out / row.made, torch.cat([*images], -1))
    _write_sound(out / row.back, back)
    return row


def _of_image(converter: Converter, image: Tensor, out: Path, name: str) -> _Row:
    spoken, back = converter.sound_of(image[None])
    row = _Row(name, f"{name}.seen.png", f"{name}.wav", f"{name}.back.png")
    _write_image(out / row.given, image)
    _write_sound(out / row.made, spoken[0].numpy())
    _write_image(out / row.back, back[0])
    return row


def _write_image(path: Path, image: Tensor) -> None:
    """(h, w) or (3, h, w) uint8."""
    raw, pixels = io.BytesIO(), image.numpy()
    Image.fromarray(pixels if pixels.ndim == 2 else pixels.transpose(1, 2, 0)).save(raw, "PNG")
    write_atomically(path, raw.getvalue())


def _write_sound(path: Path, samples: np.ndarray) -> None:
    """As loud as it can be."""
    loud = 0.9 * samples / max(float(np.abs(samples).max()), 1e-6)
    raw = io.BytesIO()
    soundfile.write(raw, loud, MEL64.sample_rate, subtype="PCM_16", format="WAV")
    write_atomically(path, raw.getvalue())


def _page(title: str, rows: Sequence[_Row]) -> str:
    """The page, which names the files beside it."""
    title = html.escape(title)
    lines = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
        f"<style>{STYLE}</style><h1>Both ways</h1><p>{title}</p><p>An image is drawn of every "
        "1.024 s of a sound, and sound is made of these images alone; an image becomes 1.024 s of "
        "sound, and an image is drawn of that alone.</p><table>",
        "<tr><th>file<th>as the model has it<th>converted<th>and back",
    ]
    for row in rows:
        cells = [_cell(row.name, file) for file in (row.given, row.made, row.back)]
        lines.append(f'<tr><th scope="row">{html.escape(row.name)}{"".join(cells)}')
    return "\n".join([*lines, "</table></html>"]) + "\n"


def _cell(name: str, file: str) -> str:
    source, label = quote(file), html.escape(f"{name}: {file}", quote=True)
    if file.endswith(".png"):
        return f'<td><img src="{source}" alt="{label}">'
    return f'<td><audio controls preload="none" aria-label="{label}" src="{source}"></audio>'


if __name__ == "__main__":
    main()
