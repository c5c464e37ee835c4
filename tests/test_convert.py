"""The converter as a command: what it makes of files, what it refuses, what it never touches."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import convert
from common.command_line import flags
from common.errors import command
from common.files import ROOT
from conversion.arguments import Options
from converters import kinds, presets
from converters.picture_files import read_picture, write_picture
from converters.sound_files import read_sound

RATE = 8000
SMALL = ("--with", "pack", "--width", "64", "--height", "64")  # 12 kB in a tile
FORMATS = {
    "wav": "PCM_16", "u8.wav": "PCM_U8", "24.wav": "PCM_24", "float.wav": "FLOAT",
    "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III", "aiff": "PCM_16",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def call(*given: str | Path, stdin: bytes = b"") -> Done:
    """The command in this process."""
    out, err, code = io.TextIOWrapper(io.BytesIO()), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.simplefilter("error")  # those of converters are told in a line, others are bugs
        patch.setattr(sys, "argv", ["convert.py", *map(str, given)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            command(convert.told_in_a_line)()
        except SystemExit as stop:
            code = int(stop.code or 0)
    out.flush()
    return Done(code, out.buffer.getvalue().decode(), err.getvalue())  # type: ignore[attr-defined]


def converted(*given: str | Path) -> Done:
    """A call that goes well and has nothing to warn of."""
    done = call(*given)
    assert (done.code, done.err) == (0, ""), done
    return done


def refused(*given: str | Path) -> str:
    """The one line of a call that does nothing."""
    done = call(*given)
    assert done.code == 2, done
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, done.err
    assert " -> " not in done.out
    return done.err


def speech(n_samples: int = 4000, n_channels: int = 2) -> np.ndarray:
    """(n_samples, n_channels) in [-1, 1]."""
    time = np.arange(n_samples)[:, None] / RATE
    pitch = 200 * np.arange(1, n_channels + 1)
    noise = np.random.default_rng(0).standard_normal((n_samples, n_channels))
    return 0.4 * np.sin(2 * np.pi * pitch * time) * np.sin(5 * time) + 0.01 * noise


def sound_file(path: Path, subtype: str = "PCM_16", n_samples: int = 4000) -> Path:
    soundfile.write(path, speech(n_samples), RATE, subtype)
    return path


def picture_file(path: Path, width: int = 24, height: int = 18, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pixels_of(path: Path) -> np.ndarray:
    return read_picture(path).pixels


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# There and back


@pytest.mark.parametrize("suffix", FORMATS)
def test_samples_come_back_from_every_format(folder: Path, suffix: str) -> None:
    original = sound_file(folder / f"a.{suffix}", FORMATS[suffix])
    picture, *_ = (
        converted(original.name, "--with", "pack").out.partition("  (")[0].split(" -> ")[1:]
    )
    assert picture == f"{original.stem}_SR{RATE}.png"
    done = call(picture)
    assert done.code == 0
    lossy = suffix in ("ogg", "mp3")
    assert ("lossy" in done.err or "without loss" in done.err) == lossy
    again = folder / f"{original.stem}.decoded.{'wav' if lossy else original.suffix[1:]}"
    a, b = read_sound(original), read_sound(again)
    assert np.array_equal(a.samples(), b.samples())
    assert a.format.sample_rate == b.format.sample_rate == RATE
    assert b.format.subtype == ("FLOAT" if lossy else a.format.subtype)


@pytest.mark.parametrize("kind", ["tone", "grid", "pack"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "tiff"])
def test_pictures_come_back_from_every_format(folder: Path, kind: str, suffix: str) -> None:
    original = picture_file(folder / f"a.{suffix}")
    done = converted(original.name, "--with", kind)
    assert done.out.startswith(f"a.{suffix} -> a.wav  ({kind}, ")
    assert done.out.endswith(" s of sound)\nback:    python convert.py a.wav\n")
    assert converted("a.wav").out == f"a.wav -> a.decoded.png  ({kind})\n"
    assert np.array_equal(pixels_of(folder / "a.decoded.png"), pixels_of(original))


@pytest.mark.parametrize(("kind", "preset"), [(k, p) for k in kinds() for p in presets()[k]])
def test_every_preset_makes_files_that_are_decoded_without_options(
    folder: Path, kind: str, preset: str
) -> None:
    sound_file(folder / "a.wav", n_samples=9000)
    picture_file(folder / "b.png")
    name = "a.wav" if kind in ("spectrogram", "mel64", "pack") else "b.png"
    done = call(name, "--with", kind, "--preset", preset)
    assert done.code == 0, done.err
    made = [line.rpartition(" ")[2] for line in done.out.splitlines() if line.startswith("back:")]
    done = call(*made)
    assert done.code == 0, done.err
    assert f"({kind}" in done.out


def test_the_default_is_a_spectrogram(folder: Path) -> None:
    sound_file(folder / "a.wav")
    assert "a.wav -> a_SR8000.png  (spectrogram, 3" in converted("a.wav").out
    converted("a_SR8000.png")
    a, b = (read_sound(folder / name) for name in ("a.wav", "a.decoded.wav"))
    assert a.format == b.format
    noise = a.samples().astype(float) - b.samples()
    assert 10 * np.log10(a.samples().astype(float).var() / noise.var()) > 30


def test_files_stand_anywhere_and_names_of_options_are_lenient(folder: Path) -> None:
    picture_file(folder / "a.png")
    converted("--with=tone", "a.png", "--f_max", "7000", "--no-frame", "-o", "x.wav")
    header = read_sound(folder / "x.wav").header
    assert header and header.options["f_max"] == 7000 and not header.options["frame"]
    (folder / "-a.png").write_bytes((folder / "a.png").read_bytes())
    converted("--with", "tone", "--", "-a.png", "y.wav")
    assert (folder / "y.wav").exists()


def test_content_counts_and_not_the_name(folder: Path) -> None:
    sound_file(folder / "a.wav").rename(folder / "a.png")
    converted("a.png", "--with", "pack", "-o", "b.png")
    (folder / "b.png").rename(folder / "b.mp3")
    assert "b.mp3 -> b.decoded.wav" in converted("b.mp3").out


def test_any_file_is_kept_byte_by_byte(folder: Path) -> None:
    text = bytes(range(256)) * 100
    for name in ("report.pdf", "archive", "photo.png"):
        (folder / name).write_bytes(text)
        converted(name, "kept.png", *SMALL, "--bytes")
        done = converted("kept-002-of-003.png")
        suffix = Path(name).suffix
        assert f"-> kept.decoded{suffix}  (pack, 3 tiles)" in done.out
        assert (folder / f"kept.decoded{suffix}").read_bytes() == text
        for made in folder.glob("kept*"):
            made.unlink()


# Tiles


@pytest.fixture
def tiles(folder: Path) -> list[str]:
    """Of a.wav."""
    sound_file(folder / "a.wav", n_samples=8000)
    done = converted("a.wav", *SMALL)
    names = [f"a_SR8000-00{i}-of-003.png" for i in (1, 2, 3)]
    assert done.out.startswith(f"a.wav -> {names[0]} ... {names[2]}  (pack, 3 tiles)\n")
    assert sorted(p.name for p in folder.glob("*.png")) == names
    return names


@pytest.mark.parametrize("which", ["first", "middle", "all", "folder"])
def test_any_tile_leads_to_the_others(folder: Path, tiles: list[str], which: str) -> None:
    if which == "folder":
        (folder / "tiles").mkdir()
        for name in tiles:
            (folder / name).rename(folder / "tiles" / name)
    given = {"first": tiles[:1], "middle": [tiles[1]], "all": tiles, "folder": ["tiles"]}[which]
    done = converted(*given, "-o", "b.wav")
    assert done.out.endswith(" -> b.wav  (pack, 3 tiles, 1 s of sound)\n")
    assert np.array_equal(*(read_sound(folder / name).samples() for name in ("a.wav", "b.wav")))


def test_tiles_that_are_missing_or_foreign_are_named(folder: Path, tiles: list[str]) -> None:
    soundfile.write(folder / "b.wav", speech()[:, :1].repeat(2, 0), RATE)
    converted("b.wav", "-o", "b.png", *SMALL)
    other = (folder / "b-002-of-002.png").read_bytes()
    mine = (folder / tiles[1]).read_bytes()
    (folder / tiles[1]).write_bytes(other)
    assert tiles[1] in refused_while_writing(tiles[0])
    (folder / tiles[1]).write_bytes((folder / tiles[2]).read_bytes())
    assert f"{tiles[1]}: tile 3, where 2" in refused_while_writing(tiles[0])
    (folder / tiles[1]).unlink()
    assert "one of 3 tiles; 2 missing" in refused(tiles[0])
    (folder / tiles[1]).write_bytes(mine)
    (folder / tiles[0]).rename(folder / "renamed.png")
    assert not list(folder.glob("*.decoded.*"))
    converted("renamed.png")
    (folder / tiles[1]).unlink()
    assert "one of 3 tiles; 2 missing" in refused("renamed.png", "-o", "x.wav")


@pytest.mark.parametrize("which", ["one", "all", "folder"])
def test_renamed_tiles_are_known_by_their_headers(
    folder: Path, tiles: list[str], which: str
) -> None:
    (folder / "in").mkdir()
    names = [f"in/IMG_{i}.png" for i in (3, 1, 2)]
    for tile, name in zip(tiles, names, strict=True):
        (folder / tile).rename(folder / name)
    converted(*{"one": names[1:2], "all": names, "folder": ["in"]}[which], "-o", "b.wav")
    assert np.array_equal(*(read_sound(folder / name).samples() for name in ("a.wav", "b.wav")))
    (folder / "again.png").write_bytes((folder / names[0]).read_bytes())
    assert "4 files look like one" in refused(*names, "again.png", "-o", "c.wav")


def refused_while_writing(*given: str) -> str:
    """The line of a call that shows its plan and fails in the middle."""
    before = contents(Path())
    done = call(*given)
    assert done.code == 2
    assert done.err.startswith("error: ") and done.err.count("\n") == 1, done.err
    assert contents(Path()) == before
    return done.err


def test_pictures_named_like_tiles_are_told_from_tiles(folder: Path) -> None:
    names = [f"photo-00{i}-of-002.png" for i in (1, 2)]
    for i, name in enumerate(names):
        picture_file(folder / name, seed=i)
    assert "add --encode" in refused(names[0], "--with", "tone")
    converted(*names, "--with", "tone", "--encode", "--out", "sounds")
    assert len(list((folder / "sounds").glob("*.wav"))) == 2


# Nothing is lost


def test_nothing_is_written_over(folder: Path) -> None:
    sound_file(folder / "a.wav")
    (folder / "b.png").write_text("precious")
    (folder / "a_SR8000.png").write_text("precious")
    assert "a_SR8000.png exists" in refused("a.wav", *SMALL, "--height", "768")
    assert "b.png is there" in refused("a.wav", "b.png", *SMALL)
    assert "b.png exists" in refused("a.wav", "-o", "b.png", *SMALL, "--height", "768")
    assert (folder / "b.png").read_text() == (folder / "a_SR8000.png").read_text() == "precious"
    converted("a.wav", "-o", "b.png", "--with", "pack", "--force")
    assert pixels_of(folder / "b.png").ndim == 3


def test_an_input_is_never_an_output(folder: Path) -> None:
    picture_file(folder / "a.png")
    converted("a.png", "--with", "pack")
    (folder / "link.png").symlink_to("a.wav")
    before = contents(folder)
    assert "is the input itself" in refused("a.wav", "-o", "link.png", "--force")
    assert "is a folder" in refused_folder(folder)
    for name in ("a.png", "a.wav"):
        (folder / "c").mkdir(exist_ok=True)
        (folder / "c" / name).write_bytes(before[name])
    done = call("c", "--out", "c", "--force", "--encode", "--with", "pack")
    assert (folder / "c" / "a.wav").read_bytes() == before["a.wav"]
    assert done.code == 2 and "c/a.wav is an input, too" in done.err
    (folder / "to_c").symlink_to("c")
    (folder / "hard").mkdir()
    os.link(folder / "c" / "a.wav", folder / "hard" / "a.wav")
    for out in ("to_c", "c/../c", "hard"):
        done = call("c/a.png", "c/a.wav", "--out", out, "--force", "--encode", "--with", "pack")
        assert (folder / "c" / "a.wav").read_bytes() == before["a.wav"]
        assert done.code == 2 and f"{out}/a.wav is an input, too" in done.err
    assert all((folder / name).read_bytes() == content for name, content in before.items())


def refused_folder(folder: Path) -> str:
    (folder / "a.decoded.png").mkdir()
    return refused("a.wav", "--force")


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    sound_file(folder / "a.wav")
    picture_file(folder / "b.png")
    before = contents(folder)
    assert converted("a.wav", "--dry-run").out.startswith("a.wav -> a_SR8000.png  (spectrogram, ")
    done = converted("a.wav", "b.png", "--dry-run", "--out", "new", "--with", "pack")
    assert "a.wav -> new/a_SR8000.png  (pack, " in done.out
    assert "2 would be converted, 0 failed" in done.out
    assert contents(folder) == before and not (folder / "new").exists()


def test_what_fails_half_way_leaves_what_was_there(folder: Path, tiles: list[str]) -> None:
    flac = sound_file(folder / "a.flac", n_samples=8000)
    flac.write_bytes(flac.read_bytes()[:-9000])
    before = contents(folder)
    done = call("a.flac", *SMALL, "--force")
    assert done.code == 2 and "a.flac" in done.err
    assert contents(folder) == before


# A file's own header


def test_options_that_contradict_the_header_are_refused(folder: Path) -> None:
    picture_file(folder / "a.png")
    converted("a.png", "--with", "tone", "--f-max", "7000")
    assert "made by tone, not pack" in refused("a.wav", "--with", "pack")
    assert "leave --f-max or --preset out" in refused("a.wav", "--with", "tone", "--f-max", "6000")
    assert "made with f_max 7000.0" in refused("a.wav", "--with", "tone", "--preset", "default")
    assert "(tone)" in converted("a.wav", "--with", "tone", "--f-max", "7000").out
    assert "(pack, " in converted("a.wav", "--with", "pack", "--encode").out


def strip(path: Path) -> None:
    """Of all but its pixels."""
    Image.fromarray(pixels_of(path)).save(path)


def test_a_header_in_the_pixels_is_enough(folder: Path) -> None:
    sound_file(folder / "a.wav")
    converted("a.wav", "b.png", "--with", "pack")
    strip(folder / "b.png")
    assert "(pack, " in converted("b.png").out
    assert np.array_equal(*(read_sound(folder / f).samples() for f in ("a.wav", "b.decoded.wav")))


@pytest.mark.parametrize("given", [(), ("--sample-rate", "16000")])
def test_a_stripped_picture_takes_the_rate_of_its_name_and_says_so(
    folder: Path, given: tuple[str, ...]
) -> None:
    sound_file(folder / "a.wav")
    converted("a.wav", "--no-strip")
    strip(folder / "a_SR8000.png")
    done = call("a_SR8000.png", *given)
    assert done.code == 0
    taken = "16000 Hz are taken, as given" if given else "8000 Hz are taken, as its name tells"
    assert taken in done.err
    assert all(line.startswith("warning: a_SR8000.png: ") for line in done.err.splitlines())
    rate = read_sound(folder / "a.decoded.wav").format.sample_rate
    assert rate == (16000 if given else 8000)


def test_what_does_not_say_how_it_was_made_is_never_decoded_silently(folder: Path) -> None:
    sound_file(folder / "a.wav")
    converted("a.wav", "x.png", "--no-strip")
    strip(folder / "x.png")
    done = call("x.png", "--decode")
    assert done.code == 0 and done.err.startswith("warning: x.png: ")
    for kind in ("tone", "grid"):
        assert "a.wav" in refused_late("a.wav", "--with", kind)
    assert "has no header" in refused("x.png", "--with", "pack", "--decode")


def test_tiles_without_headers_are_not_cut_off_silently(folder: Path) -> None:
    sound_file(folder / "a.wav", n_samples=16_000)
    converted("a.wav", "--tile", "16", "--no-strip")
    for path in folder.glob("*.png"):
        strip(path)
    done = call(min(folder.glob("*.png")).name)
    assert done.code == 2 and "rename them to decode each alone" in done.err
    assert not list(folder.glob("*.decoded.*"))


def refused_late(*given: str) -> str:
    """The line of a call that shows its plan and finds nothing in the file."""
    done = call(*given)
    assert done.code == 2 and done.err.count("\n") == 1, done.err
    return done.err


# Formats of outputs


def test_the_suffix_of_the_output_is_its_format(folder: Path) -> None:
    picture_file(folder / "a.png")
    for suffix, subtype in (("flac", "PCM_16"), ("aiff", "PCM_16"), ("wav", "PCM_16")):
        converted("a.png", f"a.{suffix}", "--with", "tone")
        assert soundfile.info(folder / f"a.{suffix}").subtype == subtype
    for suffix in ("mp3", "ogg"):
        done = call("a.png", f"a.{suffix}", "--with", "tone")
        assert done.code == 0
        assert "is lossy: the samples come back changed" in done.err
        assert done.err.startswith("warning: ") and done.err.count("\n") == 1
    converted("a.mp3")
    assert np.array_equal(pixels_of(folder / "a.decoded.png"), pixels_of(folder / "a.png"))
    converted("a.wav", "--format", "webp")
    assert np.array_equal(pixels_of(folder / "a.decoded.webp"), pixels_of(folder / "a.png"))


def test_what_cannot_work_in_a_format_is_refused(folder: Path) -> None:
    sound_file(folder / "a.wav")
    picture_file(folder / "b.png")
    assert "JPEG changes pixels and pack needs every bit" in refused("a.wav", "x.jpg", *SMALL)
    assert "MP3 is lossy and pack needs every bit" in refused("b.png", "x.mp3", *SMALL)
    assert "no 16-bit pixels" in refused("a.wav", "x.webp", "--with", "pack", "--layout", "planes")
    assert "is a picture, in a file .png" in refused("a.wav", "x.wav", *SMALL)
    assert "is a sound, in a file .wav" in refused("b.png", "x.png", "--with", "tone")
    assert "x.txt" in refused("a.wav", "x.txt", *SMALL)
    soundfile.write(folder / "c.wav", speech(500), 44_056)
    converted("c.wav", *SMALL)
    assert "MP3 cannot hold 2 channels at 44056 Hz" in refused("c_SR44056.png", "x.mp3")


# Streams


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
    assert np.array_equal(*(read_sound(folder / f"{n}.flac").samples() for n in "ac"))
    tiles = call("-", "-", *SMALL, stdin=original)
    assert (tiles.code, tiles.out) == (2, "")
    assert tiles.err == "error: stdin: 2 tiles are no one stream: name an OUT\n"
    assert refused("-", "x.png") == "error: stdin: the file is empty\n"
    assert "standard input has no name" in refused("-")
    assert not (folder / "x.png").exists()


# Many files


def test_one_bad_file_does_not_stop_the_rest(folder: Path) -> None:
    (folder / "in" / "deep").mkdir(parents=True)
    for i in range(3):
        sound_file(folder / "in" / f"{i}.wav", n_samples=100 * i + 100)
        picture_file(folder / "in" / f"{i}.bmp", seed=i)
    sound_file(folder / "in" / "deep" / "4.wav")
    (folder / "in" / "bad.wav").write_bytes(b"RIFF\0\0\0\0WAVEjunk")
    (folder / "in" / "empty.png").touch()
    (folder / "in" / "notes.txt").write_text("neither")
    (folder / "in" / ".hidden.wav").write_text("x")
    (folder / "in" / "0.preview.png").write_text("x")
    done = call("in", "in/**/4.wav", "--with", "pack", "--out", "out")
    assert done.code == 2
    lines = sorted(
        line.partition(", ")[0] + ")" for line in done.out.splitlines() if " -> " in line
    )
    assert lines == sorted(
        [f"in/{i}.wav -> out/{i}_SR8000.png  (pack)" for i in range(3)]
        + [f"in/{i}.bmp -> out/{i}.wav  (pack)" for i in range(3)]
        + ["in/deep/4.wav -> out/4_SR8000.png  (pack)"]
    )
    assert "7 done, 2 failed\n" in done.out
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "in/bad.wav" in errors[0] and "in/empty.png: the file is empty" in errors[1]
    back = converted("out", "--out", "back")
    assert "7 done, 0 failed\n" in back.out
    for i in range(3):
        wavs = (folder / "in" / f"{i}.wav", folder / "back" / f"{i}.decoded.wav")
        assert np.array_equal(*(read_sound(path).samples() for path in wavs))
        pictures = (folder / "in" / f"{i}.bmp", folder / "back" / f"{i}.decoded.png")
        assert np.array_equal(*(pixels_of(path) for path in pictures))


def test_two_files_do_not_become_one(folder: Path) -> None:
    for name in ("x", "y"):
        (folder / name).mkdir()
        picture_file(folder / name / "a.png")
    sound_file(folder / "b.wav")
    done = call("x/a.png", "y/a.png", "b.wav", "--with", "pack", "--force", "--out", "out")
    assert done.code == 2 and "2 done, 1 failed" in done.out
    assert "a.wav is also what " in done.err
    assert read_sound(folder / "out" / "a.wav").header


def test_names_that_would_clash_keep_their_suffix(folder: Path) -> None:
    (folder / "in").mkdir()
    for suffix in ("wav", "flac"):
        sound_file(folder / "in" / f"a.{suffix}")
    converted("in", "--with", "pack")
    made = {f"a.{suffix}_SR8000.png" for suffix in ("wav", "flac")}
    assert {path.name for path in folder.glob("in/*.png")} == made
    assert "-> in/a.flac.decoded.flac  (" in converted("in/a.flac_SR8000.png").out


def test_a_folder_does_not_feed_on_what_was_made_of_it(folder: Path) -> None:
    (folder / "in").mkdir()
    sound_file(folder / "in" / "a.wav")
    assert "back: " in converted("in", "--with", "pack", "--preview").out
    converted("in/a_SR8000.png")
    assert converted("in", "--with", "pack").out.startswith("skipped: in/a_SR8000.png exists")
    assert "(pack, " in converted("in", "--with", "pack", "--force").out
    sound_file(folder / "in" / "b.wav")
    picture_file(folder / "in" / "c.png")
    assert "2 done, 1 skipped, 0 failed\n" in converted("in", "--with", "pack").out
    before = contents(folder)
    assert "0 done, 3 skipped, 0 failed\n" in converted("in", "--with", "pack").out
    assert contents(folder) == before
    (folder / "packed").mkdir()
    for name in ("a_SR8000.png", "c.wav", "a.decoded.wav"):
        (folder / "in" / name).rename(folder / "packed" / name)
    assert "1 done, 1 skipped, 0 failed\n" in converted("packed").out
    assert (folder / "packed" / "c.decoded.png").exists()
    assert "x.preview.png" not in call("in/*.png", "--dry-run", "--with", "tone").out


def test_what_is_there_is_found_before_any_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture_file(folder / "a.png")
    sound_file(folder / "b.wav")
    for name in ("x.wav", "x.png"):
        (folder / name).touch()
    kind = kinds()["spectrogram"]
    for name in ("encode_picture", "encode_sound"):
        monkeypatch.setattr(kind, name, lambda *given: pytest.fail("worked"))
    assert "x.wav exists" in refused("a.png", "-o", "x.wav")
    assert "x.png exists" in refused("b.wav", "-o", "x.png")
    assert converted("a.png", "--dry-run").out == "a.png -> a.wav  (spectrogram)\n"


def test_long_sounds_of_pictures_are_told(folder: Path) -> None:
    picture_file(folder / "a.png", 300, 200)
    done = call("a.png", "--with", "tone", "--duration", "40")
    assert "min of sound)\n" in done.out
    assert done.err.startswith("warning: a.png: becomes ") and done.err.count("\n") == 1


@pytest.mark.parametrize("name", ["-x.png", "a b'$.png"])
def test_the_way_back_can_be_typed(folder: Path, name: str) -> None:
    sound_file(folder / "a.wav")
    line = converted("a.wav", f"--out={name}", "--with", "pack").out.rpartition("back:    ")[2]
    _, _, *typed = shlex.split(line)
    assert f" {line}" in converted("--probe", *typed).out
    assert " -> " in converted(*typed, "-o", "b.wav").out


def test_a_pipe_is_read_like_standard_input(folder: Path) -> None:
    content = sound_file(folder / "a.wav").read_bytes()
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_bytes, args=(content,))
    writer.start()
    converted("pipe", "b.png", "--with", "pack")
    writer.join()
    converted("b.png")
    assert np.array_equal(*(read_sound(folder / f).samples() for f in ("a.wav", "b.decoded.wav")))


def test_two_sounds_are_two_inputs(folder: Path) -> None:
    for name in ("a.wav", "b.wav"):
        sound_file(folder / name)
    assert "2 done" in converted("a.wav", "b.wav", "--with", "pack").out
    assert "name a folder" in refused("a.wav", "b.wav", "--with", "pack", "-o", "c.png")


# Interruptions


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


# What there is


def test_probe_tells_what_a_file_holds(folder: Path, tiles: list[str]) -> None:
    picture_file(folder / "p.png")
    pixels = pixels_of(folder / tiles[1])
    tile = read_picture(folder / tiles[1])
    edited = pixels.copy()
    edited[0, 0] ^= 1
    write_picture(folder / "edited.png", dataclasses.replace(tile, pixels=edited))
    (folder / "stripped.png").write_bytes((folder / tiles[1]).read_bytes())
    strip(folder / "stripped.png")
    names = [tiles[1], "edited.png", "stripped.png", "p.png", "a.wav"]
    found = {f["file"]: f for f in json.loads(converted("--probe", *names, "--json").out)}
    made = found[tiles[1]]
    assert (made["kind"], made["is"], made["tile"], made["n_tiles"]) == ("pack", "picture", 2, 3)
    assert made["holds"] == dataclasses.asdict(read_sound(folder / "a.wav").format)
    assert made["options"]["width"] == 64
    assert (made["header"], made["as_sealed"]) == ("beside", True)
    assert found["edited.png"]["as_sealed"] is False
    assert (found["stripped.png"]["header"], found["stripped.png"]["tile"]) == ("inside", 2)
    assert found["p.png"]["header"] is None and found["a.wav"]["header"] is None

    table = converted("--probe", *names).out
    assert "tile     2 of 3" in table
    assert "a sound of 1.000 s: 8,000 samples at 8,000 Hz, 2 channels, PCM_16 in WAV" in table
    assert "edited since they were made" in table
    assert "none: the file does not say how it was made" in table

    assert converted("--probe", tiles[0], "p.png").out.count("  is  ") == 2
    (folder / "bad.png").write_text("no picture")
    done = call("--probe", "bad.png", "p.png")
    assert done.code == 2 and "p.png" in done.out
    assert done.err.startswith("error: bad.png: ") and done.err.count("\n") == 1


def test_the_list_has_every_kind_and_preset() -> None:
    lines = converted("--list").out.splitlines()
    assert [line.split()[0] for line in lines] == list(kinds())
    for line, known in zip(lines, presets().values(), strict=True):
        assert line.endswith(f"Presets: {', '.join(known)}")
    listed = json.loads(converted("--list", "--json").out)
    assert listed["tone"]["exact"] == "picture"
    assert listed["pack"]["presets"]["flac"]["layout"] == "flac"


@pytest.mark.parametrize("kind", kinds())
def test_help_has_the_options_of_the_kind_and_examples(kind: str) -> None:
    done = converted("--with", kind, "--help")
    assert flags(kinds()[kind]) <= set(done.out.replace(",", " ").split())
    assert "\nexamples:\n  python convert.py song.flac" in done.out
    assert not flags(kinds()[kind]) & (flags(Options) | {"--with", "--preset"})


def test_previews_are_drawn(folder: Path) -> None:
    sound_file(folder / "a.wav")
    (folder / "$x_{a.png").write_bytes(picture_file(folder / "p.png").read_bytes())
    assert (
        "preview: a_SR8000.preview.png\n" in converted("a.wav", "--with", "pack", "--preview").out
    )
    converted("$x_{a.png", "音.wav", "--with", "tone", "--preview")
    soundfile.write(folder / "none.wav", np.zeros((0, 1)), RATE)
    converted("none.wav", "--with", "pack", "--preview")
    picture_file(folder / "narrow.png", 9, 90)
    converted("narrow.png", "--with", "tone", "--preview")
    names = ("a_SR8000", "音", "none_SR8000", "narrow")
    for path in (folder / f"{name}.preview.png" for name in names):
        with Image.open(path) as image:
            assert image.size == (1300, 600)
            assert len(image.convert("L").getcolors() or ()) > 50
    assert "exists" in refused("a.wav", "--with", "pack", "-o", "a_SR8000.png", "--preview")


def test_torch_is_not_loaded() -> None:
    code = "import sys, convert, converters; converters.kinds(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# Bad input


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "no input"),
        (["nope.wav"], "nope.wav: there is no such file"),
        (["aa.wav"], "did you mean a.wav?"),
        (["*.flac"], "*.flac: there is no such file"),
        (["empty"], "empty: there is no sound or picture in this folder"),
        (["a.wav", "--with", "tine"], "unknown kind 'tine': did you mean tone?"),
        (["a.wav", "--with"], "--with needs a value"),
        (["a.wav", "--with", "tone", "--with", "pack"], "--with is given twice"),
        (["a.wav", "--with", "pack", "--preset", "rbg"], "did you mean rgb?"),
        (["a.wav", "--with", "pack", "--hop", "2"], "it belongs to --with spectrogram"),
        (["a.wav", "--with", "pack", "--widht", "2"], "did you mean --width"),
        (["a.wav", "--with", "pack", "--width", "x"], "--width"),
        (["a.wav", "--with", "pack", "--width", "7"], "width 7: not a multiple"),
        (["a.wav", "--encode", "--decode"], "--encode and --decode: give one of them"),
        (["a.wav", "--bytes", "--with", "tone"], "tone has no --bytes: add --with pack"),
        (["a.wav", "--json"], "--json goes with --probe"),
        (["a.wav", "--jobs", "0"], "--jobs must be at least 1"),
        (["a.wav", "-", "--preview"], "a stream has no place"),
        (["a.wav", "-o", "-", "--preview"], "a stream has no place"),
        (["a.wav", "--encode", "--with", "tone"], "tone makes no picture of a.wav"),
        (["text.wav"], "text.wav: not a sound or picture file"),
        (["text.mp3"], "text.mp3: not a sound or picture file"),
        (["text.raw"], "text.raw: raw samples do not tell their rate"),
        (["a.wav", "x"], "x: what comes out is a picture, in a file .png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(
    folder: Path, given: list[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sound_file(folder / "a.wav")
    (folder / "empty").mkdir()
    for name in ("text.wav", "text.mp3", "text.raw"):
        (folder / name).write_text("words " * 100)
    assert says in refused(*given)
    assert capfd.readouterr().err == ""  # of libraries


@pytest.fixture(autouse=True)
def _only_what_is_planned(folder: Path) -> Iterator[None]:
    """No call leaves a temporary file."""
    yield
    assert not [path for path in folder.rglob(".*") if path.name != ".hidden.wav"]
