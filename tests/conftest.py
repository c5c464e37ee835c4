"""Data that tests share. The offline set is always there; MNIST-FSDD where $DATA_DIR has it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

import datasets
from datasets import mnist_fsdd, offline
from datasets.base import PairedDataset
from models._base import GenerativeModel
from training.validation import Validation

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def offline_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all test processes, so that the speech is synthesised once."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "popen" in base.name else base
    return shared / "offline-data"


@pytest.fixture(scope="session")
def offline_source(offline_dir: Path) -> PairedDataset:
    return offline.load(offline_dir)


@pytest.fixture(scope="session")
def source(offline_source: PairedDataset) -> PairedDataset:
    """The best data that this machine has."""
    folder = datasets.default_dir()
    return mnist_fsdd.load(folder) if mnist_fsdd.present(folder) else offline_source


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation that costs nothing, where it is not the matter."""

    def figures(self: Validation, model: GenerativeModel) -> dict[str, float]:
        return {"accuracy": 0.5}

    monkeypatch.setattr(Validation, "__init__", lambda self, source, split: None)
    monkeypatch.setattr(Validation, "clips", torch.zeros(10, 8192), raising=False)
    monkeypatch.setattr(Validation, "figures", figures)
    monkeypatch.setattr(Validation, "grid", lambda self, model: Figure((1, 1)))
