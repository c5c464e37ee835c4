"""Which runs a matrix holds, and which are kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import models
from benchmarking import matrix
from benchmarking.matrix import Options, plan, run_job
from common.errors import InputError
from datasets import PairedDataset
from training import checkpoint
from training.run import Run


def test_a_run_with_other_settings_is_not_published(
    tmp_path: Path, offline_source: PairedDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    """A preset was changed since the run was trained."""
    options = Options(models=("cvae",), presets=("reference",), runs=tmp_path)
    (job,) = plan(options, offline_source)
    run = Run(
        model="cvae",
        preset="reference",
        config=dataclasses.asdict(models.presets("cvae")["reference"]) | {"lr": 0.5},
        data="offline",
        data_fingerprint="",
        task="audio2image",
        split="official",
        pairing="resampled",
        labels="none",
        seed=0,
        precision="32-true",
        x_shape=(1, 28, 28),
        c_shape=(1, 64, 64),
        marks=(20.0, 60.0),
        code="abc",
    )
    found = checkpoint.Checkpoint(run, 5, 1, 0, {})
    checkpoint.write(job.folder / checkpoint.NAME, found)
    assert not run_job(job, options, offline_source)
    assert "was trained with another lr: --fresh" in capsys.readouterr().err


def test_presets_come_first(offline_source: PairedDataset) -> None:
    jobs = plan(Options(models=("cvae", "cgan"), seeds=(0, 1)), offline_source)
    names = [(job.preset, job.seed, job.model) for job in jobs]
    assert names == [
        (preset, seed, model)
        for preset in ("reference", "original")
        for seed in (0, 1)
        for model in ("cvae", "cgan")
    ]
    assert jobs[2].label == "cvae (reference), seed 1"


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
    assert [job.label for job in plan(options, offline_source)] == expected


@pytest.mark.usefixtures("mine")
def test_a_preset_that_no_chosen_model_has_is_refused() -> None:
    with pytest.raises(InputError, match="unknown preset 'original': there are: reference, tiny"):
        matrix.check(Options(models=("mine",), presets=("reference", "original")))


def test_rows_of_an_older_format_are_refused_before_any_training(
    tmp_path: Path, offline_dir: Path
) -> None:
    (tmp_path / "results.csv").write_text("subject,preset\ncgan,source\n")
    with pytest.raises(InputError, match="rows of another format"):
        matrix.run(Options(data="offline", data_dir=offline_dir, out=tmp_path, runs=tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv"}


def test_an_old_checkpoint_does_not_end_the_matrix(
    offline_source: PairedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = matrix.check(Options(models=("cgan",), presets=("reference",), runs=tmp_path))
    (job,) = plan(options, offline_source)
    job.folder.mkdir(parents=True)
    metadata = {"about": '{"format": "synesthesia-checkpoint-1"}'}
    save_file({"model.w": torch.zeros(1)}, job.folder / "checkpoint.safetensors", metadata)
    assert not matrix.run_job(job, options, offline_source)
    said = capsys.readouterr().err
    assert "of an earlier version" in said and "--fresh" in said and said.count("\n") == 1
