"""Nothing is lost: outputs that exist, inputs, dry runs, failures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from converters import kinds
from tests.conversion.calls import (
    SMALL,
    call,
    contents,
    fail,
    fail_late,
    picture_file,
    pixels_of,
    sound_file,
    succeed,
)


def test_nothing_is_overwritten(folder: Path) -> None:
    sound_file(folder / "a.wav")
    (folder / "b.png").write_text("precious")
    (folder / "a_SR8000.png").write_text("precious")
    assert "a_SR8000.png exists" in fail("a.wav", *SMALL, "--height", "768")
    assert "b.png exists: to overwrite it" in fail("a.wav", "b.png", *SMALL)
    assert "b.png exists" in fail("a.wav", "-o", "b.png", *SMALL, "--height", "768")
    assert (folder / "b.png").read_text() == (folder / "a_SR8000.png").read_text() == "precious"
    succeed("a.wav", "-o", "b.png", "--with", "pack", "--force")
    assert pixels_of(folder / "b.png").ndim == 3


def test_an_input_is_never_an_output(folder: Path) -> None:
    picture_file(folder / "a.png")
    succeed("a.png", "--with", "pack")
    (folder / "link.png").symlink_to("a.wav")
    before = contents(folder)
    assert "is the input itself" in fail("a.wav", "-o", "link.png", "--force")
    (folder / "a.decoded.png").mkdir()
    assert "is a folder" in fail("a.wav", "--force")
    for name in ("a.png", "a.wav"):
        (folder / "c").mkdir(exist_ok=True)
        (folder / "c" / name).write_bytes(before[name])
    done = call("c", "--out", "c", "--force", "--encode", "--with", "pack")
    assert (folder / "c" / "a.wav").read_bytes() == before["a.wav"]
    assert done.code == 2 and "c/a.wav is also an input" in done.err
    (folder / "to_c").symlink_to("c")
    (folder / "hard").mkdir()
    os.link(folder / "c" / "a.wav", folder / "hard" / "a.wav")
    for out in ("to_c", "c/../c", "hard"):
        done = call("c/a.png", "c/a.wav", "--out", out, "--force", "--encode", "--with", "pack")
        assert (folder / "c" / "a.wav").read_bytes() == before["a.wav"]
        assert done.code == 2 and f"{out}/a.wav is also an input" in done.err
    assert all((folder / name).read_bytes() == content for name, content in before.items())


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    sound_file(folder / "a.wav")
    picture_file(folder / "b.png")
    before = contents(folder)
    assert succeed("a.wav", "--dry-run").out.startswith("a.wav -> a_SR8000.png  (spectrogram, ")
    done = succeed("a.wav", "b.png", "--dry-run", "--out", "new", "--with", "pack")
    assert "a.wav -> new/a_SR8000.png  (pack, " in done.out
    assert "2 would be converted, 0 failed" in done.out
    assert contents(folder) == before and not (folder / "new").exists()


def test_a_failure_half_way_leaves_everything_as_it_was(folder: Path, tiles: list[str]) -> None:
    flac = sound_file(folder / "a.flac", n_samples=8000)
    content = bytearray(flac.read_bytes())
    content[len(content) // 2] ^= 255
    flac.write_bytes(content)
    before = contents(folder)
    done = call("a.flac", *SMALL, "--force")
    assert done.code == 2 and "a.flac" in done.err
    assert contents(folder) == before


def test_a_folder_that_cannot_be_written_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_file(folder / "a.wav")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "out: no permission to write" in fail_late("a.wav", "--out", "out/")


def test_existing_outputs_are_found_before_any_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture_file(folder / "a.png")
    sound_file(folder / "b.wav")
    for name in ("x.wav", "x.png"):
        (folder / name).touch()
    kind = kinds()["spectrogram"]
    for name in ("encode_picture", "encode_sound"):
        monkeypatch.setattr(kind, name, lambda *given: pytest.fail("worked"))
    assert "x.wav exists" in fail("a.png", "-o", "x.wav")
    assert "x.png exists" in fail("b.wav", "-o", "x.png")
    assert succeed("a.png", "--dry-run").out == "a.png -> a.wav  (spectrogram, 0.81 s of sound)\n"
