"""Rows of results -> tables, figures and one page. Everything that is published is made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarking import figures, groups, page, representations, selftest, tables
from benchmarking.rows import ROWS, Row, add_row, read_rows, refuse_mixed
from common.errors import InputError
from common.files import ROOT, write_atomically

__all__ = ["FIGURES", "PAGE", "ROWS", "TABLE", "add_row", "read_rows", "update_readme", "write"]

TABLE, FIGURES, PAGE = "leaderboard.md", "figures", "report.html"
TASKS = {"audio2image": "images from sounds", "image2audio": "speech from images"}
HEAD = "<!-- Made by benchmark.py. Do not edit. -->\n# Results\n"
ALL = "## All columns\n"
FOOT = (
    "Every row: training runs that differ in their seed, and for speakers never heard in the "
    "speaker who was kept from training, scored by `evaluate.py` on the test split. Values are "
    "means over seeds, then over speakers. (Intervals) are of 95 %: over seeds and recordings, or "
    "over speakers; of a single run over recordings alone. *TFLOP*: of training. *runs*: seeds, or "
    "speakers x seeds. *order holds*: seeds or speakers in which the first is on the same side of "
    "the second as in the mean, and the share of resamples. No run learns from digit labels, but "
    "for the warm start of those marked *labels* or *cascade*. Rows marked * are given the true "
    "digit. *augment*, *sound as*: these options of `train.py`, where they are not the default.\n"
)
LEVEL = (
    "What this level cannot measure: given the digit, sound and image are independent here, so a "
    "recognizer followed by drawing any image of the digit is sufficient.\n"
)


def write(out: Path, runs: Path, data_dir: Path) -> None:
    """leaderboard.md and report.html from the rows, and the figures of those whose runs are on this
    machine.

    Args:
        runs: a folder of evaluated runs, at any depth.

    Raises:
        InputError: there are no rows, or rows of one table were not measured in the same way; or,
            when all is written, the self-test of the metrics failed.
    """
    rows = read_rows(out)
    if not rows:
        raise InputError(f"no rows in {out / ROWS}: run `python benchmark.py` first")
    tested = selftest.read(out)
    if tested and not any(tested.tests(row) for row in rows):
        tested = None  # of another protocol, other data or judges
    parts = [HEAD, LEVEL]
    if tested is None:
        parts.append("The self-test of the metrics was not run.\n")
    elif tested.failures:
        parts.append(f"**The self-test failed: {'; '.join(tested.failures)}.**\n")
    full, found = [ALL], []
    for (data, task), measured in groups.by_measure(rows).items():
        refuse_mixed(measured)
        groups.refuse_other_settings(measured)
        name = f"{data}, {TASKS[task]}"
        parts.append(_headlines(name, measured))
        full += [_full(name, mark, there) for mark, there in groups.by_mark(measured)]
        found += figures.find_runs(groups.at_main_marks(measured), runs)
    parts += [*full, FOOT]
    figures.write(out / FIGURES, found, data_dir)
    write_atomically(out / TABLE, "\n".join(parts).encode())
    representations.write(out, rows)
    write_atomically(out / PAGE, page.render(rows, found, out / FIGURES, tested).encode())
    if tested and tested.failures:
        raise InputError(
            f"the self-test of the metrics failed ({'; '.join(tested.failures)}): the report is "
            f"marked; see {out / PAGE}"
        )


def _headlines(what: str, rows: Sequence[Row]) -> str:
    lines = [f"### {what}, n = {int(rows[0]['n']):,}"]
    for table in tables.headlines(rows):
        lines += [f"{table.title[0].upper()}{table.title[1:]}:", tables.markdown_of(table)]
    return "\n\n".join(lines) + "\n"


def _full(what: str, mark: float | None, rows: Sequence[Row]) -> str:
    lines = ["### " + what + ("" if mark is None else f", {mark:g} TFLOP")]
    for table in tables.full_tables(rows):
        lines += [f"#### {table.title}", tables.markdown_of(table)]
    for table in tables.pair_tables(rows):
        lines += [f"#### {table.title}, paired differences", tables.markdown_of(table)]
    lines.append("; ".join(f"*{name}*: {about}" for name, about in tables.notes(rows)) + ".")
    return "\n\n".join(lines) + "\n"


def update_readme(out: Path) -> None:
    """Puts the main tables of `out` between the README's markers."""
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text().partition("<!-- table:begin -->")
    _, end, after = rest.partition("<!-- table:end -->")
    if not begin or not end:
        raise InputError("README.md lacks its table:begin and table:end markers")
    text = (out / TABLE).read_text().partition("# Results\n")[2]
    table = text.partition(ALL)[0].strip()
    write_atomically(readme, f"{before}{begin}\n{table}\n{end}{after}".encode())
