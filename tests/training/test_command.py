"""The trainer as a command: the files of a run, and resuming it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Chart, Layout

from common.errors import InputError
from tests.training.runs import (
    ALL,
    FEWER,
    arguments,
    assert_same,
    call,
    log_of,
)
from training import checkpoint, session, validation
from training.checkpoint import NAME
from training.loop import Trainer
from training.run_log import SOUNDS, read_scalars
from training.schedule import Schedule


@pytest.mark.parametrize(("name", "preset"), ALL)
def test_a_run_leaves_a_checkpoint_charts_and_the_next_commands(
    name: str, preset: str, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    monkeypatch.setattr(Trainer, "flush_every", 1)
    warm = ("--warm-start", "1e-5") if preset == "reference" else ()  # one step
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
    windows = Schedule.of(found.run).windows
    for window in windows:
        phase = window.phase
        assert {f"loss/{phase.name}", f"grad_norm/{phase.name}"} <= scalars
        assert any(tag.startswith(f"loss_terms/{phase.name}/") for tag in scalars)
        steps = [event.step for event in events.Scalars(f"loss/{phase.name}")]
        assert steps == [step for step in range(3) if window.runs_at(step)]
    assert {"validation/accuracy", "validation/coverage"} <= scalars
    assert any(tag.startswith("validation/fd_judge_") for tag in scalars)
    families = {tag.partition("/")[0] for tag in scalars}
    wanted_families = {"loss", "grad_norm", "loss_terms", "validation", "progress", "speed"}
    assert families == wanted_families | {"log_loss"}
    assert tags["images"] == ["samples"]
    assert [*path.parent.rglob(SOUNDS)] == [path.parent / "sounds" / "offline-official" / SOUNDS]

    logged = read_scalars(path.parent)
    assert logged.keys() == {tag for tag in scalars if not tag.startswith("log_loss/")}
    for tag, (steps, values) in logged.items():
        assert steps == [event.step for event in events.Scalars(tag)]
        assert values == pytest.approx([event.value for event in events.Scalars(tag)], rel=1e-6)

    hyper = events.PluginTagToContent("hparams")
    assert {"_hparams_/experiment", "_hparams_/session_start_info"} <= hyper.keys()
    assert name.encode() in hyper["_hparams_/session_start_info"]
    (tag,) = events.PluginTagToContent("custom_scalars")
    layout = Layout.FromString(events.Tensors(tag)[0].tensor_proto.string_val[0])
    charts_of = {chart.title: chart for category in layout.category for chart in category.chart}
    assert {"accuracy", "distance", "coverage within a digit"} <= charts_of.keys()
    shown = {title: _shown(chart, scalars) for title, chart in charts_of.items()}
    for window in windows:
        name = window.phase.name
        assert shown[f"loss: {name}"] == {f"log_loss/{name}"}
    assert shown["distance"] == {tag for tag in scalars if "fd_judge_" in tag}
    assert shown["accuracy"] == {"validation/accuracy"}


def test_a_run_of_image2audio_can_be_heard(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    out = tmp_path / "run"
    given = ("--task", "image2audio", "--warm-start", "1e-5", "--steps", "2")
    done = call(*arguments(offline_dir, out, "cgan", *given))
    assert done.code == 0, done.err
    run = checkpoint.load(out / NAME).run
    assert (run.task, run.x_shape, run.c_shape) == ("image2audio", (1, 64, 64), (1, 28, 28))
    events = EventAccumulator(str(out), {"scalars": 0, "images": 0, "audio": 0})
    tags = events.Reload().Tags()
    assert {*tags["audio"]} == {f"{kind}/{d}" for kind in ("samples", "real") for d in range(10)}
    assert [event.step for event in events.Audio("samples/3")] == [2]
    assert [event.step for event in events.Audio("real/3")] == [0]
    assert {event.sample_rate for event in events.Audio("real/3")} == {8000}
    assert tags["images"] == ["samples"] and "validation/accuracy" in tags["scalars"]
    assert not (out / SOUNDS).exists() and not [*out.rglob("sounds")]


@pytest.mark.parametrize(
    "task", ["audio2image", pytest.param("image2audio", marks=pytest.mark.slow)]
)
def test_a_run_with_other_pictures_of_sound(
    task: str, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    out = tmp_path / "run"
    given = ("--task", task, "--sound-as", "complex", "--warm-start", "1e-5", "--steps", "2")
    done = call(*arguments(offline_dir, out, "cgan", *given))
    assert done.code == 0, done.err
    run = checkpoint.load(out / NAME).run
    shapes = (run.x_shape, run.c_shape)[:: 1 if task == "image2audio" else -1]
    augment = "clips" if task == "audio2image" else "none"
    assert (run.sound_as, run.augment, *shapes) == ("complex", augment, (3, 64, 64), (1, 28, 28))
    assert out.name and run.folder().parent.name.endswith("labels-none-as-complex")

    again = call(*arguments(offline_dir, out, "cgan", "--task", task, "--resume"))
    assert again.code == 2 and "sound_as" in again.err
    refused = call(*arguments(offline_dir, out, "cgan", *given, "--augment", "pictures"))
    assert refused.code == 2 and "error: --augment pictures" in refused.err


def _shown(chart: Chart, tags: set[str]) -> set[str]:
    return {tag for tag in tags for pattern in chart.multiline.tag if re.match(pattern, tag)}


# Resuming


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("name", "preset"), FEWER)
def test_a_run_in_pieces_is_the_whole_run(
    name: str, preset: str, offline_dir: Path, tmp_path: Path
) -> None:
    """Pieces end before, at and after the end of the warm start, before and at a mark."""
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
    assert log_of(pieces) == log_of(whole)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("given", "share"),
    [
        (("--pairing", "resampled"), 0.2),
        (("--pairing", "fixed-2"), 0.0),
        (("--pairing", "one-to-one", "--align-share", "0.1"), 0.1),
    ],
)
def test_the_encoder_is_frozen_by_default_where_pairs_last(
    given: tuple[str, ...], share: float, offline_dir: Path, tmp_path: Path
) -> None:
    done = call(*arguments(offline_dir, tmp_path, "cgan", "--steps", "1", *given))
    assert done.code == 0, done.err
    assert checkpoint.load(tmp_path).run.config["align_share"] == share


@pytest.mark.usefixtures("quick")
def test_resume_auto_starts_or_continues(offline_dir: Path, tmp_path: Path) -> None:
    whole, auto = tmp_path / "whole", tmp_path / "auto"
    assert call(*arguments(offline_dir, whole, "cgan", "--steps", "4")).code == 0
    for steps in ("2", "4", "4"):
        given = arguments(offline_dir, auto, "cgan", "--steps", steps, "--resume", "auto")
        done = call(*given)
        assert done.code == 0, done.err
    assert "nothing was left to do" in done.out
    assert_same(auto, whole)
    assert log_of(auto) == log_of(whole)


@pytest.mark.usefixtures("quick")
def test_a_diverged_run_is_said_at_its_end(offline_dir: Path, tmp_path: Path) -> None:
    more = ("--steps", "8", "--warm-start", "1e-5")
    fine = call(*arguments(offline_dir, tmp_path / "fine", "cgan", *more))
    assert fine.code == 0 and "diverged" not in fine.err
    wild = call(*arguments(offline_dir, tmp_path / "wild", "cgan", *more, "--lr", "1e3"))
    assert wild.code == 0, wild.err
    assert "warning: the run diverged (" in wild.err and "lower --lr" in wild.err


@pytest.mark.usefixtures("quick")
def test_a_clock_that_was_set_back_hides_no_points(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "flush_every", 1)
    given = arguments(offline_dir, tmp_path, "cgan", "--checkpoint-every", "2")
    assert call(*given, "--steps", "4").code == 0
    for path in tmp_path.glob("events*"):  # as if it had been written in an hour
        stamp = int(path.name.split(".")[3])
        path.rename(path.with_name(path.name.replace(str(stamp), str(stamp + 3600))))
    assert call(*given, "--steps", "7", "--resume").code == 0
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in events.Scalars("loss/align")] == _aligning(tmp_path, 7)
    assert [event.step for event in events.Scalars("loss/generator")] == [3, 4, 5, 6]


def test_validation_changes_nothing(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    often, never = tmp_path / "often", tmp_path / "never"
    more = ("--steps", "5", "--checkpoint-every", "2")
    assert call(*arguments(offline_dir, often, "vaegan", *more, "--validate-every", "2")).code == 0
    logged = read_scalars(often)
    assert logged["progress/training_flops"][0] == logged["validation/accuracy"][0] == [2, 4, 5]
    seconds = logged["progress/training_seconds"][1]
    assert seconds == sorted(seconds) and 0 < seconds[-1] <= checkpoint.load(often).seconds
    monkeypatch.setattr(session.Session, "validate", lambda self: None)
    assert call(*arguments(offline_dir, never, "vaegan", *more)).code == 0
    assert_same(often, never)


def test_charts_and_log_of_a_resumed_run_show_each_step_once(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that a killed session had logged beyond its last checkpoint are hidden."""
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    monkeypatch.setattr(Trainer, "flush_every", 1)
    given = arguments(offline_dir, tmp_path, "cgan", "--checkpoint-every", "2")
    assert call(*given, "--steps", "2").code == 0
    second = (tmp_path / NAME).read_bytes()
    assert call(*given, "--steps", "5", "--resume").code == 0
    (tmp_path / NAME).write_bytes(second)
    assert call(*given, "--steps", "6", "--resume").code == 0
    events = EventAccumulator(str(tmp_path)).Reload()
    align = [event.step for event in events.Scalars("loss/align")]
    assert sorted(set(align)) == _aligning(tmp_path, 6)
    assert [event.step for event in events.Scalars("loss/generator")] == [3, 4, 5]
    assert [event.step for event in events.Scalars("validation/accuracy")] == [2, 6]
    logged = read_scalars(tmp_path)
    flops = Schedule.of(checkpoint.load(tmp_path).run)
    spent = [flops.until(2), flops.until(6)]
    assert logged["progress/training_flops"] == ([2, 6], spent)
    assert logged["loss/align"][0] == _aligning(tmp_path, 6)
    assert logged["loss/generator"][0] == [3, 4, 5]
    assert logged["validation/accuracy"][0] == [2, 6]


def _aligning(folder: Path, steps: int) -> list[int]:
    """The steps at which the encoder learns, three and some of those after them."""
    align, *_ = Schedule.of(checkpoint.load(folder).run).windows
    found = [step for step in range(steps) if align.runs_at(step)]
    assert found[:3] == [0, 1, 2]
    return found


@pytest.mark.parametrize(("text", "named"), [('{"step": 1}', "line 2"), ("torn", "line 2")])
def test_a_damaged_log_is_named(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no metrics\.jsonl"):
        read_scalars(tmp_path)
    good = '{"step": 1, "tag": "loss/a", "value": null}'
    (tmp_path / "metrics.jsonl").write_text(f"{good}\n{text}\n")
    with pytest.raises(InputError, match=named):
        read_scalars(tmp_path)
    (tmp_path / "metrics.jsonl").write_text(f"{good}\n{text}")  # just being written
    assert read_scalars(tmp_path).keys() == {"loss/a"}
