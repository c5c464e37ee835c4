"""Which rows stand together: runs that differ in seed and split alone; kinds of split; marks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from statistics import fmean

from benchmarking.seeds import Row, splits_of
from common.errors import InputError
from converters.sound_as import MEL64
from datasets import Task, default_augment

__all__ = [
    "NEW", "Group", "at_main_marks", "augments_otherwise", "by_mark", "by_measure", "grouped",
    "identity", "is_baseline", "is_plain", "is_usual", "kind_of", "kinds", "label_of",
    "refuse_other_settings",
]  # fmt: skip

GROUP = (
    *("model", "of_model", "preset", "pairing", "labels", "sound_as", "augment"),
    "training_precision",
)
NEW = "speakers never heard"
LABELS = {"": "", "none": "", "warm-start": ", labels"}
Group = list[Row]


def kind_of(split: str) -> str:
    """What a split tests: speakers that were in training (official), or one that was not."""
    return NEW if split.startswith("speaker:") else split


def kinds(rows: Iterable[Row]) -> list[str]:
    """The kinds of split that occur; speakers never heard stand first."""
    return sorted({kind_of(row["split"]) for row in rows}, key=lambda kind: (kind != NEW, kind))


def grouped(rows: Sequence[Row]) -> list[Group]:
    """Rows that differ in seed and split alone: by rank of the preset, then accuracy."""

    def key(row: Row) -> tuple[str, ...]:
        return tuple(identity(row).values())

    def rank(group: Group) -> tuple[int, str, float, str]:
        preset = group[0]["preset"]
        rank = {"reference": 0, "": 2}.get(preset, 1)  # baselines last
        return rank, preset, -_main_accuracy(group), label_of(group[0])

    rows = sorted(rows, key=lambda row: (key(row), row["split"], int(row["seed"] or 0)))
    return sorted((list(group) for _, group in itertools.groupby(rows, key)), key=rank)


def refuse_other_settings(rows: Sequence[Row]) -> None:
    """Refuses runs that would be one line and were trained with other settings, or with a warm
    start of another length, which is a share of the first mark.

    Raises:
        InputError: there are such runs.
    """
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if not row["marks"]:
            continue
        key = (*identity(row).values(), row["data"], row["task"], kind_of(row["split"]))
        other = seen.setdefault((*key, row["mark_tflop"]), row)
        for name in ("config", "marks"):
            one, two = ((r[name].split() or [""])[0] if name == "marks" else r[name]
                        for r in (row, other))  # fmt: skip
            if one != two:
                what = "settings" if name == "config" else "first marks"
                raise InputError(
                    f"seeds {other['seed']} and {row['seed']} of '{label_of(row)}, {row['split']}' "
                    f"differ in {what}: a table does not mix them; move the rows of one away"
                )


def identity(row: Row) -> dict[str, str]:
    """What the rows of a group agree in. Of log-mel pictures every default augmentation counts as
    the same, whatever the split and the task."""
    found = {name: row.get(name, "") for name in GROUP}
    same = is_usual(row) and not augments_otherwise(row)
    return found | {"augment": "" if same else found["augment"]}


def augments_otherwise(row: Row) -> bool:
    """Whether it was trained with another augmentation than the default of its task, split and
    pictures of sound."""
    if not row["sound_as"]:  # a baseline without a run
        return False
    tasks: tuple[Task, ...] = (row["task"], "audio2image")  # type: ignore[assignment]
    # A run that serves both tasks hears, too.
    usual = [default_augment(task, row["split"], row["sound_as"]) for task in tasks]
    return row["augment"] not in (*usual, "")


def is_plain(row: Row) -> bool:
    """Whether pairs are drawn anew and nothing learns from labels; so it is of baselines."""
    return row["pairing"] in ("", "resampled") and row["labels"] in ("", "none")


def is_usual(row: Row) -> bool:
    """Whether a run hears and speaks by log-mel pictures, augmented as such; so do baselines."""
    return row["sound_as"] in ("", MEL64) and row["augment"] != "clips"


def label_of(row: Row) -> str:
    """The name to show of all seeds and splits."""
    label = row["model"] + (f" ({row['preset']})" if row["preset"] else "")
    label += f" of {row['of_model']}" if row["of_model"] else ""
    if row["pairing"] not in ("", "resampled"):
        label += f", {row['pairing']}"
    label += LABELS.get(row["labels"], f", {row['labels']}")
    label += f", sound as {row['sound_as']}" if row["sound_as"] not in ("", MEL64) else ""
    if augments_otherwise(row):
        label += f", augment {row['augment']}"
    return label + ("*" if row["needs_label"] == "True" else "")


def is_baseline(row: Row) -> bool:
    """Whether it is of no model."""
    return not row["preset"]


def _main_accuracy(group: Group) -> float:
    """The mean over speakers never heard, else that of the first kind of split."""
    first = kinds(group)[0]
    splits = splits_of([row for row in group if kind_of(row["split"]) == first])
    return fmean(fmean(float(row["accuracy"]) for row in each) for each in splits.values())


def by_measure(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """The rows of each dataset and task, which were measured alike; audio2image first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["task"]):
        found.setdefault((row["data"], row["task"]), []).append(row)
    return found


def by_mark(rows: Sequence[Row]) -> list[tuple[float | None, Group]]:
    """The marks, the last first, each with its rows and those that have none: the baselines."""
    marks: list[float | None] = [*{float(row["mark_tflop"]) for row in rows if row["mark_tflop"]}]
    return [
        (mark, [row for row in rows if not row["mark_tflop"] or float(row["mark_tflop"]) == mark])
        for mark in sorted(marks, key=lambda mark: -(mark or 0)) or [None]
    ]


def at_main_marks(rows: Sequence[Row]) -> list[Row]:
    """Of each kind of split the rows at the mark that most plain runs have, the later of equals,
    and the baselines that have none.

    Args:
        rows: of one dataset and task.
    """
    found = []
    for kind in kinds(rows):
        there = [row for row in rows if kind_of(row["split"]) == kind]
        of_runs = [row for row in there if row["mark_tflop"]]
        plain = [row for row in of_runs if is_plain(row) and not is_baseline(row)]
        marks = [float(row["mark_tflop"]) for row in plain or of_runs]
        main = max(marks, key=lambda mark: (marks.count(mark), mark), default=None)
        found += [r for r in there if not r["mark_tflop"] or float(r["mark_tflop"]) == main]
    return found
