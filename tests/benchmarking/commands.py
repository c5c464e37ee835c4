"""Stands for the commands of a matrix in tests of what calls them: the same files, at once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import models
from datasets import PairedDataset, Task, default_augment
from evaluation import outputs, self_test
from evaluation.tasks import EVALUATORS
from judges import JUDGES, load_judge
from tests.benchmarking.cards import baseline, card
from training import checkpoint
from training.checkpoint import Checkpoint
from training.run import Run
from training.session import mark_folder


class Commands:
    """Called as `run_script` is.

    Attributes:
        calls: script and arguments of each.
        fails: whether a command fails.
        meanwhile: called while a command runs.
    """

    def __init__(self, dataset: PairedDataset) -> None:
        self.dataset = dataset
        self.calls: list[tuple[str, list[str]]] = []
        self.fails: Callable[[str, list[str]], bool] = lambda script, arguments: False
        self.meanwhile: Callable[[str, list[str]], object] = lambda script, arguments: None

    def __call__(self, script: str, arguments: Sequence[str]) -> int:
        self.calls.append((script, [*arguments]))
        self.meanwhile(script, [*arguments])
        if self.fails(script, [*arguments]):
            return 2
        given = _given(arguments)
        if script == "train.py":
            self._train(given)
        elif "checkpoint" in given:
            self._score_run(Path(given["checkpoint"][0]), given.get("baseline", [""])[0])
        elif script == "evaluation.self_test":
            ruler = self._ruler("audio2image")
            found = {"fingerprint": {"code": "x"} | ruler, "passed": True,
                     "relations": [], "controls": {}}  # fmt: skip
            (Path(given["out"][0]) / self_test.NAME).write_text(json.dumps(found))
        else:
            for name in given["baseline"]:
                folder = Path(given["out"][0]) / name
                task: Any = given["task"][0]
                self._write(folder, baseline(name, given["split"][0]), task, None)
        return 0

    def scripts(self) -> list[str]:
        """What was called, shortened."""
        return [
            " ".join([script, *arguments[: arguments.index("--data-dir")]])
            for script, arguments in self.calls
        ]

    def _train(self, given: dict[str, list[str]]) -> None:
        (model,), (preset,), (seed,), (out,) = (
            given[name] for name in ("model", "preset", "seed", "out")
        )
        labels: Any = given["labels"][0]
        task: Any = given["task"][0]
        spec = datasets.spec(task, labels)
        config = dataclasses.asdict(models.presets(model)[preset])
        run = Run(
            model, preset, config, given["data"][0], self.dataset.fingerprint, task,
            given["split"][0], given["pairing"][0], labels, int(seed), given["precision"][0],
            spec.x_shape, spec.c_shape, tuple(map(float, given["marks"])), f"code{seed}",
            augment=default_augment(task, given["split"][0], "mel64"),
        )  # fmt: skip
        for folder in (Path(out), *(mark_folder(Path(out), mark) for mark in run.marks)):
            checkpoint.write(folder / checkpoint.NAME, Checkpoint(run, 5, 1.0, 0, {}))

    def _score_run(self, folder: Path, baseline: str) -> None:
        found = checkpoint.load(folder, groups=("ema",))
        made = card(baseline or found.run.model, found.run.seed, found.run.split)
        made["candidate"]["run"] = json.loads(json.dumps(dataclasses.asdict(found.run)))
        if baseline:
            made["candidate"]["run"]["preset"] = ""
        made["cost"]["mark_tflop"] = float(folder.name.partition("-")[2])
        self._write(folder / baseline, made, found.run.task, found.weights_sha256())

    def _ruler(self, task: Task) -> dict[str, str]:
        kind, name = EVALUATORS[task].KIND, self.dataset.name
        return {
            "protocol": EVALUATORS[task].PROTOCOL,
            "data_sha256": self.dataset.fingerprint,
            **{f"judge_{w}": load_judge(name, w, kind=kind).sha256 for w in JUDGES},
        }

    def _write(self, folder: Path, made: dict[str, Any], task: Task, weights: str | None) -> None:
        made["candidate"]["weights_sha256"] = weights
        made["fingerprint"] |= {"data": self.dataset.name} | self._ruler(task)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": outputs.FORMAT} | made)
        (folder / outputs.NAME).write_text(text)
        (folder / outputs.GRID).write_bytes(b"grid")


def _given(arguments: Sequence[str]) -> dict[str, list[str]]:
    """The values of each flag."""
    found: dict[str, list[str]] = {}
    for each in arguments:
        if each.startswith("--"):
            values = found.setdefault(each.removeprefix("--"), [])
        else:
            values.append(each)
    return found
