"""Speech from images in a matrix: jobs, rows, commands, figures, and both tasks together."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import datasets
import evaluate
import train
from benchmarking import figures, jobs, matrix, page, report
from benchmarking.commands import commands_of
from benchmarking.current import ruler_of
from benchmarking.figures import Run, find_runs, folder_name
from benchmarking.jobs import Job
from benchmarking.rows import to_row
from common.command_line import parse
from datasets import TASKS, PairedDataset, Task, default_augment
from evaluation import outputs
from evaluation.baselines import BASELINES
from models import GenerativeModel
from tests.benchmarking.cards import baseline, card
from tests.benchmarking.commands import Commands
from tests.evaluation.piece import piece_of
from training.validation import Validation

SPEECH, IMAGES = "image2audio-9", "audio2image-9"  # protocols


@pytest.fixture
def commands(offline_source: PairedDataset, monkeypatch: pytest.MonkeyPatch) -> Commands:
    found = Commands(offline_source)
    monkeypatch.setattr(jobs, "run_script", found)
    return found


def a_matrix(folder: Path, *tasks: Task) -> matrix.Options:
    """Of one model, to two marks."""
    return matrix.check(
        matrix.Options(
            models=("cgan",), presets=("reference",), tasks=tasks, data="offline",
            out=folder / "out", runs=folder / "runs", data_dir=folder,
        )
    )  # fmt: skip


def do(folder: Path, dataset: PairedDataset, *tasks: Task) -> list[dict[str, str]]:
    """The rows of a matrix."""
    options = a_matrix(folder, *tasks)
    assert matrix.run_all(matrix.plan(options, dataset), options, dataset) == []
    return report.read_rows(folder / "out")


def test_a_matrix_of_speech_trains_and_scores_speech(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path
) -> None:
    rows = do(tmp_path, offline_source, "image2audio")
    run = tmp_path / "runs/cgan/reference/offline-image2audio-official-resampled-labels-none/seed0"
    baselines = tmp_path / "runs/baselines/offline-image2audio-official"
    assert commands.scripts() == [
        f"evaluate.py --baseline {' '.join(BASELINES)} --task image2audio --data offline --split "
        f"official --out {baselines}",
        "train.py --model cgan --preset reference --data offline --task image2audio --split "
        "official --pairing resampled --labels none --seed 0 --precision 32-true --marks 20 60 "
        f"--out {run} --resume auto",
        *(
            f"evaluate.py --checkpoint {run}/mark-{mark}{of}"
            for mark in (20, 60)
            for of in ("", " --baseline lookup")
        ),
    ]
    assert {row["task"] for row in rows} == {"image2audio"} and len(rows) == len(BASELINES) + 4

    commands.calls = []  # all is current
    assert do(tmp_path, offline_source, "image2audio") == rows and not commands.calls
    # Scores of the other task, by judges of images, are not.
    found = matrix.plan(a_matrix(tmp_path, "image2audio"), offline_source)
    for folder in (baselines / "class-mean", run / "mark-20"):
        made = json.loads((folder / outputs.NAME).read_text())
        made["fingerprint"] |= ruler_of(offline_source, "audio2image")
        (folder / outputs.NAME).write_text(json.dumps(made))
    assert [len(job.paths) - len(job.scorecards(offline_source)) for job in found] == [1, 1]


def test_each_task_of_a_matrix_has_its_runs_and_its_lookup(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path
) -> None:
    rows = do(tmp_path, offline_source, *TASKS)
    for task in TASKS:
        there = [row["model"] for row in rows if row["task"] == task]
        assert there == [*BASELINES, *(("cgan", "lookup") * 2)]
    assert len({row["protocol"] for row in rows}) == len({row["judge_a"] for row in rows}) == 2


def test_the_commands_of_a_row_of_speech_name_the_task_once() -> None:
    made = card(protocol=SPEECH, data="mnist-fsdd", config={})
    training, scoring = commands_of(to_row(made))
    given = shlex.split(training)[2:]
    assert given[: given.index("--data")] == ["--model", "cgan", "--preset", "reference"]
    assert parse(train.Options, None, given[4:], "train.py").task == "image2audio"
    folder = "results/runs/cgan/reference/mnist-fsdd-image2audio-official-resampled-labels-none"
    assert scoring == f"python evaluate.py --checkpoint {folder}/seed0/mark-60"

    made["candidate"]["name"], made["candidate"]["run"]["preset"] = "lookup", ""
    _, scoring = commands_of(to_row(made))
    assert scoring == f"python evaluate.py --checkpoint {folder}/seed0/mark-60 --baseline lookup"
    (command,) = commands_of(to_row(baseline(protocol=SPEECH, data="mnist-fsdd")))
    parsed = parse(evaluate.Options, None, shlex.split(command)[2:], "evaluate.py")
    assert (parsed.task, parsed.data, parsed.split) == ("image2audio", "mnist-fsdd", "official")


def test_a_label_says_speech_and_nothing_of_images(tmp_path: Path) -> None:
    what: dict[str, Any] = {
        "model": "cgan", "preset": "reference", "data": "d", "split": "official",
        "pairing": "fixed-4", "labels": "none", "seed": 0, "precision": "32-true",
        "marks": (20.0,), "folder": tmp_path,
    }  # fmt: skip
    tasks: dict[Task, str] = {"audio2image": "", "image2audio": ", image2audio"}
    for task, said in tasks.items():
        what["augment"] = default_augment(task, "official", "mel64")
        assert Job(task=task, **what).label == f"cgan (reference){said}, fixed-4"
    assert "image2audio, official" in jobs.Baselines("d", "image2audio", "official", tmp_path).label


class Drawer(GenerativeModel):
    """Draws noise, in its own shade, with a pixel of the condition."""

    def __init__(self, task: Task, shade: float) -> None:
        super().__init__(datasets.spec(task), None)  # type: ignore[arg-type]
        self.shade = torch.nn.Parameter(torch.tensor(shade))

    def phases(self) -> Any:
        raise NotImplementedError

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        assert c.shape[1:] == self.spec.c_shape
        x = self.shade * torch.rand(len(c), *self.spec.x_shape, generator=generator)
        x[:, 0, 14, 14] = c[:, 0, 14, 14]
        return x


@pytest.mark.parametrize("task", TASKS)
def test_side_by_side_stand_the_draws_for_validation_conditions(
    task: Task, offline_source: PairedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    dataset, shown = piece_of(offline_source), {}
    split = f"speaker:{dataset.recordings.speakers[1]}"

    def load(*given: Any) -> PairedDataset:
        asked.append(given)
        return dataset

    def side_by_side(rows: dict[str, Tensor], titles: Iterable[str], *kinds: str) -> None:
        shown.update(rows)
        asked.extend(((*titles,), kinds))

    monkeypatch.setattr(datasets, "load", load)
    monkeypatch.setattr(figures.plots, "side_by_side", side_by_side)
    monkeypatch.setattr(figures.plots, "png", lambda figure: b"picture")
    drawers = {name: Drawer(task, shade) for name, shade in (("cgan", 0.4), ("wgan", 0.9))}
    monkeypatch.setattr(figures.checkpoint, "load_model", lambda folder: drawers[folder.name])

    of_task: dict[str, Any] = {"protocol": f"{task}-9", "split": split}
    runs: list[Run] = [
        (to_row(card("vaegan", preset="original", **of_task)), Path("not drawn")),
        (to_row(card("cgan", **of_task)), Path("cgan")),
        (to_row(card("wgan", **of_task)), Path("wgan")),
        (to_row(card("cgan", seed=1, **of_task)), Path("not drawn")),
    ]
    figures.draw_side_by_side(tmp_path, runs, Path("data"))
    assert (tmp_path / figures.SIDE_BY_SIDE).read_bytes() == b"picture"
    given, drawn = ("sound", "image") if task == "audio2image" else ("image", "sound")
    assert asked == [("d", Path("data")), tuple("0123456789"), (drawn, given)]
    names = ("cgan", "cgan, again", "wgan", "wgan, again")
    assert [*shown] == [given, "real", *names]
    validation = Validation(dataset, split, task)
    assert torch.equal(shown[given], validation.shown)
    assert torch.equal(shown["real"], validation.partners)
    assert shown["real"].shape[1:] == ((28, 28) if given == "sound" else (64, 64))
    for name, drawer in drawers.items():
        draws = validation.draws(drawer, 2)
        assert torch.equal(shown[name], draws[:, 0])
        assert torch.equal(shown[f"{name}, again"], draws[:, 1])
        assert torch.equal(shown[name][:, 14, 14], validation.shown[:, 14, 14])


def both(folder: Path) -> list[Run]:
    """A run of each task, alike in all else, each with a scorecard in its folder."""
    runs: list[Run] = []
    for protocol in (SPEECH, IMAGES):
        made, mark = card(protocol=protocol), folder / protocol / "mark-60"
        mark.mkdir(parents=True)
        (mark / outputs.NAME).write_text(json.dumps({"format": outputs.FORMAT} | made))
        (mark / outputs.GRID).write_bytes(f"grid of {protocol}".encode())
        runs.append((to_row(made), mark))
    return runs


def test_figures_of_the_tasks_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = both(tmp_path)
    assert sorted(find_runs([row for row, _ in runs], tmp_path), key=str) == sorted(runs, key=str)
    made: list[tuple[str, str, list[Run]]] = []
    for name in ("copy_figures", "draw_side_by_side"):
        monkeypatch.setattr(
            figures, name, lambda out, runs, *_, name=name: made.append((name, out.name, runs))
        )
    figures.write(tmp_path, runs, tmp_path)
    assert made == [
        (name, f"d-{task}-official-resampled-labels-none", [run])
        for task, run in zip(TASKS[::-1], runs, strict=True)
        for name in ("copy_figures", "draw_side_by_side")
    ]


def test_a_page_of_both_tasks_has_a_part_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "light_and_dark", lambda draw: (b"light", b"dark"))
    runs = both(tmp_path)
    for row, _ in runs:
        place = tmp_path / "figures" / folder_name(row)
        place.mkdir(parents=True)
        (place / figures.SIDE_BY_SIDE).write_bytes(f"models of {row['protocol']}".encode())
    html = page.render([row for row, _ in runs], runs, tmp_path / "figures", None)
    images, speech = html.split("<h2>d, speech from images</h2>")
    assert "<h2>d, images from sounds</h2>" in images
    for what in ("grid", "models"):
        for part, own, other in ((images, IMAGES, SPEECH), (speech, SPEECH, IMAGES)):
            assert page._uri(f"{what} of {own}".encode()) in part
            assert page._uri(f"{what} of {other}".encode()) not in part
    assert "is the digit heard" in speech and "do the images show the digit" in images
    assert "Self-test of the metrics: not made for this task" in speech
    for part, own, other in (
        (images, "real test images", "real recordings"),
        (speech, "real recordings", "real test images"),
    ):
        assert own in part and other not in part
    assert "--task image2audio" in speech and "--task image2audio" not in images
