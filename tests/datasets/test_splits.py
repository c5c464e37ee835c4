"""Which item is in which split, and that none is in two."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from common.errors import InputError
from datasets import mnist_fsdd
from datasets.base import SPLITS, Images, PairedDataset, Recordings
from datasets.fingerprint import fingerprint
from datasets.splits import part, recording_split

TRAIN, VALIDATION, TEST = range(3)
VOICES = ("zoe", "ann", "mia", "bob")  # in no order
TAKES = (0, 4, 5, 9, 10, 49)


def toy_source(n_images: int = 900) -> PairedDataset:
    """Every item can be told from every other: image i holds i in its first two pixels, recording
    i in those of its picture and in its clip."""
    i = torch.arange(n_images)
    images = Images(
        pixels=numbered(n_images, 28),
        digit=(7 * i + i // 13) % 10,
        split=torch.where(i % 9 < 6, TRAIN, torch.where(i % 9 < 7, VALIDATION, TEST)),
    )
    every = list(itertools.product(range(10), VOICES, range(6)))
    n = len(every)
    take = torch.tensor([take for _, _, take in every])
    recordings = Recordings(
        clips=torch.linspace(0.01, 1, n).unsqueeze(1).repeat(1, 8192),
        pictures=numbered(n, 64),
        digit=torch.tensor([digit for digit, _, _ in every]),
        speaker=torch.tensor([VOICES.index(voice) for _, voice, _ in every]),
        speakers=VOICES,
        names=tuple(f"{digit}_{voice}_{take}" for digit, voice, take in every),
        hashes=tuple(hashlib.sha256(repr(item).encode()).hexdigest() for item in every),
        official=torch.where(take < 1, TEST, torch.where(take < 2, VALIDATION, TRAIN)),
    )
    return PairedDataset("toy", images, recordings, fingerprint(images, recordings))


def numbered(n: int, size: int) -> torch.Tensor:
    """(n, size, size) uint8"""
    pictures = torch.zeros(n, size, size, dtype=torch.uint8)
    pictures[:, 0, 0] = torch.arange(n) % 256
    pictures[:, 0, 1] = torch.arange(n) // 256
    return pictures


def numbers(pictures: torch.Tensor) -> torch.Tensor:
    """What `numbered` wrote."""
    top = pictures[..., 0, :2].long()
    return top[..., 0] + 256 * top[..., 1]


def fake_files() -> Iterator[tuple[str, bytes]]:
    """Files by the names and formats of MNIST and FSDD: images of one pixel, few recordings."""
    for name, n in (("train", 60_000), ("t10k", 10_000)):
        i = np.arange(n)
        size = n.to_bytes(4, "big")
        pixels, digits = (i * 31 % 251).astype(np.uint8), (i % 10).astype(np.uint8)
        one = (1).to_bytes(4, "big")
        path = f"MNIST/raw/{name}"
        yield f"{path}-images-idx3-ubyte", b"\0\0\x08\x03" + size + one + one + pixels.tobytes()
        yield f"{path}-labels-idx1-ubyte", b"\0\0\x08\x01" + size + digits.tobytes()
    items = itertools.product((0, 7), ("theo", "george"), TAKES)
    for k, (digit, speaker, take) in enumerate(items):
        samples = np.random.default_rng(k).integers(-9000, 9000, 500 + 100 * k).astype(np.int16)
        wav = io.BytesIO()
        soundfile.write(wav, samples, 8000, format="WAV")
        yield f"FSDD/recordings/{digit}_{speaker}_{take}.wav", wav.getvalue()


def fake_data(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A data folder that is whole by a manifest of its own."""
    manifest = {}
    for path, content in fake_files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        manifest[path] = hashlib.sha256(content).hexdigest()
    for module in ("manifest", "download"):
        patch.setattr(f"datasets.{module}.read_manifest", lambda: manifest)
    return folder


# The official split


def test_official_split_is_by_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = mnist_fsdd.load(fake_data(tmp_path, monkeypatch))
    recordings = source.recordings
    split = recording_split(source, "official").tolist()
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
            assert part(each, "official", name).c_digit.bincount().tolist() == [n // 10] * 10


# One voice held out


@pytest.mark.parametrize(
    ("name", "following"), [("ann", "bob"), ("bob", "mia"), ("mia", "zoe"), ("zoe", "ann")]
)
def test_a_speaker_is_held_out(name: str, following: str) -> None:
    source = toy_source()
    split = recording_split(source, f"speaker:{name}")
    for voice, speaker in enumerate(source.recordings.speakers):
        wanted = {name: TEST, following: VALIDATION}.get(speaker, TRAIN)
        assert (split[source.recordings.speaker == voice] == wanted).all()


def test_a_held_out_speaker_of_the_real_voices(
    source: PairedDataset, offline_source: PairedDataset
) -> None:
    for each in (source, offline_source):
        voices = sorted(each.recordings.speakers)
        for name, following in ((voices[0], voices[1]), (voices[-1], voices[0])):
            heard = {
                split: set(part(each, f"speaker:{name}", split).c_speaker.tolist())
                for split in SPLITS
            }
            known = each.recordings.speakers
            assert heard["test"] == {known.index(name)}
            assert heard["validation"] == {known.index(following)}
            assert heard["train"] == set(range(len(known))) - heard["test"] - heard["validation"]


@pytest.mark.parametrize(
    ("split", "says"),
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
def test_an_unknown_split(split: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        recording_split(toy_source(), split)
    assert "\n" not in str(caught.value)


# Parts


@pytest.mark.parametrize("split", ["official", "speaker:mia"])
def test_parts_are_disjoint_and_nothing_is_lost(split: str) -> None:
    source = toy_source()
    parts = [part(source, split, name) for name in SPLITS]
    images = torch.cat([numbers(p.x) for p in parts])
    recordings = torch.cat([numbers(p.c) for p in parts])
    assert images.sort().values.tolist() == list(range(len(source.images)))
    assert recordings.sort().values.tolist() == list(range(len(source.recordings)))


@pytest.mark.parametrize("name", SPLITS)
def test_a_part_keeps_what_belongs_together(name: str) -> None:
    source = toy_source()
    p = part(source, "speaker:bob", name)
    image, recording = numbers(p.x), numbers(p.c)
    assert torch.equal(p.x_digit, source.images.digit[image])
    assert (p.x_digit.diff() >= 0).all()
    assert torch.equal(p.c_digit, source.recordings.digit[recording])
    assert torch.equal(p.c_speaker, source.recordings.speaker[recording])
    assert torch.equal(p.clips, source.recordings.clips[recording])


def test_the_image_split_does_not_depend_on_the_voice() -> None:
    source = toy_source()
    for name in SPLITS:
        a, b = (part(source, split, name) for split in ("official", "speaker:zoe"))
        assert torch.equal(a.x, b.x)


def test_clips_stay_on_the_cpu() -> None:
    moved = part(toy_source(), "official", "train").to("meta")
    assert {k for k, v in vars(moved).items() if v.device.type == "cpu"} == {"clips"}


def test_an_unknown_part() -> None:
    with pytest.raises(ValueError, match="tuple"):
        part(toy_source(), "official", "all")
