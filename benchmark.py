"""Trains and compares models, measures converters, and writes tables and figures.

    python benchmark.py models           train and evaluate a matrix of runs -> results/
    python benchmark.py models --quick   the reference presets to 10 TFLOP -> results/demo/
    python benchmark.py models --dry-run the plan and its cost
    python benchmark.py converters       round trips of the converters -> results/converters.md
    python benchmark.py recognition      recognition of spoken digits after a round trip
    python benchmark.py report           tables, figures and page from the rows that there are

`models` may be left out. A command with --help has its own options. Runs that are finished are
kept and interrupted ones resume, so the same command can be given again at any time.
"""

from __future__ import annotations

import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
from benchmarking import converter_report, matrix, recognition, report, round_trips, signals
from common.command_line import parse
from common.errors import InputError, command, suggest
from common.files import ROOT, write_rows
from common.progress import Progress
from training.run import RUNS, code_version

RESULTS = ROOT / "results"


@dataclass(frozen=True)
class ConverterOptions:
    """Measures every preset of every converter through files, channels and back."""

    data: datasets.Data = "auto"
    """Which data, for the speech."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    out: Path = RESULTS
    """Where rows, table and charts go."""


@dataclass(frozen=True)
class ReportOptions:
    """Writes tables, figures and report.html again, from the rows that there are."""

    out: Path = RESULTS
    """Where the rows are, and table and figures go."""
    runs: Path = RUNS
    """Where the runs are: grids and charts are made of those whose rows are in the table."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    readme: bool = False
    """Put the table of the models into README.md as well."""


def _progress() -> Progress:
    return Progress("round trips", round_trips.n_measured(), unit="measurement")


def measure_converters(options: ConverterOptions) -> None:
    dataset = datasets.load(options.data, options.data_dir)
    with tempfile.TemporaryDirectory() as name, _progress() as bar:
        signals.write(Path(name), dataset)

        def on_progress(process: str) -> None:
            bar.annotate(process)
            bar.update()

        rows = round_trips.measure_all(Path(name), on_progress)
    code = code_version()
    about = {"format": converter_report.FORMAT, "code": code}
    write_rows(options.out / converter_report.ROWS, [about | row for row in rows])
    _report_converters(options.out)


def write_report(options: ReportOptions) -> None:
    rows = [name for name in (report.ROWS, converter_report.ROWS) if (options.out / name).exists()]
    if not rows:
        raise InputError(f"no rows in {options.out}: run `python benchmark.py` first")
    if report.ROWS in rows:
        report.write(options.out, options.runs, options.data_dir)
        print(f"report:  {options.out / report.PAGE}\ntable:   {options.out / report.TABLE}")
        print(f"figures: {options.out / report.FIGURES}")
    if converter_report.ROWS in rows:
        _report_converters(options.out)
    if options.readme:
        report.update_readme(options.out)


def _report_converters(out: Path) -> None:
    converter_report.write(out)
    print(f"table:   {out / converter_report.TABLE}\nfigures: {out / converter_report.FIGURES}")


COMMANDS: dict[str, tuple[type, Callable[[Any], None]]] = {
    "models": (matrix.Options, matrix.run),
    "converters": (ConverterOptions, measure_converters),
    "recognition": (recognition.Options, recognition.run),
    "report": (ReportOptions, write_report),
}


@command
def main() -> None:
    arguments = sys.argv[1:]
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return
    name = "models" if not arguments or arguments[0].startswith("-") else arguments.pop(0)
    if name not in COMMANDS:
        raise InputError(f"unknown command '{name}': {suggest(name, COMMANDS)}")
    options, run = COMMANDS[name]
    run(parse(options, None, arguments, f"benchmark.py {name}"))


if __name__ == "__main__":
    main()
