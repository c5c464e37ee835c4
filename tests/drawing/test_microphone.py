"""The microphone: without the package sounddevice, and with a stand-in for it."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.drawing.conftest import RATE, Call


@pytest.mark.skipif(
    importlib.util.find_spec("sounddevice") is not None, reason="sounddevice is installed"
)
def test_without_sounddevice_it_is_one_line(call: Call, run: Path) -> None:
    done = call("--checkpoint", run, "--microphone")
    assert done.code == 2 and done.out == ""
    assert "pip install sounddevice" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("error", [None, "no device"])
def test_a_recording_is_drawn_and_kept(
    call: Call,
    run: Path,
    speech: dict[str, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: str | None,
) -> None:
    class PortAudioError(Exception):
        pass

    def record(n: int, rate: int, channels: int, dtype: str) -> np.ndarray:
        if error:
            raise PortAudioError(error)
        samples = np.zeros((n, channels), dtype)
        samples[RATE : RATE + len(speech["five"]), 0] = speech["five"]
        return samples

    def query_devices(kind: str) -> dict[str, Any]:
        return {"default_samplerate": float(RATE)}

    stand_in = SimpleNamespace(
        PortAudioError=PortAudioError, rec=record, query_devices=query_devices, wait=lambda: None
    )
    monkeypatch.setitem(sys.modules, "sounddevice", stand_in)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    done = call("--checkpoint", run, "--microphone", "-n", "1")
    if error:
        assert done.code == 2 and error in done.err.splitlines()[-1]
        return
    assert done.code == 0 and "say one digit" in done.err
    out = tmp_path / "drawings" / "001"
    assert (out / "images" / "microphone.cgan.1.png").exists()
    samples, rate = soundfile.read(out / "microphone.wav")
    assert (len(samples), rate) == (3 * RATE, RATE)
    assert done.out.startswith("microphone: a word of")
