"""The trainer as a command: what a run leaves behind, and what it survives."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import multiprocessing
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

import models
import train
from errors import command
from models._base import GenerativeModel
from tests.conftest import ROOT
from training import checkpoint, session, validation
from training.checkpoint import NAME
from training.loop import Trainer
from training.validation import Validation

ALL = [(name, preset) for name in models.names() for preset in models.presets(name)]
COMMON = ("--data", "offline", "--device", "cpu", "--batch-size", "8", "--width", "8")


@dataclasses.dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def arguments(data_dir: Path, out: Path, name: str, *more: str, preset: str = "reference") -> list:
    """A small run; what comes later in the line wins."""
    warm = ("--encoder-width", "8", "--warm-start", "3") if preset == "reference" else ()
    given = ["--model", name, "--preset", preset, "--data-dir", str(data_dir), "--out", str(out)]
    return [*given, *COMMON, *warm, *more]


def call(*given: str) -> Done:
    """The command in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.showwarning = lambda text, *_: print(f"WARNING {text}", file=sys.stderr)
        patch.setattr(sys, "argv", ["train.py", *given])
        try:
            command(train.main)()
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            code = stop.code
    return Done(code, out.getvalue(), err.getvalue())


def error_line(done: Done) -> str:
    """The one line of a command that refused its input before it began to train."""
    assert done.code == 2, done
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, done.err
    return done.err


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(folder).tensors)


def assert_same(a: Path, b: Path) -> None:
    """Weights, average and optimisers, bit by bit."""
    found, expected = tensors_of(a), tensors_of(b)
    assert found.keys() == expected.keys()
    assert {key.partition(".")[0] for key in found} == {"model", "ema", "optimiser"}
    different = [k for k, v in expected.items() if not torch.equal(v, found[k])]
    assert not different
    assert checkpoint.load(a).step == checkpoint.load(b).step


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation that costs nothing, where it is not the matter."""

    def figures(self: Validation, model: GenerativeModel) -> dict[str, float]:
        return {"accuracy": 0.5}

    monkeypatch.setattr(Validation, "__init__", lambda self, source, split: None)
    monkeypatch.setattr(Validation, "clips", torch.zeros(10, 8192), raising=False)
    monkeypatch.setattr(Validation, "figures", figures)
    monkeypatch.setattr(Validation, "grid", lambda self, model: Figure((1, 1)))


# What a run leaves behind


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_a_run_leaves_a_checkpoint_charts_and_the_next_commands(
    name: str, preset: str, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    monkeypatch.setattr(Trainer, "flush_every", 1)
    warm = ("--warm-start", "1") if preset == "reference" else ()
    given = arguments(offline_dir, tmp_path / "run", name, "--steps", "3", *warm, preset=preset)
    done = call(*given)
    assert done.code == 0, done.err
    assert "WARNING" not in done.err

    path = tmp_path / "run" / NAME
    *_, stored, evaluate, charts = done.out.splitlines()
    assert stored.split() == ["checkpoint:", str(path)]
    data = ["--data-dir", str(offline_dir)]  # not the default, so that the next command needs it
    wanted = ["python", "evaluate.py", "--checkpoint", str(path), *data]
    assert evaluate.split() == ["evaluate:", *wanted]
    assert charts.split() == ["charts:", "tensorboard", "--logdir", str(path.parent)]
    found = checkpoint.load(path)
    assert found.step == 3
    assert (found.run.model, found.run.preset, found.run.data) == (name, preset, "offline")

    events = EventAccumulator(str(path.parent), {"scalars": 0, "images": 0, "audio": 0})
    tags = events.Reload().Tags()
    scalars = set(tags["scalars"])
    model = found.run.build()
    for phase in model.phases():
        assert {f"loss/{phase.name}", f"grad_norm/{phase.name}"} <= scalars
        assert any(tag.startswith(f"loss_terms/{phase.name}/") for tag in scalars)
        steps = [event.step for event in events.Scalars(f"loss/{phase.name}")]
        assert steps == [step for step in range(3) if phase.runs_at(step)]
    assert {"validation/accuracy", "validation/coverage"} <= scalars
    assert any(tag.startswith("validation/fd_judge_") for tag in scalars)
    families = {tag.partition("/")[0] for tag in scalars}
    assert families == {"loss", "grad_norm", "loss_terms", "validation", "speed"}
    assert tags["images"] == ["samples"]
    assert set(tags["audio"]) == {f"condition/{digit}" for digit in range(10)}

    hyper = events.PluginTagToContent("hparams")
    assert {"_hparams_/experiment", "_hparams_/session_start_info"} <= hyper.keys()
    assert name.encode() in hyper["_hparams_/session_start_info"]
    (tag,) = events.PluginTagToContent("custom_scalars")
    layout = Layout.FromString(events.Tensors(tag)[0].tensor_proto.string_val[0])
    charts_of = {chart.title for category in layout.category for chart in category.chart}
    phases = {f"terms: {phase.name}" for phase in model.phases()}
    assert charts_of == {"losses", "gradient norms", "validation"} | phases


# Going on


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("name", "preset"), ALL)
def test_a_run_in_pieces_is_the_whole_run(
    name: str, preset: str, offline_dir: Path, tmp_path: Path
) -> None:
    """Pieces end before, at and after the end of the warm start."""
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    ends = ("2", "3", "4", "6") if preset == "reference" else ("1", "3")
    assert call(*arguments(offline_dir, whole, name, "--steps", ends[-1], preset=preset)).code == 0
    for i, end in enumerate(ends):
        torch.rand(5)  # another process has another state of the global noise
        resume = ["--resume"] if i else []
        given = arguments(offline_dir, pieces, name, "--steps", end, *resume, preset=preset)
        done = call(*given)
        assert done.code == 0, done.err
    assert_same(pieces, whole)


def test_validation_changes_nothing(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    often, never = tmp_path / "often", tmp_path / "never"
    more = ("--steps", "5", "--checkpoint-every", "2")
    assert call(*arguments(offline_dir, often, "vaegan", *more, "--validate-every", "2")).code == 0
    monkeypatch.setattr(session.Session, "validate", lambda self: None)
    assert call(*arguments(offline_dir, never, "vaegan", *more)).code == 0
    assert_same(often, never)


@pytest.mark.usefixtures("quick")
def test_charts_of_a_resumed_run_show_each_step_once(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that a killed session had shown beyond its last checkpoint are hidden."""
    monkeypatch.setattr(Trainer, "flush_every", 1)
    given = arguments(offline_dir, tmp_path, "cgan", "--checkpoint-every", "2")
    assert call(*given, "--steps", "2").code == 0
    kept = (tmp_path / NAME).read_bytes()
    assert call(*given, "--steps", "5", "--resume").code == 0
    (tmp_path / NAME).write_bytes(kept)
    assert call(*given, "--steps", "6", "--resume").code == 0
    events = EventAccumulator(str(tmp_path)).Reload()
    classify = [event.step for event in events.Scalars("loss/classify")]
    assert sorted(set(classify)) == [0, 1, 2]
    assert [event.step for event in events.Scalars("loss/generator")] == [3, 4, 5]
    assert [event.step for event in events.Scalars("validation/accuracy")] == [2, 6]


# Processes that end badly. They are forked from one that has imported everything.


def _child(given: list[str], log: Path, stall_at: int, file_size: int | None) -> None:
    """The command in a process of its own, validation aside."""
    torch.set_num_threads(1)
    session.Session.validate = lambda self: None  # type: ignore[method-assign]
    sys.argv = ["train.py", *given]
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    real, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == stall_at:
            (log.parent / "stalled").touch()
            time.sleep(600)
        real(descriptor)

    os.fsync = fsync
    with log.open("w", buffering=1) as file:
        sys.stdout = sys.stderr = file
        command(train.main)()


@pytest.fixture(scope="module")
def start() -> Callable[..., BaseProcess]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train", "pytest"])

    def begin(
        given: list[str], log: Path, stall_at: int = 0, file_size: int | None = None
    ) -> BaseProcess:
        process = context.Process(target=_child, args=(given, log, stall_at, file_size))
        process.start()
        return process

    return begin


def wait_for(condition: Callable[[], bool], process: BaseProcess) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert process.is_alive(), "it ended too early"
        assert time.monotonic() < until, "it hangs"
        time.sleep(0.002)


def finish(process: BaseProcess) -> int | None:
    process.join(60)
    assert not process.is_alive(), "it hangs"
    return process.exitcode


@pytest.fixture(scope="module")
def whole(
    start: Callable[..., BaseProcess], offline_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of ten steps that nothing disturbed; like the others, with one thread."""
    folder = tmp_path_factory.mktemp("whole")
    log = folder / "log"
    given = arguments(offline_dir, folder, "cgan", "--steps", "10")
    assert finish(start(given, log)) == 0, log.read_text()
    return folder


def test_killed_during_a_write_it_goes_on(
    start: Callable[..., BaseProcess], offline_dir: Path, tmp_path: Path, whole: Path
) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    given = arguments(offline_dir, folder, "cgan", "--steps", "10", "--checkpoint-every", "2")
    process = start(given, log, stall_at=3)
    wait_for((tmp_path / "stalled").exists, process)
    process.kill()
    assert finish(process) == -signal.SIGKILL
    assert checkpoint.load(folder).step == 4
    assert len(list(folder.glob("*.part"))) == 1
    assert finish(start([*given, "--resume"], log)) == 0, log.read_text()
    assert not list(folder.glob("*.part"))
    assert_same(folder, whole)


def test_killed_again_and_again_it_goes_on(
    start: Callable[..., BaseProcess], offline_dir: Path, tmp_path: Path, whole: Path
) -> None:
    folder, log, rng = tmp_path / "run", tmp_path / "log", random.Random(0)
    given = arguments(offline_dir, folder, "cgan", "--steps", "10", "--checkpoint-every", "1")
    kills = 0
    while True:
        before = (folder / NAME).exists()
        process = start([*given, "--resume"] if before else given, log)
        if kills == 5:
            break
        # From the moment that it works: what comes before writes nothing.
        seen = set(folder.glob("events*")) if folder.exists() else set()
        wait_for(lambda: set(folder.glob("events*")) != seen, process)  # noqa: B023
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        finish(process)
        kills += 1
        assert len(list(folder.glob("*.part"))) <= 1
    assert finish(process) == 0, log.read_text()
    assert_same(folder, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_and_keeps_it(
    number: signal.Signals,
    start: Callable[..., BaseProcess],
    offline_dir: Path,
    tmp_path: Path,
    whole: Path,
) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    given = arguments(offline_dir, folder, "cgan", "--checkpoint-every", "1")
    process = start([*given, "--steps", "100000"], log)
    wait_for((folder / NAME).exists, process)
    os.kill(process.pid, number)
    assert finish(process) == 128 + number
    said = log.read_text()
    assert "add --resume to the same command" in said
    assert "Traceback" not in said
    step = checkpoint.load(folder).step
    assert step >= 1
    other = tmp_path / "other"
    steps = str(max(step, 10))
    assert finish(start([*given, "--steps", steps, "--resume"], log)) == 0, log.read_text()
    if step <= 10:
        assert_same(folder, whole)
    else:
        assert finish(start([*arguments(offline_dir, other, "cgan"), "--steps", steps], log)) == 0
        assert_same(folder, other)


@pytest.mark.parametrize(("file_size", "what"), [(1 << 20, NAME), (60_000, "cannot write in")])
def test_a_full_disk_leaves_the_previous_checkpoint(
    file_size: int,
    what: str,
    start: Callable[..., BaseProcess],
    offline_dir: Path,
    tmp_path: Path,
    whole: Path,
) -> None:
    """The disk is full for a checkpoint, or already for the charts."""
    folder, log = tmp_path / "run", tmp_path / "log"
    given = arguments(offline_dir, folder, "cgan", "--checkpoint-every", "2")
    if what == NAME:
        assert finish(start([*given, "--steps", "2"], log)) == 0
    kept = (folder / NAME).read_bytes() if what == NAME else None
    more = ["--resume"] if kept else []
    assert finish(start([*given, "--steps", "10", *more], log, file_size=file_size)) == 2
    said = log.read_text()
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if "error: " in line]
    assert said.endswith(line + "\n")
    assert what in line
    assert not list(folder.glob("*.part"))
    if kept:
        assert (folder / NAME).read_bytes() == kept
    assert finish(start([*given, "--steps", "10", *more], log)) == 0, log.read_text()
    assert_same(folder, whole)


def test_the_script_itself_is_killed_and_goes_on(
    offline_dir: Path, tmp_path: Path, whole: Path
) -> None:
    folder = tmp_path / "run"
    given = arguments(
        offline_dir, folder, "cgan", "--checkpoint-every", "1", "--validate-every", "0"
    )
    script = [sys.executable, "train.py", *given]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def begin(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*script, *more], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    with begin("--steps", "10") as process:
        while not (folder / NAME).exists() and process.poll() is None:
            time.sleep(0.005)
        process.kill()
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with begin("--steps", "10", "--resume") as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert not [line for line in err.splitlines() if "arning" in line]
    assert_same(folder, whole)


# Values that are not finite


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", models.names())
def test_a_loss_that_is_not_finite_stops_the_run(
    name: str, offline_dir: Path, tmp_path: Path
) -> None:
    given = arguments(offline_dir, tmp_path, name, "--lr", "1e30", "--checkpoint-every", "1")
    done = call(*given, "--steps", "30")
    assert done.code == 2
    line = done.err.splitlines()[-1]
    assert line.startswith("error: ")
    assert " at step " in line or " after step " in line
    assert any(kind in line for kind in ("loss/", "loss_terms/", "grad_norm/", "model.")), line
    found = checkpoint.load(tmp_path)
    assert found.step >= 3
    assert all(value.isfinite().all() for value in found.tensors.values())


@pytest.mark.usefixtures("quick")
def test_weights_that_are_not_finite_are_never_saved(offline_dir: Path, tmp_path: Path) -> None:
    """The loss of the step that ruins the weights is still finite."""
    given = arguments(offline_dir, tmp_path, "cvae", "--lr", "1e39", "--checkpoint-every", "1")
    done = call(*given, "--steps", "5")
    assert done.code == 2
    assert "model." in done.err.splitlines()[-1]
    found = checkpoint.load(tmp_path)
    assert found.step == 3
    assert all(value.isfinite().all() for value in found.tensors.values())


# Bad input


REFUSED = {
    "unknown model": (("--model", "cgam"), ("'cgam'", "did you mean cgan")),
    "missing model": ((), ("--model is missing", "vaegan")),
    "no value": (("--model",), ("--model needs a value",)),
    "two models": (("--model", "cgan", "--model", "wgan"), ("given twice",)),
    "unknown preset": (("--model", "cgan", "--preset", "sauce"), ("did you mean source",)),
    "flag of others": (("--model", "cgan", "--beta", "1"), ("cvae (reference)", "vaegan")),
    "unknown flag": (("--model", "cgan", "--stepps", "1"), ("--stepps", "--steps")),
    "stray word": (("--model", "cgan", "stray"), ("stray",)),
    "not a number": (("--model", "cgan", "--lr", "fast"), ("--lr", "'fast'")),
    "negative": (("--model", "cgan", "--lr", "-1"), ("--lr",)),
    "nan": (("--model", "cgan", "--lr", "nan"), ("--lr",)),
    "no steps": (("--model", "cgan", "--steps", "0"), ("--steps",)),
    "average": (("--model", "cgan", "--ema", "1"), ("--ema",)),
    "seed": (("--model", "cgan", "--seed", "-1"), ("--seed",)),
    "interval": (("--model", "cgan", "--checkpoint-every", "0"), ("--checkpoint-every",)),
    "time": (("--model", "cgan", "--max-seconds", "nan"), ("--max-seconds",)),
    "choice": (("--model", "cgan", "--pairing", "x"), ("--pairing", "one-to-one")),
    "odd width": (("--model", "cgan", "--width", "3"), ("divisible",)),
    "no width": (("--model", "cgan", "--width", "0"), ("without weights",)),
    "no gpu": (("--model", "cgan", "--device", "cuda"), ("--device cuda", "--device cpu")),
    "no mps": (("--model", "cgan", "--device", "mps"), ("--device mps", "--device cpu")),
    "task": (("--model", "cgan", "--task", "image2audio"), ("audio2image", "image2audio")),
    "split": (("--model", "cgan", "--split", "speakers"), ("'speakers'", "speaker:NAME")),
    "speaker": (("--model", "cgan", "--split", "speaker:bob"), ("unknown speaker 'bob'",)),
    "nothing there": (("--model", "cgan", "--resume"), ("nothing to resume", NAME)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line_and_leaves_nothing(
    case: str, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    given, words = REFUSED[case]
    folder = tmp_path / "run"
    place = ("--data", "offline", "--data-dir", str(offline_dir), "--out", str(folder))
    line = error_line(call(*place, *given))
    assert all(word in line for word in words), line
    assert not folder.exists()


def test_bad_input_to_the_script_itself(tmp_path: Path) -> None:
    """Nothing else is on stderr, and no trace."""
    done = subprocess.run(
        [sys.executable, "train.py", "--model", "cgan", "--lr", "fast", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "'fast'" in error_line(Done(done.returncode, done.stdout, done.stderr))
    assert not done.stdout


@pytest.fixture(scope="module")
def finished(offline_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.Session, "validate", lambda self: None)
        assert call(*arguments(offline_dir, folder, "cgan", "--steps", "4")).code == 0
    return folder


@pytest.fixture
def refused(
    finished: Path, offline_dir: Path, tmp_path: Path
) -> Iterator[tuple[Path, Callable[..., str]]]:
    """A copy of a finished run, and a call that must be refused and change nothing in it."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)

    def refuse(*more: str, name: str = "cgan", preset: str = "reference") -> str:
        before = contents(folder)
        given = arguments(offline_dir, folder, name, "--steps", "6", *more, preset=preset)
        line = error_line(call(*given))
        assert contents(folder) == before
        return line

    return folder, refuse


Refused = tuple[Path, Callable[..., str]]


def test_a_folder_that_holds_a_run_is_refused_without_resume(refused: Refused) -> None:
    folder, refuse = refused
    line = refuse()
    assert str(folder) in line
    assert "--resume" in line


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("--seed", "1"), "seed"),
        (("--lr", "1e-5"), "config.lr"),
        (("--batch-size", "4"), "config.batch_size"),
        (("--pairing", "shuffled"), "pairing"),
        (("--precision", "bf16-mixed"), "precision"),
    ],
)
def test_another_run_is_not_resumed(refused: Refused, change: tuple[str, ...], word: str) -> None:
    assert f"another run: {word} differ" in refused[1]("--resume", *change)


def test_another_model_or_preset_is_not_resumed(refused: Refused) -> None:
    assert "preset" in refused[1]("--resume", preset="source")
    assert "model" in refused[1]("--resume", name="wgan")


def test_a_run_on_other_data_is_not_resumed(refused: Refused) -> None:
    folder, refuse = refused
    found = checkpoint.load(folder)
    for change in ({"data": "mnist-fsdd"}, {"data_fingerprint": "0" * 64}):
        run = dataclasses.replace(found.run, **change)
        checkpoint.write(folder / NAME, dataclasses.replace(found, run=run))
        assert f"another run: {next(iter(change))} differ" in refuse("--resume")


class Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return Path.touch, (self.marker,)


def test_a_file_that_is_no_checkpoint_is_not_resumed(refused: Refused, tmp_path: Path) -> None:
    folder, refuse = refused
    good, marker = (folder / NAME).read_bytes(), tmp_path / "it ran"
    saved = io.BytesIO()
    torch.save({"model": Bomb(marker)}, saved)
    damaged = {
        "empty": b"",
        "header cut": good[:1000],
        "tensors cut": good[:-1000],
        "noise": random.Random(0).randbytes(5000),
        "pickle": pickle.dumps(Bomb(marker)),
        "torch.save": saved.getvalue(),
    }
    for kind, data in damaged.items():
        (folder / NAME).write_bytes(data)
        line = refuse("--resume")
        assert "damaged or not a safetensors file" in line, kind
        assert ("looks like a pickle" in line) == (kind == "pickle")
        assert ("torch.save" in line) == (kind == "torch.save")
    assert not marker.exists()
    pickle.loads(damaged["pickle"])
    assert marker.exists(), "the bomb is a dud: the test shows nothing"


def test_a_checkpoint_without_all_tensors_or_with_more_is_not_resumed(refused: Refused) -> None:
    folder, refuse = refused
    found = checkpoint.load(folder)
    weight = next(key for key in found.tensors if key.startswith("model."))
    moment = next(key for key in found.tensors if key.endswith(".exp_avg"))
    changes: dict[str, dict[str, torch.Tensor | None]] = {
        weight.removeprefix("model."): {weight: None},
        "model.more": {"model.more": torch.ones(1)},
        moment.removeprefix("optimiser."): {moment: None},
        "optimiser.more": {"optimiser.more": torch.ones(1)},
        "other phase": {"optimiser.other phase.0.exp_avg": torch.ones(1)},
    }
    for named, change in changes.items():
        tensors = {k: v for k, v in (dict(found.tensors) | change).items() if v is not None}
        checkpoint.write(folder / NAME, dataclasses.replace(found, tensors=tensors))
        assert named.removeprefix("model.") in refuse("--resume")


def test_a_place_that_cannot_be_written_is_named(offline_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = call(*arguments(offline_dir, tmp_path / "file", "cgan", "--steps", "1"))
    assert str(tmp_path / "file") in error_line(done)
    assert (tmp_path / "file").read_text() == "mine"
