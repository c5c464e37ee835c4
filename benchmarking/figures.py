"""Pictures of the runs that are in the rows, as files."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import datasets
from benchmarking import compare
from benchmarking.groups import augments_otherwise
from benchmarking.rows import Row, key_of, to_row
from common import plots
from common.errors import InputError
from common.files import write_atomically
from converters.sound_as import MEL64
from evaluation import outputs
from training import checkpoint
from training.validation import Validation

__all__ = ["SIDE_BY_SIDE", "Run", "find_runs", "folder_name", "write"]

SIDE_BY_SIDE = "side-by-side.png"
SCORED = ("model", "task", "mark_tflop", "weights_sha256")  # what a scorecard is of
Run = tuple[Row, Path]  # a row, and the folder of its mark


def write(out: Path, runs: Sequence[Run], data_dir: Path) -> None:
    """A folder for each data, task, pairing and labels of the official split (those of speakers
    would fill many): sample grids, curves, and what all models draw for the same conditions."""
    by_folder: dict[str, list[Run]] = {}
    for row, run in runs:
        if row["split"] != "official":
            continue
        by_folder.setdefault(folder_name(row), []).append((row, run))
    for name, found in by_folder.items():
        for preset in dict.fromkeys(row["preset"] for row, _ in found):
            copy_figures(out / name, [r for r in found if r[0]["preset"] == preset])
        draw_side_by_side(out / name, found, data_dir)


def folder_name(row: Row) -> str:
    split = row["split"].replace(":", "-")
    name = f"{row['data']}-{row['task']}-{split}-{row['pairing']}-labels-{row['labels']}"
    name += f"-as-{row['sound_as']}" if row["sound_as"] != MEL64 else ""
    return name + (f"-augment-{row['augment']}" if augments_otherwise(row) else "")


def find_runs(rows: Sequence[Row], runs: Path) -> list[Run]:
    """The rows of the last mark whose run is in the folder, with the weights that were scored, each
    with the folder of that mark; by seed and model."""
    folders = {}
    for path in sorted(runs.rglob(f"mark-*/{outputs.NAME}")):
        with contextlib.suppress(InputError):  # a scorecard of another format is of no row
            row = to_row(outputs.read(path))
            folders[tuple(row[name] for name in SCORED)] = path.parent
    last: dict[tuple[str, ...], Run] = {}
    for each in sorted(rows, key=lambda row: float(row["mark_tflop"] or 0)):
        folder = folders.get(tuple(each.get(name, "") for name in SCORED))
        if folder:
            last[key_of(each)[:-1]] = each, folder
    return sorted(last.values(), key=lambda each: (int(each[0]["seed"]), each[0]["model"]))


def copy_figures(folder: Path, runs: Sequence[Run]) -> None:
    """The sample grid of the first seed of each model of one preset, and one picture that compares
    all runs."""
    folder.mkdir(parents=True, exist_ok=True)
    for row, run in reversed(runs):  # the first stays
        shutil.copyfile(run / outputs.GRID, folder / f"samples-{row['model']}-{row['preset']}.png")
    chart = compare.chart([compare.read(run.parent) for _, run in runs])
    write_atomically(folder / f"comparison-{runs[0][0]['preset']}.png", chart)


def draw_side_by_side(folder: Path, runs: Sequence[Run], data_dir: Path) -> None:
    """The picture at the head of the README: what each model draws for the same ten conditions.

    These are of the validation split, the models those of the `reference` presets with the
    first seed.
    """
    reference = [each for each in runs if each[0]["preset"] == "reference"]
    if not reference:
        return
    first = reference[0][0]
    dataset = datasets.load(first["data"], data_dir)
    what = first["split"], first["task"], first["sound_as"]
    validation = Validation(dataset, *what)  # type: ignore[arg-type]
    images = {validation.given: validation.shown, "real": validation.partners}
    for row, run in reference:
        if row["seed"] != first["seed"]:
            continue
        draws = validation.draws(checkpoint.load_model(run), 2)
        images |= {row["model"]: draws[:, 0], f"{row['model']}, again": draws[:, 1]}
    figure = plots.side_by_side(images, validation.classes, validation.drawn, validation.given)
    write_atomically(folder / SIDE_BY_SIDE, plots.png(figure))
