"""Rows of results -> table and figures. Everything that is published is made here."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from benchmarking import compare, tables
from common import files, plots
from common.errors import InputError
from common.files import ROOT, write_atomically
from evaluation import outputs
from training import checkpoint
from training.validation import Validation

__all__ = [
    "FIGURES",
    "ROWS",
    "TABLE",
    "add_row",
    "find_runs",
    "read_rows",
    "update_readme",
    "write",
]

ROWS, TABLE, FIGURES = "results.csv", "leaderboard.md", "figures"
FORMAT = "synesthesia-rows-4"  # in every row
Row = Mapping[str, str]
Run = tuple[Row, Path]  # a row, and the folder of its run

# What must agree between the rows of one table.
SAME = (
    *("protocol", "data_sha256", "split_sha256", "judge_a", "judge_b", "converter", "n", "k"),
    *("evaluation_seed", "device"),
)
# What identifies a run: another with the same replaces its row.
KEY = ("model", "preset", "data", "split", "pairing", "labels", "seed", "mark_tflop")


def add_row(out: Path, card: dict[str, Any]) -> None:
    """Puts a scorecard into results.csv; a row of the same run is replaced.

    Raises:
        InputError: it is of a run that is not at a mark, or cannot draw yet.
    """
    candidate, cost = card["candidate"], card["cost"]
    if candidate["run"] and cost["mark_tflop"] is None:
        raise InputError(
            f"{candidate['name']}, {cost['steps']:,} steps: it is not at one of its marks, or "
            "cannot draw yet: no row"
        )
    rows = {_key(row): row for row in read_rows(out)}
    row = to_row(card)
    rows[_key(row)] = row
    files.write_rows(out / ROWS, list(rows.values()))


def read_rows(out: Path) -> list[dict[str, str]]:
    """The rows of results.csv, none if there is no such file.

    Raises:
        InputError: the rows are of an older format.
    """
    rows = files.read_rows(out / ROWS)
    for row in rows:
        if row.get("format") != FORMAT:
            raise InputError(
                f"{out / ROWS} has rows of another format than {FORMAT}: move it away and run "
                "the benchmark again"
            )
    return rows


def to_row(card: dict[str, Any]) -> dict[str, str]:
    """A scorecard as one flat row: what it is of, its fingerprint, its metrics, its cost."""
    candidate, fingerprint = card["candidate"], card["fingerprint"]
    run = candidate["run"] or {}
    row: dict[str, Any] = {
        "format": FORMAT,
        "model": candidate["name"],
        "preset": run.get("preset", ""),
        "data": fingerprint["data"],
        "split": fingerprint["split"],
        "pairing": run.get("pairing", ""),
        "labels": run.get("labels", ""),
        "training_precision": run.get("precision", ""),
        "seed": run.get("seed", ""),
        "needs_label": candidate["needs_label"],
        "code_trained": run.get("code", ""),
        "code_evaluated": fingerprint["code"],
        "weights_sha256": candidate["weights_sha256"] or "",
        "config": json.dumps(run.get("config", {}), sort_keys=True),
    }
    fingerprint = fingerprint | {"evaluation_seed": fingerprint["seed"]}
    parts: list[dict[str, Any]] = [{name: _text(fingerprint[name]) for name in SAME}]
    for name, estimate in card["metrics"].items():
        short = _short(name)
        ends = {f"{short}_{end}": estimate[end] for end in ("low", "high", "real")}
        parts.append({short: estimate["value"]} | ends)
    parts.append(
        {f"recording_{k}": " ".join(map(str, each)) for k, each in card["by_recording"].items()}
    )
    for part in (*parts, card["cost"]):
        if double := row.keys() & part.keys():
            raise ValueError(f"two columns named {min(double)}")
        row |= part
    return {name: "" if value is None else str(value) for name, value in row.items()}


def write(out: Path, runs: Path, data_dir: Path) -> None:
    """leaderboard.md from the rows, and the figures of those whose runs are on this machine.

    Args:
        runs: a folder of evaluated runs, at any depth.

    Raises:
        InputError: there are no rows, or rows of one table were not measured in the same way.
    """
    rows = read_rows(out)
    if not rows:
        raise InputError(f"no rows in {out / ROWS}: run `python benchmark.py` first")
    text = ""
    for data, split in dict.fromkeys((row["data"], row["split"]) for row in rows):
        chosen = [row for row in rows if (row["data"], row["split"]) == (data, split)]
        _refuse_mixed(chosen, f"{data}, {split}")
        title = f"{data}, split {split}, n = {int(chosen[0]['n']):,}"
        marks = sorted({float(row["mark_tflop"]) for row in chosen if row["mark_tflop"]})
        for mark in reversed(marks):
            there = [row for row in chosen if float(row["mark_tflop"] or mark) == mark]
            text += f"### {title}, {mark:g} TFLOP\n\n{tables.leaderboard(there)}\n\n"
        if not marks:
            text += f"### {title}\n\n{tables.leaderboard(chosen)}\n\n"
    write_atomically(out / TABLE, (tables.HEAD + text[:-1] + tables.FOOT).encode())

    by_folder: dict[str, list[Run]] = {}
    for row, run in find_runs(rows, runs):
        where = (
            row["data"],
            row["split"].replace(":", "-"),
            row["pairing"],
            "labels",
            row["labels"],
        )
        name = "-".join(where)
        by_folder.setdefault(name, []).append((row, run))
    for name, found in by_folder.items():
        for preset in dict.fromkeys(row["preset"] for row, _ in found):
            copy_figures(out / FIGURES / name, [r for r in found if r[0]["preset"] == preset])
        draw_side_by_side(out / FIGURES / name, found, data_dir)


def find_runs(rows: Sequence[Row], runs: Path) -> list[Run]:
    """The rows of the last mark whose run is in the folder, with the weights that were scored, each
    with the folder of that mark; by seed and model."""
    folders = {}
    for path in sorted(runs.rglob(f"mark-*/{outputs.NAME}")):
        with contextlib.suppress(InputError):  # a scorecard of another format is of no row
            row = to_row(outputs.read(path))
            folders[(*_key(row), row["weights_sha256"])] = path.parent
    last: dict[tuple[str, ...], Run] = {}
    for each in sorted(rows, key=lambda row: float(row["mark_tflop"] or 0)):
        folder = folders.get((*_key(each), each.get("weights_sha256", "")))
        if folder:
            last[_key(each)[:-1]] = each, folder
    return sorted(last.values(), key=lambda each: (int(each[0]["seed"]), each[0]["model"]))


def copy_figures(folder: Path, runs: Sequence[Run]) -> None:
    """The sample grids of the runs of one preset, and one picture that compares them."""
    folder.mkdir(parents=True, exist_ok=True)
    for row, run in runs:
        seed = f"-seed{row['seed']}" if row["seed"] != "0" else ""
        name = f"samples-{row['model']}-{row['preset']}{seed}.png"
        shutil.copyfile(run / outputs.GRID, folder / name)
    chart = compare.chart([compare.read(run.parent) for _, run in runs])
    write_atomically(folder / f"comparison-{runs[0][0]['preset']}.png", chart)


def draw_side_by_side(folder: Path, runs: Sequence[Run], data_dir: Path) -> None:
    """The picture at the head of the README: what each model draws for the same ten sounds.

    The sounds are of the validation split, the models those of the `reference` presets with the
    first seed.
    """
    reference = [each for each in runs if each[0]["preset"] == "reference"]
    if not reference:
        return
    first = reference[0][0]
    dataset = datasets.load(first["data"], data_dir)  # type: ignore[arg-type]
    validation = Validation(dataset, first["split"])
    images = {"sound": validation.shown, "real": validation.partners}
    for row, run in reference:
        if row["seed"] != first["seed"]:
            continue
        draws = validation.draws(checkpoint.load_model(run), 2)
        images |= {row["model"]: draws[:, 0], f"{row['model']}, again": draws[:, 1]}
    figure = plots.side_by_side(images, [f"{digit}" for digit in range(10)])
    write_atomically(folder / "side-by-side.png", plots.png(figure))


def _refuse_mixed(rows: Sequence[Row], title: str) -> None:
    for name in SAME:
        found = sorted({row[name] for row in rows})
        if len(found) > 1:
            raise InputError(
                f"the rows of '{title}' differ in {name} ({', '.join(v[:12] for v in found)}): "
                "a table does not mix them; score the old runs again or move their rows away"
            )


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in KEY)


def _short(name: str) -> str:
    """Without judge and n, which are columns of their own: fd_judge_10k -> fd."""
    head, _, tail = name.rpartition("_judge_")
    return head if head and tail != "b" else name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def update_readme(out: Path) -> None:
    """Puts the tables of `out` between the README's markers."""
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text().partition("<!-- table:begin -->")
    _, end, after = rest.partition("<!-- table:end -->")
    if not begin or not end:
        raise InputError("README.md lacks its table:begin and table:end markers")
    table = (out / TABLE).read_text().partition("# Results\n")[2].strip()
    write_atomically(readme, f"{before}{begin}\n{table}\n{end}{after}".encode())
