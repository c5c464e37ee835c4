"""How well a latent bridge finds the way back, on the test split.

    python -m evaluation.inversion --checkpoint RUN

Test recordings are encoded, drawn as images, and these projected into the latent space again: is it
the same latent, and does the same speech come of it? Test images are projected and drawn again.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import tyro
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import ROOT, check_writable, exclusive, read_rows, write_rows
from common.progress import Progress
from datasets import Color, PairedDataset, from_pixels, seed_of, test_part, to_pixels
from models import LatentBridge
from training import checkpoint
from training.run import Run, code_version

__all__ = ["ABOUT", "NAME", "inversion"]

NAME = "inversion.csv"
N_IMAGES = 500  # test images
BATCH = 100
ABOUT = {
    "latent_cosine": "between a latent of speech and that of the image that is drawn of it",
    "image_error": "mean absolute error of an image that is drawn, and drawn again of its latent",
    "real_image_error": "the same of real test images",
    "speech_error": "mean absolute error of the picture of speech that went to an image and back",
    "autoencoder_error": "the same of speech that went to its latent and back",
    "speech_ratio": "of these two",
    "mean_error": "the same of the mean picture, which a latent that tells nothing would give",
    "steps": "of the projection, all starts together",
    "seconds": "of a projection, for an image",
}
OF_RUN = (
    *("model", "preset", "data", "data_fingerprint", "split", "pairing", "labels", "sound_as"),
    *("augment", "precision", "seed"),
)


@dataclass(frozen=True)
class Options:
    """Projects images into a bridge's latent space, and says what comes back."""

    checkpoint: Annotated[Path, tyro.conf.arg(help_behavior_hint="(required)")]
    """A run of a latent bridge: its folder, that of a mark, or its checkpoint."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    data: str | None = None
    """Where your own data are (folder:PATH), if the run is on them."""
    images: Path | None = None
    """Where the images are, if the run is on images and sounds that are no pairs."""
    sounds: Path | None = None
    """Where the sounds are, with --images."""
    out: Path = ROOT / "results"
    """The folder of inversion.csv; a row of the same weights is replaced."""


@torch.no_grad()
def inversion(model: LatentBridge, sounds: Tensor, images: Tensor) -> dict[str, float]:
    """The figures of `ABOUT`.

    Args:
        sounds: (n, ...) uint8, pictures of test recordings.
        images: (m, ...) uint8, test images.
    """
    noise = torch.Generator().manual_seed(seed_of("inversion"))

    def each(make: Callable[[Tensor], Tensor], given: Tensor, what: str) -> Tensor:
        made, batches = [], given.split(BATCH)
        with Progress(what, len(batches), unit="batch") as bar:
            for batch in batches:
                made.append(make(batch))
                bar.update()
        return torch.cat(made)

    said = from_pixels(sounds)
    z = each(lambda sound: model.encode(sound, noise), said, "encode")
    drawn = from_pixels(to_pixels(each(model.draw_image, z, "draw")))  # as a file would hold it
    start = time.perf_counter()
    found = each(lambda image: model.project(image, noise), drawn, "project")
    seconds = time.perf_counter() - start
    real = from_pixels(images)
    of_real = each(lambda image: model.project(image, noise), real, "project test images")
    config: Any = model.config
    speech, coded = (_error(each(model.draw_sound, code, "say"), said) for code in (found, z))
    return {
        "latent_cosine": F.cosine_similarity(z, found).mean().item(),
        "image_error": _error(each(model.draw_image, found, "draw again"), drawn),
        "real_image_error": _error(each(model.draw_image, of_real, "draw again"), real),
        "speech_error": speech,
        "autoencoder_error": coded,
        "speech_ratio": speech / coded,
        "mean_error": _error(said.mean(0), said),
        "steps": config.inversion_steps * getattr(config, "inversion_restarts", 1),
        "seconds": seconds / len(drawn),
    }


def _error(found: Tensor, wanted: Tensor) -> float:
    return (found - wanted).abs().mean().item()


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m evaluation.inversion")
    path = options.out / NAME
    check_writable(options.out)
    _read(path)  # refuses another file before minutes of projections
    found = checkpoint.load(checkpoint.find(options.checkpoint), groups=("ema",))
    run, model = found.run, found.build_model()
    if not isinstance(model, LatentBridge):
        raise InputError(f"{options.checkpoint}: '{run.model}' has no latent to project into")
    dataset = _data_of(run, options)
    if dataset.fingerprint != run.data_fingerprint:
        raise InputError(f"the data '{run.data}' here are not those of the run")
    test = test_part(dataset, run.split).seen_as(run.sound_as)
    generator = torch.Generator().manual_seed(seed_of("inversion", "images"))
    some = torch.randperm(len(test.images), generator=generator)[:N_IMAGES]
    figures = inversion(model, test.sounds, test.images[some])
    row = {name: str(getattr(run, name)) for name in OF_RUN}
    row |= {"config": json.dumps(run.config, sort_keys=True), "step": str(found.step)}
    row |= {"code": code_version(), "weights": found.weights_sha256()}
    row |= {name: str(value) for name, value in figures.items()}
    with exclusive(options.out, "inversion", wait=60.0):
        rows = {each["weights"]: each for each in _read(path)}
        rows[row["weights"]] = row
        write_rows(path, list(rows.values()))
    _show(figures)
    print(path)
    if dataset.is_paired:
        print(f"next: python evaluate.py --checkpoint {options.checkpoint} --task image2audio")
    else:
        print(f"next: python -m drawing.both_ways --checkpoint {options.checkpoint} FILE ...")


def _data_of(run: Run, options: Options) -> PairedDataset:
    """The data of a run: of somebody's own with the same size and colours."""
    if not run.data.startswith(datasets.OWN):
        return datasets.load(run.data, options.data_dir)
    if not options.data and not options.images:
        raise InputError(
            f"a run on your own data '{run.data}': say where: --data folder:PATH, or --images and "
            "--sounds"
        )
    channels, size, _ = run.x_shape  # a bridge's run is of audio2image
    color: Color = "grey" if channels == 1 else "rgb"
    return datasets.load(options.data or "auto", None, size, color, options.images, options.sounds)


def _read(path: Path) -> list[dict[str, str]]:
    rows = read_rows(path)
    if rows and (missing := {*OF_RUN, "weights", *ABOUT} - rows[0].keys()):
        raise InputError(f"{path} has no column '{min(missing)}': move it away")
    return rows


def _show(figures: dict[str, float]) -> None:
    table = Table(box=SIMPLE_HEAD, show_header=False)
    for name, value in figures.items():
        table.add_row(name, f"{value:.3g}", ABOUT[name])
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 120
    console.print(table)


if __name__ == "__main__":
    main()
