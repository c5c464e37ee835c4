"""The files that draw.py writes: labelled pictures, single images, a table of readings."""

from __future__ import annotations

import io
import itertools
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from common.errors import InputError
from common.files import ROOT, write_atomically, write_rows
from common.plots import png
from common.progress import Progress
from converters.sound_files import write_sound
from drawing.draws import Drawn
from drawing.picture import picture
from drawing.sounds import Row, file_name

__all__ = ["FOLDER", "check_free", "new_folder", "printable", "write"]

FOLDER = ROOT / "results" / "drawings"
PICTURE, IMAGES, READINGS, RECORDING = "drawing.png", "images", "readings.csv", "microphone.wav"
ROWS = 20  # sounds in one picture
COLUMNS = 64  # draws in one picture, of all models


def check_free(out: Path) -> None:
    """Raises InputError: the folder has drawings already."""
    for name in (PICTURE, IMAGES, READINGS, RECORDING):
        if (out / name).exists():
            raise InputError(f"{out / name} exists: give another --out")


def write(rows: Sequence[Row], drawn: Sequence[Drawn], out: Path | None) -> list[str]:
    """Writes everything.

    Args:
        out: the folder; None: a new one in `FOLDER`.

    Returns:
        Lines that name what was made.
    """
    out = out or new_folder(FOLDER)
    pages = range(0, len(rows), ROWS)
    with Progress("writing", len(pages) + len(rows), unit="file") as bar:
        names = [PICTURE if not start else f"drawing-{start // ROWS + 1}.png" for start in pages]
        for name, start in zip(names, pages, strict=True):
            write_atomically(out / name, _picture(rows, drawn, start))
            bar.update()
        for i, row in enumerate(rows):
            _write_image(out / IMAGES / f"{row.file}.log-mel.png", row.word.picture)
            for each in drawn:
                for j, image in enumerate(each.images[i], 1):
                    name = f"{row.file}.{file_name(each.name)}.{j}.png"
                    _write_image(out / IMAGES / name, image)
            bar.update()
    table = [
        {
            "sound": printable(row.path),
            "start": f"{row.word.start:.3f}",
            "seconds": f"{row.word.seconds:.3f}",
            "model": each.name,
            "digit": each.reading(i)[0],
            "share": f"{each.reading(i)[1]:.4f}",
        }
        for i, row in enumerate(rows)
        for each in drawn
    ]
    write_rows(out / READINGS, table)
    recorded = [row.recording for row in rows if row.recording]
    for recording in recorded:
        write_sound(out / RECORDING, recording)
    n_images = sum(each.images.shape[0] * each.images.shape[1] for each in drawn)
    return [
        *(f"picture:  {out / name}" for name in names),
        f"images:   {out / IMAGES}{os.sep} ({n_images:,})",
        f"readings: {out / READINGS}",
        *(f"recorded: {out / RECORDING}" for _ in recorded),
    ]


def _picture(rows: Sequence[Row], drawn: Sequence[Drawn], start: int) -> bytes:
    """The labelled picture of up to `ROWS` sounds, as a PNG file."""
    shown = list(range(start, min(start + ROWS, len(rows))))
    n_draws = max(COLUMNS // len(drawn), 1)

    def reading(each: Drawn, i: int) -> str:
        found = each.reading(i)
        return f"{found[0]}\n{100 * found[1]:.0f} %"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # characters of a name that the font lacks
        return png(
            picture(
                torch.stack([rows[i].word.picture for i in shown]),
                [printable(rows[i].path.name) for i in shown],
                {each.name: each.images[shown, :n_draws] for each in drawn},
                {each.name: [reading(each, i) for i in shown] for each in drawn},
            )
        )


def _write_image(path: Path, pixels: Tensor) -> None:
    data = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(data, "png")
    write_atomically(path, data.getvalue())


def new_folder(parent: Path) -> Path:
    """A new one of the next free number."""
    for i in itertools.count(1):
        with suppress(FileExistsError):
            (parent / f"{i:03}").mkdir()
            return parent / f"{i:03}"
    raise AssertionError


def printable(name: Path | str) -> str:
    """A name of any bytes, as text."""
    return os.fsencode(name).decode(errors="replace")
