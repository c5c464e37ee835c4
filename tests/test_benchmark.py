"""The whole path by real commands; a second time nothing is done again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import benchmark
from benchmarking import report
from common.files import ROOT
from evaluation.baselines import BASELINES
from training import checkpoint


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "benchmark.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def stop(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a command that stops before its work, run here to save time."""
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        benchmark.main()
    assert isinstance(stopped.value.code, int | None)
    return stopped.value.code or 0


@pytest.mark.slow
def test_a_small_matrix(offline_dir: Path, tmp_path: Path) -> None:
    out, runs = tmp_path / "out", tmp_path / "runs"
    places = ("--data-dir", str(offline_dir), "--out", str(out), "--runs", str(runs))
    command = ["models", "--models", "cgan", "cvae", "--presets", "reference", "--data", "offline"]
    command += ["--marks", "0.05", "0.1", *places]
    first = run(*command)
    assert first.returncode == 0, first.stderr[-2000:]
    rows = report.read_rows(out)
    assert [row["model"] for row in rows] == [
        *BASELINES, *(("cgan", "lookup") * 2), *(("cvae",) * 2)
    ]  # fmt: skip
    assert {row["data"] for row in rows} == {"offline"}
    names = [
        "comparison-reference",
        "side-by-side",
        "samples-cgan-reference",
        "samples-cvae-reference",
    ]
    folder = out / "figures" / "offline-official-resampled-labels-none"
    figures = {name: (folder / f"{name}.png").read_bytes() for name in names}
    assert all(figure.startswith(b"\x89PNG") for figure in figures.values())
    page = (out / report.PAGE).read_text()
    assert page.count("data:image/png") >= 12 and "not on the machine" not in page
    made = {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    assert len(made) == 6

    second = run(*command)
    assert second.returncode == 0, second.stderr[-2000:]
    assert second.stdout.count("already trained") == 2
    assert made == {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    assert report.read_rows(out) == rows

    for name in names:
        (folder / f"{name}.png").unlink()
    (out / report.PAGE).unlink()
    again = run("report", *places)
    assert again.returncode == 0, again.stderr[-2000:]
    assert (out / report.PAGE).read_text() == page
    assert figures == {name: (folder / f"{name}.png").read_bytes() for name in names}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--models", "cgn"), "unknown model 'cgn': did you mean cgan"),
        (("models", "--models", "cgn"), "unknown model 'cgn': did you mean cgan"),
        (("--quick", "--marks", "9"), "--quick sets"),
        (("--quick", "--presets", "original"), "--quick sets"),
        (("--speed", "9"), "Unrecognized options: --speed, 9; see benchmark.py models --help"),
        (("--presets", "referense"), "unknown preset 'referense': did you mean reference"),
        (("--splits", "speaker:bob"), "bob"),
        (("--splits", "official", "nowhere"), "unknown split 'nowhere'"),
        (("--pairings", "resampled", "fixed-0"), "fixed-0"),
        (("--split", "official"), "Unrecognized options: --split"),
        (("--marks", "0"), "above 0"),
        (("--seeds", "-1"), "whole numbers"),
        (("modles",), "unknown command 'modles': did you mean models? there are: models, conv"),
        (("converters", "--seeds", "3"), "Unrecognized options: --seeds, 3; see benchmark.py conv"),
        (("recognition", "--steps", "0"), "at least 1"),
        (("report", "--out", "nowhere"), "no rows in nowhere"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...],
    says: str,
    offline_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = ("--data", "offline", "--data-dir", str(offline_dir))
    of_models = arguments[0].startswith("-")
    assert stop(monkeypatch, *arguments, *(data if of_models else ())) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert len(said.err.strip().splitlines()) == 1 and not said.out


def test_an_error_is_all_that_the_script_prints() -> None:
    ran = run("modles")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: unknown command") and ran.stderr.count("\n") == 1


def test_help_names_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--help"])
    benchmark.main()
    said = capsys.readouterr().out
    for name in benchmark.COMMANDS:
        assert f"python benchmark.py {name}" in said
        assert stop(monkeypatch, name, "--help") == 0
        assert f"usage: benchmark.py {name}" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_stops_the_training_which_saves(
    number: int, offline_dir: Path, tmp_path: Path
) -> None:
    command = ["--models", "cvae", "--presets", "reference", "--data", "offline"]
    command += ["--data-dir", str(offline_dir), "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        [sys.executable, "benchmark.py", *command, "--runs", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as ran:
        until = time.monotonic() + 200
        while not list(tmp_path.rglob("cvae/**/.training.lock")) and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(2)
        ran.send_signal(number)
        _, said = ran.communicate(timeout=60)
    assert ran.returncode in (130, 143), said
    assert "Traceback" not in said
    (path,) = tmp_path.rglob("cvae/**/checkpoint.safetensors")
    assert checkpoint.load(path).step > 0
