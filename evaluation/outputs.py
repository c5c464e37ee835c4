"""A scorecard as JSON, pictures, TensorBoard entries and a table in the terminal."""

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
from evaluation.image2audio.scorecard import BETTER as BETTER_OF_SPEECH
from evaluation.scorecard import BETTER

__all__ = ["CONFUSION", "GRID", "NAME", "NEIGHBORS", "read", "show", "write"]

NAME, GRID, CONFUSION = "scorecard.json", "samples.png", "confusion.png"
NEIGHBORS = "neighbors.png"
FORMAT = "synesthesia-scorecard-5"


def write(
    card: dict[str, Any], grid: Figure, neighbors: Figure, out: Path, json_path: Path
) -> None:
    """Writes the JSON, the pictures and the TensorBoard entries.

    Raises:
        InputError: the disk is full or the place cannot be written.
    """
    n = len(card["confusion"])
    names = [*card["by_digit"]] if len(card["by_digit"]) == n else [*map(str, range(n))]
    matrix = confusion(torch.tensor(card["confusion"]), names)
    write_atomically(out / GRID, png(grid))
    write_atomically(out / NEIGHBORS, png(neighbors))
    write_atomically(out / CONFUSION, png(matrix))
    text = json.dumps({"format": FORMAT} | _finite(card), indent=2, allow_nan=False)
    write_atomically(json_path, text.encode() + b"\n")

    # Imported here: it takes a second, which --help and errors need not wait.
    from torch.utils.tensorboard import SummaryWriter

    step = card["cost"]["steps"] or 0
    with SummaryWriter(out, filename_suffix=".test") as board:
        for name, estimate in card["metrics"].items():
            board.add_scalar(f"test/{name}", estimate["value"], step)
        for group in ("by_digit", "by_speaker"):
            for name, estimate in card[group].items():
                board.add_scalar(f"test/{group}/{name}", estimate["value"], step)
        board.add_figure("test/samples", grid, step)
        board.add_figure("test/neighbors", neighbors, step)
        board.add_figure("test/confusion", matrix, step)


def read(path: Path) -> dict[str, Any]:
    """A scorecard.

    Raises:
        InputError: there is none, it is damaged, or of another format.
    """
    try:
        card = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"no scorecard at {path}: run evaluate.py first") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: run evaluate.py again") from error
    found = card.get("format") if isinstance(card, dict) else None
    if not isinstance(found, str) or not found.startswith(FORMAT.rstrip("0123456789")):
        raise InputError(f"{path} is not a scorecard")
    if found != FORMAT:
        raise InputError(f"{path} has the format {found}, not {FORMAT}: run evaluate.py again")
    if missing := {"candidate", "fingerprint", "metrics", "cost"} - card.keys():
        raise InputError(f"{path} is damaged, it lacks {min(missing)}: run evaluate.py again")
    return card


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show(card: dict[str, Any]) -> None:
    """Prints the table."""
    candidate, fingerprint, cost = card["candidate"], card["fingerprint"], card["cost"]
    label = ", given the true digit" if candidate["needs_label"] else ""
    table = Table(
        title=f"{candidate['name']}{label}: test split of {fingerprint['data']}, "
        f"{fingerprint['split']}, n = {fingerprint['n']:,}",
        caption="real: what test data score, or training against test data"
        " (| training data against other training data)",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("metric", no_wrap=True)
    for name in ("value", "95 % interval", "real"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("better is")
    for name, estimate in card["metrics"].items():
        low, high = _number(name, estimate["low"]), _number(name, estimate["high"])
        real, real_train = (_number(name, estimate[key]) for key in ("real", "real_train"))
        table.add_row(
            name,
            _number(name, estimate["value"]),
            f"{low} .. {high}" if low else "",
            f"{real} | {real_train}" if real_train else real,
            (BETTER | BETTER_OF_SPEECH)[re.sub(r"_judge_\d+k?$", "", name)],
        )
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 100
    console.print(table)
    for name, why in card.get("left_out", {}).items():
        console.print(f"left out  {name}: {why}")
    if few := card.get("too_few"):
        console.print(
            "left out  coverage_within_digit and precision_within_digit say nothing of "
            f"{', '.join(few)}: too few test items"
        )
    for group in ("by_digit", "by_speaker"):
        shares = [f"{name}: {_number('accuracy', f['value'])}" for name, f in card[group].items()]
        if shares:
            console.print(f"accuracy {group.replace('_', ' ')}  {', '.join(shares)}")
    console.print(f"cost  {', '.join(_cost(cost))}")


def _number(name: str, value: float | None) -> str:
    if value is None:
        return ""
    share = name.startswith(("accuracy", "recognition", "precision", "recall", "coverage"))
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
