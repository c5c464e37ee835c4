"""Pairs are what they promise, and a batch is a function of its key alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import SimpleNamespace
from typing import get_args

import pytest
import torch
from scipy.stats import chi2_contingency, chisquare
from torch import Tensor

from common.errors import InputError
from converters.sound_as import REPRESENTATIONS
from datasets.augment import NEW_SPEAKERS, USUAL, Strength
from datasets.base import Batch, PairedDataset, SoundAs
from datasets.pairing import (
    Batches,
    check_pairing,
    default_augment,
    fixed_pairs,
    seed_of,
)
from datasets.pixels import from_pixels
from datasets.splits import Part, part
from tests.datasets.toy import numbers, toy_dataset

SIZE = 64
PAIRINGS = ("resampled", "one-to-one", "fixed-3", "shuffled")


@pytest.fixture(scope="module")
def toy() -> Part:
    return part(toy_dataset(), "official", "train")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without augmentation, so that a picture identifies its recording."""
    monkeypatch.setattr("datasets.pairing.augment", lambda pictures, *_: pictures)


def pairs(batches: Batches, steps: range) -> tuple[Tensor, Tensor]:
    """Numbers of images and of recordings in the dataset."""
    drawn = [batches(step) for step in steps]
    x, c = torch.cat([batch.x for batch in drawn]), torch.cat([batch.c for batch in drawn])
    return numbers((255 * x[:, 0]).round()), numbers((255 * c[:, 0]).round())


def same(a: Batch, b: Batch) -> bool:
    return all(torch.equal(u, v) for u, v in zip(parts_of(a), parts_of(b), strict=True))


def parts_of(batch: Batch) -> Iterator[Tensor]:
    yield from (batch.x, batch.c)


# Batches


@pytest.mark.parametrize("sound_as", REPRESENTATIONS)
def test_sounds_as_other_pictures(sound_as: str, source: PairedDataset) -> None:
    train = part(source, "official", "train")
    seen = train.seen_as(sound_as)
    shape = REPRESENTATIONS[sound_as].shape
    kept = seen.sounds[:2] if shape[0] == 3 else seen.sounds[:2, None]
    assert kept.shape == (2, *shape) and kept.dtype == torch.uint8
    assert seen.sound_as == sound_as and torch.equal(seen.clips, train.clips)
    assert source.spec("audio2image", sound_as=sound_as).c_shape == shape
    assert source.spec("image2audio", sound_as=sound_as).x_shape == shape

    batches = Batches(seen, "resampled", 4, seed=0, augment="clips")
    batch, again = batches(3), batches(3)
    assert batch.c.shape == (4, *shape) and same(batch, again)
    assert not torch.equal(batch.c, batches(4).c)
    assert batch.c.min() >= 0 and batch.c.max() <= 1

    # As targets they are what they are.
    drawn = Batches(seen, "resampled", 4, seed=0, task="image2audio")(3).x
    for each in drawn:
        assert (from_pixels(seen.sounds) == each).flatten(1).all(1).any()


def test_clips_are_augmented_before_they_become_pictures(
    toy: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recordings are those that other augmentation gets."""
    monkeypatch.setattr("datasets.pairing.augment_clips", lambda clips, _: clips)
    monkeypatch.setattr("datasets.pairing.augment", lambda pictures, *_: pictures)
    clips = torch.stack([torch.full((8192,), i / 999) for i in range(len(toy.clips))])
    known = dataclasses.replace(toy, clips=clips, sound_as="as is")

    def to_picture(changed: Tensor) -> Tensor:
        return known.sounds[(999 * changed[:, 0]).round().long()]

    monkeypatch.setitem(REPRESENTATIONS, "as is", SimpleNamespace(to_picture=to_picture))
    found = Batches(known, "fixed-3", SIZE, seed=1, augment="clips")(5)
    usual = Batches(toy, "fixed-3", SIZE, seed=1)(5)
    assert same(found, usual)


def test_who_is_never_heard_is_trained_for_otherwise(
    toy: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Strength] = []

    def remember(pictures: Tensor, _: torch.Generator, strength: Strength) -> Tensor:
        found.append(strength)
        return pictures

    monkeypatch.setattr("datasets.pairing.augment", remember)
    for name in ("pictures", "smoothed"):
        Batches(toy, "resampled", 4, seed=0, augment=name)(0)
    assert found == [USUAL, NEW_SPEAKERS]


def test_what_is_drawn_too_is_given_as_it_is(toy: Part) -> None:
    batches = Batches(toy, "resampled", 8, seed=0, plain=True)
    found, usual = batches(3), Batches(toy, "resampled", 8, seed=0)(3)
    assert found.plain is not None and usual.plain is None
    assert torch.equal(found.c, usual.c) and torch.equal(found.x, usual.x)
    as_it_is = Batches(toy, "resampled", 8, seed=0, augment="none")(3).c
    assert torch.equal(found.plain, as_it_is) and not torch.equal(found.plain, found.c)


def test_every_picture_of_sound_can_be_chosen() -> None:
    assert get_args(SoundAs) == (*REPRESENTATIONS,)


def test_only_log_mel_pictures_can_be_augmented(toy: Part) -> None:
    for split, usual in (("official", "pictures"), ("speaker:theo", "smoothed")):
        for name in REPRESENTATIONS:
            found = default_augment("audio2image", split, name)
            assert found == (usual if name == "mel64" else "clips")
            assert default_augment("image2audio", split, name) == "none"
    with pytest.raises(InputError, match="pictures as 'tones' cannot be"):
        Batches(toy.seen_as("tones"), "resampled", 4, seed=0, augment="pictures")
    with pytest.raises(InputError, match="--augment clips: no sound is heard"):
        Batches(toy, "resampled", 4, seed=0, task="image2audio", augment="clips")


def test_what_is_not_augmented_is_as_it_is(toy: Part) -> None:
    found = Batches(toy, "resampled", 8, seed=0, augment="none")(0).c
    for each in found:
        assert (from_pixels(toy.sounds) == each).flatten(1).all(1).any()


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_shapes_and_ranges(
    pairing: str, source: PairedDataset, offline_source: PairedDataset
) -> None:
    for each in (source, offline_source):
        train = part(each, "official", "train")
        assert Batches(train, pairing, 17, seed=0)(3, batch_size=5).c.shape == (5, 1, 64, 64)
        batch = Batches(train, pairing, 17, seed=0, labels="warm-start")(3)
        assert (batch.x.shape, batch.x.dtype) == ((17, 1, 28, 28), torch.float32)
        assert (batch.c.shape, batch.c.dtype) == ((17, 1, 64, 64), torch.float32)
        assert batch.digit is not None
        assert (batch.digit.shape, batch.digit.dtype) == ((17,), torch.int64)
        for pictures in (batch.x, batch.c):
            assert pictures.min() >= 0 and 0.5 < pictures.max() <= 1


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_digit_is_that_of_the_recording(pairing: str, toy: Part, plain: None) -> None:
    dataset = toy_dataset()
    batch = Batches(toy, pairing, SIZE, seed=0, labels="warm-start")(0)
    recording = numbers((255 * batch.c[:, 0]).round())
    assert batch.digit is not None
    assert torch.equal(batch.digit, dataset.recordings.digit[recording])
    assert Batches(toy, pairing, SIZE, seed=0)(0).digit is None


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_sides_of_image2audio(pairing: str, toy: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sound is the target, as it was recorded, and the digit is that of the image."""
    monkeypatch.setattr("datasets.pairing.augment", lambda *_: pytest.fail("a target is augmented"))
    dataset = toy_dataset()
    given = Batches(toy, pairing, SIZE, seed=0, labels="warm-start", task="image2audio")(0)
    assert (given.x.shape, given.c.shape) == ((SIZE, 1, 64, 64), (SIZE, 1, 28, 28))
    image, recording = (numbers((255 * each[:, 0]).round()) for each in (given.c, given.x))
    assert given.digit is not None
    assert torch.equal(given.digit, dataset.images.digit[image])
    spoken = dataset.recordings.digit[recording]
    assert torch.equal(given.digit, spoken) == (pairing != "shuffled")
    pictures = dataset.recordings.pictures[recording].unsqueeze(1)
    assert torch.equal((255 * given.x).round(), pictures.float())


# The pairings


def test_resampled_draws_a_fresh_partner_of_the_same_digit(toy: Part, plain: None) -> None:
    dataset = toy_dataset()
    image, recording = pairs(Batches(toy, "resampled", SIZE, seed=0), range(100))
    assert torch.equal(dataset.images.digit[image], dataset.recordings.digit[recording])
    partners = [set(image[recording == r].tolist()) for r in recording.unique()]
    assert len(partners) == len(toy.sounds)
    # 40 draws of 60 images: about 29 different ones.
    assert sum(map(len, partners)) / len(partners) > 20
    assert set(image.tolist()) == set(numbers(toy.images).tolist())


def test_one_to_one_is_fixed(toy: Part, plain: None) -> None:
    dataset = toy_dataset()
    image, recording = pairs(Batches(toy, "one-to-one", SIZE, seed=0), range(100))
    assert torch.equal(dataset.images.digit[image], dataset.recordings.digit[recording])
    drawn = {*zip(image.tolist(), recording.tolist(), strict=True)}
    assert len(drawn) == len({i for i, _ in drawn}) == len({r for _, r in drawn}) == len(toy.sounds)
    image, recording = pairs(Batches(toy, "one-to-one", SIZE, seed=1), range(100))
    assert len(drawn & {*zip(image.tolist(), recording.tolist(), strict=True)}) < len(drawn) / 5


def test_one_to_one_pairs(toy: Part, source: PairedDataset, offline_source: PairedDataset) -> None:
    parts = [part(each, "official", "train") for each in (source, offline_source)]
    for p in (toy, *parts):
        image, recording = lasting(p, "one-to-one", 5)
        assert torch.equal(p.image_digit[image], p.sound_digit[recording])
        # No item twice, and none left over where the other side had one.
        assert len(image.unique()) == len(recording.unique()) == len(image)
        wanted = torch.minimum(p.image_digit.bincount(), p.sound_digit.bincount())
        assert torch.equal(p.sound_digit[recording].bincount(), wanted)
        again = lasting(p, "one-to-one", 5)
        assert torch.equal(image, again[0]) and torch.equal(recording, again[1])
        assert not torch.equal(image, lasting(p, "one-to-one", 6)[0])
    one = lasting(toy, "fixed-1", 5)  # images last
    assert all(map(torch.equal, one, lasting(toy, "one-to-one", 5)))


@pytest.mark.parametrize("k", [1, 2, 3, 100])
def test_fixed_partners(k: int, toy: Part, source: PairedDataset) -> None:
    for p in (toy, part(source, "official", "train")):
        image, recording = lasting(p, f"fixed-{k}", 5)
        assert torch.equal(p.image_digit[image], p.sound_digit[recording])
        assert torch.equal(recording.bincount(), torch.full((len(p.sounds),), k))
        n_images, n_recordings = p.image_digit.bincount(), p.sound_digit.bincount()
        partners = image.bincount(minlength=len(p.images))
        for digit in range(10):
            # Images are used equally often, and a recording has as many different ones as it can.
            used = partners[p.image_digit == digit]
            assert used.max() - used.min() <= 1
            first = (recording == (p.sound_digit == digit).nonzero()[0]).nonzero().squeeze(1)
            assert len(image[first].unique()) == min(k, int(n_images[digit]))
            assert used.max() > 1 or k * n_recordings[digit] <= n_images[digit]


def test_fixed_partners_last(toy: Part, plain: None) -> None:
    image, recording = pairs(Batches(toy, "fixed-3", SIZE, seed=0), range(300))
    drawn = {*zip(image.tolist(), recording.tolist(), strict=True)}
    assert len(drawn) == 3 * len(toy.sounds)


def test_unknown_pairings() -> None:
    for pairing in ("resampled", "one-to-one", "fixed-1", "fixed-16", "shuffled"):
        check_pairing(pairing)
    for pairing in ("fixed", "fixed-0", "fixed-K", "fixed--1", "fixed-99999", "random", ""):
        with pytest.raises(InputError, match=f"unknown pairing '{pairing}': give resampled"):
            check_pairing(pairing)


def lasting(p: Part, pairing: str, seed: int) -> tuple[Tensor, Tensor]:
    found = fixed_pairs(p, pairing, seed)
    assert found is not None
    return found


def test_shuffled_digits_are_independent(toy: Part, plain: None) -> None:
    dataset = toy_dataset()
    image, recording = pairs(Batches(toy, "shuffled", SIZE, seed=0), range(150))
    drawn, spoken = dataset.images.digit[image], dataset.recordings.digit[recording]
    table = (10 * drawn + spoken).bincount(minlength=100).reshape(10, 10)
    assert chi2_contingency(table.numpy()).pvalue > 0.01
    assert 0.08 < (drawn == spoken).double().mean() < 0.12
    resampled = pairs(Batches(toy, "resampled", SIZE, seed=0), range(5))
    paired = torch.zeros(10, 10).index_put_(
        (dataset.images.digit[resampled[0]], dataset.recordings.digit[resampled[1]]),
        torch.ones(()),
        accumulate=True,
    )
    assert chi2_contingency(paired.numpy() + 0.01).pvalue < 1e-9  # the test sees a pairing


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_every_item_is_as_likely(pairing: str, toy: Part, plain: None) -> None:
    dataset = toy_dataset()
    image, recording = pairs(Batches(toy, pairing, SIZE, seed=0), range(200))
    there = numbers(toy.sounds)
    assert chisquare(recording.bincount(minlength=len(dataset.recordings))[there]).pvalue > 0.01
    assert chisquare(dataset.recordings.digit[recording].bincount()).pvalue > 0.01
    if pairing == "shuffled":
        assert chisquare(image.bincount(minlength=900)[numbers(toy.images)]).pvalue > 0.01


def test_digits_of_the_real_data_are_uniform(source: PairedDataset) -> None:
    train = part(source, "official", "train")
    batches = Batches(train, "resampled", 256, seed=0, labels="warm-start")
    digits = [batches(step).digit for step in range(20)]
    drawn = torch.cat([each for each in digits if each is not None])
    assert chisquare(drawn.bincount(minlength=10)).pvalue > 0.01


def test_a_digit_without_an_image() -> None:
    dataset = toy_dataset()
    keep = dataset.images.digit != 4
    images = dataclasses.replace(
        dataset.images, **{k: v[keep] for k, v in vars(dataset.images).items()}
    )
    p = part(dataclasses.replace(dataset, images=images), "official", "train")
    for pairing in ("resampled", "one-to-one", "fixed-2"):
        with pytest.raises(ValueError, match="no image"):
            Batches(p, pairing, SIZE, seed=0)
    assert Batches(p, "shuffled", SIZE, seed=0)(0).x.shape == (SIZE, 1, 28, 28)


# Repeatable

KEYS = [(0, "", 0), (1, "", 0), (0, "critic", 0), (0, "critic", 1), (1, "critic", 1), (10, "", 0)]


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_a_batch_depends_on_its_key_alone(pairing: str, toy: Part) -> None:
    first = Batches(toy, pairing, SIZE, seed=7)
    torch.manual_seed(0)
    in_order = [first(*key) for key in KEYS]
    second = Batches(toy, pairing, SIZE, seed=7)
    torch.manual_seed(1)
    backwards = [second(*key) for key in reversed(KEYS)][::-1]
    again = [first(*key) for key in KEYS]
    for a, b, c in zip(in_order, backwards, again, strict=True):
        assert same(a, b) and same(a, c)


def test_the_global_generator_is_left_alone(toy: Part) -> None:
    before = torch.get_rng_state()
    for pairing in PAIRINGS:
        Batches(toy, pairing, SIZE, seed=0)(0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_a_batch_differs_with_each_part_of_its_key(pairing: str, toy: Part) -> None:
    batches = [Batches(toy, pairing, SIZE, seed, rank) for seed in (0, 1) for rank in (0, 1)]
    drawn = [batch(*key) for batch in batches for key in KEYS]
    for i, a in enumerate(drawn):
        for b in drawn[:i]:
            assert not any(torch.equal(u, v) for u, v in zip(a.c, b.c, strict=True))


def test_seeds() -> None:
    keys = [(), (1,), (11,), (1, 1), ("1", 1), (1, "1"), ("a", "b"), ("ab",), (0, 1, "x", 0, 0)]
    seeds = [seed_of(*key) for key in keys]
    assert len(set(seeds)) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of("one-to-one", 0) == 4211417305226128622  # the same in every process and version
