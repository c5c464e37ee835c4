"""What the pixels of each layout are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from converters import Sound
from converters.pack.converter import LAYOUTS, PRESETS, Pack
from converters.pack.layouts import PlanarLayout
from converters.pack.samples import Samples
from converters.sound_files import read_sound
from tests.converters.pack.helpers import header_of, ramp, random_bits, random_file, some


def test_tiles_are_of_one_size_but_the_last() -> None:
    for layout in LAYOUTS:
        tiles = list(Pack(layout).encode_sound(Sound.of(random_bits("PCM_16", 900_000, 2, 1), 1)))
        shapes = [tile.pixels.shape[:2] for tile in tiles]
        assert set(shapes[:-1]) == {(768, 768)}
        assert shapes[-1] == (768, 768) if layout == "source" else shapes[-1][0] < 768


def test_planes_show_the_samples() -> None:
    """One row of header; then a plane per channel, rows of neighbours, silence mid-grey."""
    wave = (20_000 * np.sin(np.arange(768 * 4) / 30)).astype(np.int16)
    sound = Sound.of(np.stack([wave, -wave], 1), 8000)
    (tile,) = Pack("planes").encode_sound(sound)
    left, right = tile.pixels[1:].reshape(2, 4 * 768).astype(int) - (1 << 15)
    assert np.array_equal(left, wave) and np.array_equal(right, -wave)


@some
@given(st.sampled_from(["PCM_S8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]), st.integers(0, 2**32))
def test_planes_are_in_the_order_of_the_samples(subtype: str, seed: int) -> None:
    values = random_bits(subtype, 50, 1, seed)
    values = np.sort(values[~np.isnan(values)])
    planes = PlanarLayout(Samples(subtype, 1), 64, 64, 0)
    raw = planes.fill(planes.samples.to_bytes(values[:, None]))
    words = raw.view(f">u{planes.bits // 8}")[:, : len(values)].astype(object)
    numbers = sum(row << planes.bits * (len(words) - 1 - i) for i, row in enumerate(words))
    assert (np.diff(numbers) >= 0).all()


def test_original_layout_is_the_bytes_of_the_wav_file(tmp_path: Path) -> None:
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "FLOAT"):
        random_file(tmp_path / "a.wav", subtype, 5000, 2, 48_000, 1)
        content = (tmp_path / "a.wav").read_bytes()
        data = content[content.index(b"data") + 8 :][: 10_000 * Samples(subtype, 1).n_bytes]
        (tile,) = PRESETS["original"].encode_sound(read_sound(tmp_path / "a.wav"))
        assert tile.pixels.tobytes() == data.ljust(768 * 768 * 3, b"\0")


def test_expansion_repeats_pixels() -> None:
    one = list(Pack("planes", 40, 40).encode_sound(ramp(3000)))
    three = list(Pack("planes", 120, 120, 3).encode_sound(ramp(3000)))
    assert len(one) == len(three) > 1
    for small, large in zip(one, three, strict=True):
        n_header = header_of(small).fact("start", int, 0, 1 << 16)
        first = 3 * -(-n_header // 80)  # row below the header, which holds the expansion
        expanded = small.pixels.repeat(3, 0).repeat(3, 1)
        assert np.array_equal(expanded[first:], large.pixels[first:])
