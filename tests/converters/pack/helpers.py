"""What the tests of pack share: random samples and files, tiles through files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from hypothesis import settings
from PIL import Image

from converters import Header, Picture, Sound
from converters.pack.converter import PRESETS, Pack
from converters.pack.samples import EXACT, Samples
from converters.picture_files import read_picture, write_picture
from converters.sound_files import read_sound

some = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def random_bits(subtype: str, n: int, n_channels: int, seed: int) -> np.ndarray:
    """(n, n_channels): every bit that the subtype has, so NaNs with payloads too."""
    samples, rng = Samples(subtype, n_channels), np.random.default_rng(seed)
    if subtype in ("ULAW", "ALAW"):
        return decode_law(subtype, rng.bytes(n * n_channels)).reshape(-1, n_channels)
    return samples.from_bytes(rng.bytes(n * samples.bytes_per_frame))


def decode_law(subtype: str, codes: bytes) -> np.ndarray:
    """(n,): the samples that u-law or A-law codes stand for."""
    raw = {"samplerate": 8000, "channels": 1, "subtype": subtype, "format": "RAW"}
    return soundfile.read(io.BytesIO(codes), dtype="int16", **raw)[0]


def random_file(path: Path, subtype: str, n: int, n_channels: int, rate: int, seed: int) -> Sound:
    """A file of its path's kind; some of them have stretches of silence or of one value."""
    values = random_bits(subtype, n, n_channels, seed)
    if seed % 3 == 0 and n:
        values[n // 3 : n // 2] = 0
        values[n // 2 :] = values[0]
    container = path.suffix[1:].upper()
    soundfile.write(path, values, rate, subtype, format=container)
    sound = read_sound(path)
    if subtype in EXACT:
        assert sound.samples().tobytes() == values.tobytes()
    return sound


def through_files(tiles: Iterator[Picture], folder: Path) -> list[Picture]:
    read = []
    for i, tile in enumerate(tiles):
        write_picture(folder / f"{i}.png", tile)
        read.append(read_picture(folder / f"{i}.png"))
    return read


def without_metadata(tile: Picture) -> Picture:
    """As saved by a program that drops metadata."""
    saved = io.BytesIO()
    Image.fromarray(tile.pixels).save(saved, "PNG")
    saved.seek(0)
    picture = read_picture(saved, tile.name)
    assert picture.header is None
    return picture


def unpack(tiles: list[Picture]) -> np.ndarray:
    return Pack().decode_sound(iter(tiles)).samples()


def ramp(n: int, n_channels: int = 1) -> Sound:
    return Sound.of((np.arange(n * n_channels) % 30_011).astype(np.int16).reshape(n, -1), 8000)


def header_of(media: Picture | Sound) -> Header:
    """The one beside the pixels or samples, which is there."""
    assert media.header is not None
    return media.header


SMALL = Pack(width=32, height=32)
FIVE_TILES = list(SMALL.encode_sound(ramp(6000)))
# Without a header in its pixels.
(ONE_TILE,) = PRESETS["original"].encode_sound(ramp(50))
