"""python -m datasets: a summary, an audit and a contact sheet, or one line of error."""

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
from datasets.base import PairedDataset
from tests.datasets.toy import TEST, TRAIN, first, toy_dataset, with_same_image


def run(patch: pytest.MonkeyPatch, *arguments: str, dataset: PairedDataset | None = None) -> int:
    """Its exit code."""
    if dataset is not None:
        patch.setattr(datasets, "load", lambda *_: dataset)
    patch.setattr(sys, "argv", ["datasets", *arguments])
    try:
        command(program.main)()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, out = toy_dataset(), tmp_path / "new" / "sheet.png"
    arguments = ("mnist-fsdd", "--split", "speaker:zoe", "--out", str(out))
    assert run(monkeypatch, *arguments, dataset=dataset) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.startswith(
        "data: toy, split speaker:zoe: 10 classes, images of 28 x 28, in grey\n"
    )
    for text in (
        dataset.fingerprint,
        "audit by content hash: nothing is in two splits\n",
        "mia 60, bob 60",
        f"contact sheet: {out}\n",
    ):
        assert text in output.out
    next_line = output.out.splitlines()[-1]
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
    dataset, out = toy_dataset(), tmp_path / "sheet.png"
    split = dataset.images.split
    dataset = with_same_image(dataset, first(split, TRAIN), first(split, TEST))
    assert run(monkeypatch, "--out", str(out), dataset=dataset) == 2
    output = capsys.readouterr()
    assert output.err == "error: 1 of the images of 'toy' are in two splits (by content hash)\n"
    assert "nothing is in two" not in output.out
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--split", "speaker:zo"), "did you mean zoe?"),
        (("--splits", "official"), "--split"),
        (("--out", "{file}/sheet.png"), "cannot write {file}/sheet.png: "),
    ],
)
def test_command_refuses(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    given = [argument.format(file=file) for argument in arguments]
    assert run(monkeypatch, *given, dataset=toy_dataset()) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message.format(file=file) in error
    assert error.count("\n") == 1
