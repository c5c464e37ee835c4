"""Sync chirps and header are found in sounds of tone and grid, and in no others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from converters import Converter, ConverterError, Header, Picture, Sound
from converters.grid.converter import Grid
from converters.tone.converter import Tone
from datasets import PairedDataset
from tests.converters.channels import RATE, add_noise, decode, random_pixels


@pytest.mark.parametrize("kind", [Tone, Grid])
def test_the_header_is_found_in_the_sound(kind: type[Converter]) -> None:
    pixels = random_pixels(16, 16, "RGB")
    sound = kind().encode_picture(Picture(pixels))
    samples = add_noise(np.concatenate([np.zeros(3 * RATE), sound.samples()[:, 0] / 32768]), 10)
    assert kind.find(Sound.of(samples, RATE)) == sound.header
    other = Grid if kind is Tone else Tone
    assert other.find(Sound.of(samples, RATE)) is None
    assert kind.find(Picture(pixels)) is None


def test_no_header_is_found_in_speech(source: PairedDataset) -> None:
    speech = source.recordings.clips[:15].numpy().ravel()
    assert Tone.find(Sound.of(speech, 8000)) is None
    assert Tone.find(Sound.of(speech, RATE)) is None


def test_find_reads_only_the_beginning() -> None:
    n_read = 0

    def blocks(n: int) -> Iterator[np.ndarray]:
        nonlocal n_read
        while n_read < 3600 * RATE:
            n_read += n
            yield np.zeros((n, 1))

    long = dataclasses.replace(
        Sound.of(np.zeros(1), RATE),
        blocks=blocks,
        format=dataclasses.replace(Sound.of(np.zeros(1), RATE).format, n_samples=3600 * RATE),
    )
    assert Tone.find(long) is None
    assert n_read < 40 * RATE


@pytest.mark.parametrize("kind", [Tone, Grid])
@pytest.mark.parametrize("n", [0, 1, 100, 2 * RATE])
def test_foreign_sounds_are_refused(kind: type[Converter], n: int) -> None:
    for samples in (np.zeros(n), np.full(n, np.nan), np.random.default_rng(0).normal(size=n)):
        with pytest.raises(ConverterError, match="no sync chirp"):
            decode(kind(), samples)
        with pytest.raises(ConverterError, match="its tones need"):
            decode(kind(), samples, 2**31 - 1)
        with pytest.raises(ConverterError, match="its tones need"):
            decode(kind(), samples, 7999)


def header_of(kind: type[Converter], **picture: int) -> Header:
    header = kind().encode_picture(Picture(random_pixels(8, 8))).header
    assert header is not None
    assert header.picture is not None
    return dataclasses.replace(header, picture=dataclasses.replace(header.picture, **picture))


@pytest.mark.parametrize("kind", [Tone, Grid])
def test_a_header_that_promises_too_much_is_refused(kind: type[Converter]) -> None:
    sound = kind().encode_picture(Picture(random_pixels(8, 8)))
    lying = dataclasses.replace(sound, header=header_of(kind, width=10**6, height=10**6))
    with pytest.raises(ConverterError, match="more than"):
        kind().decode_picture(lying)
