"""File names that are no text, or not in the locale's encoding, in real processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from common.files import ROOT
from conversion.messages import printable
from tests.conversion.calls import picture_file, sound_file, speech

LOCALES = {
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII output": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
}
NAMES = (b"b\xff\xe9", "ä音".encode())


def run(locale: str, *given: bytes | str) -> bytes:
    """Standard output of a call that succeeds."""
    line = [sys.executable, str(ROOT / "convert.py"), *given]
    environment = {**os.environ, **LOCALES[locale]}
    done = subprocess.run(line, env=environment, capture_output=True, check=False)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done
    return done.stdout


def sounds_of_any_names(folder: Path) -> list[bytes]:
    for name in NAMES:
        for suffix in (b".wav", b".flac"):
            soundfile.write(os.fsencode(folder) + b"/" + name + suffix, speech(500), 8000)
    return [name + b".wav" for name in NAMES]


def test_names_of_any_bytes(folder: Path) -> None:
    sounds = sounds_of_any_names(folder)
    out = run("ASCII", *sounds, "--with", "pack", "--out", "out/")
    assert b"2 done, 0 failed" in out and b"b\xff\xe9.wav -> out/b\xff\xe9_SR8000.png" in out


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
def test_names_come_back_in_any_locale(folder: Path, locale: str) -> None:
    sounds = sounds_of_any_names(folder)
    run(locale, *sounds, "--with", "pack", "--out", "out/", "--preview")
    assert b"2 done, 0 failed" in run(locale, "out", "--out", "back")
    made = {os.fsencode(path.name) for path in (folder / "back").iterdir()}
    assert made == {name + b".decoded.wav" for name in NAMES}
    run(locale, sounds[0], "--with", "spectrogram", "-o", b"\xfe.png")
    run(locale, b"\xfe.png", "-o", b"\xfe.mp3")
    flac = NAMES[0] + b".flac"
    out = run(locale, flac, "--with", "pack", "-o", b"\xff.png", "--preview")
    assert b"decode:  python convert.py" in out and b"preview: \xff.preview.png" in out
    assert b"b\xff\xe9.wav\n  is " in run(locale, "--probe", sounds[0])


def test_names_are_printable_in_pictures() -> None:
    assert printable(os.fsdecode("ä音")) == "ä音"
    assert printable(os.fsdecode(b"b\xff")) == "b\ufffd"


@pytest.mark.parametrize(
    ("kind", "out"),
    [
        ("pack", "o.png"),
        pytest.param("spectrogram", "o.jpg", marks=pytest.mark.slow),
        pytest.param("tone", "o.wav", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_is_an_error_with_the_path(folder: Path, kind: str, out: str) -> None:
    sound_file(folder / "a.wav", n_samples=50_000)
    picture_file(folder / "a.png", 100, 100)
    given = ["--with", kind, "a.png" if kind == "tone" else "a.wav"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "convert.py"), *given, "-o", out],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)),
    )
    assert done.returncode == 2
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert f"{out}: " in error and "unfinished" not in error
    assert not list(folder.glob("o.*")) and not list(folder.glob(".*"))
