"""Fixtures of the tests of convert.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conversion.calls import SMALL, sound_file, succeed


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tiles(folder: Path) -> list[str]:
    """The names of the three tiles of a.wav."""
    sound_file(folder / "a.wav", n_samples=8000)
    done = succeed("a.wav", *SMALL)
    names = [f"a_SR8000-00{i}-of-003.png" for i in (1, 2, 3)]
    assert done.out.startswith(f"a.wav -> {names[0]} ... {names[2]}  (pack, 3 tiles)\n")
    assert sorted(p.name for p in folder.glob("*.png")) == names
    return names


@pytest.fixture(autouse=True)
def _no_temporaries(folder: Path) -> Iterator[None]:
    """No call leaves a temporary file behind."""
    yield
    assert not [path for path in folder.rglob(".*") if path.name != ".hidden.wav"]
