"""The whole path by real commands; a second time nothing is done again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import report
from tests.conftest import ROOT


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "benchmark.py", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=500,
    )  # fmt: skip


@pytest.mark.slow
def test_a_small_matrix(offline_dir: Path, tmp_path: Path) -> None:
    out, runs = tmp_path / "out", tmp_path / "runs"
    command = (
        "--models", "cgan", "cvae", "--presets", "reference", "--max-seconds", "2",
        "--data", "offline", "--data-dir", str(offline_dir),
        "--out", str(out), "--runs", str(runs),
    )  # fmt: skip
    first = benchmark(*command)
    assert first.returncode == 0, first.stderr[-2000:]
    rows = report.read_rows(out)
    assert [row["subject"] for row in rows] == [
        "real-data", "class-mean", "nearest-neighbour", "cgan", "cvae",
    ]  # fmt: skip
    assert {row["data"] for row in rows} == {"offline"}
    for name in (
        "losses-reference",
        "side-by-side",
        "samples-cgan-reference",
        "samples-cvae-reference",
    ):
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    made = {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    assert len(made) == 2
    second = benchmark(*command)
    assert second.returncode == 0, second.stderr[-2000:]
    assert second.stdout.count("kept as it is") == 2
    assert made == {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    assert report.read_rows(out) == rows


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--models", "cgn"), "unknown model 'cgn': did you mean cgan"),
        (("--quick", "--max-seconds", "9"), "--quick sets"),
        (("--speed", "9"), "Unrecognized"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], says: str, offline_dir: Path) -> None:
    ran = benchmark(*arguments, "--data", "offline", "--data-dir", str(offline_dir))
    assert ran.returncode == 2
    assert says in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
