"""Which picture of sound is best to learn from: results/representations.md, from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from benchmarking.columns import COLUMNS, Column
from benchmarking.groups import Group, by_mark, grouped, is_baseline, is_plain
from benchmarking.rows import Row
from benchmarking.seeds import difference, mean, splits_of
from benchmarking.tables import Cell, Table, cell_of, ends_of, markdown_of, runs_of
from common.files import write_atomically
from converters.sound_as import MEL64, REPRESENTATIONS

__all__ = ["NAME", "representation_tables", "write"]

NAME = "representations.md"
KEY = {"audio2image": "accuracy", "image2audio": "accuracy_heard"}  # by which they are ranked
TASKS = {"audio2image": "images from sounds", "image2audio": "speech from images"}
HEAD = """<!-- Made by benchmark.py. Do not edit. -->
# Which picture of sound is best to learn from?

The same word as six pictures (`--sound-as`), the same models, FLOPs and seeds. The claim that is
tested: a program that writes the bytes of a WAV file into the red, green and blue of images says
that these are fit to train image generators on, as spectrograms lose what bytes keep. `planes` and
`packed-rgb` keep every bit of 16; `mel64`, `linear` and `tones` keep levels alone.

What is heard is varied in training before it becomes a picture (`--augment clips`), for all alike;
`mel64` has a line with its own augmentation of pictures, too. What is spoken is judged by what is
heard of it, after the picture became a sound: *heard %*.
"""


def write(out: Path, rows: Sequence[Row]) -> Path | None:
    """The page, if there are rows of other pictures than mel64.

    Args:
        rows: of all data and tasks.
    """
    found = representation_tables(rows)
    if not found:
        return None
    parts = [HEAD]
    for table, verdict in found:
        parts += [f"## {table.title}\n", markdown_of(table) + "\n", verdict + "\n"]
    write_atomically(out / NAME, "\n".join(parts).encode())
    return out / NAME


def representation_tables(rows: Sequence[Row]) -> list[tuple[Table, str]]:
    """For each data set, task, model and mark at which there are several pictures of sound: a line
    for each, the best first, and in words which is best.

    Args:
        rows: of all data and tasks; those of the official split without labels are taken.
    """
    usable = [
        row for row in rows
        if row["split"] == "official" and is_plain(row) and not is_baseline(row)
    ]  # fmt: skip
    measures = sorted({(row["data"], row["task"], row["model"], row["preset"]) for row in usable})
    found = []
    for data, task, model, preset in measures:
        same = [
            row for row in usable
            if (row["data"], row["task"], row["model"], row["preset"])
            == (data, task, model, preset)
        ]  # fmt: skip
        for mark, there in by_mark(same):
            if {row["sound_as"] for row in there} - {MEL64}:
                title = f"{TASKS[task]}: {model} ({preset}), {data}, {mark:g} TFLOP"
                found.append(_table(title, task, there))
    return found


def _table(title: str, task: str, rows: Sequence[Row]) -> tuple[Table, str]:
    by_metric = {column.metric: column for column in COLUMNS}
    key = by_metric[KEY[task]]
    columns = [
        column for column in COLUMNS
        if (column.is_headline or column.metric == "steps")
        and any(row.get(column.metric) for row in rows)
    ]  # fmt: skip
    ranked = sorted(grouped(rows), key=lambda group: -_mean(group, key))
    control = _control(ranked)
    lines = []
    for group in ranked:
        sound_as, augment = group[0]["sound_as"], group[0]["augment"]
        shape = " x ".join(map(str, REPRESENTATIONS[sound_as].shape))
        less = Cell("") if control in (None, group) else _less(group, control, key)
        cells = (cell_of(group, column) for column in columns)
        lines.append(
            [Cell(sound_as), Cell(shape), Cell(augment), Cell(runs_of(group)), *cells, less]
        )
    headings = ["sound as", "picture", "augment", "runs", *(c.heading for c in columns)]
    table = Table(title, [*headings, f"{key.title}: minus mel64"], lines)
    return table, _verdict(ranked, key)


def _control(groups: Sequence[Group]) -> Group | None:
    """mel64, trained as the others are."""
    usual = {group[0]["augment"] for group in groups if group[0]["sound_as"] != MEL64}
    of_mel64 = [group for group in groups if group[0]["sound_as"] == MEL64]
    return next((group for group in of_mel64 if group[0]["augment"] in usual), None)


def _less(group: Group, control: Group | None, key: Column) -> Cell:
    """The paired difference over the seeds that both have."""
    seeds = {row["seed"] for row in group} & {row["seed"] for row in control or ()}
    if control is None or not seeds:
        return Cell("")
    first, second = ([row for row in each if row["seed"] in seeds] for each in (group, control))
    found = difference(first, second, key.metric)
    return Cell(key.show(found.value, sign=True), ends_of(found, key, sign=True))


def _mean(group: Group, key: Column) -> float:
    splits = splits_of(group)
    return fmean(fmean(float(row[key.metric]) for row in each) for each in splits.values())


def _verdict(ranked: Sequence[Group], key: Column) -> str:
    """Which is best, and by how much it leads the next kind of picture."""
    best = ranked[0]
    name = best[0]["sound_as"]
    others = [group for group in ranked if group[0]["sound_as"] != name]
    if not others:
        return ""
    found = mean(best, key.metric, key.bounds)
    lead = _less(best, others[0], key)
    shown = f" ({lead.detail})" if lead.detail else ""
    return (
        f"Best: `{name}` with {key.title} {key.show(found.value)}, "
        f"{lead.text} points{shown} before `{others[0][0]['sound_as']}`, the next."
    )
