"""Runs side by side by the real command: new and old logs, other splits, and what is no run."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import datasets
from benchmarking import compare
from common.files import read_rows
from tests.training.runs import arguments, call
from training import checkpoint, validation
from training.run_log import NAME as LOG
from training.run_log import read_scalars


@pytest.fixture(scope="module")
def trained(offline_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and a copy that says it is another."""
    folder = tmp_path_factory.mktemp("runs")
    more = ("--steps", "5", "--validate-every", "2", "--seed", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "N_SAMPLES", 60)
        assert call(*arguments(offline_dir, folder / "cvae", "cvae", *more)).code == 0
    copy(folder / "cvae", folder / "cgan", model="cgan", pairing="shuffled", seed=0)
    return folder


def copy(run: Path, folder: Path, without: tuple[str, ...] = (), **changes: Any) -> Path:
    """A run with other settings, and without the tags that have these words."""
    shutil.copytree(run, folder)
    lines = (folder / LOG).read_text().splitlines(keepends=True)
    kept = [line for line in lines if not any(word in line for word in without)]
    (folder / LOG).write_text("".join(kept))
    found = checkpoint.load(folder)
    changed = dataclasses.replace(found, run=dataclasses.replace(found.run, **changes))
    checkpoint.write(folder / checkpoint.NAME, changed)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *given: Path | str) -> int:
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, given)])
    try:
        compare.main()
    except SystemExit as stop:
        assert isinstance(stop.code, int)
        return stop.code
    return 0


def test_a_table_and_a_chart_of_any_runs(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = run(monkeypatch, trained / "cgan", trained / "cvae" / checkpoint.NAME, "--out", tmp_path)
    said = capsys.readouterr()
    assert code == 0, said.err
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"compare.md", "compare.csv", "compare.png"}
    assert (tmp_path / "compare.md").read_text() in said.out
    assert "| cgan, shuffled, seed 0 | 5 |" in said.out
    assert "| cvae, resampled, seed 1 | 5 |" in said.out
    assert "the runs differ in pairing: shuffled (cgan, shuffled, seed 0); resampled" in said.out
    assert "differ in split" not in said.out

    for row, name in zip(read_rows(tmp_path / "compare.csv"), ("cgan", "cvae"), strict=True):
        logged, found = read_scalars(trained / name), checkpoint.load(trained / name)
        assert (row["model"], row["seed"]) == (name, str(found.run.seed))
        assert json.loads(row["config"]) == found.run.config
        for column, tag in {
            "accuracy": "validation/accuracy",
            "coverage_within_digit": "validation/coverage_within_digit",
            "training_flops": "progress/training_flops",
            "training_seconds": "progress/training_seconds",
        }.items():
            assert float(row[column]) == logged[tag][1][-1]


def test_a_log_without_flops_has_the_same_flops(trained: Path, tmp_path: Path) -> None:
    run = trained / "cvae"
    older = compare.read(copy(run, tmp_path / "older", without=("progress/", "within_digit")))
    tag = "progress/training_flops"
    assert older.scalars[tag] == read_scalars(run)[tag]
    seconds = [checkpoint.load(run).seconds]
    assert older.scalars["progress/training_seconds"] == ([5], seconds)
    assert "coverage_within_digit" not in older.last()


def test_other_splits_and_data_are_said_and_stand_apart(trained: Path, tmp_path: Path) -> None:
    run = trained / "cgan"
    split = copy(run, tmp_path / "split", split="speaker:theo")
    data = copy(run, tmp_path / "data", data_fingerprint="other")  # of the same name
    text = compare.write([compare.read(each) for each in (run, split, data)], tmp_path)
    for field in ("split", "data_fingerprint"):
        assert f"differ in {field}, so that they have tables and charts apart" in text
    assert text.count("### offline, audio2image, split official") == 2
    assert text.count("### offline, audio2image, split speaker:theo") == 1
    charts = [f"compare-{i}.png" for i in (1, 2, 3)]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == charts
    assert [row["chart"] for row in read_rows(tmp_path / "compare.csv")] == charts


def test_runs_of_both_tasks_stand_apart_by_name(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "chart", lambda runs: b"chart")  # takes seconds
    spec, run = datasets.spec("image2audio"), trained / "cvae"
    changes: dict[str, Any] = {
        "task": "image2audio", "x_shape": spec.x_shape, "c_shape": spec.c_shape
    }  # fmt: skip
    speech = compare.read(copy(run, tmp_path / "speech", **changes))
    both = [compare.read(run), speech]
    assert compare.labels(both) == ["cvae, audio2image", "cvae, image2audio"]
    text = compare.write(both, tmp_path)
    images, sounds = text.split("### offline, image2audio, split official")
    assert "### offline, audio2image, split official" in images
    assert images.count("| cvae |") == sounds.count("| cvae |") == 1
    assert (
        "differ in task, so that they have tables and charts apart: "
        "audio2image (cvae, audio2image); image2audio (cvae, image2audio)"
    ) in (tmp_path / "compare.md").read_text()
    rows = read_rows(tmp_path / "compare.csv")
    assert [row["task"] for row in rows] == ["audio2image", "image2audio"]


def test_names_are_short_and_tell_runs_apart(trained: Path, tmp_path: Path) -> None:
    first = compare.read(trained / "cgan")
    same = dataclasses.replace(first, folder=trained / "again")
    cvae = compare.read(trained / "cvae")
    assert compare.labels([first]) == ["cgan"]
    assert compare.labels([first, same]) == ["cgan: cgan", "cgan: again"]
    assert compare.labels([first, cvae]) == ["cgan, shuffled, seed 0", "cvae, resampled, seed 1"]


def test_a_run_that_was_not_validated_has_losses_alone(trained: Path, tmp_path: Path) -> None:
    folder = copy(trained / "cvae", tmp_path / "run", without=("validation/", "progress/"))
    text = compare.write([compare.read(folder)], tmp_path)
    assert "| cvae |" + "  |" * len(compare.COLUMNS) in text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "runs"),
        (("nowhere",), "nowhere"),
        (("{empty}",), "empty"),
        (("{cgan}", "{empty}"), "empty"),
        (("{torn}",), "damaged"),
        (("{logless}",), "no metrics.jsonl"),
        (("{cgan}", "--out", "{cgan}/metrics.jsonl"), "cannot write in"),
        (("{cgan}", "--ouf", "x"), "see python -m benchmarking.compare --help"),
    ],
)
def test_what_is_no_run_is_one_line(
    given: tuple[str, ...],
    says: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("empty", "torn", "logless"):
        (tmp_path / name).mkdir()
    (tmp_path / "torn" / checkpoint.NAME).write_bytes(b"torn")
    shutil.copy(trained / "cgan" / checkpoint.NAME, tmp_path / "logless")
    places = {name: str(tmp_path / name) for name in ("empty", "torn", "logless")}
    places["cgan"] = str(trained / "cgan")
    out = () if "--out" in given else ("--out", str(tmp_path / "out"))
    assert run(monkeypatch, *(each.format(**places) for each in given), *out) == 2
    said = capsys.readouterr()
    assert says in said.err and said.err.startswith("error: ")
    assert said.err.count("\n") == 1 and not said.out
    assert not (tmp_path / "out").exists()
