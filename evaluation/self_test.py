"""Tests the ruler: sets of known faults must come out in the expected order.

    python -m evaluation.self_test

Every control (`evaluation.controls`) goes through the evaluator as a model does. The expected order
is a committed table, `expected_order.csv`: on each axis, which control is better than which, by how
much at least. Exit code 1 where it is broken.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import ROOT, read_rows, write_atomically
from evaluation.controls import CONTROLS
from evaluation.evaluator import ImageEvaluator
from evaluation.scorecard import copying, values

__all__ = ["DATA", "NAME", "ORDER", "Relation", "broken", "measure", "read_order"]

ORDER = Path(__file__).with_name("expected_order.csv")
NAME = "selftest.json"
DATA = "mnist-fsdd"  # the offline set has too few images for the order to hold in full


class Relation(NamedTuple):
    """On an axis, one control is better than another by at least a margin."""

    metric: str
    better: str
    worse: str
    margin: float  # in the metric's units, > 0
    direction: str  # of the metric: higher or lower is better

    def holds(self, table: Mapping[str, Mapping[str, float]]) -> bool:
        gap = table[self.better][self.metric] - table[self.worse][self.metric]
        return (gap if self.direction == "higher" else -gap) >= self.margin  # False for NaN


def read_order(path: Path = ORDER) -> list[Relation]:
    """The expected order.

    Raises:
        InputError: no CSV file, or a damaged one.
    """
    return [
        Relation(row["metric"], row["better"], row["worse"], float(row["margin"]), row["direction"])
        for row in read_rows(path)
    ]


def broken(table: Mapping[str, Mapping[str, float]], order: Sequence[Relation]) -> list[Relation]:
    """The relations that the values of the controls break."""
    return [relation for relation in order if not relation.holds(table)]


@torch.no_grad()
def measure(evaluator: ImageEvaluator) -> dict[str, dict[str, float]]:
    """Every metric of samples alone, of every control."""
    found = {}
    digit = evaluator.test.image_digit
    for name, control in tqdm(CONTROLS.items(), "controls", leave=False, disable=None):
        generator = torch.Generator().manual_seed(0)
        images = control(evaluator.train, evaluator.validation, digit, generator)
        judged = evaluator.features_of(images)
        found[name] = values(judged, evaluator.real, copying(judged.pixels, evaluator.real))
        found[name]["cas"] = evaluator.usefulness(images).value
    return found


def to_json(evaluator: ImageEvaluator, table: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What the report shows."""
    order = read_order()
    return {
        "fingerprint": evaluator.fingerprint(),
        "controls": table,
        "relations": [each._asdict() | {"holds": each.holds(table)} for each in order],
        "passed": not broken(table, order),
    }


@dataclass(frozen=True)
class Options:
    """Scores sets of known faults, and compares their order with the expected one."""

    data: datasets.Data = "mnist-fsdd"
    """Which data."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    split: str = "official"
    """'official' or 'speaker:NAME'."""
    out: Path = ROOT / "results"
    """The folder of selftest.json."""


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m evaluation.self_test")
    dataset = datasets.load(options.data, options.data_dir)
    if dataset.name != DATA:
        raise InputError(
            f"the expected order is that of {DATA}: the data '{dataset.name}' have too few images"
        )
    evaluator = ImageEvaluator(dataset, options.split, torch.device("cpu"))
    evaluator.remember()
    found = to_json(evaluator, measure(evaluator))
    write_atomically(options.out / NAME, json.dumps(found, indent=1).encode() + b"\n")
    show(found)
    print(options.out / NAME)
    if not found["passed"]:
        sys.exit(1)


def show(found: Mapping[str, Any]) -> None:
    """Prints the controls' values on the axes of the order, and what is broken."""
    metrics = list(dict.fromkeys(each["metric"] for each in found["relations"]))
    table = Table(box=SIMPLE_HEAD)
    for title in ("control", *metrics):
        table.add_column(title, justify="left" if title == "control" else "right")
    for name, of_control in found["controls"].items():
        table.add_row(name, *(f"{of_control[metric]:.3g}" for metric in metrics))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    failures = [each for each in found["relations"] if not each["holds"]]
    for each in failures:
        print(
            f"BROKEN: {each['metric']} ({each['direction']} is better): {each['better']} should be "
            f"better than {each['worse']} by {each['margin']:g}"
        )
    n = len(found["relations"])
    print(f"{n - len(failures)} of {n} relations hold")


if __name__ == "__main__":
    main()
