"""What tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

import datasets
from datasets import PairedDataset
from evaluation import cache
from tests.evaluation.piece import piece_of


@pytest.fixture(scope="session")
def piece(offline_source: PairedDataset) -> PairedDataset:
    return piece_of(offline_source)


@pytest.fixture
def only_a_piece(piece: PairedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the piece as the offline data, and keep what real data score apart."""

    def load(data: str, *_: object) -> PairedDataset:
        assert data == "offline"
        return piece

    monkeypatch.setattr(datasets, "load", load)
    monkeypatch.setattr(cache, "FOLDER", tmp_path / "cache")
