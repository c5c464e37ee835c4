"""The whole path by real commands; a second time nothing is done again."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark import Options, _one, plan
from benchmarking import report
from datasets.base import PairedDataset
from tests.conftest import ROOT
from training import checkpoint
from training.run import Run


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
        assert (
            (out / "figures" / "offline-official-resampled" / f"{name}.png")
            .read_bytes()
            .startswith(b"\x89PNG")
        )
    made = {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    assert len(made) == 2
    second = benchmark(*command)
    assert second.returncode == 0, second.stderr[-2000:]
    assert second.stdout.count("kept as it is") == 2
    assert made == {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    assert report.read_rows(out) == rows


def test_a_run_with_other_settings_is_not_published(
    tmp_path: Path, offline_source: PairedDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody changed a preset since the run was trained."""
    options = Options(models=("cvae",), presets=("reference",), runs=tmp_path)
    (job,) = plan(options, offline_source)
    config = dataclasses.asdict(job.config) | {"lr": 0.5}
    run = Run(
        "cvae", "reference", config, "offline", "", "audio2image", "official", "resampled", 0,
        "32-true", (1, 28, 28), (1, 64, 64), "abc",
    )  # fmt: skip
    found = checkpoint.Checkpoint(run, job.config.steps, 1, {})
    checkpoint.write(job.folder / checkpoint.NAME, found)
    assert not _one(job, options, offline_source, ("--data-dir", str(tmp_path)))
    assert "was trained with another lr: --fresh" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--models", "cgn"), "unknown model 'cgn': did you mean cgan"),
        (("--quick", "--max-seconds", "9"), "--quick sets"),
        (("--speed", "9"), "Unrecognized"),
        (("--presets", "referense"), "unknown preset 'referense': did you mean reference"),
        (("--split", "speaker:bob"), "bob"),
        (("--max-seconds", "0"), "more than 0"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], says: str, offline_dir: Path) -> None:
    ran = benchmark(*arguments, "--data", "offline", "--data-dir", str(offline_dir))
    assert ran.returncode == 2
    assert says in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_stops_the_training_which_saves(
    number: int, offline_dir: Path, tmp_path: Path
) -> None:
    command = (
        "--models", "cvae", "--presets", "reference", "--data", "offline",
        "--data-dir", str(offline_dir), "--out", str(tmp_path / "out"), "--runs", str(tmp_path),
    )  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "benchmark.py", *command], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as ran:  # fmt: skip
        until = time.monotonic() + 200
        while not list(tmp_path.rglob("cvae/**/.lock")) and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(2)
        ran.send_signal(number)
        _, said = ran.communicate(timeout=60)
    assert ran.returncode in (130, 143), said
    assert "Traceback" not in said
    (path,) = tmp_path.rglob("cvae/**/checkpoint.safetensors")
    assert checkpoint.load(path).step > 0
