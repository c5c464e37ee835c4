"""The ten recordings: each has one word, where it was put; and the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from benchmarking.spoken import RECORDINGS, WORDS, record
from common.files import ROOT
from datasets.words import read_word
from tests.drawing.conftest import write_run


def test_each_recording_has_one_word(tmp_path: Path) -> None:
    files = list(record(tmp_path / "recordings"))
    assert [path.stem for path in files] == [*WORDS]
    for path, recording in zip(files, RECORDINGS, strict=True):
        format = soundfile.info(path)
        assert (format.samplerate, format.channels) == (recording.rate, recording.n_channels)
        assert abs(read_word(path).start - recording.silence) < 0.12
    assert len({path.suffix for path in files}) == 5
    stereo = [r for r in RECORDINGS if r.n_channels == 2]
    assert [(r.rate, r.silence) for r in stereo] == [(48000, 3.0)]


@pytest.mark.slow
def test_the_command_makes_a_table(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarking.spoken", "--checkpoint", run, "--draws", "1"),
            *("--out", tmp_path / "out"),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    table = [line for line in ran.stdout.splitlines() if line.startswith("|")]
    assert len(table) == 12 and "not drawn" not in ran.stdout
    assert "of 10 read right" in ran.stdout.splitlines()[-1]
    assert (tmp_path / "out" / "drawing.png").exists()
