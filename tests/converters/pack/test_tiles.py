"""Tiles have headers and checksums: what is wrong with them is named."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from converters import ConverterError, Picture, Sound
from converters.pack.converter import PRESETS, Pack
from converters.picture_files import read_picture, write_picture
from tests.converters.pack.helpers import (
    FIVE_TILES,
    SMALL,
    header_of,
    ramp,
    random_bits,
    some,
    unpack,
    without_metadata,
)


def test_tiles_say_which_they_are() -> None:
    sound = ramp(6000)
    assert len(FIVE_TILES) == 5
    for i, tile in enumerate(FIVE_TILES):
        for header in (header_of(tile), Pack.find(tile)):
            assert header is not None
            assert (header.tile, header.n_tiles, header.sound) == (i, 5, sound.format)
            sha256 = hashlib.sha256(sound.samples().tobytes()).hexdigest()
            assert header.sha256 == (sha256 if i == 4 else "")
        assert not tile.edited


@pytest.mark.parametrize("layout", ["rgb", "planes", "flac"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_saved_in_another_mode(layout: str, mode: str) -> None:
    sound = Sound.of(random_bits("PCM_U8", 3000, 2, 1), 8000, "PCM_U8")
    tiles = [
        Picture(np.asarray(Image.fromarray(tile.pixels).convert(mode)), tile.header)
        for tile in dataclasses.replace(SMALL, layout=layout).encode_sound(sound)
    ]
    assert np.array_equal(unpack(tiles), sound.samples())
    assert np.array_equal(unpack([Picture(tile.pixels) for tile in tiles]), sound.samples())


def test_pictures_of_others_have_no_header() -> None:
    rng = np.random.default_rng(0)
    for shape, dtype in (((1, 1), "u1"), ((1, 1, 3), "u1"), ((9, 9, 4), "u1"), ((7, 3), "u2")):
        assert Pack.find(Picture(rng.integers(0, 256, shape).astype(dtype))) is None
    prefix = FIVE_TILES[0].pixels[:1].copy()
    prefix[0, 4:] = 7  # starts like a header, and is none
    assert Pack.find(Picture(prefix)) is None
    # PCM bytes that are themselves a header: of a picture, in a sound, in a picture.
    picture = Picture(rng.integers(0, 256, (20, 20)).astype(np.uint8))
    sound = Pack().encode_picture(picture)
    (tile,) = PRESETS["original"].encode_sound(sound)
    assert Pack.find(tile) is None
    assert np.array_equal(unpack([tile]), sound.samples())


@pytest.mark.parametrize("expand", range(1, 17))
def test_every_expansion_is_found(expand: int) -> None:
    for layout in ("rgb", "planes", "flac"):
        (tile,) = Pack(layout, 32 * expand, 32 * expand, expand).encode_sound(ramp(50))
        found = Pack.find(tile)
        assert found is not None and found.options["expand"] == expand


@pytest.mark.parametrize("strip", [False, True])
def test_what_is_wrong_with_tiles_is_named(strip: bool) -> None:
    tiles = [
        dataclasses.replace(without_metadata(tile) if strip else tile, name=f"{i}.png")
        for i, tile in enumerate(FIVE_TILES)
    ]
    foreign = list(SMALL.encode_sound(Sound.of(ramp(6000).samples()[::-1], 8000)))
    other_kind = list(SMALL.encode_sound(Sound.of(ramp(6000).samples(), 8001)))
    for wrong, message in [
        ([*tiles[:2], *tiles[3:]], r"3.png \(tile 3 of 5\): it is tile 4"),
        ([*tiles[:2], *tiles[1:]], r"1.png \(tile 3 of 5\): it is tile 2"),
        ([tiles[0], tiles[2], tiles[1], *tiles[3:]], r"2.png \(tile 2 of 5\): it is tile 3"),
        (tiles[1:], r"1.png \(tile 1 of 5\): it is tile 2"),
        (tiles[:4], "tile 5 of 5 is missing"),
        ([*tiles, tiles[4]], "4.png: one picture too many"),
        ([*tiles[:3], foreign[3], tiles[4]], r"\(tile 4 of 5\): it does not follow"),
        ([*tiles[:3], other_kind[3], tiles[4]], r"\(tile 4 of 5\): belongs to another"),
        ([*tiles[:3], Picture(np.zeros((32, 32, 3), np.uint8))], r"tile 4 of 5\): no header"),
        ([], "no pictures"),
    ]:
        with pytest.raises(ConverterError, match=message):
            unpack(wrong)


@some
@given(st.integers(0, 4), st.data())
def test_any_changed_pixel_is_detected(i: int, data: st.DataObject) -> None:
    pixels, header = FIVE_TILES[i].pixels.copy(), header_of(FIVE_TILES[i])
    row, column = (data.draw(st.integers(0, side - 1)) for side in pixels.shape[:2])
    pixels[row, column, data.draw(st.integers(0, 2))] ^= 1 << data.draw(st.integers(0, 7))
    free = 3 * (32 * row + column + 1) > len(header.to_bytes()) - 3
    unused = free and 3 * (32 * row + column) < header.fact("start", int, 0, 1 << 16)
    for beside in (header, None):
        edited = [*FIVE_TILES[:i], Picture(pixels, beside, name="it"), *FIVE_TILES[i + 1 :]]
        try:
            unpacked = unpack(edited)
        except ConverterError as error:
            assert "it" in str(error)
        else:  # the pixels behind the header, which hold nothing
            assert unused and np.array_equal(unpacked, ramp(6000).samples())


def test_a_resized_or_lossy_copy_is_detected(tmp_path: Path) -> None:
    (tile,) = Pack().encode_sound(ramp(100_000))
    half = np.asarray(Image.fromarray(tile.pixels).resize((384, 50)))
    with pytest.raises(ConverterError, match="resized or cropped"):
        unpack([Picture(half, tile.header)])
    cropped = Picture(tile.pixels[:-1])
    with pytest.raises(ConverterError, match="resized or cropped"):
        unpack([cropped])
    write_picture(tmp_path / "a.jpg", tile)
    with pytest.raises(ConverterError, match="edited or damaged"):
        unpack([read_picture(tmp_path / "a.jpg")])


def test_sha256_is_checked() -> None:
    header = dataclasses.replace(header_of(FIVE_TILES[4]), sha256="0" * 64)
    pixels = FIVE_TILES[4].pixels.copy()
    pixels.reshape(-1)[:4] = 0  # no header inside, so that the one beside it counts
    with pytest.raises(ConverterError, match="SHA-256"):
        unpack([*FIVE_TILES[:4], Picture(pixels).with_header(header)])
