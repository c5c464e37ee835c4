"""Names of outputs, and which tiles belong together."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.naming import (
    count_hint,
    decoded_name,
    encoded_name,
    group_tiles,
    plain_suffix,
    preview_path,
    rate_hint,
    tile_paths,
)
from tests.conversion.calls import sound_file, succeed

some = settings(max_examples=100, deadline=None)
stems = st.text("abz XÄ音.-_019()$%&'", min_size=1, max_size=12).filter(
    lambda s: s.strip(". ") and Path(s + ".wav").stem == s
)


@some
@given(stems, st.integers(1, 192_000), st.integers(1, 1100))
def test_a_name_leads_there_and_back(stem: str, rate: int, n_tiles: int) -> None:
    original = Path("folder") / f"{stem}.wav"
    picture = original.with_name(encoded_name(original, ".png", rate))
    tiles = tile_paths(picture, n_tiles)
    assert len(set(tiles)) == n_tiles
    assert all(tile.parent == original.parent and tile.suffix == ".png" for tile in tiles)
    assert sorted(tiles) == list(tiles)  # as a file manager shows them
    for tile in (tiles[0], tiles[-1]):
        assert rate_hint(tile) == rate
        assert n_tiles == 1 or count_hint(tile) == n_tiles
        assert decoded_name(tile, ".wav") != original.name
        assert preview_path(tile) == picture.with_name(f"{picture.stem}.preview.png")
    if not original.stem.endswith("_") and rate_hint(original) is None:
        assert decoded_name(tiles[-1], ".wav") == f"{stem}.decoded.wav"


def test_a_rate_in_a_name_is_a_word_of_its_own() -> None:
    assert rate_hint(Path("x_SR22050.png")) == 22050
    assert rate_hint(Path("x_SR8000-002-of-004.png")) == 8000
    assert rate_hint(Path("x_SR8000 (copy).png")) == 8000
    assert rate_hint(Path("x_SR8000kHz.png")) is None
    assert rate_hint(Path("USR8000.png")) is None
    assert rate_hint(Path("x_SR.png")) is None
    assert rate_hint(Path("x_SR99999999999999999999.png")) is None


def test_tiles_are_found_beside_each_other(tmp_path: Path) -> None:
    tiles = tile_paths(tmp_path / "a.png", 12)
    others = [tmp_path / n for n in ("b-001-of-012.png", "a-001-of-011.png", "a-001-of-012.jpg")]
    sounds = [tmp_path / f"s-00{i}-of-002.wav" for i in (1, 2)]
    for path in (*tiles, *others, *sounds):
        path.touch()
    assert group_tiles([tiles[7], tiles[2]]) == [tiles]
    assert group_tiles([tiles[0], *others]) == [tiles, *((path,) for path in others)]
    assert group_tiles(sounds) == [(path,) for path in sounds]  # only pictures are tiles
    tiles[4].unlink()
    assert group_tiles([tiles[0]]) == [tiles[:4] + tiles[5:]]


def test_a_suffix_is_kept_only_if_it_is_plain() -> None:
    assert plain_suffix(Path("a.tar.gz")) == ".gz"
    assert plain_suffix(Path("a")) == plain_suffix(Path("a.b c")) == plain_suffix(Path("a.é")) == ""


def test_names_that_would_clash_keep_their_suffix(folder: Path) -> None:
    (folder / "in").mkdir()
    for suffix in ("wav", "flac"):
        sound_file(folder / "in" / f"a.{suffix}")
    succeed("in", "--with", "pack")
    made = {f"a.{suffix}_SR8000.png" for suffix in ("wav", "flac")}
    assert {path.name for path in folder.glob("in/*.png")} == made
    assert "-> in/a.flac.decoded.flac  (" in succeed("in/a.flac_SR8000.png").out
