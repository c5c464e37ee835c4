"""Rows of validation metrics come from runs that were trained to their end."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

from common.files import ROOT


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )


def test_runs_become_rows(offline_dir: Path, tmp_path: Path) -> None:
    for beta in (1, 3):
        ran = command(
            "train.py", "--model", "cvae", "--steps", 3, "--warm-start", "1e-5", "--width", 8,
            "--encoder-width", 8, "--batch-size", 4, "--beta", beta, "--data", "offline",
            "--data-dir", offline_dir, "--out", tmp_path / f"beta{beta}",
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
    out = tmp_path / "rows.csv"
    runs = sorted(tmp_path.glob("beta*"))
    ran = command("-m", "training.selection", *runs, "--out", out)
    assert ran.returncode == 0, ran.stderr
    assert "beta" in ran.stdout and "z_dim" not in ran.stdout  # what differs is shown
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["config.beta"]) for row in rows] == [1, 3]
    assert all(0 <= float(row["accuracy"]) <= 1 and row["step"] == "3" for row in rows)

    ran = command("-m", "training.selection", tmp_path / "nothing")
    assert ran.returncode == 2 and "no checkpoint" in ran.stderr
