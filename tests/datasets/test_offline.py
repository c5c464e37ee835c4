"""The offline set: what is in it, that it is the same everywhere, and its cache."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import importlib
import itertools
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from common.errors import InputError, command
from datasets import offline
from datasets.base import SPLITS, PairedDataset
from datasets.fingerprint import fingerprint

Samples = npt.NDArray[np.int16]
TENSORS = {"x": torch.arange(1000), "y": torch.ones(3, 4, dtype=torch.uint8)}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def synthesized(data_dir: Path) -> tuple[PairedDataset, list[Samples]]:
    speech: list[Samples] = []
    synthesize = offline.synthesize

    def record(lines: Iterable[tuple[str, str, int, int, int]]) -> list[Samples]:
        speech.extend(synthesize(lines))
        return speech

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offline, "synthesize", record)
        return offline.load(data_dir), speech


@pytest.fixture(scope="module")
def source(synthesized: tuple[PairedDataset, list[Samples]]) -> PairedDataset:
    return synthesized[0]


def content(source: PairedDataset) -> str:
    images, recordings = source.images, source.recordings
    sha = hashlib.sha256(source.fingerprint.encode())
    for tensor in (images.split, recordings.clips, recordings.pictures, recordings.official):
        sha.update(tensor.numpy().tobytes())
    sha.update(repr(recordings.names).encode())
    return sha.hexdigest()


def test_shapes(source: PairedDataset) -> None:
    images, recordings = source.images, source.recordings
    assert source.name == "offline"
    assert (images.pixels.shape, images.pixels.dtype) == ((1797, 28, 28), torch.uint8)
    assert (recordings.clips.shape, recordings.clips.dtype) == ((3000, 8192), torch.float32)
    assert (recordings.pictures.shape, recordings.pictures.dtype) == ((3000, 64, 64), torch.uint8)
    for labels in (images.digit, images.split):
        assert (labels.shape, labels.dtype) == ((1797,), torch.int64)
    for labels in (recordings.digit, recordings.speaker, recordings.official):
        assert (labels.shape, labels.dtype) == ((3000,), torch.int64)
    assert len(recordings.names) == len(recordings.hashes) == 3000
    assert recordings.names[3] == "0_en-us+Andrea_3"


def test_images_look_like_mnist(source: PairedDataset) -> None:
    pixels = source.images.pixels.double() / 255
    assert (pixels.amax((1, 2)) > 0.9).all()
    assert 0.10 < pixels.mean() < 0.16  # MNIST: 0.13
    at = torch.arange(28, dtype=torch.float64)
    for axis in (1, 2):
        middle = pixels.sum(axis) @ at / pixels.sum((1, 2))
        assert (middle - 13.5).abs().max() < 0.51


def test_image_splits(source: PairedDataset) -> None:
    images = source.images
    assert torch.bincount(images.split).tolist() == [1201, 300, 296]
    for k, share in enumerate((4 / 6, 1 / 6, 1 / 6)):
        counts = torch.bincount(images.digit[images.split == k], minlength=10)
        wanted = torch.bincount(images.digit) * share
        assert (counts - wanted).abs().max() <= 1
    assert len({image.numpy().tobytes() for image in images.pixels}) == len(images)


def test_recording_splits(source: PairedDataset) -> None:
    recordings = source.recordings
    assert torch.bincount(recordings.official).tolist() == [2400, 300, 300]
    cells = torch.bincount(10 * recordings.speaker + recordings.digit)
    assert cells.tolist() == [5] * 600
    speakers = [set(recordings.speaker[recordings.official == k].tolist()) for k in range(3)]
    assert [len(s) for s in speakers] == [48, 6, 6]
    assert not any(a & b for a, b in itertools.combinations(speakers, 2))
    variants = [{recordings.speakers[i].split("+")[1] for i in s} for s in speakers]
    assert not any(a & b for a, b in itertools.combinations(variants, 2))


def test_no_recording_is_there_twice(source: PairedDataset) -> None:
    recordings = source.recordings
    assert len(set(recordings.hashes)) == len(set(recordings.names)) == 3000
    assert len({clip.numpy().tobytes() for clip in recordings.clips}) == 3000
    assert len({picture.numpy().tobytes() for picture in recordings.pictures}) == 3000
    assert len(set(recordings.speakers)) == 60


def test_speech_is_sound(synthesized: tuple[PairedDataset, list[Samples]]) -> None:
    source, speech = synthesized
    for samples, hashed in zip(speech, source.recordings.hashes, strict=True):
        assert hashlib.sha256(samples.tobytes()).hexdigest() == hashed
        assert 0.2 < len(samples) / 22050 < 1.0
        assert 1000 < np.abs(samples.astype(int)).max() < 32767
        loud = np.flatnonzero(np.abs(samples.astype(int)) > 50)
        assert loud[0] < 0.1 * 22050 and len(samples) - loud[-1] < 0.1 * 22050
    rms = source.recordings.clips.square().sum(1).sqrt()
    assert rms.isfinite().all() and (rms > 0).all()


def test_a_held_out_speaker_is_recognized(source: PairedDataset) -> None:
    """Kernel ridge regression on the pictures: training speakers -> speakers held out."""
    recordings = source.recordings
    x = recordings.pictures.flatten(1).float() / 255
    train, test = recordings.official == 0, recordings.official == SPLITS.index("test")

    def kernel(a: Tensor) -> Tensor:
        return (torch.cdist(a, x[train]).square() / -400).exp()

    wanted = torch.nn.functional.one_hot(recordings.digit[train]).float()
    weights = torch.linalg.solve(kernel(x[train]) + 0.1 * torch.eye(int(train.sum())), wanted)
    correct = (kernel(x[test]) @ weights).argmax(1) == recordings.digit[test]
    assert correct.float().mean() > 0.95  # 0.98
    speaker = recordings.speaker[test]
    assert all(correct[speaker == s].float().mean() > 0.8 for s in set(speaker.tolist()))


def test_another_process_builds_the_same_where_nothing_can_be_written(
    source: PairedDataset, tmp_path: Path
) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("not a folder")
    code = (
        "import sys, pathlib; sys.path[:0] = ['.', 'tests/datasets'];"
        "from datasets import offline; from test_offline import content;"
        "print(content(offline.load(pathlib.Path(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, nowhere],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (content(source), "")


def test_the_cache_is_used(
    source: PairedDataset, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "_build", lambda: pytest.fail("built again"))
    assert content(offline.load(data_dir)) == content(source)
    assert [path.name for path in (data_dir / "offline").iterdir()] == ["offline.safetensors"]


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "other", "other code"])
def test_a_damaged_cache_is_not_read(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "offline" / "cache"
    offline._write_cache(path, TENSORS)
    read = offline._read_cache(path)
    assert read is not None
    assert all(torch.equal(read[name], TENSORS[name]) for name in TENSORS)
    blob = bytearray(path.read_bytes())
    if damage == "flipped":
        blob[-5] ^= 1
    elif damage == "cut":
        del blob[-100:]
    elif damage == "empty":
        blob.clear()
    elif damage == "other":
        blob[:] = b"not tensors at all"
    else:
        monkeypatch.setattr(Path, "read_bytes", lambda _: b"changed")
    path.write_bytes(blob)
    assert offline._read_cache(path) is None


def test_a_damaged_cache_is_built_again(
    source: PairedDataset, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = offline._read_cache(data_dir / "offline" / "offline.safetensors")
    assert tensors is not None
    monkeypatch.setattr(offline, "_build", lambda: tensors)
    cache = tmp_path / "offline" / "offline.safetensors"
    cache.parent.mkdir()
    cache.write_bytes(b"damaged")
    assert content(offline.load(tmp_path)) == content(source)
    assert offline._read_cache(cache) is not None


@pytest.mark.parametrize("call", ["pathlib.Path.mkdir", "os.fsync", "os.replace"])
def test_nothing_is_left_where_nothing_can_be_written(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(call, fail)
    offline._write_cache(tmp_path / "cache", TENSORS)
    assert list(tmp_path.iterdir()) == []


def test_other_speech_warns_and_is_not_cached(
    source: PairedDataset, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = offline._read_cache(data_dir / "offline" / "offline.safetensors")
    assert tensors is not None
    tensors["hashes"][0, 0] ^= 1
    monkeypatch.setattr(offline, "_build", lambda: tensors)
    with pytest.warns(UserWarning, match="differs from"):
        other = offline.load(tmp_path)
    assert other.fingerprint != source.fingerprint
    assert list(tmp_path.iterdir()) == []


def test_missing_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(SystemExit) as stop:
        command(lambda: print(offline.load(tmp_path)))()
    assert stop.value.code == 2
    assert capsys.readouterr() == (
        "",
        "error: offline data: espeakng-loader is not installed;"
        " it is the extra `offline`: pip install espeakng-loader\n",
    )


@pytest.mark.parametrize(("library", "voice"), [("missing.so", "en-us"), (None, "no-such-voice")])
def test_broken_extra(library: str | None, voice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    espeakng_loader = importlib.import_module("espeakng_loader")
    loader = SimpleNamespace(
        get_library_path=lambda: library or espeakng_loader.get_library_path(),
        get_data_path=espeakng_loader.get_data_path,
    )
    monkeypatch.setitem(sys.modules, "espeakng_loader", loader)
    with pytest.raises(InputError, match=library or voice) as error:
        offline.synthesize([(voice, "one", 150, 50, 50)])
    assert "\n" not in str(error.value)


def test_fingerprint_is_of_the_content(source: PairedDataset) -> None:
    images, recordings = source.images, source.recordings
    assert fingerprint(images, recordings) == source.fingerprint
    other_split = dataclasses.replace(images, split=images.split.flip(0))
    assert fingerprint(other_split, recordings) == source.fingerprint
    changed_images = [
        dataclasses.replace(images, pixels=255 - images.pixels),
        dataclasses.replace(images, digit=images.digit.flip(0)),
    ]
    changed_recordings = [
        dataclasses.replace(recordings, hashes=recordings.hashes[::-1]),
        dataclasses.replace(recordings, digit=recordings.digit.flip(0)),
        dataclasses.replace(recordings, speaker=recordings.speaker.flip(0)),
        dataclasses.replace(recordings, speakers=recordings.speakers[::-1]),
    ]
    prints = [fingerprint(changed, recordings) for changed in changed_images]
    prints += [fingerprint(images, changed) for changed in changed_recordings]
    assert source.fingerprint not in prints
