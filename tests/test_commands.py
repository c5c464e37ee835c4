"""What the commands say of themselves, and where they write without being asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import models
from benchmarking import matrix
from common.files import ROOT
from training.run import RUNS, run_folder


def test_help_lists_models_presets_and_titled_sections() -> None:
    def listed_by(*arguments: str) -> str:  # with boxes, which other encodings have not
        return subprocess.run(
            [sys.executable, "train.py", *arguments, "--help"], cwd=ROOT, check=True, text=True,
            capture_output=True, encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        ).stdout  # fmt: skip

    listed = listed_by()
    for name in models.names():
        assert re.search(rf"^ +{name} +{', '.join(models.presets(name))}$", listed, re.MULTILINE)
    titles = re.findall(r"╭─ (.+?) ─+╮", listed_by("--model", "cgan"))
    assert titles == ["options", "run options", "cgan options"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_the_demo_writes_where_git_ignores_it() -> None:
    commands = subprocess.run(
        ["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "benchmark.py models --quick" in commands
    options = matrix.check(matrix.Options(quick=True))
    for folder in (options.out, options.runs):
        assert folder is not None
        path = folder / "x.png"
        assert not subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode, path


def test_training_and_benchmark_name_a_run_alike() -> None:
    """And as the README does, of digits and of a folder named shapes."""
    options = matrix.check(matrix.Options())
    assert options.runs == RUNS
    written = re.findall(r"(results/runs/cgan/\S+/seed0)", (ROOT / "README.md").read_text())
    folders = {
        str(run_folder(
            Path("results/runs"), "cgan", "reference", data, "audio2image", "official",
            "resampled", "none", 0,
        ))
        for data in ("mnist-fsdd", "folder-shapes")
    }  # fmt: skip
    assert len(written) > 1 and {path.strip('"') for path in written} == folders
