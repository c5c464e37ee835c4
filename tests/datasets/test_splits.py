"""Which item is in which split, and that none is in two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from common.errors import InputError
from datasets import mnist_fsdd, splits
from datasets.base import SPLITS, PairedDataset
from datasets.splits import Part, part, recording_split
from tests.datasets.toy import TEST, TRAIN, VALIDATION, fake_data, numbers, toy_dataset


def part_of(dataset: PairedDataset, split: str, name: Any) -> Part:
    test = name == "test"
    return splits.test_part(dataset, split) if test else part(dataset, split, name)


# The official split


def test_official_split_is_by_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = mnist_fsdd.load(fake_data(tmp_path, monkeypatch))
    recordings = dataset.recordings
    split = recording_split(dataset, "official").tolist()
    assert len(split) == 24
    wanted = {0: TEST, 4: TEST, 5: VALIDATION, 9: VALIDATION, 10: TRAIN, 49: TRAIN}
    for i, name in enumerate(recordings.names):
        digit, speaker, take = name.split("_")
        assert split[i] == wanted[int(take)]
        assert recordings.digit[i] == int(digit)
        assert recordings.speakers[int(recordings.speaker[i])] == speaker


def test_images_are_split_by_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = mnist_fsdd.load(fake_data(tmp_path, monkeypatch)).images
    train = torch.arange(60_000) * 31 % 251
    t10k = torch.arange(10_000) * 31 % 251
    for k, pixels in enumerate((train[:50_000], train[50_000:], t10k)):
        assert torch.equal(images.pixels[images.split == k].flatten().long(), pixels)


def test_sizes(source: PairedDataset, offline_source: PairedDataset) -> None:
    wanted = {
        "mnist-fsdd": ([50_000, 10_000, 10_000], [2400, 300, 300]),
        "offline": ([1201, 300, 296], [2400, 300, 300]),
    }
    for each in (source, offline_source):
        images = each.images.split.bincount().tolist()
        recordings = recording_split(each, "official").bincount().tolist()
        assert (images, recordings) == wanted[each.name]
        for name, n in zip(SPLITS, recordings, strict=True):
            assert part_of(each, "official", name).sound_digit.bincount().tolist() == [n // 10] * 10


# One speaker held out


@pytest.mark.parametrize(
    ("name", "following"), [("ann", "bob"), ("bob", "mia"), ("mia", "zoe"), ("zoe", "ann")]
)
def test_a_speaker_is_held_out(name: str, following: str) -> None:
    dataset = toy_dataset()
    split = recording_split(dataset, f"speaker:{name}")
    for i, speaker in enumerate(dataset.recordings.speakers):
        wanted = {name: TEST, following: VALIDATION}.get(speaker, TRAIN)
        assert (split[dataset.recordings.speaker == i] == wanted).all()


def test_a_held_out_speaker_of_the_data_here(
    source: PairedDataset, offline_source: PairedDataset
) -> None:
    for each in (source, offline_source):
        speakers = sorted(each.recordings.speakers)
        for name, following in ((speakers[0], speakers[1]), (speakers[-1], speakers[0])):
            found = {
                split: set(part_of(each, f"speaker:{name}", split).speaker.tolist())
                for split in SPLITS
            }
            order = each.recordings.speakers
            assert found["test"] == {order.index(name)}
            assert found["validation"] == {order.index(following)}
            assert found["train"] == set(range(len(order))) - found["test"] - found["validation"]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (
            "speaker:an",
            r"unknown speaker 'an' in 'speaker:an': did you mean ann\? there are: ann, ",
        ),
        ("speaker:xyz", r"unknown speaker 'xyz' in 'speaker:xyz': there are: ann, bob, mia, zoe$"),
        ("speaker:", "unknown split 'speaker:': give 'official' or 'speaker:NAME'"),
        ("speaker", "unknown split 'speaker'"),
        ("Official", "unknown split 'Official'"),
        ("voice:ann", "unknown split 'voice:ann'"),
        ("", "unknown split ''"),
    ],
)
def test_an_unknown_split(split: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        recording_split(toy_dataset(), split)
    assert "\n" not in str(caught.value)


# Parts


@pytest.mark.parametrize("split", ["official", "speaker:mia"])
def test_parts_are_disjoint_and_nothing_is_lost(split: str) -> None:
    dataset = toy_dataset()
    parts = [part_of(dataset, split, name) for name in SPLITS]
    images = torch.cat([numbers(p.images) for p in parts])
    recordings = torch.cat([numbers(p.sounds) for p in parts])
    assert images.sort().values.tolist() == list(range(len(dataset.images)))
    assert recordings.sort().values.tolist() == list(range(len(dataset.recordings)))


@pytest.mark.parametrize("name", SPLITS)
def test_a_part_keeps_what_belongs_together(name: str) -> None:
    dataset = toy_dataset()
    p = part_of(dataset, "speaker:bob", name)
    image, recording = numbers(p.images), numbers(p.sounds)
    assert torch.equal(p.image_digit, dataset.images.digit[image])
    assert (p.image_digit.diff() >= 0).all()
    assert torch.equal(p.sound_digit, dataset.recordings.digit[recording])
    assert torch.equal(p.speaker, dataset.recordings.speaker[recording])
    assert torch.equal(p.clips, dataset.recordings.clips[recording])


def test_the_image_split_does_not_depend_on_the_speaker() -> None:
    dataset = toy_dataset()
    for name in SPLITS:
        a, b = (part_of(dataset, split, name) for split in ("official", "speaker:zoe"))
        assert torch.equal(a.images, b.images)


def test_clips_stay_on_the_cpu() -> None:
    moved = part(toy_dataset(), "official", "train").to("meta")
    assert {k for k, v in vars(moved).items()
            if isinstance(v, torch.Tensor) and v.device.type == "cpu"} == {"clips"}  # fmt: skip


@pytest.mark.parametrize("name", ["test", "all"])
def test_a_part_is_for_training_or_validation(name: Any) -> None:
    with pytest.raises(ValueError, match=f"'train' or 'validation', not '{name}'"):
        part(toy_dataset(), "official", name)
