"""The evaluator as a command, on the offline data with an untrained model."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import datasets
import evaluate
import models
from common.files import ROOT, exclusive
from datasets import PairedDataset
from evaluation.evaluator import ImageEvaluator
from training.checkpoint import NAME, Checkpoint, load, write
from training.run import Run


@pytest.fixture(scope="session")
def data_dir(offline_dir: Path) -> Path:
    return offline_dir


@pytest.fixture(scope="session")
def source(offline_source: PairedDataset) -> PairedDataset:
    return offline_source


def _write(folder: Path, source: PairedDataset, **changes: Any) -> Path:
    """An untrained run, as it is or with other claims about itself."""
    spec = datasets.spec("audio2image")
    small = {"width": 8, "encoder_width": 8}
    config = dataclasses.replace(models.presets("cgan")["reference"], **small)
    run = Run(
        model="cgan",
        preset="reference",
        config=dataclasses.asdict(config),
        data=source.name,
        data_fingerprint=source.fingerprint,
        task="audio2image",
        split="official",
        pairing="one-to-one",
        labels="none",
        seed=0,
        precision="32-true",
        x_shape=spec.x_shape,
        c_shape=spec.c_shape,
        marks=(20.0, 60.0),
        code="test",
    )
    torch.manual_seed(0)
    tensors = {f"ema.{k}": v for k, v in config.build(spec).state_dict().items()}
    run = dataclasses.replace(run, **changes)
    write(folder / NAME, Checkpoint(run, 7, 1.5, 0, tensors))
    return folder


def _command(data_dir: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "evaluate.py", "--device", "cpu", "--data-dir", data_dir, *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def cards(
    source: PairedDataset, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The scorecards of the untrained model and of two baselines."""
    run = _write(tmp_path_factory.mktemp("model"), source)
    out = tmp_path_factory.mktemp("baselines")
    names = ("real-data", "class-mean")
    of_run = _command(data_dir, "--checkpoint", run)
    given = ("--data", "offline", "--out", out)
    of_baselines = _command(data_dir, "--baseline", *names, *given)
    folders = {"model": (run, of_run), **{name: (out / name, of_baselines) for name in names}}
    made = {}
    for name, (folder, ran) in folders.items():
        assert ran.returncode == 0, ran.stderr
        card = json.loads((folder / "scorecard.json").read_text())
        made[name] = card | {"out": folder, "stdout": ran.stdout}
    return made


def test_scorecard_is_whole(cards: dict[str, dict[str, Any]]) -> None:
    card = cards["model"]
    assert card["format"] == "synesthesia-scorecard-5"
    assert card["candidate"]["run"]["model"] == "cgan"
    for key in ("data_sha256", "split_sha256", "judge_a", "judge_b", "converter", "code", "n"):
        assert card["fingerprint"][key]
    assert set(card["metrics"]) == {
        *("accuracy", "accuracy_judge_b", "recognition_accuracy", "partner_rank"),
        *(f"{name}_judge_296" for name in ("fd", "kid", "precision", "recall")),
        *(f"{name}_judge_296" for name in ("density", "coverage", "coverage_within_digit")),
        *("diversity", "diversity_relative", "vendi", "authentic_pct", "copying_z"),
        *("diversity_given_sound", "speaker_probe"),
        *(f"nearest_{of}_{what}" for of in ("train", "test") for what in ("median", "q01")),
        *("accuracy_judge_a", "judges_disagree", "copied", "cas", "fd_pca", "silence_digit"),
        *(f"{name}_within_digit_judge_296" for name in ("precision", "fd", "kid")),
        *(f"w1_{name}" for name in ("thickness", "slant", "width")),
        *(f"obeys_{name}" for name in ("other_digit", "shifted")),
        *(f"obeys_noisy_{snr}db" for snr in (20, 10, 0)),
        "speaker_effect",
    }
    assert set(card["by_digit"]) == {str(d) for d in range(10)}
    assert len(card["by_speaker"]) == 6
    assert card["fingerprint"]["n"] == 296
    assert sum(map(sum, card["confusion"])) == 2 * 296  # each judge reads each
    by_recording = card["by_recording"]
    assert sum(by_recording["drawn"]) == 2 * 296
    accuracy = sum(by_recording["correct"]) / (2 * 296)
    assert accuracy == pytest.approx(card["metrics"]["accuracy"]["value"])
    assert {*by_recording["digit"]} == {*range(10)}
    cost = card["cost"]
    assert cost["steps"] == 7 and cost["training_seconds"] == 1.5
    assert 0 < cost["parameters_sampling"] < cost["parameters"]
    assert cost["flops_per_sample"] > 1e5
    assert cost["training_flops"] > 7 * cost["flops_per_sample"]
    assert cost["mark_tflop"] is None
    assert "no row of a table: this run is not at one of its marks" in card["stdout"]


def test_files_and_what_to_do_next(cards: dict[str, dict[str, Any]]) -> None:
    card = cards["model"]
    for name in ("samples.png", "confusion.png"):
        assert (card["out"] / name).read_bytes().startswith(b"\x89PNG")
        assert name in card["stdout"]
    assert list(card["out"].glob("events.*.test"))
    assert card["stdout"].splitlines()[-1].startswith("next: tensorboard --logdir")


def test_intervals_contain_their_value(cards: dict[str, dict[str, Any]]) -> None:
    for name, card in cards.items():
        groups = (card["metrics"], card["by_digit"], card["by_speaker"])
        found = [f for group in groups for f in group.values() if f["low"] is not None]
        assert len(found) > 20
        assert all(f["low"] <= f["value"] <= f["high"] for f in found)
        alike = name == "class-mean"  # what all samples share is at an end of its interval
        assert alike or any(f["low"] < f["value"] < f["high"] for f in found)
        shares = [card["metrics"]["accuracy"], *card["by_digit"].values()]
        assert all(0 <= f["low"] < f["high"] <= 1 for f in shares)


@pytest.mark.slow  # tests/behaviour has the numbers of a scorecard too
def test_same_numbers_again(
    cards: dict[str, dict[str, Any]], data_dir: Path, tmp_path: Path
) -> None:
    first, file = cards["model"], tmp_path / "again.json"
    ran = _command(
        data_dir, "--checkpoint", first["out"], "--out", tmp_path / "out", "--json", file
    )
    assert ran.returncode == 0, ran.stderr
    again = json.loads(file.read_text())
    timed = ("samples_per_second", "peak_memory_bytes")
    for card in (first, again):
        card["cost"] = {k: v for k, v in card["cost"].items() if k not in timed}
    assert again == {key: first[key] for key in again}


def test_baselines_are_in_order(cards: dict[str, dict[str, Any]]) -> None:
    value = {
        name: {key: estimate["value"] for key, estimate in card["metrics"].items()}
        for name, card in cards.items()
    }
    real, mean, untrained = value["real-data"], value["class-mean"], value["model"]
    assert cards["real-data"]["candidate"]["needs_label"]
    assert real["accuracy"] > 0.95 and real["accuracy_judge_b"] > 0.95
    assert real["coverage_judge_296"] > 0.8
    assert real["coverage_judge_296"] > 3 * mean["coverage_judge_296"]
    assert mean["accuracy"] > 0.9 and mean["diversity_relative"] == 0
    assert untrained["accuracy"] < 0.3
    assert 0.4 < untrained["partner_rank"] < 0.6
    order = [v["fd_judge_296"] for v in (real, mean, untrained)]
    assert order == sorted(order)


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


Refuse = Callable[..., None]


@pytest.fixture
def refused(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refuse:
    """Checks that the command, run here to save time, says one line and exits with 2."""

    def check(says: str, *arguments: str | Path) -> None:
        argv = ["evaluate.py", "--device", "cpu", "--data-dir", data_dir, *arguments]
        monkeypatch.setattr(sys, "argv", [str(each) for each in argv])
        with pytest.raises(SystemExit) as stopped:
            evaluate.main()
        said = capsys.readouterr()
        assert stopped.value.code == 2
        assert says in said.err
        assert said.err.startswith("error: ") and said.err.count("\n") == 1 and not said.out

    return check


def test_pickle_is_not_run(data_dir: Path, tmp_path: Path) -> None:
    bomb, file = tmp_path / "exploded", tmp_path / "checkpoint.safetensors"
    file.write_bytes(pickle.dumps(_Bomb(bomb)))
    ran = _command(data_dir, "--checkpoint", file)
    assert ran.returncode == 2
    assert "pickle" in ran.stderr and ran.stderr.count("\n") == 1
    assert not bomb.exists()
    pickle.loads(file.read_bytes())  # it would have been
    assert bomb.exists()


def test_bad_checkpoints(source: PairedDataset, tmp_path: Path, refused: Refuse) -> None:
    whole = (_write(tmp_path, source) / NAME).read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-1000])
    (tmp_path / "foreign").write_bytes(b"not a checkpoint")
    torch.save(_Bomb(tmp_path / "exploded"), tmp_path / "zip")
    refused("no checkpoint", "--checkpoint", tmp_path / "absent")
    refused("damaged", "--checkpoint", tmp_path / "cut")
    refused("damaged", "--checkpoint", tmp_path / "foreign")
    refused("torch.save", "--checkpoint", tmp_path / "zip")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x_shape": (1, 64, 64), "c_shape": (1, 28, 28)}, "another task or data shape"),
        ({"task": "image2audio"}, "another task or data shape"),
        ({"data_fingerprint": "0" * 64}, "fingerprint"),
        ({"data": "elsewhere"}, "unknown data"),
        ({"split": "speaker:nobody"}, "unknown speaker"),
        ({"model": "cgna"}, "did you mean cgan"),
        ({"preset": "referense"}, "did you mean reference"),
        ({"config": dataclasses.asdict(models.presets("cgan")["reference"])}, "has shape"),
    ],
)
def test_checkpoints_of_other_things(
    source: PairedDataset, tmp_path: Path, refused: Refuse, changes: dict[str, Any], says: str
) -> None:
    folder = _write(tmp_path, source, **changes)
    refused(says, "--checkpoint", folder)
    assert not (folder / "scorecard.json").exists()


def test_outputs_are_tried_before_the_scoring(
    source: PairedDataset, tmp_path: Path, refused: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _write(tmp_path / "run", source)
    monkeypatch.setattr(ImageEvaluator, "evaluate", lambda *_: pytest.fail("scored first"))
    (tmp_path / "file").touch()
    refused("cannot write in", "--checkpoint", run, "--out", tmp_path / "file")
    refused("cannot write in", "--checkpoint", run, "--json", tmp_path / "file" / "card.json")


def test_nobody_evaluates_twice_in_one_folder(
    source: PairedDataset, tmp_path: Path, refused: Refuse
) -> None:
    run = _write(tmp_path / "run", source)
    with exclusive(run, "evaluation"):
        refused("another evaluation runs in", "--checkpoint", run)


def test_model_that_draws_nan(source: PairedDataset, tmp_path: Path, refused: Refuse) -> None:
    checkpoint = load(_write(tmp_path, source))
    broken = {key: torch.full_like(t, torch.nan) for key, t in checkpoint.tensors.items()}
    write(tmp_path / NAME, dataclasses.replace(checkpoint, tensors=broken))
    refused("not finite", "--checkpoint", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give --checkpoint"),
        (("--baseline", "nobody"), "nobody"),
        (("--checkpoint", "x", "--split", "official"), "checkpoint has its own"),
        (("--baseline", "real-data", "--data", "offline", "--split", "half"), "unknown split"),
        pytest.param(
            ("--baseline", "real-data", "--device", "cuda"),
            "no GPU",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_bad_arguments(refused: Refuse, arguments: tuple[str, ...], says: str) -> None:
    refused(says, *arguments)
