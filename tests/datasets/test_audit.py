"""The audit finds what is in two splits."""

from __future__ import annotations

import dataclasses

import pytest

from datasets.audit import audit, shared_content
from datasets.base import PairedDataset
from tests.datasets.toy import TEST, TRAIN, VALIDATION, first, toy_dataset, with_same_image


def with_same_recording(dataset: PairedDataset, a: int, b: int) -> PairedDataset:
    hashes = list(dataset.recordings.hashes)
    hashes[b] = hashes[a]
    recordings = dataclasses.replace(dataset.recordings, hashes=tuple(hashes))
    return dataclasses.replace(dataset, recordings=recordings)


def shared(dataset: PairedDataset, split: str = "official") -> list[int]:
    return [n for _, _, n in audit(dataset, split)]


def test_shared_content() -> None:
    assert shared_content([], []) == 0
    assert shared_content("abc", [0, 1, 2]) == 0
    assert shared_content("aab", [0, 0, 1]) == 0  # twice in one split
    assert shared_content("aabb", [0, 1, 2, 2]) == 1
    assert shared_content("aaabb", [0, 1, 2, 1, 0]) == 2


def test_sizes_and_nothing_shared() -> None:
    assert audit(toy_dataset(), "official") == [
        ("images", (600, 100, 200), 0),
        ("recordings", (160, 40, 40), 0),
    ]
    assert audit(toy_dataset(), "speaker:ann")[1] == ("recordings", (120, 60, 60), 0)


def test_nothing_is_shared_in_the_data_that_are_here(
    source: PairedDataset, offline_source: PairedDataset
) -> None:
    assert shared(source) == [0, 0]
    assert shared(source, f"speaker:{source.recordings.speakers[0]}") == [0, 0]
    assert shared(offline_source) == [0, 0]


@pytest.mark.parametrize("other", [VALIDATION, TEST])
def test_a_planted_duplicate_is_found(other: int) -> None:
    dataset = toy_dataset()
    split = dataset.images.split
    twin = with_same_image(dataset, first(split, TRAIN), first(split, other))
    assert shared(twin) == [1, 0]
    official = dataset.recordings.official
    assert shared(with_same_recording(dataset, first(official, TRAIN), first(official, other))) == [
        0,
        1,
    ]
    assert shared(with_same_image(dataset, first(split, TRAIN), first(split, TRAIN, 1))) == [0, 0]


def test_a_duplicate_matters_by_the_split() -> None:
    dataset = toy_dataset()
    speaker = dataset.recordings.speaker
    a, b = first(speaker, 0), first(speaker, 1)  # zoe, ann
    dataset = with_same_recording(dataset, a, b)
    assert dataset.recordings.official[a] == dataset.recordings.official[b]
    assert shared(dataset) == [0, 0]
    assert shared(dataset, "speaker:zoe") == [0, 1]
