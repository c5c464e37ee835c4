"""Headers, names and options decide how a file is converted."""

from __future__ import annotations

from pathlib import Path

import pytest

from conversion.plan import Settings
from conversion.planning import make_plan
from converters import Sound
from converters.sound_files import read_sound
from converters.spectrogram import Spectrogram
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


def test_the_name_is_known_before_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture_file(folder / "a.png", 300, 200)

    def work(*_: object) -> Sound:
        raise AssertionError("the work has begun")

    monkeypatch.setattr(Spectrogram, "encode_picture", work)
    plan = make_plan((folder / "a.png",), Settings(Spectrogram()))
    assert plan.outputs == (folder / "a.wav",) and "7 s of sound" in plan.description


def test_a_name_that_will_not_exist_is_announced(folder: Path) -> None:
    sound_file(folder / "a.wav", n_samples=9000)
    done = call("a.wav", "-o", "b.png", "--tile", "50", "--dry-run")
    assert done.out.endswith("b-002-of-002.png  (spectrogram, 2 tiles instead of b.png)\n")
    assert "instead" not in succeed("a.wav", "--tile", "50", "--dry-run").out
    assert "instead" not in succeed("a.wav", "-o", "b.png").out


def test_an_option_that_changes_nothing_is_a_warning(folder: Path) -> None:
    sound_file(folder / "a.wav")
    picture_file(folder / "b.png")
    done = call("a.wav", "--duration", "5", "--tilt", "0", "--exponent", "0.3")
    assert done.code == 0
    for option in ("--duration", "--tilt"):
        assert f"a.wav: {option} is for pictures that become sounds: it changes nothing" in done.err
    assert "--exponent" not in done.err
    assert "changes nothing" not in call("b.png", "--duration", "5", "--tilt", "0").err


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


@pytest.mark.parametrize("given", [("--preset", "magnitude"), ("--profile", "magnitude"), ()])
def test_a_rate_that_nobody_gave_does_not_overrule_that_of_the_name(
    folder: Path, given: tuple[str, ...]
) -> None:
    sound_file(folder / "a.wav")
    succeed("a.wav", "m_SR8000.png", "--no-strip", *given)
    strip(folder / "m_SR8000.png")
    done = call("m_SR8000.png", *given)
    assert done.code == 0 and "using 8000 Hz from its name" in done.err
    assert read_sound(folder / "m.decoded.wav").format.sample_rate == 8000


def test_a_preset_leaves_the_rate_to_the_name(folder: Path) -> None:
    sound_file(folder / "a.wav")
    succeed("a.wav", "--with", "pack", "--preset", "original")
    strip(folder / "a_SR8000.png")
    done = call("a_SR8000.png", "--with", "pack", "--preset", "original")
    assert done.code == 0 and "using 8000 Hz from its name" in done.err
    assert read_sound(folder / "a.decoded.wav").format.sample_rate == 8000


def test_a_file_is_decoded_with_the_preset_that_made_it(folder: Path) -> None:
    sound_file(folder / "a.wav")
    succeed("a.wav", "m.png", "--preset", "magnitude")
    assert "(spectrogram, " in succeed("m.png", "--preset", "magnitude").out
    assert "made with profile 'magnitude', not 'colour'" in fail("m.png", "--preset", "colour")


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
    picture_file(folder / "a.png", 100, 70)
    done = call(
        "a.png", "--with", "tone", "--duration", "100", "--sample-rate", "8000", "--f-max", "3500"
    )
    assert "min of sound)\n" in done.out
    assert done.err.startswith("warning: a.png: becomes ") and done.err.count("\n") == 1
