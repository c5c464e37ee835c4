"""Hostile headers and compressed blocks are refused without much memory."""

from __future__ import annotations

import dataclasses
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import ConverterError, Header, Picture
from converters.header import SoundFormat
from converters.pack.converter import Pack
from tests.converters.pack.helpers import ONE_TILE, header_of, some

FACTS, OPTIONS = header_of(ONE_TILE).facts, header_of(ONE_TILE).options


def hostile(sound: dict[str, Any] | None = None, **changes: Any) -> Picture:
    """A tile with a changed header beside it and none inside; its checksum matches."""
    header = dataclasses.replace(header_of(ONE_TILE), **changes)
    assert header.sound is not None
    header = dataclasses.replace(header, sound=dataclasses.replace(header.sound, **sound or {}))
    return Picture(ONE_TILE.pixels).with_header(header)


@pytest.mark.parametrize(
    "changes",
    [
        {"sound": {"n_samples": 2**40}},
        {"sound": {"n_samples": 2**40}, "n_tiles": 1_242_757},
        {"sound": {"n_samples": 2**40, "n_channels": 1024, "subtype": "DOUBLE"}},
        {"sound": {"n_channels": 1024}, "options": {**OPTIONS, "layout": "planes"}},
        {"n_tiles": 1 << 30},
        {"made_from": "picture"},
        {"facts": {}},
        {"facts": {"start": -1}},
        {"facts": {"start": 1 << 62}},
        {"facts": {"start": 0.0}},
        {"facts": {**FACTS, "before": 1}},
        {"facts": {**FACTS, "n_bytes": 2**47}, "options": {**OPTIONS, "layout": "flac"}},
        {"facts": {**FACTS, "n_bytes": 1000}, "options": {**OPTIONS, "layout": "flac"}},
        {"options": {**OPTIONS, "expand": 0}},
        {"options": {**OPTIONS, "expand": 2}},
        {"options": {**OPTIONS, "width": 1 << 40}},
        {"options": {**OPTIONS, "width": 1 << 20, "height": 32, "layout": "planes"},
         "sound": {"n_channels": 1024, "subtype": "DOUBLE"}},
        {"options": {**OPTIONS, "height": 0}},
        {"options": {**OPTIONS, "height": -768}},
        {"options": {**OPTIONS, "width": 32}},
        {"options": {**OPTIONS, "layout": "new"}},
        {"options": {**OPTIONS, "layout": 1}},
        {"options": {}},
        {"kind": "tone"},
    ],
)  # fmt: skip
def test_hostile_headers(changes: dict[str, Any]) -> None:
    tracemalloc.start()
    with pytest.raises(ConverterError):
        for _ in Pack().decode_sound(iter([hostile(**changes)])).blocks(1000):
            pass
    assert tracemalloc.get_traced_memory()[1] < 3e7
    tracemalloc.stop()


@some
@given(st.binary(max_size=300), st.sampled_from(["PCM_16", "FLOAT"]), st.integers(0, 10**6))
def test_hostile_blocks(content: bytes, subtype: str, n_samples: int) -> None:
    """Invalid compressed blocks, in tiles whose checksums all match."""
    flac = {**OPTIONS, "layout": "flac"}
    sound = SoundFormat(8000, 1, n_samples, subtype)
    size = len(content) + 4
    pixels = np.zeros((1, 768, 3), np.uint8)
    pixels.reshape(-1)[:size] = np.frombuffer(len(content).to_bytes(4, "little") + content, "u1")
    facts = {"start": 0, "before": 0, "n_bytes": size}
    tile = Picture(pixels).with_header(Header("pack", "sound", flac, sound, facts=facts))
    with pytest.raises(ConverterError):
        for _ in Pack().decode_sound(iter([tile])).blocks(1000):
            pass


def test_a_decompression_bomb() -> None:
    content = zlib.compress(bytes(1 << 28))  # where 4 bytes are expected
    size = len(content) + 4
    pixels = np.zeros((768, 768, 3), np.uint8)
    pixels.reshape(-1)[:size] = np.frombuffer(len(content).to_bytes(4, "little") + content, "u1")
    pixels = pixels[: -(-size // (3 * 768))]
    facts = {"start": 0, "before": 0, "n_bytes": size}
    header = Header("pack", "sound", {**OPTIONS, "layout": "flac"},
                    SoundFormat(8000, 1, 1, "FLOAT"), facts=facts)  # fmt: skip
    tracemalloc.start()
    with pytest.raises(ConverterError, match="SHA-256"):  # the 4 bytes that it does hold
        Pack().decode_sound(iter([Picture(pixels).with_header(header)])).samples()
    assert tracemalloc.get_traced_memory()[1] < 1e7
    tracemalloc.stop()
