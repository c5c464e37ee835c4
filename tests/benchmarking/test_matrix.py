"""Which runs a matrix holds, which are kept, and what happens beside other matrices."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import models
from benchmarking import costs, jobs, matrix, report
from benchmarking.jobs import Baselines, Job, SelfTest
from benchmarking.matrix import Options, plan, run_all
from common.errors import InputError
from common.files import exclusive
from datasets import PairedDataset, Task
from evaluation import outputs, self_test
from evaluation.baselines import BASELINES
from evaluation.evaluator import ImageEvaluator
from tests.benchmarking.commands import Commands
from training import checkpoint


def planned(dataset: PairedDataset, **options: Any) -> list[Job]:
    """The runs, without the baselines."""
    return [job for job in plan(Options(**options), dataset) if isinstance(job, Job)]


@pytest.fixture
def commands(offline_source: PairedDataset, monkeypatch: pytest.MonkeyPatch) -> Commands:
    found = Commands(offline_source)
    monkeypatch.setattr(jobs, "run_script", found)
    monkeypatch.setattr(matrix, "SECONDS_BETWEEN_LOOKS", 0.02)
    return found


def a_matrix(folder: Path, **more: Any) -> Options:
    given: dict[str, Any] = {
        "models": ("cgan", "cvae"), "presets": ("reference",), "data": "offline",
        "out": folder / "out", "runs": folder / "runs", "data_dir": folder,
    }  # fmt: skip
    return matrix.check(Options(**given | more))


def do(options: Options, dataset: PairedDataset) -> list[str]:
    return run_all(plan(options, dataset), options, dataset)


def test_a_matrix_is_every_combination_presets_first(offline_source: PairedDataset) -> None:
    speaker = f"speaker:{sorted(offline_source.recordings.speakers)[0]}"
    lists: dict[str, Any] = {
        "presets": ("reference", "original"), "seeds": (0, 1),
        "tasks": ("audio2image", "image2audio"), "labels": ("none", "warm-start"),
        "pairings": ("resampled", "fixed-4"), "splits": ("official", speaker),
        "models": ("cvae", "cgan"),
    }  # fmt: skip
    found = planned(offline_source, **lists)
    names = ("preset", "seed", "task", "labels", "pairing", "split", "model")
    assert [tuple(getattr(job, name) for name in names) for job in found] == [
        each for each in itertools.product(*lists.values())
        if each[0] == "reference" or each[2] == "audio2image"  # what the originals serve
    ]  # fmt: skip
    assert len({job.folder for job in found}) == len(found) == 64 + 32
    assert {job.marks for job in found} == {(20.0, 60.0)}
    assert found[15].label == f"cgan (reference), {speaker}, fixed-4, labels warm-start"
    assert found[16].label == "cvae (reference), image2audio"
    assert found[32].label == "cvae (reference), seed 1"
    assert found[0].training() == [
        *("--model", "cvae", "--preset", "reference", "--data", "offline"),
        *("--task", "audio2image", "--split", "official", "--pairing", "resampled"),
        *("--labels", "none", "--seed", "0", "--precision", "32-true"),
        *("--marks", "20", "60"),
    ]


def test_a_matrix_of_pictures_of_sound(offline_source: PairedDataset) -> None:
    given: dict[str, Any] = {"models": ("cgan",), "presets": ("reference",)}
    found = planned(offline_source, sound_as=("mel64", "tones"), **given)
    found += planned(offline_source, augment="clips", **given)
    assert [(job.sound_as, job.augment) for job in found] == [
        ("mel64", "pictures"), ("tones", "clips"), ("mel64", "clips")
    ]  # fmt: skip
    assert [job.label for job in found] == [
        f"cgan (reference){said}" for said in ("", ", sound as tones", ", augment clips")
    ]
    assert [job.folder.parent.name.partition("labels-none")[2] for job in found] == [
        "", "-as-tones", "-augment-clips"
    ]  # fmt: skip
    assert all(job.baselines == ("lookup",) for job in found)
    with pytest.raises(InputError, match="--augment pictures is of --sound-as mel64"):
        matrix.check(Options(sound_as=("mel64", "tones"), augment="pictures"))
    matrix.check(Options(sound_as=("mel64", "tones"), augment="clips"))


def test_settings_are_those_of_the_pairing(offline_source: PairedDataset, tmp_path: Path) -> None:
    """A run whose pairs last has other defaults, and is no run with other settings."""
    (job,) = planned(
        offline_source, models=("cgan",), presets=("reference",), pairings=("fixed-1",)
    )
    run = costs._describe(job, offline_source)
    assert run.config["align_share"] == 0 and job._changes(run) == []
    changed = dataclasses.replace(run, config=run.config | {"align_share": 0.2})
    assert job._changes(changed) == ["align_share"]


def test_each_split_has_its_baselines_first(offline_source: PairedDataset) -> None:
    first, second = sorted(offline_source.recordings.speakers)[:2]
    splits = (f"speaker:{first}", f"speaker:{second}")
    tasks: tuple[Task, ...] = ("audio2image", "image2audio")
    found = plan(Options(tasks=tasks, splits=splits, runs=Path("r")), offline_source)
    of_splits = [job for job in found if isinstance(job, Baselines)]
    assert found[:4] == of_splits
    assert [(job.task, job.split) for job in of_splits] == [*itertools.product(tasks, splits)]
    assert of_splits[2].folder == Path(f"r/baselines/offline-image2audio-speaker-{first}")


def test_a_task_that_nothing_serves_is_refused() -> None:
    with pytest.raises(InputError, match="presets serves --tasks image2audio"):
        matrix.check(Options(models=("cgan",), tasks=("image2audio",), presets=("original",)))
    matrix.check(Options(tasks=("image2audio",), presets=("original", "reference")))


def test_a_model_of_both_ways_is_trained_once(offline_source: PairedDataset) -> None:
    """And scored twice."""
    tasks: tuple[Task, ...] = ("audio2image", "image2audio")
    hears, says = planned(
        offline_source, models=("bridge",), presets=("reference",), tasks=tasks, runs=Path("r")
    )
    assert hears.folder == says.folder and hears.training() == says.training()
    assert (hears.way(), says.way()) == ([], ["--task", "image2audio"])
    assert hears.paths[0] == hears.folder / "mark-20" / outputs.NAME
    assert says.paths[:2] == [
        says.folder / "mark-20" / "image2audio" / name / outputs.NAME for name in ("", "lookup")
    ]
    assert says.augment == hears.augment == "pictures"


def test_an_unknown_split_is_refused(offline_source: PairedDataset) -> None:
    with pytest.raises(InputError, match="unknown speaker 'bob'"):
        plan(Options(splits=("official", "speaker:bob")), offline_source)


def test_what_is_given_twice_is_done_once(offline_source: PairedDataset) -> None:
    found = planned(offline_source, models=("cgan", "cgan"), seeds=(1, 1), presets=("reference",))
    assert len(found) == 1


def test_one_lookup_for_runs_that_share_their_warm_start(offline_source: PairedDataset) -> None:
    found = planned(
        offline_source, models=("cgan", "wgan"), seeds=(0, 1), labels=("none", "cascade")
    )
    assert [(job.model, job.seed, job.labels, job.baselines) for job in found
            if job.preset == "reference"] == [
        (model, seed, labels, baselines + also)
        for seed in (0, 1)
        for labels, also in (("none", ()), ("cascade", ("label",)))
        for model, baselines in (("cgan", ("lookup",)), ("wgan", ()))
    ]  # fmt: skip
    assert not any(job.baselines for job in found if job.preset == "original")


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model beside the others, with presets of its own."""
    there, presets = models.names(), models.presets
    config = presets("cvae")["reference"]
    own = {"reference": config, "tiny": config}
    monkeypatch.setattr(models, "names", lambda: (*there, "mine"))
    monkeypatch.setattr(models, "presets", lambda name: own if name == "mine" else presets(name))


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("chosen", "presets", "expected"),
    [
        (("mine",), (), ["mine (reference)"]),
        (("mine", "cvae"), (), ["mine (reference)", "cvae (reference)", "cvae (original)"]),
        (("mine", "cvae"), ("tiny",), ["mine (tiny)"]),
    ],
)
def test_presets_that_a_model_lacks_are_skipped(
    chosen: tuple[str, ...],
    presets: tuple[str, ...],
    expected: list[str],
    offline_source: PairedDataset,
) -> None:
    options = matrix.check(Options(models=chosen, presets=presets))
    found = plan(options, offline_source)
    assert [job.label for job in found if isinstance(job, Job)] == expected


@pytest.mark.usefixtures("mine")
def test_a_preset_that_no_chosen_model_has_is_refused() -> None:
    with pytest.raises(InputError, match="unknown preset 'original': there are: reference, tiny"):
        matrix.check(Options(models=("mine",), presets=("reference", "original")))


def test_an_empty_list_is_refused() -> None:
    for name in ("splits", "pairings", "labels", "seeds"):
        empty: dict[str, Any] = {name: ()}
        with pytest.raises(InputError, match=f"--{name} needs a value"):
            matrix.check(Options(**empty))


def test_a_matrix_trains_scores_and_adds_a_row_of_each(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    speaker = f"speaker:{sorted(offline_source.recordings.speakers)[0]}"
    options = a_matrix(tmp_path, splits=("official", speaker), models=("cgan",))
    assert do(options, offline_source) == []
    found = [
        (row["model"], row["split"], row["mark_tflop"])
        for row in report.read_rows(tmp_path / "out")
    ]
    assert found == [
        *((name, split, "") for split in ("official", speaker) for name in BASELINES),
        *(
            (name, split, mark)
            for split in ("official", speaker)
            for mark in ("20.0", "60.0")
            for name in ("cgan", "lookup")
        ),
    ]
    said = capsys.readouterr().out
    for i, done in ((0, 0), (2, 0), (3, 60)):
        assert f"[{i} of 4, {done} of 120 TFLOP" in said
    assert "s left] cgan (reference), speaker:" in said
    run = tmp_path / "runs/cgan/reference/offline-audio2image-official-resampled-labels-none/seed0"
    trained, *scored = commands.scripts()[2:7]
    assert trained == (
        "train.py --model cgan --preset reference --data offline --task audio2image --split "
        "official --pairing resampled --labels none --seed 0 --precision 32-true --marks 20 60 "
        f"--out {run} --resume auto"
    )
    assert scored == [
        f"evaluate.py --checkpoint {run}/mark-{mark}{of}"
        for mark in (20, 60)
        for of in ("", " --baseline lookup")
    ]

    before, commands.calls = report.read_rows(tmp_path / "out"), []
    assert do(options, offline_source) == []
    assert not commands.calls and report.read_rows(tmp_path / "out") == before
    assert capsys.readouterr().out.count("already trained") == 2


@pytest.mark.parametrize("change", ["protocol", "data_sha256", "judge_a", "judge_b", "weights"])
def test_what_is_not_current_is_scored_again(
    change: str, commands: Commands, offline_source: PairedDataset, tmp_path: Path
) -> None:
    options = a_matrix(tmp_path, models=("cvae",))
    do(options, offline_source)
    (path,) = tmp_path.rglob(f"cvae/**/mark-20/{outputs.NAME}")
    text = outputs.read(path)
    old = text["fingerprint"].get(change) or text["candidate"]["weights_sha256"]
    path.write_text(path.read_text().replace(str(old), "other"))
    commands.calls = []
    do(options, offline_source)
    assert commands.scripts() == [f"evaluate.py --checkpoint {path.parent}"]


def test_a_mark_that_is_missing_is_trained(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path
) -> None:
    do(a_matrix(tmp_path, models=("cvae",)), offline_source)
    commands.calls = []
    do(a_matrix(tmp_path, models=("cvae",), marks=(20.0, 180.0)), offline_source)
    assert "--marks 20 180" in commands.scripts()[0] and "mark-180" in commands.scripts()[1]
    assert {row["mark_tflop"] for row in report.read_rows(tmp_path / "out")} == {
        *("", "20.0", "60.0", "180.0")
    }


def test_fresh_does_everything_again(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path
) -> None:
    options = a_matrix(tmp_path, models=("cvae",))
    do(options, offline_source)
    (run,) = tmp_path.rglob("seed0")
    (run / "old").mkdir()
    (run / "old.txt").touch()
    (run / ".training.lock").touch()  # another process may open it
    calls, commands.calls = commands.calls, []
    do(a_matrix(tmp_path, models=("cvae",), fresh=True), offline_source)
    assert commands.calls == calls
    assert not (run / "old").exists() and not (run / "old.txt").exists()
    assert (run / ".training.lock").exists()


def test_failures_are_listed_at_the_end_and_the_rest_is_done(
    commands: Commands, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(report, "write", lambda *_: None)
    commands.fails = lambda script, arguments: (
        (script, arguments[1], arguments[arguments.index("--seed") + 1] if "--seed" in arguments
         else "") == ("train.py", "cgan", "1")
    )  # fmt: skip
    options = a_matrix(tmp_path, seeds=(0, 1), data_dir=offline_dir)
    with pytest.raises(InputError, match=r"1 of 5 failed: cgan \(reference\), seed 1; see above"):
        matrix.run(options)
    said = capsys.readouterr().out
    assert "next:    tensorboard --logdir" in said and "report.html" in said
    found = {(row["model"], row["seed"]) for row in report.read_rows(tmp_path / "out")}
    assert {("cgan", "0"), ("cvae", "0"), ("cvae", "1")} < found and ("cgan", "1") not in found
    commands.fails = lambda script, arguments: True
    with pytest.raises(InputError, match="every run failed: baselines, audio2image, official"):
        matrix.run(a_matrix(tmp_path / "other", data_dir=offline_dir))


def test_a_failed_score_is_a_failure(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path
) -> None:
    commands.fails = lambda script, arguments: (
        arguments[1].endswith("cvae") or (script == "evaluate.py" and "mark-20" in arguments[1])
    )
    assert do(a_matrix(tmp_path, models=("cgan", "cvae")), offline_source) == [
        "cgan (reference)", "cvae (reference)",
    ]  # fmt: skip
    assert {row["model"] for row in report.read_rows(tmp_path / "out")} == {*BASELINES}


def test_a_run_that_is_no_row_is_a_failure(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    read = outputs.read

    def not_at_a_mark(path: Path) -> dict[str, Any]:
        found = read(path)
        return found | {"cost": found["cost"] | {"mark_tflop": None}}

    monkeypatch.setattr(jobs.outputs, "read", not_at_a_mark)
    assert do(a_matrix(tmp_path, models=("cvae",)), offline_source) == ["cvae (reference)"]
    assert "it is not at one of its marks" in capsys.readouterr().err


def test_a_run_with_other_settings_is_not_published(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A preset was changed since the run was trained."""
    options = a_matrix(tmp_path, models=("cvae",))
    do(options, offline_source)
    (run,) = tmp_path.rglob("seed0")
    found = checkpoint.load(run)
    found.run.config["lr"] = 0.5
    checkpoint.write(run / checkpoint.NAME, found)
    for changes, said in (
        ({}, "lr"), ({"precision": "bf16-mixed"}, "lr, precision"),
        ({"marks": (30.0, 60.0)}, "lr, first mark"),
    ):  # fmt: skip
        again = a_matrix(tmp_path, models=("cvae",), **changes)
        assert do(again, offline_source) == ["cvae (reference)"]
        assert f"was trained with another {said}: --fresh" in capsys.readouterr().err


def test_an_old_checkpoint_does_not_end_the_matrix(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    options = a_matrix(tmp_path)
    job = planned(offline_source, models=("cgan",), runs=tmp_path / "runs")[0]
    job.folder.mkdir(parents=True)
    metadata = {"about": '{"format": "synesthesia-checkpoint-1"}'}
    save_file({"model.w": torch.zeros(1)}, job.folder / "checkpoint.safetensors", metadata)
    assert do(options, offline_source) == ["cgan (reference)"]
    said = capsys.readouterr().err
    assert "of an earlier version" in said and "--fresh" in said and said.count("\n") == 1
    assert "cvae" in {row["model"] for row in report.read_rows(tmp_path / "out")}


def test_two_matrices_in_one_folder_share_the_work(
    commands: Commands, offline_source: PairedDataset, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The second runs while the first trains: it leaves that run, and waits for it at the end."""
    options = a_matrix(tmp_path)
    looks: list[int] = []

    def second(script: str, arguments: list[str]) -> None:
        if script == "train.py" and "cgan" in arguments and not looks:
            looks.append(1)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(matrix.time, "sleep", lambda _: (_ for _ in ()).throw(EOFError))
                with pytest.raises(EOFError):  # it would wait for ever: the first is not going on
                    do(options, offline_source)

    commands.meanwhile = second
    assert do(options, offline_source) == []
    said = capsys.readouterr().out
    assert "left to another process" in said
    assert "waiting for what other processes have: cgan (reference)" in said
    trained = [arguments[1] for script, arguments in commands.calls if script == "train.py"]
    assert sorted(trained) == ["cgan", "cvae"]
    assert len(report.read_rows(tmp_path / "out")) == len(BASELINES) + 6


@pytest.mark.parametrize("fresh", [False, True])
def test_a_run_that_train_py_has_is_waited_for_and_left_as_it_is(
    fresh: bool, commands: Commands, offline_source: PairedDataset, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    options = a_matrix(tmp_path, fresh=fresh)
    job = planned(offline_source, models=("cgan",), runs=tmp_path / "runs")[0]
    lock = exclusive(job.folder, "training")
    lock.__enter__()
    (job.folder / "mine").touch()
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            lock.__exit__(None, None, None)

    monkeypatch.setattr(matrix.time, "sleep", sleep)
    assert do(options, offline_source) == []
    said = capsys.readouterr().out
    assert said.count("left to another process") == 1 and len(slept) == 3
    assert said.index("cvae (reference)") < said.index("waiting for")
    assert "[3 of 3, 120 of 120 TFLOP, about 0 s left] done: cgan (reference)" in said
    assert (job.folder / "mine").exists()


def test_rows_of_an_older_format_are_refused_before_any_training(
    tmp_path: Path, offline_dir: Path
) -> None:
    (tmp_path / "results.csv").write_text("subject,preset\ncgan,source\n")
    with pytest.raises(InputError, match="rows of another format"):
        matrix.run(Options(data="offline", data_dir=offline_dir, out=tmp_path, runs=tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv"}


def test_the_time_that_is_left_is_of_what_is_not_trained(
    offline_source: PairedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = planned(offline_source, models=("cvae",), presets=("reference",), seeds=(0, 1, 2, 3),
                    runs=tmp_path)  # fmt: skip
    for folder in found[0].mark_folders:
        folder.mkdir(parents=True)
        (folder / checkpoint.NAME).touch()
    times = iter((100.0, 140.0))
    monkeypatch.setattr(matrix.time, "monotonic", lambda: next(times))
    counter = matrix._Counter(found)
    assert str(counter) == "[0 of 4, 60 of 240 TFLOP]"
    counter.add(found[0])
    counter.add(found[2])
    assert str(counter) == "[2 of 4, 120 of 240 TFLOP, about 80 s left]"


def test_the_self_test_is_part_of_a_matrix_and_runs_once_for_a_ruler(
    tmp_path: Path, offline_source: PairedDataset, commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert not any(isinstance(j, SelfTest) for j in plan(a_matrix(tmp_path), offline_source))
    monkeypatch.setattr(self_test, "DATA", "offline")
    options = a_matrix(tmp_path, models=("cvae",))
    assert options.out
    options.out.mkdir()
    assert isinstance(plan(options, offline_source)[-1], SelfTest)
    do(options, offline_source)
    call = f"evaluation.self_test --data offline --out {options.out}"
    assert commands.scripts()[-1] == call
    commands.calls.clear()
    assert do(options, offline_source) == [] and commands.calls == []
    path = options.out / self_test.NAME
    path.write_text(path.read_text().replace(ImageEvaluator.PROTOCOL, "an earlier one"))
    assert do(options, offline_source) == [] and commands.scripts() == [call]
    commands.fails = lambda script, arguments: True
    path.unlink()
    assert do(options, offline_source) == ["self-test of the metrics"]
