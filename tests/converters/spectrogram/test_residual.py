"""A residual makes every integer subtype exact, of any number of channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import Sound
from converters.header import SoundFormat
from converters.spectrogram import PRESETS
from converters.spectrogram.residual import Residual, round_samples
from tests.converters.spectrogram.tools import many


@many
@given(st.integers(0, 300), st.sampled_from(["PCM_16", "PCM_24", "PCM_U8", "PCM_32"]),
       st.floats(0, 0.1), st.integers(0, 99))  # fmt: skip
def test_rounding_errors_of_another_machine_do_not_matter(
    n: int, subtype: str, error: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    format = SoundFormat(8000, 2, n, subtype)
    samples = round_samples(rng.uniform(-1.1, 1.1, (n, 2)), format)
    floats = samples / format.full_scale + rng.normal(size=(n, 2)) * error
    floats[::3] = (np.rint(floats[::3] * format.full_scale) + 0.5) / format.full_scale
    pixels = rng.integers(0, 255, (5, 20), np.uint8)
    residual = Residual.from_samples(pixels, floats, samples, format)
    again = Residual.from_bytes(residual.to_bytes(format), n, 2)
    other_machine = floats + rng.choice([-1e-15, 1e-15], floats.shape)
    assert (again.apply(other_machine, format) == samples).all()
    assert again.unchanged_columns(pixels).all()
    pixels[2, 9] ^= 1
    assert list(again.unchanged_columns(pixels)) == [True] * 8 + [False] * 8 + [True] * 4


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "PCM_U8"])
@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_an_unedited_picture_is_exact(subtype: str, n_channels: int) -> None:
    # Near ties are rare where steps are coarse: enough samples to have some.
    low = {"PCM_16": 0, "PCM_24": 8, "PCM_32": 0, "PCM_U8": 8}[subtype]
    bits = 16 if subtype in ("PCM_16", "PCM_U8") else 32
    rng, half = np.random.default_rng(0), 1 << (bits - 2)
    samples = rng.integers(-half, half, (20_000, n_channels)) >> low << low
    sound = Sound.of(samples.astype(f"int{bits}"), 44_100, subtype)
    converter = PRESETS["exact"]
    found = converter.decode_sound(converter.encode_sound(sound)).samples()
    assert found.dtype == sound.format.dtype
    assert (found != samples).sum() == 0
