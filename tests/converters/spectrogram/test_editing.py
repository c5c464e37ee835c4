"""The recipe for editing a sound as a picture: what each preset keeps of each edit."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.files import ROOT
from converters import Sound
from converters.sound_files import read_sound, write_sound
from converters.spectrogram import PRESETS, Spectrogram
from converters.stft import stft
from datasets.base import PairedDataset
from tests.conversion.calls import call
from tests.converters.spectrogram.tools import music, save, speech

Edit = Callable[[np.ndarray], np.ndarray]
"""A plane (n_rows, n_columns), or one of colours -> edited."""


def erase(plane: np.ndarray) -> np.ndarray:
    """A band of frequencies."""
    plane = plane.copy()
    plane[len(plane) // 2 : len(plane) * 3 // 4] = 0
    return plane


def move_later(plane: np.ndarray) -> np.ndarray:
    moved = np.zeros_like(plane)
    moved[:, 40:] = plane[:, :-40]
    return moved


def move_higher(plane: np.ndarray) -> np.ndarray:
    moved = np.zeros_like(plane)
    moved[:-20] = plane[20:]
    return moved


def paint(plane: np.ndarray) -> np.ndarray:
    """A rising line of three pixels."""
    plane = plane.copy()
    for column in range(20, min(plane.shape[1], 220)):
        row = len(plane) * 3 // 4 - column // 4
        plane[row - 1 : row + 2, column] = np.iinfo(plane.dtype).max // 10 * 9
    return plane


def widen(plane: np.ndarray) -> np.ndarray:
    return widened(plane, 1.5)


def widened(plane: np.ndarray, factor: float) -> np.ndarray:
    planes = np.moveaxis(np.atleast_3d(plane), -1, 0).astype(np.float32)
    size = round(plane.shape[1] * factor), len(plane)
    wide = np.stack([np.asarray(Image.fromarray(each).resize(size)) for each in planes], -1)
    return np.squeeze(wide).clip(0, np.iinfo(plane.dtype).max).astype(plane.dtype)


EDITS: dict[str, Edit] = {
    "nothing": np.ndarray.copy, "erase": erase, "move later": move_later,
    "move higher": move_higher, "paint": paint, "stretch": widen,
}  # fmt: skip
# Allowed distance of the sound's magnitudes from those that an edit asks for, in dB.
ALLOWED = {
    "colour": dict(zip(EDITS, (-60, -23, -22, -33, -8, -4), strict=True)),
    "16+16": dict(zip(EDITS, (-90, -23, -22, -33, -8, -19), strict=True)),
    "magnitude": dict(zip(EDITS, (-36, -23, -20, -33, -8, -18), strict=True)),
}


def loss(preset: str, edit: str, samples: np.ndarray, rate: int) -> float:
    """Distance of the sound's magnitudes from those that the edit asks for, in dB."""
    converter = PRESETS[preset]
    (tile,) = converter.encode_sound(Sound.of(samples, rate))
    assert tile.header is not None
    maker = converter.at_rate(rate)
    n_rows, planes = maker.n_rows, maker.encoding.planes_per_channel
    above, barcode = tile.pixels[: planes * n_rows], tile.pixels[planes * n_rows :]
    parts = [EDITS[edit](part) for part in np.split(above, planes)]
    if edit == "stretch":
        barcode = widened(barcode, 1.5)
    if edit == "paint" and planes == 2:  # where there is no phase, it is found
        parts[1][parts[0] != above[:n_rows]] = 0
    edited = save(tile, pixels=np.concatenate([*parts, barcode]))
    decoder = dataclasses.replace(Spectrogram.from_header(tile.header), stretch=edit == "stretch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = decoder.decode_sound(iter([edited])).samples()[:, 0].astype(float) / 32768
    made: np.ndarray = np.abs(stft(samples / 32768, maker.n_fft, maker.hop))
    if edit in ("move later", "move higher", "erase"):
        wanted = EDITS[edit](made[::-1])[::-1]
    elif edit == "stretch":
        image = Image.fromarray(made.astype(np.float32))
        wanted = np.asarray(image.resize((round(made.shape[1] * 1.5), len(made))))
    elif edit == "paint":
        drawn = EDITS["paint"](np.zeros(made.shape, np.uint16))[::-1] / 65535
        level = float(tile.header.facts["peak"]) * maker.companding().magnitude(drawn)
        wanted = np.where(drawn > 0, level, made)
    else:
        wanted = made
    magnitude = np.abs(stft(found, maker.n_fft, maker.hop))
    width = min(magnitude.shape[1], wanted.shape[1])
    error = magnitude[:, :width] - wanted[:, :width]
    ratio = float(np.linalg.norm(error) / np.linalg.norm(wanted[:, :width]))
    return float(20 * np.log10(max(ratio, 1e-9)))


@pytest.mark.parametrize("preset", ALLOWED)
def test_edits(preset: str, source: PairedDataset) -> None:
    for edit, allowed in ALLOWED[preset].items():
        found = loss(preset, edit, speech(source)[:40_000], 8000)
        assert found < allowed, edit


def test_the_recipe_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = (ROOT / "README.md").read_text().partition("### Edit a sound")[2]
    first, last = re.findall(r"```sh\n(.*?)```", recipe, re.DOTALL)[:2]
    (code,) = re.findall(r"```python\n(.*?)```", recipe.partition("\n## ")[0], re.DOTALL)
    monkeypatch.chdir(tmp_path)
    samples = music(90_000, 22_050)
    write_sound(Path("song.wav"), Sound.of(samples, 22_050))
    run(first)
    exec(code, {})
    run(last)
    edited = read_sound(Path("edited.decoded.wav")).samples()[:, 0].astype(float)
    spectrum = np.abs(stft(edited, 1024, 128))[::-1]  # as in the picture
    before = np.abs(stft(samples.astype(float), 1024, 128))[::-1]
    assert spectrum[105:195].max() < 0.02 * before[105:195].max()  # erased
    assert spectrum[500, 120:280].mean() > 2 * before[500, 120:280].mean()  # painted
    tone = edited[110 * 128 : 290 * 128]
    assert np.abs(np.fft.rfft(tone)).argmax() * 22_050 / len(tone) == pytest.approx(
        (512 - 500) * 22_050 / 1024, abs=10
    )
    assert spectrum[250:350, 610:690].max() > 3 * before[250:350, 610:690].max()  # moved
    slow = read_sound(Path("slow.decoded.wav"))
    assert abs(slow.format.n_samples - 2 * len(edited)) < 2048


def run(block: str) -> None:
    for line in block.strip().splitlines():
        done = call(*line.partition("#")[0].split()[2:])
        assert done.code == 0, done.err
