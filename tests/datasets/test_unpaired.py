"""Images and sounds that are no pairs: what is understood, and what is refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import datasets
from common.errors import InputError
from converters.mel64.features import MEL64, fit_clip
from datasets import PairedDataset, part, splits
from datasets.audit import audit
from datasets.own_files import windows

RATE, SIZE = MEL64.sample_rate, MEL64.n_samples
N = 12


def noise(seconds: float, seed: int, level: float = 0.1) -> np.ndarray:
    n = round(seconds * RATE)
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    art, speech = tmp_path / "Art!", tmp_path / "speech"
    for i in range(N):
        place = art / ("deep/er" if i % 2 else "flat")
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{i}.png")
        speech.mkdir(exist_ok=True)
        soundfile.write(speech / f"{i}.wav", noise(2.5 * 1.024, i), RATE)
    return art, speech


def load(folders: tuple[Path, Path], size: int = 32) -> PairedDataset:
    return datasets.load(size=size, images=folders[0], sounds=folders[1])


def test_every_file_is_there_and_sounds_are_heard_whole(folders: tuple[Path, Path]) -> None:
    found = load(folders)
    assert (found.name, found.is_paired, len(found.classes)) == ("folder-art-speech", False, 1)
    assert found.images.pixels.shape == (N, 3, 32, 32)
    assert len(found.recordings) == 3 * N  # 2.5 windows: the half is heard too
    assert len({*found.recordings.names}) == 3 * N
    spec = found.spec("audio2image")
    assert (spec.x_shape, spec.c_shape, spec.n_digits) == ((3, 32, 32), (1, 64, 64), 1)
    assert "12 sounds are heard in 36 windows" in found.notes[0]


def test_windows_of_a_file_are_in_one_split(folders: tuple[Path, Path]) -> None:
    found = load(folders)
    split = found.recordings.official.view(N, 3)
    assert (split == split[:, :1]).all()
    assert split[:, 0].bincount(minlength=3).tolist() == [N - 4, 2, 2]
    assert found.images.split.bincount(minlength=3).tolist() == [N - 4, 2, 2]
    assert all(shared == 0 for _, _, shared in audit(found, "official"))
    sizes = [len(part(found, "official", name).sounds) for name in ("train", "validation")]
    assert [*sizes, len(splits.test_part(found, "official").sounds)] == [3 * (N - 4), 6, 6]


def test_a_sound_is_cut_one_window_after_the_other() -> None:
    first, second, rest = noise(1.024, 0), noise(1.024, 1), noise(0.5, 2)
    clips, level = windows(np.concatenate((first, 3 * second, rest)))
    assert torch.equal(clips, torch.stack([fit_clip(torch.from_numpy(first)),
                                           fit_clip(torch.from_numpy(3 * second))]))  # fmt: skip
    assert level[1] / level[0] == pytest.approx(3, rel=0.05)
    assert len(windows(np.concatenate((first, noise(0.52, 2))))[0]) == 2
    assert len(windows(noise(0.1, 0))[0]) == 1  # however short


def test_a_pause_is_silent() -> None:
    loud, quiet = noise(1.024, 0), noise(1.024, 1, level=0.003)
    clips, level = windows(np.concatenate((loud, quiet, loud)))
    assert level.bool().tolist() == [True, False, True]
    assert not clips[1].any() and clips[0].any()
    assert windows(np.concatenate((loud, noise(1.024, 1, level=0.005))))[1].all()


def test_an_offset_is_no_level() -> None:
    loud, quiet = noise(1.024, 0), noise(1.024, 1, level=0.001)
    clips, level = windows(np.concatenate((loud, quiet)) + np.float32(0.02))
    assert level.bool().tolist() == [True, False] and not clips[1].any()
    assert level[0] == pytest.approx(float(loud.std()), rel=1e-3)


def test_pauses_are_no_data(folders: tuple[Path, Path]) -> None:
    with_pause = np.concatenate((noise(1.024, 50), np.zeros(SIZE, np.float32), noise(1.024, 51)))
    soundfile.write(folders[1] / "0.wav", with_pause, RATE)
    assert len(load(folders).recordings) == 3 * N - 1


def test_what_cannot_be_used_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    art, speech = folders
    with pytest.raises(InputError, match=r"--images .*nowhere: no such folder"):
        load((tmp_path / "nowhere", speech))
    with pytest.raises(InputError, match="together"):
        datasets.load(images=art)
    with pytest.raises(InputError, match="no --data"):
        datasets.load("offline", images=art, sounds=speech)
    with pytest.raises(InputError, match="multiple of 4"):
        load(folders, size=30)
    for path in [*speech.iterdir()][: N - 9]:
        path.unlink()
    with pytest.raises(InputError, match=r"--sounds .*: 9 files: give 10 to"):
        load(folders)
    copy = next(speech.iterdir()).read_bytes()
    for i in range(N):
        (speech / f"copy {i}.wav").write_bytes(copy)
    for path in speech.glob("[0-9]*.wav"):
        path.unlink()
    with pytest.raises(InputError, match="too few different sounds"):
        load(folders)
    os.mkfifo(speech / "pipe.wav")
    with pytest.raises(InputError, match=r"pipe\.wav: is no file"):
        load(folders)
    (speech / "pipe.wav").unlink()
    (art / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"notes\.txt"):
        load(folders)


def test_so_much_sound_is_refused(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.own_files.MAX_WINDOWS", 3 * N - 1)
    with pytest.raises(InputError, match="more than 35 windows"):
        load(folders)


def test_content_decides_the_fingerprint(folders: tuple[Path, Path]) -> None:
    found = load(folders)
    assert load(folders).fingerprint == found.fingerprint
    assert load(folders, size=28).fingerprint != found.fingerprint
    soundfile.write(folders[1] / "0.wav", noise(1.0, 99), RATE)
    assert load(folders).fingerprint != found.fingerprint
