"""Data that tests share. The offline set is always there; MNIST-FSDD where $DATA_DIR has it."""

from __future__ import annotations

from pathlib import Path

import pytest

import datasets
import train
from datasets import PairedDataset, mnist_fsdd, offline


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
    return mnist_fsdd.load(folder) if mnist_fsdd.is_present(folder) else offline_source


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No validation, where it is not the matter."""
    monkeypatch.setattr(train, "Validation", lambda *given: None)
