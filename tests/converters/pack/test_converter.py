"""Sounds and files come back bit for bit, block by block, or an error says why not."""

from __future__ import annotations

import dataclasses
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import ConverterError, Header, Picture, Sound, find_header
from converters.header import SoundFormat
from converters.pack.converter import LAYOUTS, Pack
from converters.picture_files import write_picture
from datasets import PairedDataset
from tests.converters.pack.helpers import (
    FIVE_TILES,
    SMALL,
    ramp,
    random_bits,
    some,
    through_files,
    unpack,
    without_metadata,
)


def test_floats_are_bits() -> None:
    odd = [0x7F800001, 0xFFC12345, 0x80000000, 0x7F800000, 0xFF800000, 1, 0x80000001]
    values = np.array(odd, np.uint32).view(np.float32)
    for layout in LAYOUTS:
        back = unpack(list(Pack(layout).encode_sound(Sound.of(values, 8000))))
        assert back.view(np.uint32)[:, 0].tolist() == odd


def test_what_the_subtype_cannot_hold_is_refused() -> None:
    sound = Sound.of(np.array([1 << 8, 1], np.int32), 8000, "PCM_24")
    with pytest.raises(ConverterError, match="more bits than PCM_24"):
        list(Pack().encode_sound(sound))


def test_many_channels(tmp_path: Path) -> None:
    sound = Sound.of(random_bits("DOUBLE", 70, 1024, 1), 8000)
    for layout in ("planes", "flac"):  # more planes than rows; more channels than FLAC has
        tiles = through_files(Pack(layout, width=32).encode_sound(sound), tmp_path)
        assert unpack(tiles).tobytes() == sound.samples().tobytes()


def test_more_channels_than_a_flac_file_has() -> None:
    sound = Sound.of(random_bits("PCM_16", 300, 9, 1), 8000)
    assert np.array_equal(unpack(list(Pack("flac").encode_sound(sound))), sound.samples())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("around", [1, 2, 3])
def test_lengths_around_the_border_of_a_tile(layout: str, around: int) -> None:
    """Where a number of tiles ends exactly, a sample before, and a sample after."""
    pack = dataclasses.replace(SMALL, layout=layout)

    def n_tiles(n: int) -> int:
        sound = Sound.of(random_bits("PCM_16", n, 2, 5), 8000)
        tiles = list(pack.encode_sound(sound))
        assert np.array_equal(unpack(tiles), sound.samples())
        return len(tiles)

    low, high = 0, 4000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if n_tiles(middle) <= around else (low, middle)
    assert n_tiles(low) == around and n_tiles(high) == around + 1


def test_size_of_speech(source: PairedDataset) -> None:
    clips = source.recordings.clips[:40].numpy()
    speech = (clips * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16).reshape(-1)
    sizes = {}
    for layout in LAYOUTS:
        sizes[layout] = 0
        for tile in Pack(layout).encode_sound(Sound.of(speech, 8000)):
            file = io.BytesIO()
            write_picture(file, tile)
            sizes[layout] += len(file.getvalue())
    assert sizes["flac"] < sizes["planes"] < sizes["rgb"] < 2 * len(speech)


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "bgr"}, {"width": 31}, {"height": 0}, {"expand": 0}, {"expand": 17},
        {"expand": 5}, {"width": 1 << 20, "height": 1 << 20}, {"sample_rate": -1},
        {"n_channels": 1025}, {"subtype": "ULAW"},
    ],
)  # fmt: skip
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(ConverterError, match=next(iter(options)) if len(options) == 1 else "tile"):
        Pack(**options)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_is_that_of_a_few_tiles(layout: str) -> None:
    n, asked = 4_000_000, 0

    def blocks(size: int) -> Iterator[np.ndarray]:
        nonlocal asked
        for start in range(0, n, size):
            asked = min(n, start + size)
            yield np.random.default_rng(start).integers(-999, 999, (asked - start, 2), np.int16)

    sound = Sound(SoundFormat(48_000, 2, n), blocks)
    pack = Pack(layout, 256, 256)

    def tiles() -> Iterator[Picture]:
        for i, tile in enumerate(pack.encode_sound(sound), 1):
            if layout != "flac":  # which has to be compressed before its tiles can be counted
                assert 4 * asked <= (i + 1) * 256 * 256 * 3
            yield tile

    tracemalloc.start()
    n_read = sum(len(block) for block in Pack().decode_sound(tiles()).blocks(1 << 12))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_read == n
    assert peak < (12e6 if layout == "flac" else 3e6)  # the samples are 16e6


def test_a_sound_of_more_samples_than_it_says() -> None:
    for n in (999, 1001):
        for layout in LAYOUTS:
            sound = dataclasses.replace(ramp(1000), blocks=ramp(n).blocks)
            with pytest.raises(ConverterError, match="content changed while it was read"):
                list(dataclasses.replace(SMALL, layout=layout).encode_sound(sound))


def test_a_file_that_grows_while_it_is_read() -> None:
    for layout in LAYOUTS:
        with pytest.raises(ConverterError, match="content changed while it was read"):
            list(Pack(layout).encode_bytes([b"abc", b"d"], 3))


def test_many_tiles_are_read_once() -> None:
    sound = Pack().decode_sound(iter(FIVE_TILES))
    assert np.array_equal(sound.samples(), ramp(6000).samples())
    with pytest.raises(ConverterError, match="only once"):
        sound.samples()
    one = Pack().decode_sound(Pack().encode_sound(ramp(6000)))
    assert np.array_equal(one.samples(), one.samples())


@some
@given(
    st.sampled_from(LAYOUTS), st.binary(max_size=9000), st.integers(1, 999), st.integers(1, 3),
    st.sampled_from(["", ".wav", ".FLAC", ".7z"]), st.booleans(),
)  # fmt: skip
def test_any_file(
    tmp_path_factory: pytest.TempPathFactory, layout: str, content: bytes, block: int,
    expand: int, suffix: str, strip: bool,
) -> None:  # fmt: skip
    pack = Pack(layout, 40 * expand, 32 * expand, expand)
    pieces = (content[i : i + block] for i in range(0, len(content), block))
    made = pack.encode_bytes(pieces, len(content), suffix)
    tiles = through_files(made, tmp_path_factory.getbasetemp())
    if strip and layout != "source":
        tiles = [without_metadata(tile) for tile in tiles]
    header = find_header(tiles[0])
    assert header is not None and Pack.is_file(header)
    facts, blocks = Pack.decode_bytes(iter(tiles))
    assert b"".join(blocks) == content
    assert (facts["suffix"], facts["size"]) == (suffix, len(content))


def test_a_file_is_not_a_sound() -> None:
    with pytest.raises(ConverterError, match="holds a file"):
        Pack().decode_sound(Pack().encode_bytes([b"abc"], 3))
    with pytest.raises(ConverterError, match="holds samples"):
        Pack.decode_bytes(iter(FIVE_TILES))
    for suffix in ("/../x", "wav", ".a/b", "." + 17 * "x", ".wav\n"):
        with pytest.raises(ConverterError, match="suffix"):
            Pack().encode_bytes([b"abc"], 3, suffix)
        header = Header("pack", "sound", dataclasses.asdict(Pack()),
                        facts={"suffix": suffix, "size": 3, "start": 0})  # fmt: skip
        with pytest.raises(ConverterError, match="suffix"):
            Pack.decode_bytes(iter([Picture(np.zeros((1, 768, 3), np.uint8)).with_header(header)]))
