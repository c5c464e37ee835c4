"""Scores a checkpoint, or baselines, on the test split: scorecard, pictures, TensorBoard."""

from __future__ import annotations

import common.guard  # noqa: F401  # isort: skip  (first: the rest takes seconds to load)
import dataclasses
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import check_writable, exclusive
from datasets import PairedDataset
from evaluation import baselines, outputs
from evaluation.base import Evaluator
from evaluation.baselines import BASELINES
from evaluation.candidates import Candidate
from evaluation.run_baselines import RUN_BASELINES, RunBaseline
from evaluation.tasks import EVALUATORS
from training import checkpoint
from training.run import RUNS, Run, baselines_folder

Name = Literal[baselines.Name, RunBaseline]
Scored = tuple[Candidate, Evaluator, Path]
HELP = " ".join(
    (
        *(f"{name}: {each.draw.__doc__}" for name, each in BASELINES.items()),
        "With --checkpoint, in place of its model:",
        *(f"{name}: {text}." for name, text in RUN_BASELINES.items()),
    )
)


@dataclass(frozen=True)
class Options:
    """Scores a checkpoint, or baselines, on the test split."""

    checkpoint: Path | None = None
    """A run's folder or its checkpoint."""
    baseline: Annotated[tuple[Name, ...], tyro.conf.arg(help=HELP)] = ()
    task: datasets.Task | None = None
    """Of a baseline; by default audio2image. Of a checkpoint whose model serves both: which."""
    data: str | None = None
    """Of a baseline; by default auto. Your own (folder:PATH) also of a checkpoint."""
    size: int = 28
    """Of the images of a folder, of a baseline."""
    color: datasets.Color = "auto"
    """Of the images of a folder, of a baseline."""
    split: str | None = None
    """Of a baseline: 'official' (by default) or 'speaker:NAME'."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to sample and score. auto: a GPU if there is one."""
    out: Path | None = None
    """Where JSON, pictures and TensorBoard entries go; by default the run's folder. Several
    baselines get a folder each in it."""
    json: Path | None = None
    """A file for the scorecard; by default in --out."""


def _check(options: Options) -> None:
    if options.checkpoint is None and not options.baseline:
        raise InputError("give --checkpoint PATH or --baseline NAME (see --help)")
    for name in options.baseline:
        if (name in RUN_BASELINES) != (options.checkpoint is not None):
            with_run = ", ".join(RUN_BASELINES)
            raise InputError(
                f"--baseline {name}: with --checkpoint there are {with_run}; without, "
                f"{', '.join(BASELINES)}"
            )
    own = (options.data or "").startswith(datasets.FOLDER)
    if options.checkpoint and (options.split or (options.data and not own)):
        raise InputError("--data and --split are of baselines: a checkpoint has its own")
    if options.checkpoint and (options.size != 28 or options.color != "auto"):
        raise InputError("--size and --color are of baselines: a checkpoint has its own")
    if options.json and len(options.baseline) > 1:
        raise InputError("--json takes one scorecard: give one --baseline, or leave it out")


def _device(name: str) -> torch.device:
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("no GPU that torch can use is here: give --device cpu")
    return torch.device("cuda" if name != "cpu" and available else "cpu")


def _from_checkpoint(options: Options, path: Path) -> Iterator[Scored]:
    device, path = _device(options.device), checkpoint.find(path)
    found, folder = checkpoint.load(path, groups=("ema",)), path.parent
    if options.task not in (None, found.run.task):
        found = dataclasses.replace(found, run=found.run.other_way())
        folder /= found.run.task
    candidate, run = Candidate.from_checkpoint(found, device), found.run
    dataset = _data_of(run, options)
    if dataset.fingerprint != run.data_fingerprint:
        raise InputError(
            f"the data '{run.data}' here are not those of the checkpoint: their fingerprint is "
            f"{dataset.fingerprint[:12]}, the run's {run.data_fingerprint[:12]}"
        )
    evaluator = EVALUATORS[run.task](dataset, run.split, device, run.sound_as)
    if not options.baseline:
        yield candidate, evaluator, options.out or folder
    for name in options.baseline:
        train = evaluator.train.seen_as(run.sound_as)
        chosen = candidate.baseline(name, train)  # type: ignore[arg-type]
        yield chosen, evaluator, options.out or folder / name


def _data_of(run: Run, options: Options) -> PairedDataset:
    """The data of a run: of somebody's own with the same size and colours."""
    if not run.data.startswith(datasets.OWN):
        return datasets.load(run.data, options.data_dir)
    if run.n_digits == 1:
        raise InputError(
            f"the data '{run.data}' are no pairs and have no classes to judge by: try "
            "python -m evaluation.inversion or python -m drawing.both_ways"
        )
    if not options.data:
        raise InputError(f"a run on your own data '{run.data}': say where: --data folder:PATH")
    channels, size, _ = run.x_shape if run.task == "audio2image" else run.c_shape
    return datasets.load(options.data, None, size, "grey" if channels == 1 else "rgb")


def _from_baselines(options: Options) -> Iterator[Scored]:
    split, device = options.split or "official", _device(options.device)
    data, task = options.data or "auto", options.task or "audio2image"
    dataset = datasets.load(data, options.data_dir, options.size, options.color)
    evaluator = EVALUATORS[task](dataset, split, device)
    folder = baselines_folder(RUNS, dataset.name, task, split)
    for name in options.baseline:
        candidate = Candidate.from_baseline(
            name,  # type: ignore[arg-type]
            task,
            evaluator.train,
            evaluator.validation,
        )
        out = (options.out or folder) / name
        if options.out and len(options.baseline) == 1:
            out = options.out
        yield candidate, evaluator, out


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "evaluate.py")
    _check(options)
    given = options.checkpoint
    candidates = _from_checkpoint(options, given) if given else _from_baselines(options)
    start = time.perf_counter()
    for candidate, evaluator, out in candidates:
        json_path = options.json or out / outputs.NAME
        check_writable(json_path.parent)
        check_writable(out)
        with exclusive(out, "evaluation"):
            evaluator.remember()
            card = evaluator.evaluate(candidate, out, json_path)
        outputs.show(card)
        if candidate.checkpoint and card["cost"]["mark_tflop"] is None:
            print("no row of a table: this run is not at one of its marks, or cannot draw yet")
        pictures = (outputs.GRID, outputs.CONFUSION, outputs.NEIGHBORS)
        for path in (json_path, *(out / name for name in (*pictures, *evaluator.PAGES))):
            print(path)
        print(f"scored in {time.perf_counter() - start:.0f} s, loading included")
        start = time.perf_counter()
        print(f"next: tensorboard --logdir {out}")


if __name__ == "__main__":
    main()
