"""Rows hold the last validation of each run, and what it was after."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.files import ROOT
from tests.training.runs import arguments, call
from training.selection import row_of


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )


def test_runs_become_rows(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.validation.N_SAMPLES", 60)
    for beta in ("1", "3"):
        more = ("--steps", "3", "--warm-start", "1e-5", "--beta", beta)
        done = call(*arguments(offline_dir, tmp_path / f"beta{beta}", "cvae", *more))
        assert done.code == 0, done.err
    out = tmp_path / "rows.csv"
    runs = sorted(tmp_path.glob("beta*"))
    ran = command("-m", "training.selection", *runs, "--out", out)
    assert ran.returncode == 0, ran.stderr
    assert "beta" in ran.stdout and "z_dim" not in ran.stdout  # what differs is shown
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["config.beta"]) for row in rows] == [1, 3]
    assert all(0 <= float(row["accuracy"]) <= 1 and row["step"] == "3" for row in rows)

    again = ("--steps", "4", "--warm-start", "1e-5", "--beta", "1", "--resume")
    call(*arguments(offline_dir, runs[0], "cvae", *again, "--validate-every", "0"))
    log = runs[0] / "metrics.jsonl"
    lines = [line for line in log.read_text().splitlines() if '"step": 4' not in line]
    log.write_text("\n".join(lines) + "\n")  # stopped between two validations
    row = row_of(runs[0])
    values = [json.loads(line) for line in lines]
    flops = [v["value"] for v in values if v["tag"] == "progress/training_flops"]
    assert (row["task"], row["split"], row["data"]) == ("audio2image", "official", "offline")
    assert row["step"] == 3 and row["tflop"] == round(flops[-1] / 1e12, 2)

    ran = command("-m", "training.selection", tmp_path / "nothing")
    assert ran.returncode == 2 and "no checkpoint" in ran.stderr
