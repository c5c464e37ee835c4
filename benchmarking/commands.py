"""The commands that made a row, as one types them in the checkout."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import models
from benchmarking.jobs import Job, trained_task
from benchmarking.rows import Row
from training.run import run_folder
from training.session import mark_folder

__all__ = ["commands_of"]

IDENTITY = ("data", "task", "split", "pairing", "labels", "sound_as", "augment")


def commands_of(row: Row) -> list[str]:
    """The commands that made a row, as one types them in the checkout."""
    if not row["seed"]:
        task = [] if row["task"] == "audio2image" else ["--task", row["task"]]
        where = [*task, "--data", row["data"], "--split", row["split"]]
        return [shlex.join(["python", "evaluate.py", "--baseline", row["model"], *where])]
    model, baseline = row["of_model"] or row["model"], []
    if row["of_model"]:
        baseline = ["--baseline", row["model"]]
    what: dict[str, Any] = {
        **{name: row[name] for name in IDENTITY},
        **{"model": model, "preset": row["preset"] or _preset_of(row), "seed": int(row["seed"])},
    }
    trained = trained_task(what["model"], what["preset"], what["task"])
    folder = run_folder(Path("results/runs"), **what | {"task": trained})
    mark = mark_folder(folder, float(row["mark_tflop"]))
    what |= {"precision": row["training_precision"], "folder": folder}
    job = Job(**what, marks=tuple(map(float, row["marks"].split())))
    settings = _settings(row["config"])
    return [
        shlex.join(["python", "train.py", *job.training(), *settings]),
        shlex.join(["python", "evaluate.py", "--checkpoint", str(mark), *job.way(), *baseline]),
    ]


def _preset_of(row: Row) -> str:
    """The preset of a baseline's run, by its settings."""
    presets = models.presets(row["of_model"]) if row["of_model"] in models.names() else {}
    names = (json.loads(row["config"]).keys() == vars(each).keys() for each in presets.values())
    return next((name for name, same in zip(presets, names, strict=True) if same), "reference")


def _settings(config: str) -> list[str]:
    """Flags for every setting: a preset may have had others at the commit of the row."""
    found: list[str] = []
    for name, value in json.loads(config).items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            found.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            found += [f"--{flag}", str(value)]
    return found
