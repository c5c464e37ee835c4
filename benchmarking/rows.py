"""Scorecards as rows of results.csv, and which rows may stand in one table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import files
from common.errors import InputError
from common.files import exclusive
from converters.sound_as import MEL64
from evaluation.tasks import task_of

__all__ = ["ROWS", "SAME", "Row", "add_row", "key_of", "read_rows", "refuse_mixed", "to_row"]

ROWS = "results.csv"
FORMAT = "synesthesia-rows-6"  # in every row
WAIT = 60.0  # seconds, for another process that writes a row
Row = Mapping[str, str]

# What must agree between the rows of one table; of the split, between those of one split.
OF_SPLIT = ("split_sha256", "n_recordings")
SAME = (
    *("protocol", "data_sha256", *OF_SPLIT, "judge_a", "judge_b", "converter", "n", "k"),
    *("evaluation_seed", "device"),
)
# What of a fingerprint is a column of its own, or may differ.
APART = {"data", "split", "code", "seed"}
# What identifies a run: another with the same replaces its row.
KEY = (
    *("model", "of_model", "preset", "data", "task", "split", "pairing", "labels", "sound_as"),
    *("augment", "training_precision", "seed", "mark_tflop"),
)


def add_row(out: Path, card: dict[str, Any]) -> None:
    """Puts a scorecard into results.csv; a row of the same run is replaced. Several processes may.

    Raises:
        InputError: it is of a run that is not at a mark, or cannot draw yet.
    """
    candidate, cost = card["candidate"], card["cost"]
    if candidate["run"] and cost["mark_tflop"] is None:
        raise InputError(
            f"{candidate['name']}, {cost['steps']:,} steps: it is not at one of its marks, or "
            "cannot draw yet: no row"
        )
    row = to_row(card)
    with exclusive(out, "rows", wait=WAIT):
        rows = {key_of(each): each for each in read_rows(out)}
        rows[key_of(row)] = row
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
        # Of before there were others; empty beside rows that have them.
        of_task = "none" if row["task"] == "image2audio" else "pictures"
        of_run = bool(row["seed"])
        row["sound_as"] = row.get("sound_as") or (MEL64 if of_run else "")
        row["augment"] = row.get("augment") or (of_task if of_run else "")
    return rows


def to_row(card: dict[str, Any]) -> dict[str, str]:
    """A scorecard as one flat row: what it is of, its fingerprint, its metrics, its cost.

    Raises:
        ValueError: two values have one column, or a part of the fingerprint has none.
    """
    candidate, fingerprint = card["candidate"], card["fingerprint"]
    run = candidate["run"] or {}
    row: dict[str, Any] = {
        "format": FORMAT,
        "model": candidate["name"],
        # Of a baseline that uses what a run learned: the model of the run.
        "of_model": "" if run.get("model") == candidate["name"] else run.get("model", ""),
        "preset": run.get("preset", ""),
        "data": fingerprint["data"],
        "task": task_of(fingerprint["protocol"]),
        "split": fingerprint["split"],
        "pairing": run.get("pairing", ""),
        "labels": run.get("labels", ""),
        "sound_as": run.get("sound_as", MEL64) if run else "",
        "augment": run.get("augment", "") if run else "",
        "training_precision": run.get("precision", ""),
        "seed": run.get("seed", ""),
        "marks": " ".join(f"{mark:g}" for mark in run.get("marks", ())),
        "needs_label": candidate["needs_label"],
        "code_trained": run.get("code", ""),
        "code_evaluated": fingerprint["code"],
        "weights_sha256": candidate["weights_sha256"] or "",
        "config": json.dumps(run.get("config", {}), sort_keys=True),
    }
    if unnamed := fingerprint.keys() - {*SAME} - APART:
        raise ValueError(f"no column for {min(unnamed)} of the fingerprint")
    fingerprint = fingerprint | {"evaluation_seed": fingerprint["seed"]}
    parts: list[dict[str, Any]] = [{name: _text(fingerprint[name]) for name in SAME}]
    for name, estimate in card["metrics"].items():
        short = _short(name)
        ends = {f"{short}_{end}": estimate[end] for end in ("low", "high", "real")}
        parts.append({short: estimate["value"]} | ends)
    parts.append(
        {f"recording_{k}": " ".join(map(str, each)) for k, each in card["by_recording"].items()}
    )
    parts += [{name: json.dumps(card[name])} for name in ("by_digit", "by_speaker", "confusion")]
    for part in (*parts, card["cost"]):
        if double := row.keys() & part.keys():
            raise ValueError(f"two columns named {min(double)}")
        row |= part
    return {name: "" if value is None else str(value) for name, value in row.items()}


def refuse_mixed(rows: Sequence[Row]) -> None:
    """Refuses rows of one dataset and task that were not measured in the same way.

    Raises:
        InputError: they differ in a part of the fingerprint.
    """
    shared = tuple(name for name in SAME if name not in OF_SPLIT)
    splits = dict.fromkeys(row["split"] for row in rows)
    by_split = ((s, [row for row in rows if row["split"] == s], OF_SPLIT) for s in splits)
    for title, there, names in (("all splits", rows, shared), *by_split):
        for name in names:
            found = sorted({row[name] for row in there})
            if len(found) > 1:
                raise InputError(
                    f"the rows of '{rows[0]['data']}, {rows[0]['task']}, {title}' differ in {name} "
                    f"({', '.join(v[:12] for v in found)}): a table does not mix them; score the "
                    "old runs again or move their rows away"
                )


def key_of(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in KEY)


def _short(name: str) -> str:
    """Without judge and n, which are columns of their own: fd_judge_10k -> fd."""
    return re.sub(r"_judge_\d+k?$", "", name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
