"""The audit finds what is in two splits, and the command that prints it says so."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import datasets
from common.errors import command
from datasets import __main__ as program
from datasets.audit import audit, shared_content
from datasets.base import PairedDataset
from tests.datasets.test_splits import TEST, TRAIN, VALIDATION, toy_source


def with_same_image(source: PairedDataset, a: int, b: int) -> PairedDataset:
    pixels = source.images.pixels.clone()
    pixels[b] = pixels[a]
    return dataclasses.replace(source, images=dataclasses.replace(source.images, pixels=pixels))


def with_same_recording(source: PairedDataset, a: int, b: int) -> PairedDataset:
    hashes = list(source.recordings.hashes)
    hashes[b] = hashes[a]
    recordings = dataclasses.replace(source.recordings, hashes=tuple(hashes))
    return dataclasses.replace(source, recordings=recordings)


def first(index: torch.Tensor, split: int, k: int = 0) -> int:
    return int((index == split).nonzero()[k])


def shared(source: PairedDataset, split: str = "official") -> list[int]:
    return [n for _, _, n in audit(source, split)]


def test_shared_content() -> None:
    assert shared_content([], []) == 0
    assert shared_content("abc", [0, 1, 2]) == 0
    assert shared_content("aab", [0, 0, 1]) == 0  # twice in one split
    assert shared_content("aabb", [0, 1, 2, 2]) == 1
    assert shared_content("aaabb", [0, 1, 2, 1, 0]) == 2


def test_sizes_and_nothing_shared() -> None:
    assert audit(toy_source(), "official") == [
        ("images", (600, 100, 200), 0),
        ("recordings", (160, 40, 40), 0),
    ]
    assert audit(toy_source(), "speaker:ann")[1] == ("recordings", (120, 60, 60), 0)


def test_nothing_is_shared_in_the_data_that_are_here(
    source: PairedDataset, offline_source: PairedDataset
) -> None:
    assert shared(source) == [0, 0]
    assert shared(source, f"speaker:{source.recordings.speakers[0]}") == [0, 0]
    assert shared(offline_source) == [0, 0]


@pytest.mark.parametrize("other", [VALIDATION, TEST])
def test_a_planted_duplicate_is_found(other: int) -> None:
    source = toy_source()
    split = source.images.split
    twin = with_same_image(source, first(split, TRAIN), first(split, other))
    assert shared(twin) == [1, 0]
    official = source.recordings.official
    assert shared(with_same_recording(source, first(official, TRAIN), first(official, other))) == [
        0,
        1,
    ]
    assert shared(with_same_image(source, first(split, TRAIN), first(split, TRAIN, 1))) == [0, 0]


def test_a_duplicate_matters_by_the_split() -> None:
    source = toy_source()
    voice = source.recordings.speaker
    a, b = first(voice, 0), first(voice, 1)  # zoe, ann
    source = with_same_recording(source, a, b)
    assert source.recordings.official[a] == source.recordings.official[b]
    assert shared(source) == [0, 0]
    assert shared(source, "speaker:zoe") == [0, 1]


# python -m datasets


def run(patch: pytest.MonkeyPatch, *arguments: str, source: PairedDataset | None = None) -> int:
    """Its exit code."""
    if source is not None:
        patch.setattr(datasets, "load", lambda *_: source)
    patch.setattr(sys, "argv", ["datasets", *arguments])
    try:
        command(program.main)()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = toy_source(), tmp_path / "new" / "sheet.png"
    arguments = ("--data", "mnist-fsdd", "--split", "speaker:zoe", "--out", str(out))
    assert run(monkeypatch, *arguments, source=source) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("data: toy, split speaker:zoe\n")
    for text in (
        source.fingerprint,
        "audit by content hash: nothing is in two splits\n",
        "mia 60, bob 60",
        f"contact sheet: {out}\n",
    ):
        assert text in said.out
    next_line = said.out.splitlines()[-1]
    assert next_line.startswith("next: python train.py --model cgan --data mnist-fsdd")
    assert "--split speaker:zoe" in next_line
    pixels = np.array(Image.open(out))
    assert pixels.shape[0] > 1000 and pixels.shape[1] > 1000 and pixels.std() > 10


def test_the_sheet_shows_nothing_of_the_test_split(source: PairedDataset) -> None:
    images, recordings = source.images, source.recordings
    pixels, pictures, clips = images.pixels.clone(), recordings.pictures.clone(), recordings.clips
    pixels[images.split == TEST] = 255
    pictures[recordings.official == TEST] = 255
    clips = torch.where((recordings.official == TEST).unsqueeze(1), 1.0, clips)
    altered = dataclasses.replace(
        source,
        images=dataclasses.replace(images, pixels=pixels),
        recordings=dataclasses.replace(recordings, pictures=pictures, clips=clips),
    )
    assert program.draw(source, "official") == program.draw(altered, "official")


def test_command_finds_a_duplicate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = toy_source(), tmp_path / "sheet.png"
    split = source.images.split
    source = with_same_image(source, first(split, TRAIN), first(split, TEST))
    assert run(monkeypatch, "--out", str(out), source=source) == 2
    said = capsys.readouterr()
    assert said.err == "error: 1 of the images of 'toy' are in two splits (by content hash)\n"
    assert "nothing is in two" not in said.out
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--data", "nope"), "--data"),
        (("--split", "speaker:zo"), "did you mean zoe?"),
        (("--splits", "official"), "--split"),
        (("--out", "{file}/sheet.png"), "; give another --out"),
    ],
)
def test_command_refuses(
    arguments: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    given = [argument.format(file=file) for argument in arguments]
    assert run(monkeypatch, *given, source=toy_source()) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and says in said
    assert said.count("\n") == 1
