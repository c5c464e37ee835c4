"""Files are read by their content; tiles of one sound are found and checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
from PIL import Image

from tests.conversion.calls import (
    RATE,
    SMALL,
    call,
    fail,
    fail_while_writing,
    picture_file,
    same_pixels,
    same_samples,
    sound_file,
    speech,
    strip,
    succeed,
)


def test_content_counts_and_not_the_name(folder: Path) -> None:
    sound_file(folder / "a.wav").rename(folder / "a.png")
    succeed("a.png", "--with", "pack", "-o", "b.png")
    (folder / "b.png").rename(folder / "b.mp3")
    assert "b.mp3 -> b.decoded.wav" in succeed("b.mp3").out


@pytest.mark.parametrize("which", ["first", "middle", "all", "folder"])
def test_any_tile_leads_to_the_others(folder: Path, tiles: list[str], which: str) -> None:
    if which == "folder":
        (folder / "tiles").mkdir()
        for name in tiles:
            (folder / name).rename(folder / "tiles" / name)
    given = {"first": tiles[:1], "middle": [tiles[1]], "all": tiles, "folder": ["tiles"]}[which]
    done = succeed(*given, "-o", "b.wav")
    assert done.out.endswith(" -> b.wav  (pack, 3 tiles, 1 s of sound)\n")
    assert same_samples(folder / "a.wav", folder / "b.wav")


def test_missing_and_foreign_tiles_are_named(folder: Path, tiles: list[str]) -> None:
    soundfile.write(folder / "b.wav", speech()[:, :1].repeat(2, 0), RATE)
    succeed("b.wav", "-o", "b.png", *SMALL)
    other = (folder / "b-002-of-002.png").read_bytes()
    mine = (folder / tiles[1]).read_bytes()
    (folder / tiles[1]).write_bytes(other)
    assert tiles[1] in fail_while_writing(tiles[0])
    (folder / tiles[1]).write_bytes((folder / tiles[2]).read_bytes())
    assert f"{tiles[1]}: is tile 3, but tile 2" in fail_while_writing(tiles[0])
    (folder / tiles[1]).unlink()
    assert "one of 3 tiles; 2 missing" in fail(tiles[0])
    (folder / tiles[1]).write_bytes(mine)
    (folder / tiles[0]).rename(folder / "renamed.png")
    assert not list(folder.glob("*.decoded.*"))
    succeed("renamed.png")
    (folder / tiles[1]).unlink()
    assert "one of 3 tiles; 2 missing" in fail("renamed.png", "-o", "x.wav")


@pytest.mark.parametrize("which", ["one", "all", "folder"])
def test_renamed_tiles_are_known_by_their_headers(
    folder: Path, tiles: list[str], which: str
) -> None:
    (folder / "in").mkdir()
    names = [f"in/IMG_{i}.png" for i in (3, 1, 2)]
    for tile, name in zip(tiles, names, strict=True):
        (folder / tile).rename(folder / name)
    succeed(*{"one": names[1:2], "all": names, "folder": ["in"]}[which], "-o", "b.wav")
    assert same_samples(folder / "a.wav", folder / "b.wav")
    (folder / "again.png").write_bytes((folder / names[0]).read_bytes())
    assert "but there are 4 files" in fail(*names, "again.png", "-o", "c.wav")


@pytest.mark.parametrize("suffix", ["pgm", "ppm", "tga"])
def test_portable_and_tga_pictures_are_inputs(folder: Path, suffix: str) -> None:
    image = Image.open(picture_file(folder / "p.png"))
    (image.convert("L") if suffix == "pgm" else image).save(folder / f"a.{suffix}")
    (folder / "p.png").unlink()
    assert f"a.{suffix} -> a.wav  (pack, " in succeed(".", "--with", "pack", "--out", "./").out
    succeed("a.wav")
    assert same_pixels(folder / "a.decoded.png", folder / f"a.{suffix}")


def test_a_sound_named_like_a_tga_picture_is_a_sound(folder: Path) -> None:
    sound_file(folder / "a.wav").rename(folder / "a.tga")
    assert "(pack, " in succeed("a.tga", "--with", "pack").out


@pytest.mark.parametrize("name", ["a.wav", "p.png"])
def test_a_file_that_is_cut_off_is_a_warning_or_with_strict_an_error(
    folder: Path, name: str
) -> None:
    sound_file(folder / "a.wav")
    picture_file(folder / "p.png")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    says = {"a.wav": "it holds 1,994 of the 4,000 samples", "p.png": "of its 18 rows"}[name]
    assert says in fail(name, "--with", "pack", "--strict")
    done = call(name, "--with", "pack")
    assert done.code == 0 and done.err.startswith(f"warning: {name}: it is cut off: ")
    assert says in done.err and done.err.count("\n") == 1
    done = call("a.wav", "p.png", "--with", "pack", "--strict", "--out", "out")
    assert done.code == 2 and "1 done, 1 failed" in done.out and says in done.err


def test_tiles_without_headers_are_not_cut_off_silently(folder: Path) -> None:
    sound_file(folder / "a.wav", n_samples=16_000)
    succeed("a.wav", "--tile", "16", "--no-strip")
    for path in folder.glob("*.png"):
        strip(path)
    done = call(min(folder.glob("*.png")).name)
    assert done.code == 2 and "rename them to decode each alone" in done.err
    assert not list(folder.glob("*.decoded.*"))
