"""Commands make of fixed inputs what they made before: see `record.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.behaviour import record

GOLDEN = json.loads(record.GOLDEN.read_text())
SLOW = ("tone/original", "tone/robust", "grid/slow", "spectrogram/magnitude")


def check(name: str, outcome: record.Outcome) -> None:
    exact = GOLDEN["platform"] == record.platform()
    assert not record.differences({name: outcome}, GOLDEN["outcomes"], exact)


@pytest.fixture(scope="module")
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in record.CONVERTERS],
)
def test_conversions(name: str, tmp_path: Path) -> None:
    for source in record.inputs(tmp_path):
        outcome = record.conversion(record.CONVERTERS[name], source, tmp_path / source.stem)
        check(f"{name} {source.name}", outcome)


@pytest.mark.usefixtures("one_thread", "quick")
@pytest.mark.parametrize(
    "preset",
    [pytest.param(p, marks=[pytest.mark.slow] * (p == "original")) for p in record.PRESETS],
)
@pytest.mark.parametrize("model", record.MODELS)
def test_weights(model: str, preset: str, offline_dir: Path, tmp_path: Path) -> None:
    outcome = record.weights(tmp_path, offline_dir, model, preset, small=True)
    check(f"{model}/{preset} small", outcome)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread", "quick")
@pytest.mark.parametrize("preset", record.PRESETS)
@pytest.mark.parametrize("model", record.MODELS)
def test_weights_at_full_size(model: str, preset: str, offline_dir: Path, tmp_path: Path) -> None:
    outcome = record.weights(tmp_path, offline_dir, model, preset, small=False)
    check(f"{model}/{preset} full", outcome)


@pytest.mark.usefixtures("one_thread", "quick")
def test_a_scorecard(offline_dir: Path, tmp_path: Path) -> None:
    record.weights(tmp_path / "run", offline_dir, "cgan", "reference", small=True)
    outcome = record.scorecard(tmp_path / "run", offline_dir, tmp_path / "card")
    check("scorecard of cgan/reference small", outcome)
