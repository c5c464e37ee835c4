"""Which files are inputs, and where outputs go."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from tests.conversion.calls import (
    call,
    contents,
    fail,
    picture_file,
    same_samples,
    sound_file,
    succeed,
)


def test_outputs_in_the_folder_of_inputs_are_not_inputs(folder: Path) -> None:
    (folder / "in").mkdir()
    sound_file(folder / "in" / "a.wav")
    assert "decode: " in succeed("in", "--with", "pack", "--preview").out
    succeed("in/a_SR8000.png")
    assert succeed("in", "--with", "pack").out.startswith("skipped: in/a_SR8000.png exists")
    assert "(pack, " in succeed("in", "--with", "pack", "--force").out
    sound_file(folder / "in" / "b.wav")
    picture_file(folder / "in" / "c.png")
    assert "2 done, 1 skipped, 0 failed\n" in succeed("in", "--with", "pack").out
    before = contents(folder)
    assert "0 done, 3 skipped, 0 failed\n" in succeed("in", "--with", "pack").out
    assert contents(folder) == before
    (folder / "packed").mkdir()
    for name in ("a_SR8000.png", "c.wav", "a.decoded.wav"):
        (folder / "in" / name).rename(folder / "packed" / name)
    assert "1 done, 1 skipped, 0 failed\n" in succeed("packed").out
    assert (folder / "packed" / "c.decoded.png").exists()
    assert "x.preview.png" not in call("in/*.png", "--dry-run", "--with", "tone").out


def test_a_pipe_is_read_like_standard_input(folder: Path) -> None:
    content = sound_file(folder / "a.wav").read_bytes()
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_bytes, args=(content,))
    writer.start()
    succeed("pipe", "b.png", "--with", "pack")
    writer.join()
    succeed("b.png")
    assert same_samples(folder / "a.wav", folder / "b.decoded.wav")


def test_two_sounds_are_two_inputs(folder: Path) -> None:
    for name in ("a.wav", "b.wav"):
        sound_file(folder / name)
    assert "2 done" in succeed("a.wav", "b.wav", "--with", "pack").out
    assert "several inputs need an output folder" in fail(
        "a.wav", "b.wav", "--with", "pack", "-o", "c.png"
    )
