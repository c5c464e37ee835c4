"""What a folder holds: the right files, or which one is wrong and how."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from common.errors import InputError
from datasets.manifest import STAGING, read_manifest, state, verify
from tests.datasets.small_data import (
    CLIPS,
    FILES,
    IMAGES,
    LABELS,
    MANIFEST,
    put,
)

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def test_state(tmp_path: Path) -> None:
    put(tmp_path, IMAGES)
    (tmp_path / STAGING).mkdir()  # empty, so nothing to go on from
    assert state(tmp_path, MANIFEST) == "partial"
    put(tmp_path, LABELS)
    assert state(tmp_path, MANIFEST) == "absent"  # FSDD as a whole
    put(tmp_path, *CLIPS)
    assert state(tmp_path, MANIFEST) == "complete-looking"


@pytest.mark.parametrize(
    ("path", "content", "what"),
    [
        (IMAGES, None, "missing"),
        (IMAGES, FILES[IMAGES][:-1], "truncated"),
        (IMAGES, FILES[IMAGES][:-1] + b"x", "altered"),
        (IMAGES, b"", "truncated"),
        (LABELS, FILES[LABELS][:6], "truncated"),
        (CLIPS[2], FILES[CLIPS[2]][:-1], "truncated"),
        (CLIPS[2], FILES[CLIPS[2]] + b"x", "altered"),
    ],
)
def test_verify_names_the_file(tmp_path: Path, path: str, content: bytes | None, what: str) -> None:
    put(tmp_path, *MANIFEST)
    verify(tmp_path, MANIFEST)
    (tmp_path / path).unlink()
    if content is not None:
        (tmp_path / path).write_bytes(content)
    with pytest.raises(InputError) as caught:
        verify(tmp_path, MANIFEST)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / path} is {what}; restore it")
    assert "\n" not in message


def test_verify_counts_the_others(tmp_path: Path) -> None:
    put(tmp_path, IMAGES, CLIPS[0])
    with pytest.raises(InputError, match=r"labels-idx1-ubyte is missing \(and 2 more of 5 files\)"):
        verify(tmp_path, MANIFEST)


def test_verify_of_what_cannot_be_read(tmp_path: Path) -> None:
    put(tmp_path, LABELS, *CLIPS)
    (tmp_path / IMAGES).mkdir()
    with pytest.raises(InputError, match=r"unreadable \(Is a directory\)"):
        verify(tmp_path, MANIFEST)


def test_the_manifest_of_the_package() -> None:
    names = [f"{d}_{s}_{i}" for d, s, i in itertools.product(range(10), SPEAKERS, range(50))]
    sets = itertools.product(("train", "t10k"), ("images-idx3", "labels-idx1"))
    assert set(read_manifest()) == {f"FSDD/recordings/{name}.wav" for name in names} | {
        f"MNIST/raw/{part}-{kind}-ubyte" for part, kind in sets
    }
    assert all(len(digest) == 64 for digest in read_manifest().values())
    assert len(set(read_manifest().values())) == 3004
