"""Pictures come back bit for bit from 16-bit samples."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from converters import ConverterError, Header, Picture, Sound, find_header
from converters.header import PictureFormat
from converters.pack.converter import Pack
from converters.sound_files import read_sound, write_sound
from tests.converters.pack.helpers import header_of, some


@some
@given(
    st.sampled_from([("u1", ()), ("u2", ()), ("u1", (3,)), ("u1", (4,))]), st.integers(1, 50),
    st.integers(1, 50), st.sampled_from([0, 8000, 192_000]), st.integers(0, 2**32),
    st.sampled_from(["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]), st.integers(1, 2),
)  # fmt: skip
def test_any_picture(
    tmp_path_factory: pytest.TempPathFactory, mode: tuple[str, tuple[int, ...]], width: int,
    height: int, rate: int, seed: int, subtype: str, n_channels: int,
) -> None:  # fmt: skip
    """As it was made, and as other programs save it: without the chunk, in more bits, stereo."""
    folder = tmp_path_factory.getbasetemp()
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, np.iinfo(mode[0]).max + 1, (height, width, *mode[1])).astype(mode[0])
    sound = Pack(sample_rate=rate).encode_picture(Picture(pixels))
    assert sound.format.sample_rate == (rate or 44_100)
    assert (sound.format.subtype, sound.format.n_channels) == ("PCM_16", 1)
    write_sound(folder / "made.wav", sound)
    as_made = read_sound(folder / "made.wav")
    assert as_made.header == sound.header
    values, _ = soundfile.read(folder / "made.wav", always_2d=True)
    soundfile.write(folder / "copy.wav", values.repeat(n_channels, 1), rate or 44_100, subtype)
    copy = read_sound(folder / "copy.wav")
    assert copy.header is None and find_header(copy) == sound.header
    for each in (as_made, copy):
        back = Pack().decode_picture(each).pixels
        assert np.array_equal(back, pixels) and back.dtype == pixels.dtype


def test_a_changed_sound_of_a_picture_is_detected() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 30, 3)).astype(np.uint8)
    sound = Pack().encode_picture(Picture(pixels))
    samples, header = sound.samples(), header_of(sound)

    def decoded(samples: np.ndarray, header: Header | None = header) -> np.ndarray:
        changed = dataclasses.replace(Sound.of(samples, 44_100), header=header)
        return Pack().decode_picture(changed).pixels

    assert np.array_equal(decoded(samples), pixels)
    damaged_header = samples.copy()
    damaged_header[:20] = 0
    assert np.array_equal(decoded(damaged_header), pixels)  # the one beside it is used
    edited = samples.copy()
    edited[-100] += 1
    longer = np.concatenate([samples, 0 * samples])
    assert np.array_equal(decoded(longer, None), pixels)
    for wrong, message in [
        (edited, "edited"),
        (samples[:-1], "too short"),
        (samples[5:], "too short"),
        (samples[::-1], "edited"),
    ]:
        with pytest.raises(ConverterError, match=message):
            decoded(wrong)
    for wrong in (damaged_header, samples[1:], samples // 2, samples * 0.3, samples[:3]):
        with pytest.raises(ConverterError, match="no header"):
            decoded(wrong, None)
    huge = dataclasses.replace(header, picture=PictureFormat(1 << 20, 1 << 20, 4, 16))
    with pytest.raises(ConverterError, match="pixels"):
        decoded(damaged_header, huge)
    with pytest.raises(ConverterError, match="start"):
        decoded(damaged_header, dataclasses.replace(header, facts={}))
