"""Rows of results -> table and figures. Everything that is published is made here."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import plots
from common.errors import InputError
from common.files import ROOT, write_atomically, write_rows
from datasets.base import PairedDataset
from evaluation.outputs import GRID
from training import checkpoint
from training.validation import Validation

__all__ = [
    "FIGURES",
    "ROWS",
    "TABLE",
    "add_row",
    "copy_figures",
    "into_readme",
    "side_by_side",
    "write",
]

ROWS, TABLE, FIGURES = "results.csv", "leaderboard.md", "figures"

# What must agree between the rows of one table.
SAME = (
    "protocol", "data_sha256", "split_sha256", "judge_a", "judge_b", "converter", "n", "k",
    "evaluation_seed", "device",
)  # fmt: skip
# What makes a run: another with the same replaces its row.
KEY = ("subject", "preset", "data", "split", "pairing", "seed")


def add_row(out: Path, card: dict[str, Any]) -> None:
    """Puts a scorecard into results.csv; a row of the same run is replaced."""
    rows = {_key(row): row for row in read_rows(out)}
    row = row_of(card)
    rows[_key(row)] = row
    write_rows(out / ROWS, list(rows.values()))


def read_rows(out: Path) -> list[dict[str, str]]:
    """The rows of results.csv, none if there is no such file."""
    path = out / ROWS
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def row_of(card: dict[str, Any]) -> dict[str, str]:
    """A scorecard as one flat row: what it is, its fingerprint, its figures, its cost."""
    run, fingerprint = card["subject"]["run"] or {}, card["fingerprint"]
    row: dict[str, Any] = {
        "subject": card["subject"]["name"],
        "preset": run.get("preset", ""),
        "data": fingerprint["data"],
        "split": fingerprint["split"],
        "pairing": run.get("pairing", ""),
        "seed": run.get("seed", ""),
        "needs_label": card["subject"]["needs_label"],
        "code_trained": run.get("code", ""),
        "code_evaluated": fingerprint["code"],
        "weights_sha256": card["subject"]["weights_sha256"] or "",
        "config": json.dumps(run.get("config", {}), sort_keys=True),
    }
    fingerprint = fingerprint | {"evaluation_seed": fingerprint["seed"]}
    row |= {name: _text(fingerprint[name]) for name in SAME}
    for name, figure in card["figures"].items():
        short = _short(name)
        row[short] = figure["value"]
        row |= {f"{short}_{end}": figure[end] for end in ("low", "high", "real")}
    row |= card["cost"]
    return {name: "" if value is None else str(value) for name, value in row.items()}


def write(out: Path) -> None:
    """leaderboard.md from the rows.

    Raises:
        InputError: rows of one table were not measured in the same way.
    """
    rows = read_rows(out)
    if not rows:
        raise InputError(f"no rows in {out / ROWS}: run without --report first")
    tables = {}
    for data, split in dict.fromkeys((row["data"], row["split"]) for row in rows):
        chosen = [row for row in rows if (row["data"], row["split"]) == (data, split)]
        _refuse_mixed(chosen, f"{data}, {split}")
        tables[f"{data}, split {split}, n = {int(chosen[0]['n']):,}"] = markdown(chosen)
    text = "\n".join(f"### {title}\n\n{table}\n" for title, table in tables.items())
    write_atomically(out / TABLE, (HEAD + text + FOOT).encode())


def copy_figures(folder: Path, preset: str, runs: Mapping[str, Path]) -> None:
    """The sample grids of a preset's runs, and one chart of all their losses.

    Args:
        runs: folders of evaluated runs on this machine, by the name to show.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, run in runs.items():
        plain = name.replace(" (", "-").replace(")", "").replace(", seed ", "-seed")
        shutil.copyfile(run / GRID, folder / f"samples-{plain}.png")
    logs = {name: plots.read_scalars(run) for name, run in runs.items()}
    chart = plots.png(plots.loss_charts(logs))
    write_atomically(folder / f"losses-{preset}.png", chart)


HEAD = """<!-- Made by benchmark.py. Do not edit. -->
# Results

"""
FOOT = """
Every row: one training run, scored by `evaluate.py` with judge A on the test split; intervals are
95 % bootstraps over test recordings. *accuracy*: generated digits that the judge reads as spoken;
*hears*: accuracy of the run's own audio classifier on the test recordings, the ceiling of its row;
*FD*, *KID*: distances to test images in judge features (floor: training images, in the row of real
data: validation images); *density*, *coverage*: k = 5; *diversity*: within a digit, real = 1. All
models with a classifier use digit labels in their warm start. Rows marked * are told the digit.
"""
COLUMNS = (
    # title, figure, form, interval too
    ("accuracy %", "accuracy", "{:.1%}", True),
    ("judge B %", "accuracy_judge_b", "{:.1%}", False),
    ("hears %", "classifier_accuracy", "{:.1%}", False),
    ("FD", "fd", "{:.2f}", True),
    ("KID", "kid", "{:.3f}", False),
    ("density", "density", "{:.2f}", False),
    ("coverage", "coverage", "{:.3f}", True),
    ("diversity", "diversity_relative", "{:.2f}", False),
)

COSTS = ("parameters", "steps", "training TFLOP", "training s", "samples/s", "commit")


def markdown(rows: list[dict[str, str]]) -> str:
    """The table: models by accuracy, then the references."""
    titles = [title for title, *_ in COLUMNS]
    lines = [
        "| " + " | ".join(("model", *titles, *COSTS)) + " |",
        "|" + "---|" * (1 + len(titles) + len(COSTS)),
    ]
    ordered = sorted(rows, key=lambda r: (r["preset"] == "", r["preset"], -float(r["accuracy"])))
    for row in ordered:
        name = row["subject"] + (f" ({row['preset']})" if row["preset"] else "")
        if row["pairing"] not in ("", "resampled"):
            name += f", {row['pairing']}"
        if row["seed"] not in ("", "0"):
            name += f", seed {row['seed']}"
        cells = [name + ("*" if row["needs_label"] == "True" else "")]
        cells += [_cell(row, figure, form, wide) for _, figure, form, wide in COLUMNS]
        cells += [
            f"{int(row['parameters']):,}" if row.get("parameters") else "",
            f"{int(row['steps']):,}" if row["steps"] else "",
            f"{float(row['training_flops']) / 1e12:,.0f}" if row.get("training_flops") else "",
            f"{float(row['training_seconds']):.0f}" if row["training_seconds"] else "",
            f"{float(row['samples_per_second']):,.0f}",
            f"`{row['code_trained'] or row['code_evaluated']}`",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    real = next((row for row in rows if row.get("accuracy_real")), rows[0])
    floor = f"Real test images: judge A {float(real['accuracy_real']):.2%}"
    floor += f"; FD of training images {float(real['fd_real']):.2f}"
    floor += f"; coverage of training images {float(real['coverage_real']):.3f}."
    return "\n".join([*lines, "", floor])


def side_by_side(folder: Path, runs: Mapping[str, Path], source: PairedDataset, split: str) -> None:
    """The picture at the head of the README: what each model draws for the same ten sounds.

    The sounds are of the validation split.
    """
    validation = Validation(source, split)
    rows = {"sound": validation.shown, "real": validation.partners}
    for name, run in runs.items():
        found = checkpoint.load(run, groups=("ema",))
        model = found.run.build().eval()
        checkpoint.load_into(model, found.group("ema"), "the checkpoint")
        draws = validation.draws(model, 2)
        rows |= {name: draws[:, 0], f"{name}, again": draws[:, 1]}
    titles = [f"{digit}" for digit in range(10)]
    write_atomically(folder / "side-by-side.png", plots.png(plots.side_by_side(rows, titles)))


def _cell(row: dict[str, str], figure: str, form: str, wide: bool) -> str:
    if not row.get(figure):
        return ""

    def show(value: str) -> str:
        return form.format(float(value)).rstrip("%")

    text = show(row[figure])
    if wide and row.get(f"{figure}_low"):
        text += f" ({show(row[f'{figure}_low'])}..{show(row[f'{figure}_high'])})"
    return text


def _refuse_mixed(rows: list[dict[str, str]], title: str) -> None:
    for name in SAME:
        found = sorted({row[name] for row in rows})
        if len(found) > 1:
            raise InputError(
                f"the rows of '{title}' differ in {name} ({', '.join(v[:12] for v in found)}): "
                "a table does not mix them; score the old runs again or move their rows away"
            )


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in KEY)


def _short(name: str) -> str:
    """Without judge and n, which are columns of their own: fd_judge_10k -> fd."""
    head, _, tail = name.rpartition("_judge_")
    return head if head and tail != "b" else name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def into_readme(out: Path) -> None:
    """Puts the tables of `out` between the README's markers."""
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text().partition("<!-- table:begin -->")
    _, end, after = rest.partition("<!-- table:end -->")
    if not begin or not end:
        raise InputError("README.md has lost its table:begin and table:end markers")
    table = (out / TABLE).read_text().partition("# Results\n")[2].strip()
    write_atomically(readme, f"{before}{begin}\n{table}\n{end}{after}".encode())
