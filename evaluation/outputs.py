"""How a scorecard is kept and shown: JSON, pictures, TensorBoard, a table in the terminal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from common.errors import InputError
from common.files import write_atomically
from common.plots import confusion, png
from evaluation.scorecard import BETTER

__all__ = ["CONFUSION", "GRID", "NAME", "read", "show", "write"]

NAME, GRID, CONFUSION = "scorecard.json", "samples.png", "confusion.png"
FORMAT = "synesthesia-scorecard-2"


def write(card: dict[str, Any], grid: Figure, out: Path, json_path: Path) -> None:
    """Writes the JSON, the pictures and the TensorBoard entries.

    Raises:
        InputError: the disk is full or the place cannot be written.
    """
    matrix = confusion(torch.tensor(card["confusion"]))
    write_atomically(out / GRID, png(grid))
    write_atomically(out / CONFUSION, png(matrix))
    text = json.dumps({"format": FORMAT} | _finite(card), indent=2, allow_nan=False)
    write_atomically(json_path, text.encode() + b"\n")

    # Here, because --help and errors do without the second that it takes.
    from torch.utils.tensorboard import SummaryWriter

    step = card["cost"]["steps"] or 0
    with SummaryWriter(out, filename_suffix=".test") as board:
        for name, figure in card["figures"].items():
            board.add_scalar(f"test/{name}", figure["value"], step)
        for group in ("by_digit", "by_speaker"):
            for name, figure in card[group].items():
                board.add_scalar(f"test/{group}/{name}", figure["value"], step)
        board.add_figure("test/samples", grid, step)
        board.add_figure("test/confusion", matrix, step)


def read(path: Path) -> dict[str, Any]:
    """A scorecard.

    Raises:
        InputError: there is none, or none that this code wrote.
    """
    try:
        card = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        card = None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise InputError(f"{path} is no scorecard of this version: run evaluate.py again")
    return card


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show(card: dict[str, Any]) -> None:
    """Prints the table."""
    subject, fingerprint, cost = card["subject"], card["fingerprint"], card["cost"]
    label = ", is told the true digit" if subject["needs_label"] else ""
    table = Table(
        title=f"{subject['name']}{label}: test split of {fingerprint['data']}, "
        f"{fingerprint['split']}, n = {fingerprint['n']:,}",
        caption="real: what test images score, or training against test images"
        " (| training against other training images)",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("figure", no_wrap=True)
    for name in ("value", "95 % interval", "real"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("better is")
    for name, figure in card["figures"].items():
        low, high = _number(name, figure["low"]), _number(name, figure["high"])
        real, real_train = (_number(name, figure[key]) for key in ("real", "real_train"))
        table.add_row(
            name,
            _number(name, figure["value"]),
            f"{low} .. {high}" if low else "",
            f"{real} | {real_train}" if real_train else real,
            BETTER[re.sub(r"_judge_\d+k?$", "", name)],
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100
    console.print(table)
    for group in ("by_digit", "by_speaker"):
        shares = [f"{name}: {_number('accuracy', f['value'])}" for name, f in card[group].items()]
        console.print(f"accuracy {group.replace('_', ' ')}  {', '.join(shares)}")
    console.print(f"cost  {', '.join(_cost(cost))}")


def _number(name: str, value: float | None) -> str:
    if value is None:
        return ""
    share = name.startswith(("accuracy", "hearing", "precision", "recall", "coverage"))
    return f"{value:.2%}" if share else f"{value:.3g}"


def _cost(cost: dict[str, float | None]) -> Iterator[str]:
    for name, form in {
        "parameters": "{:,.0f} parameters",
        "parameters_sampling": "{:,.0f} of them sample",
        "flops_per_sample": "{:.3g} FLOPs per sample",
        "samples_per_second": "{:,.0f} samples/s",
        "training_flops": "{:.3g} FLOPs of training",
        "training_seconds": "{:,.0f} s of training",
        "steps": "{:,.0f} steps",
        "peak_memory_bytes": "{:.3g} bytes of memory at most",
    }.items():
        if (value := cost.get(name)) is not None:
            yield form.format(value)
