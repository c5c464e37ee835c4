"""A run is kept at the marks of its budget."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.runs import arguments, call
from training import checkpoint
from training.schedule import TERA, Schedule
from training.session import mark_folder

MARKS = (0.002, 0.003)  # TFLOP
SMALL = ("--warm-start-batch-size", "8", "--marks", *map(str, MARKS))


@pytest.fixture(scope="module")
def run(offline_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marks") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.validation.N_SAMPLES", 60)
        done = call(*arguments(offline_dir, folder, "cvae", *SMALL))
    assert done.code == 0, done.err
    return folder


@pytest.mark.parametrize("mark", MARKS)
def test_the_average_is_kept_as_it_was_at_a_mark(
    mark: float, run: Path, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.validation.N_SAMPLES", 60)
    kept = checkpoint.load(mark_folder(run, mark), groups=("ema",))
    schedule = Schedule.of(kept.run)
    assert schedule.until(kept.step) <= mark * TERA < schedule.until(kept.step + 1)
    given = arguments(offline_dir, tmp_path, "cvae", *SMALL, "--steps", str(kept.step))
    assert call(*given).code == 0
    there = checkpoint.load(tmp_path)
    assert there.group("ema").keys() == kept.group("ema").keys()
    assert all(torch.equal(t, there.group("ema")[k]) for k, t in kept.group("ema").items())
    # It ends at the mark, with more steps than one of each phase.
    assert (tmp_path / mark_folder(tmp_path, mark)).exists()
    assert kept.step > schedule.draws_from + 1


def test_a_run_ends_at_its_last_mark(run: Path) -> None:
    whole, last = checkpoint.load(run), checkpoint.load(mark_folder(run, MARKS[-1]), ("ema",))
    assert whole.step == last.step and whole.run.marks == MARKS
    assert whole.weights_sha256() == last.weights_sha256()


def test_a_run_goes_on_to_a_later_mark(run: Path, offline_dir: Path, tmp_path: Path) -> None:
    first = ("--warm-start-batch-size", "8", "--marks", str(MARKS[0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.validation.N_SAMPLES", 60)
        assert call(*arguments(offline_dir, tmp_path, "cvae", *first)).code == 0
        done = call(*arguments(offline_dir, tmp_path, "cvae", *SMALL, "--resume"))
    assert done.code == 0, done.err
    for mark in MARKS:
        mine, theirs = (checkpoint.load(mark_folder(f, mark), ("ema",)) for f in (tmp_path, run))
        assert mine.weights_sha256() == theirs.weights_sha256()


def test_another_first_mark_is_another_run(run: Path, offline_dir: Path) -> None:
    more = ("--warm-start-batch-size", "8", "--marks", "0.004", "--resume")
    done = call(*arguments(offline_dir, run, "cvae", *more))
    assert done.code == 2 and "the first mark differ" in done.err


def test_a_mark_that_is_passed_cannot_be_kept_later(run: Path, offline_dir: Path) -> None:
    before = (run / checkpoint.NAME).read_bytes()
    marks = (str(MARKS[0]), "0.0025", str(MARKS[1]))
    more = ("--warm-start-batch-size", "8", "--marks", *marks, "--resume")
    done = call(*arguments(offline_dir, run, "cvae", *more))
    assert done.code == 2 and "is past 0.0025 TFLOP and was not kept there" in done.err
    assert done.err.count("\n") == 1
    assert (run / checkpoint.NAME).read_bytes() == before


def test_marks_of_one_step_are_all_kept(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.validation.N_SAMPLES", 60)
    marks = ("0.0000010", "0.0000011")
    assert call(*arguments(offline_dir, tmp_path, "cvae", "--marks", *marks)).code == 0
    for mark in marks:
        assert checkpoint.load(mark_folder(tmp_path, float(mark)), ("ema",)).step == 1
