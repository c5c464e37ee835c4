"""The command as a whole: round trips, streams, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from common.files import ROOT
from converters import kinds, presets
from converters.base import Converter
from converters.picture_files import read_picture
from converters.sound_files import read_sound
from tests.conversion.calls import (
    RATE,
    SMALL,
    call,
    fail,
    picture_file,
    same_pixels,
    same_samples,
    sound_file,
    succeed,
)

FORMATS = {
    "wav": "PCM_16", "u8.wav": "PCM_U8", "24.wav": "PCM_24", "float.wav": "FLOAT",
    "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III", "aiff": "PCM_16",
}  # fmt: skip


@pytest.mark.parametrize("suffix", FORMATS)
def test_samples_come_back_from_every_format(folder: Path, suffix: str) -> None:
    original = sound_file(folder / f"a.{suffix}", FORMATS[suffix])
    picture, *_ = succeed(original.name, "--with", "pack").out.partition("  (")[0].split(" -> ")[1:]
    assert picture == f"{original.stem}_SR{RATE}.png"
    done = call(picture)
    assert done.code == 0
    lossy = suffix in ("ogg", "mp3")
    assert ("lossy" in done.err or "without loss" in done.err) == lossy
    again = folder / f"{original.stem}.decoded.{'wav' if lossy else original.suffix[1:]}"
    a, b = read_sound(original), read_sound(again)
    assert same_samples(original, again)
    assert a.format.sample_rate == b.format.sample_rate == RATE
    assert b.format.subtype == ("FLOAT" if lossy else a.format.subtype)


@pytest.mark.parametrize("kind", ["tone", "grid", "pack"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "tiff"])
def test_pictures_come_back_from_every_format(folder: Path, kind: str, suffix: str) -> None:
    original = picture_file(folder / f"a.{suffix}")
    done = succeed(original.name, "--with", kind)
    assert done.out.startswith(f"a.{suffix} -> a.wav  ({kind}, ")
    assert done.out.endswith(" s of sound)\ndecode:  python convert.py a.wav\n")
    assert succeed("a.wav").out == f"a.wav -> a.decoded.png  ({kind})\n"
    assert same_pixels(folder / "a.decoded.png", original)


ENCODING = [
    name
    for name, kind in kinds().items()
    if kind.encode_sound is not Converter.encode_sound
    or kind.encode_picture is not Converter.encode_picture
]


@pytest.mark.parametrize(("kind", "preset"), [(k, p) for k in ENCODING for p in presets()[k]])
def test_every_preset_makes_files_that_are_decoded_without_options(
    folder: Path, kind: str, preset: str
) -> None:
    sound_file(folder / "a.wav", n_samples=9000)
    picture_file(folder / "b.png")
    name = "a.wav" if kind in ("spectrogram", "mel64", "pack") else "b.png"
    done = call(name, "--with", kind, "--preset", preset)
    assert done.code == 0, done.err
    made = [line.rpartition(" ")[2] for line in done.out.splitlines() if line.startswith("decode:")]
    done = call(*made)
    assert done.code == 0, done.err
    assert f"({kind}" in done.out


def test_the_default_is_a_spectrogram(folder: Path) -> None:
    sound_file(folder / "a.wav")
    assert "a.wav -> a_SR8000.png  (spectrogram, 3" in succeed("a.wav").out
    succeed("a_SR8000.png")
    a, b = (read_sound(folder / name) for name in ("a.wav", "a.decoded.wav"))
    assert a.format == b.format
    noise = a.samples().astype(float) - b.samples()
    assert 10 * np.log10(a.samples().astype(float).var() / noise.var()) > 30


def test_any_file_is_kept_byte_by_byte(folder: Path) -> None:
    text = bytes(range(256)) * 100
    for name in ("report.pdf", "archive", "photo.png"):
        (folder / name).write_bytes(text)
        succeed(name, "kept.png", *SMALL, "--bytes")
        done = succeed("kept-002-of-003.png")
        suffix = Path(name).suffix
        assert f"-> kept.decoded{suffix}  (pack, 3 tiles)" in done.out
        assert (folder / f"kept.decoded{suffix}").read_bytes() == text
        for made in folder.glob("kept*"):
            made.unlink()


def test_the_list_has_every_kind_and_preset() -> None:
    lines = succeed("--list").out.splitlines()
    assert [line.split()[0] for line in lines] == list(kinds())
    for line, known in zip(lines, presets().values(), strict=True):
        assert line.endswith(f"Presets: {', '.join(known)}")
    listed = json.loads(succeed("--list", "--json").out)
    assert listed["tone"]["exact"] == "picture"
    assert listed["pack"]["presets"]["flac"]["layout"] == "flac"


def run(*given: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, str(ROOT / "convert.py"), *given]
    return subprocess.run(line, input=stdin, capture_output=True, check=False)


def test_standard_input_and_output(folder: Path) -> None:
    original = sound_file(folder / "a.flac").read_bytes()
    there = run("-", "-", "--with", "pack", stdin=original)
    assert (there.returncode, there.stderr) == (
        0,
        b"stdin -> stdin_SR8000.png  (pack, 768 x 8 pixels)\n",
    )
    (folder / "b.png").write_bytes(there.stdout)
    assert read_picture(folder / "b.png").header
    back = run("b.png", "-")
    assert (back.returncode, back.stderr) == (
        0,
        b"b.png -> b.decoded.flac  (pack, 0.5 s of sound)\n",
    )
    (folder / "c.flac").write_bytes(back.stdout)
    assert same_samples(folder / "a.flac", folder / "c.flac")
    tiles = call("-", "-", *SMALL, stdin=original)
    assert (tiles.code, tiles.out) == (2, "")
    assert tiles.err == (
        "error: stdin: 2 tiles do not fit into standard output: name an output file\n"
    )
    assert fail("-", "x.png") == "error: stdin: the file is empty\n"
    assert "standard input and pipes have no file name" in fail("-")
    assert not (folder / "x.png").exists()


def leftovers(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("many", [False, True])
def test_ctrl_c_leaves_nothing_half_written(folder: Path, many: bool) -> None:
    names = [f"{i}.wav" for i in range(3 if many else 1)]
    for name in names:  # longer than the test waits
        soundfile.write(folder / name, np.zeros((8_000_000, 1), np.int16), RATE, "PCM_16")
    before = leftovers(folder)
    line = [sys.executable, str(ROOT / "convert.py"), *names, "--with", "pack"]
    line += ["--width", "64", "--height", "64", "--out", "out/"]
    process = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    assert " -> " in process.stdout.readline()
    while not list(folder.glob("out/.tiles-*/*.png")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert err.endswith("stopped\n") and "Traceback" not in err
    assert leftovers(folder) - before <= {"out"}


def test_torch_is_not_loaded() -> None:
    code = "import sys, convert, converters; converters.kinds(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
