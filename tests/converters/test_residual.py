"""A residual makes every whole-number subtype exact, of any number of channels."""

from __future__ import annotations

import numpy as np
import pytest

from converters import Sound, presets


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "PCM_U8"])
@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_an_unedited_picture_is_exact(subtype: str, n_channels: int) -> None:
    # Fine steps have near ties, which want more than a few samples to be met.
    low = {"PCM_16": 0, "PCM_24": 8, "PCM_32": 0, "PCM_U8": 8}[subtype]
    bits = 16 if subtype in ("PCM_16", "PCM_U8") else 32
    rng, half = np.random.default_rng(0), 1 << (bits - 2)
    samples = rng.integers(-half, half, (20_000, n_channels)) >> low << low
    sound = Sound.of(samples.astype(f"int{bits}"), 44_100, subtype)
    converter = presets()["spectrogram"]["exact"]
    found = converter.decode_sound(converter.encode_sound(sound)).samples()
    assert found.dtype == sound.format.dtype
    assert (found != samples).sum() == 0
