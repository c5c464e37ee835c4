"""What holds of every picture of a word."""

from __future__ import annotations

import dataclasses
import math
import pkgutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import converters
from converters import sound_as_base
from converters.mel64.features import MEL64, to_picture, to_sound
from converters.sound_as import N_SAMPLES, REPRESENTATIONS, Representation
from tests.converters.sound_as.words import snr, spectral_convergence, word, words

SHAPES = {
    "mel64": (1, 64, 64),
    "linear": (1, 64, 64),
    "complex": (3, 64, 64),
    "tones": (1, 64, 64),
    "planes": (1, 128, 128),
    "packed-rgb": (3, 80, 80),
}
every = pytest.mark.parametrize("each", REPRESENTATIONS.values(), ids=REPRESENTATIONS.keys())
few = settings(max_examples=3, deadline=None, derandomize=True, database=None)


def size_of(each: Representation) -> tuple[int, ...]:
    return each.shape if each.shape[0] > 1 else each.shape[1:]


def random_pictures(each: Representation, n: int) -> Tensor:
    generator = torch.Generator().manual_seed(n)
    return torch.randint(0, 256, (n, *size_of(each)), generator=generator, dtype=torch.uint8)


def test_all_are_there() -> None:
    assert {name: each.shape for name, each in REPRESENTATIONS.items()} == SHAPES
    assert all(name == each.name for name, each in REPRESENTATIONS.items())
    assert (MEL64.n_samples, MEL64.sample_rate) == (N_SAMPLES, sound_as_base.SAMPLE_RATE)


def test_none_is_a_kind_of_converter() -> None:
    """Every package is one; what lies here are modules."""
    packages = {each.name for each in pkgutil.iter_modules(converters.__path__) if each.ispkg}
    assert "mel64" in packages
    assert not [name for name in packages if name.startswith("sound_as")]


@every
def test_shapes_and_types(each: Representation) -> None:
    clips = words(2)
    kept = clips.clone()
    pictures = each.to_picture(clips)
    assert (pictures.shape, pictures.dtype) == ((2, *size_of(each)), torch.uint8)
    before = pictures.clone()
    sounds = each.to_sound(pictures)
    assert (sounds.shape, sounds.dtype) == (clips.shape, torch.float32)
    assert torch.equal(clips, kept) and torch.equal(pictures, before)  # not in place
    with pytest.raises(dataclasses.FrozenInstanceError):
        each.name = "other"  # type: ignore[misc]


@every
def test_deterministic(each: Representation) -> None:
    torch.manual_seed(0)
    pictures = each.to_picture(words(2))
    sounds = each.to_sound(pictures)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert torch.equal(pictures, each.to_picture(words(2)))
    assert torch.equal(sounds, each.to_sound(pictures))
    assert torch.equal(state, torch.get_rng_state())


@every
def test_silence_stays_silence(each: Representation) -> None:
    pictures = each.to_picture(torch.zeros(1, N_SAMPLES))
    assert len(pictures.unique()) == 1
    assert each.to_sound(pictures).abs().max() == 0


@every
def test_a_batch_is_its_clips_one_by_one(
    each: Representation, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = words(3)
    pictures = torch.cat([each.to_picture(clip[None]) for clip in clips])
    sounds = torch.cat([each.to_sound(picture[None]) for picture in pictures])
    for chunk in (128, 2):  # in one, and in two
        monkeypatch.setattr(sound_as_base, "CHUNK", chunk)
        assert torch.equal(each.to_picture(clips), pictures)
        assert torch.equal(each.to_sound(pictures), sounds)


@every
def test_any_picture_is_a_sound(each: Representation) -> None:
    white = torch.full((1, *size_of(each)), 255, dtype=torch.uint8)
    for pictures in (random_pictures(each, 1), white):
        assert each.to_sound(pictures).isfinite().all()


@every
def test_any_clip_has_a_picture(each: Representation) -> None:
    loud = 1e30 * word(0)[None]
    for clips in (loud, 1e-30 * word(0)[None], word(0)[None].half(), loud.double()):
        assert each.to_picture(clips).shape == (1, *size_of(each))


@every
def test_bad_clips(each: Representation) -> None:
    spoiled = words(2)
    spoiled[1, 5] = math.nan
    endless = words(1)
    endless[0, -1] = -math.inf
    wrong = (
        *(spoiled, endless, torch.zeros(N_SAMPLES), torch.zeros(0, N_SAMPLES), torch.zeros(())),
        *(torch.zeros(2, N_SAMPLES - 1), torch.zeros(2, 1, N_SAMPLES)),
    )
    for clips in wrong:
        with pytest.raises(ValueError, match="clip"):
            each.to_picture(clips)


@every
def test_bad_pictures(each: Representation) -> None:
    good = random_pictures(each, 2)
    for pictures in (good[0], good[:0], good[..., 1:], good[:, None], good.float(), good.bool()):
        with pytest.raises(ValueError, match=f"{each.name}: pictures are uint8"):
            each.to_sound(pictures)


def test_mel64_is_that_of_the_models() -> None:
    each = REPRESENTATIONS["mel64"]
    pictures = each.to_picture(words())
    assert torch.equal(pictures, to_picture(words()))
    assert torch.equal(each.to_sound(pictures), to_sound(pictures))


# The word is kept. Behind each bound: the worst of 40 words.

SNR = {"complex": 36.0, "planes": 74.5, "packed-rgb": 74.5}  # dB: 36.6, 74.9, 74.9
SAME = {"mel64": 0.025, "linear": 0.03, "tones": 0.045}  # mean distance: 0.017, 0.022, 0.033
CONVERGENCE = {"mel64": (-7.5, -4.0), "linear": (-5.0, -2.5), "tones": (-2.0, -0.4)}
# dB, mean and worst of 8 words: -8.8 and -4.9, -5.9 and -3.3, -2.8 and -0.9


@few
@given(st.integers(0, 1000))
def test_samples_are_kept(seed: int) -> None:
    clips = word(seed)[None]
    for name, floor in SNR.items():
        each = REPRESENTATIONS[name]
        assert snr(clips, each.to_sound(each.to_picture(clips))).min() > floor


@few
@given(st.integers(0, 1000))
def test_the_sound_of_a_picture_has_that_picture(seed: int) -> None:
    clips = word(seed)[None]
    for name, each in REPRESENTATIONS.items():
        pictures = each.to_picture(clips)
        again = each.to_picture(each.to_sound(pictures))
        distance = (again.int() - pictures.int()).abs()
        if name in SAME:
            assert distance.double().mean() / 255 < SAME[name]
        else:
            assert distance.max() <= 1


@pytest.mark.parametrize("name", CONVERGENCE)
def test_spectra_are_kept(name: str) -> None:
    each, clips = REPRESENTATIONS[name], words(8)
    again = each.to_sound(each.to_picture(clips))
    mean, worst = CONVERGENCE[name]
    convergence = spectral_convergence(clips, again)
    assert convergence.mean() < mean and convergence.max() < worst
    # Nearer to itself than to any other word, by the picture of mel64.
    before, after = (to_picture(x).double().flatten(1) for x in (clips, again))
    distance = torch.cdist(after, before, 1)
    others = distance.clone().fill_diagonal_(math.inf).min(1).values
    assert (distance.diag() < others / 2).all()
    level = again.square().mean(1) / clips.square().mean(1)
    assert ((level > 0.8) & (level < 1.1)).all()
