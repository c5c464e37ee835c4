"""Samples as bytes: exact, and where each byte lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from converters.sound_as import N_SAMPLES, REPRESENTATIONS
from converters.sound_as_bytes import FULL_SCALE, MAX_SAMPLE
from tests.converters.sound_as.words import tone, word, words

PLANES, PACKED = REPRESENTATIONS["planes"], REPRESENTATIONS["packed-rgb"]
both = pytest.mark.parametrize("name", ["planes", "packed-rgb"])


def every_sample() -> Tensor:
    """(8, 8192) int: all 16-bit samples that are not clipped."""
    samples = torch.arange(-MAX_SAMPLE, MAX_SAMPLE + 1)
    return F.pad(samples, (0, 8 * N_SAMPLES - len(samples))).reshape(8, N_SAMPLES)


def sound(samples: Tensor) -> Tensor:
    return samples.double() * FULL_SCALE / 32768


def as_grey(picture: Tensor) -> tuple[Tensor, Tensor]:
    """High and low bytes of a picture of `planes`, (8192,) each."""
    high, low = picture.int().reshape(2, N_SAMPLES)
    return high, low


@both
def test_every_sample_is_exact(name: str) -> None:
    each, clips = REPRESENTATIONS[name], sound(every_sample())
    again = each.to_sound(each.to_picture(clips))
    assert torch.equal(again.double(), clips)


@both
def test_rounding(name: str) -> None:
    each = REPRESENTATIONS[name]
    error = each.to_sound(each.to_picture(words())) - words()
    assert error.abs().max() <= FULL_SCALE / 32768 / 2


@both
def test_what_is_too_loud_is_clipped(name: str) -> None:
    each = REPRESENTATIONS[name]
    again = each.to_sound(each.to_picture(30 * tone(400)))
    limit = MAX_SAMPLE * FULL_SCALE / 32768
    assert limit > 1.99 and again.abs().max() == limit
    assert torch.equal(again[0, 1:5].sign(), tone(400)[0, 1:5].sign().float())  # not wrapped
    assert words(20).abs().max() < limit


@both
def test_any_picture_is_within_16_bits(name: str) -> None:
    each = REPRESENTATIONS[name]
    size = PLANES.shape[1:] if name == "planes" else PACKED.shape
    pixels = torch.arange(256).repeat(256).to(torch.uint8)
    pictures = F.pad(pixels, (0, -len(pixels) % int(np.prod(size)))).reshape(-1, *size)
    assert each.to_sound(pictures).abs().max() <= FULL_SCALE * (1 + 128 / 32768)


def test_high_bytes_are_above_low_ones() -> None:
    samples = torch.zeros(1, N_SAMPLES, dtype=torch.int)
    samples[0, 130] = 3 * 256 + 5
    picture = PLANES.to_picture(sound(samples))[0].int()
    changed = {(int(y), int(x)): int(picture[y, x]) for y, x in (picture != 128).nonzero()}
    assert changed == {(1, 2): 128 + 3, (64 + 1, 2): 128 + 5}


def test_high_bytes_rise_with_the_sample() -> None:
    high = torch.stack([as_grey(p)[0] for p in PLANES.to_picture(sound(every_sample()))]).flatten()
    assert (high[: 2 * MAX_SAMPLE + 1].diff() >= 0).all()
    assert (int(high.min()), int(high.max())) == (1, 255)


def test_quiet_noise_leaves_the_high_bytes_alone() -> None:
    clips = 0.002 * torch.rand(1, N_SAMPLES, generator=torch.Generator().manual_seed(0)) - 0.001
    high, low = as_grey(PLANES.to_picture(clips)[0])
    assert (high == 128).all()
    assert 128 - 17 <= low.min() < low.max() <= 128 + 17  # and the low ones do not wrap


def test_packed_bytes_are_those_of_a_wav_file() -> None:
    samples = every_sample()
    pictures = PACKED.to_picture(sound(samples)).numpy()
    for picture, row in zip(pictures, samples, strict=True):
        content = picture.transpose(1, 2, 0).tobytes()  # R, G, B of the first pixel, then the next
        assert content[: 2 * N_SAMPLES] == row.numpy().astype("<i2").tobytes()
        assert not any(content[2 * N_SAMPLES :])


def test_packed_padding_is_not_read() -> None:
    pictures = PACKED.to_picture(word(0)[None])
    drawn = pictures.clone()
    drawn[:, :, -4:] = 77  # 912 of the 944 bytes
    assert torch.equal(PACKED.to_sound(drawn), PACKED.to_sound(pictures))
