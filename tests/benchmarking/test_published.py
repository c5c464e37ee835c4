"""What is published is what the committed rows give."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarking import page, report
from common.files import ROOT

RESULTS = ROOT / "results"


def test_the_tables_are_those_of_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of leaderboard.md and of the README: `python benchmark.py report --readme` makes both."""
    monkeypatch.setattr(page, "render", lambda *_: "")  # its charts take a minute
    for path in (RESULTS / report.ROWS, RESULTS / "selftest.json", ROOT / "README.md"):
        shutil.copy(path, tmp_path)
    report.write(tmp_path, tmp_path / "no runs", tmp_path)
    assert (tmp_path / report.TABLE).read_text() == (RESULTS / report.TABLE).read_text()
    monkeypatch.setattr(report, "ROOT", tmp_path)
    report.update_readme(tmp_path)
    assert (tmp_path / "README.md").read_text() == (ROOT / "README.md").read_text()
