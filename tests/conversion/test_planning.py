"""Headers, names and options decide how a file is converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from converters.sound_files import read_sound
from tests.conversion.calls import (
    call,
    fail,
    fail_late,
    picture_file,
    same_samples,
    sound_file,
    strip,
    succeed,
)


def test_pictures_named_like_tiles_need_encode(folder: Path) -> None:
    names = [f"photo-00{i}-of-002.png" for i in (1, 2)]
    for i, name in enumerate(names):
        picture_file(folder / name, seed=i)
    assert "add --encode" in fail(names[0], "--with", "tone")
    succeed(*names, "--with", "tone", "--encode", "--out", "sounds")
    assert len(list((folder / "sounds").glob("*.wav"))) == 2


def test_a_name_that_will_not_exist_is_a_warning(folder: Path) -> None:
    sound_file(folder / "a.wav", n_samples=9000)
    done = call("a.wav", "-o", "b.png", "--tile", "50", "--dry-run")
    assert done.code == 0 and "b.png: more than one picture holds; there will be 2" in done.err
    assert "b-001-of-002.png to b-002-of-002.png" in done.err
    assert "warning" not in call("a.wav", "--tile", "50", "--dry-run").err
    assert "warning" not in call("a.wav", "-o", "b.png").err


def test_options_that_contradict_the_header_are_refused(folder: Path) -> None:
    picture_file(folder / "a.png")
    succeed("a.png", "--with", "tone", "--f-max", "7000")
    assert "made by tone, not pack" in fail("a.wav", "--with", "pack")
    assert "omit --f-max or --preset" in fail("a.wav", "--with", "tone", "--f-max", "6000")
    assert "made with f_max 7000.0" in fail("a.wav", "--with", "tone", "--preset", "default")
    assert "(tone)" in succeed("a.wav", "--with", "tone", "--f-max", "7000").out
    assert "(pack, " in succeed("a.wav", "--with", "pack", "--encode").out


def test_a_header_in_the_pixels_is_enough(folder: Path) -> None:
    sound_file(folder / "a.wav")
    succeed("a.wav", "b.png", "--with", "pack")
    strip(folder / "b.png")
    assert "(pack, " in succeed("b.png").out
    assert same_samples(folder / "a.wav", folder / "b.decoded.wav")


@pytest.mark.parametrize("given", [(), ("--sample-rate", "16000")])
def test_a_stripped_picture_takes_the_rate_of_its_name_and_says_so(
    folder: Path, given: tuple[str, ...]
) -> None:
    sound_file(folder / "a.wav")
    succeed("a.wav", "--no-strip")
    strip(folder / "a_SR8000.png")
    done = call("a_SR8000.png", *given)
    assert done.code == 0
    used = "16000 Hz from --sample-rate" if given else "8000 Hz from its name"
    assert f"using {used}" in done.err
    assert all(line.startswith("warning: a_SR8000.png: ") for line in done.err.splitlines())
    rate = read_sound(folder / "a.decoded.wav").format.sample_rate
    assert rate == (16000 if given else 8000)


def test_files_without_a_header_are_never_decoded_silently(folder: Path) -> None:
    sound_file(folder / "a.wav")
    succeed("a.wav", "x.png", "--no-strip")
    strip(folder / "x.png")
    done = call("x.png", "--decode")
    assert done.code == 0 and done.err.startswith("warning: x.png: ")
    for kind in ("tone", "grid"):
        assert "a.wav" in fail_late("a.wav", "--with", kind)
    assert "has no header" in fail("x.png", "--with", "pack", "--decode")


def test_a_picture_that_becomes_a_long_sound_warns(folder: Path) -> None:
    picture_file(folder / "a.png", 300, 200)
    done = call("a.png", "--with", "tone", "--duration", "40")
    assert "min of sound)\n" in done.out
    assert done.err.startswith("warning: a.png: becomes ") and done.err.count("\n") == 1
