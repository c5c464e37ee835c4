"""Somebody's own folder or CSV: what is understood, and what is refused by name."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import datasets
from common.errors import InputError
from datasets import PairedDataset, fixed_pairs, part
from datasets.audit import audit
from datasets.examples import CLASSES, write_image, write_shapes, write_sound

N = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("own") / "shapes", N)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def load(path: Path, **given: object) -> PairedDataset:
    return datasets.load(f"folder:{path}", None, **given)  # type: ignore[arg-type]


def test_classes_are_the_folders(folder: Path) -> None:
    found = load(folder)
    assert (found.name, found.classes) == ("folder-shapes", CLASSES)
    assert found.images.pixels.shape == (3 * N, 3, 28, 28)
    assert found.images.digit.tolist() == found.recordings.digit.tolist()
    assert found.images.digit.bincount().tolist() == [N] * 3
    spec = found.spec("image2audio", "warm-start")
    assert (spec.x_shape, spec.c_shape, spec.n_digits) == ((1, 64, 64), (3, 28, 28), 3)


def test_every_class_is_in_every_split_and_nothing_in_two(folder: Path) -> None:
    found = load(folder)
    for digit, split in (
        (found.images.digit, found.images.split),
        (found.recordings.digit, found.recordings.official),
    ):
        counts = torch.stack([split[digit == d].bincount(minlength=3) for d in range(3)])
        assert counts.tolist() == [[N - 4, 2, 2]] * 3
    assert all(shared == 0 for _, _, shared in audit(found, "official"))


def test_names_and_order_decide_nothing(folder: Path, tmp_path: Path) -> None:
    """A file has the same split under another name; a copy has that of what it is a copy of."""
    first, other = load(folder), tmp_path / "shapes"
    for kind in ("images", "sounds"):
        for label in CLASSES:
            (other / kind / label).mkdir(parents=True)
            for i, file in enumerate(sorted((folder / kind / label).iterdir(), reverse=True)):
                shutil.copyfile(file, other / kind / label / f"{i}{file.suffix}")
    shutil.copyfile(other / "images/disc/0.png", other / "images/disc/again.png")
    second = load(other)
    split = {
        x.numpy().tobytes(): int(s)
        for x, s in zip(first.images.pixels, first.images.split, strict=True)
    }
    again = [split[x.numpy().tobytes()] for x in second.images.pixels]
    kept = sum(a == b for a, b in zip(again, second.images.split.tolist(), strict=True))
    assert kept >= 3 * N - 1  # a class has one file more
    assert all(shared == 0 for _, _, shared in audit(second, "official"))
    assert first.recordings.official.bincount().equal(second.recordings.official.bincount())


@pytest.mark.parametrize(("color", "shape"), [("grey", (28, 28)), ("rgb", (3, 28, 28))])
def test_colour_is_chosen(color: str, shape: tuple[int, ...], folder: Path) -> None:
    assert load(folder, color=color).images.pixels.shape[1:] == shape


def test_grey_images_are_grey(tmp_path: Path) -> None:
    found = load(write_shapes(tmp_path / "grey", 10, color=False), size=16)
    assert found.images.pixels.shape == (30, 16, 16)


def test_the_middle_square_is_kept(copy: Path) -> None:
    for i, name in enumerate(("wide.png", "tall.png")):
        image = np.zeros((40, 80, 3) if i == 0 else (80, 40, 3), np.uint8)
        middle = np.s_[:, 20:60] if i == 0 else np.s_[20:60]
        image[middle] = 200
        Image.fromarray(image).save(copy / "images" / "disc" / name)
        found = load(copy)
        assert (found.images.pixels == 200).flatten(1).all(1).any()
        (copy / "images" / "disc" / name).unlink()


def test_longer_sounds_are_said(copy: Path) -> None:
    rng = np.random.default_rng(1)
    write_sound(copy / "sounds" / "disc" / "long.wav", "disc", rng, seconds=3)
    found = load(copy)
    assert found.notes == (
        f"1 of {3 * N + 1} sounds are longer than 1.024 s: models hear the loudest 1.024 s of each",
    )
    assert found.recordings.clips.isfinite().all()


@pytest.mark.parametrize(
    ("at", "write", "said"),
    [
        ("images/disc/notes.txt", lambda p: p.write_text("hello"), "notes.txt: not a picture"),
        ("images/disc/a.png", lambda p: p.write_bytes(b""), "a.png"),
        ("images/stray.png", lambda p: p.write_bytes(b"x"), "stray.png: lies beside the classes"),
        ("sounds/disc/a.wav", lambda p: p.write_bytes(b"RIFF"), "a.wav: not a sound file"),
        ("sounds/disc/a.wav", lambda p: soundfile.write(p, np.zeros(800), 8000), "silent"),
        ("sounds/disc/a.wav", lambda p: soundfile.write(p, np.ones(0), 8000), "empty"),
        (
            "sounds/disc/a.flac",
            lambda p: soundfile.write(p, np.sin(np.arange(61 * 8000)), 8000),
            "a.flac: 61 s long, more than 60 s",
        ),
        ("images/disc/deep/a.png", lambda p: p.write_bytes(b"x"), "deep: is no file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    at: str, write: Callable[[Path], object], said: str, copy: Path
) -> None:
    (copy / at).parent.mkdir(exist_ok=True)
    write(copy / at)
    with pytest.raises(InputError, match=said):
        load(copy)


def test_names_are_safe_to_print(copy: Path) -> None:
    for kind in ("images", "sounds"):
        (copy / kind / "disc").rename(copy / kind / "a\x1b[31mred")
    assert load(copy).classes == ("a\\x1b[31mred", "cross", "stripes")
    for kind in ("images", "sounds"):
        (copy / kind / "cross").rename(copy / kind / "a\\x1b[31mred")
    with pytest.raises(InputError, match="two names are printed alike"):
        load(copy)


def test_a_cut_off_image_is_refused(copy: Path) -> None:
    file = sorted((copy / "images" / "disc").glob("*.jpg"))[0]
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(InputError, match=file.name):
        load(copy)


def test_a_class_too_small_or_alone_is_refused(copy: Path) -> None:
    for file in sorted((copy / "sounds" / "disc").iterdir())[9:]:
        file.unlink()
    with pytest.raises(InputError, match="class 'disc' has 9 sounds: add some"):
        load(copy)
    shutil.rmtree(copy / "sounds" / "disc")
    with pytest.raises(InputError, match="class 'disc' has 0 sounds"):
        load(copy)
    for label in CLASSES[1:]:
        for kind in ("images", "sounds"):
            shutil.rmtree(copy / kind / label, ignore_errors=True)
    with pytest.raises(InputError, match="1 classes: give 2"):
        load(copy)


def test_the_same_content_in_two_classes_is_refused(copy: Path) -> None:
    file = next((copy / "sounds" / "disc").iterdir())
    shutil.copyfile(file, copy / "sounds" / "cross" / f"copy{file.suffix}")
    with pytest.raises(InputError, match="of another class"):
        load(copy)


def test_copies_do_not_make_a_class(copy: Path) -> None:
    files = sorted((copy / "images" / "disc").iterdir())
    for file in files[1:]:
        file.unlink()
    for i in range(N):
        shutil.copyfile(files[0], copy / "images" / "disc" / f"{i}{files[0].suffix}")
    with pytest.raises(InputError, match="class 'disc' has 0 different images"):
        load(copy)


@pytest.mark.parametrize("size", [15, 30, 260])
def test_sizes_that_cannot_be(size: int, folder: Path) -> None:
    with pytest.raises(InputError, match=f"--size {size}"):
        load(folder, size=size)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "none")
    with pytest.raises(InputError, match="has no folder images/"):
        load(tmp_path)


# CSV


def write_csv(
    folder: Path, rows: list[list[str]], columns: tuple[str, ...] = ("image", "sound", "class")
) -> Path:
    path = folder / "pairs.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([columns, *rows])
    return path


def pairs_of(folder: Path) -> list[list[str]]:
    """The i-th image with the i-th sound."""
    files = [
        [sorted((folder / kind / label).iterdir()) for kind in ("images", "sounds")]
        for label in CLASSES
    ]
    return [
        [str(image.relative_to(folder)), str(sound.relative_to(folder)), label]
        for label, (images, sounds) in zip(CLASSES, files, strict=True)
        for image, sound in zip(images, sounds, strict=True)
    ]


def test_pairs_stay_together(copy: Path) -> None:
    found = load(write_csv(copy, pairs_of(copy)))
    assert found.pairs is not None and len(found.pairs) == 3 * N
    image, sound = found.pairs.unbind(1)
    assert found.images.split[image].equal(found.recordings.official[sound])
    train = part(found, "official", "train")
    pairs = fixed_pairs(train, "given", seed=0)
    assert pairs is not None and len(pairs[0]) == 3 * (N - 4)
    first = {
        (found.images.pixels[i].numpy().tobytes(), found.recordings.hashes[s])
        for i, s in found.pairs.tolist()
    }
    of_sound = {clip.numpy().tobytes(): h for clip, h in zip(found.recordings.clips,
                found.recordings.hashes, strict=True)}  # fmt: skip
    for i, s in zip(*pairs, strict=True):
        key = train.images[i].numpy().tobytes(), of_sound[train.clips[s].numpy().tobytes()]
        assert key in first


def test_what_is_connected_is_in_one_split(copy: Path) -> None:
    """An image with two sounds, of which one has another image."""
    rows = pairs_of(copy)
    rows[1][0], rows[2][1] = rows[0][0], rows[1][1]
    found = load(write_csv(copy, rows))
    assert found.pairs is not None
    image, sound = found.pairs[:3].unbind(1)
    assert (
        len({*found.images.split[image].tolist(), *found.recordings.official[sound].tolist()}) == 1
    )


def test_the_split_of_a_csv_is_kept(copy: Path) -> None:
    rows = pairs_of(copy)
    for i, row in enumerate(rows):
        row += [("train", "validation", "test")[i % 3], f"speaker {i % 2}"]
    columns = ("image", "sound", "class", "split", "speaker")
    found = load(write_csv(copy, rows, columns))
    assert found.pairs is not None
    assert found.images.split[found.pairs[:, 0]].tolist() == [i % 3 for i in range(3 * N)]
    assert found.recordings.speakers == ("speaker 0", "speaker 1")
    rows[1][0] = rows[0][0]
    with pytest.raises(InputError, match="is in two splits"):
        load(write_csv(copy, rows, columns))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["../secret.png", "sounds/disc/a.wav", "disc"], "no path below the folder"),
        (["/etc/passwd", "sounds/disc/a.wav", "disc"], "no path below the folder"),
        (["images/disc/none.png", "sounds/disc/none.wav", "disc"], "none.png"),
        (["images/disc/none.png", "sounds/disc/none.wav", ""], "line 38: has no class"),
    ],
)
def test_rows_that_cannot_be_used(row: list[str], said: str, copy: Path) -> None:
    with pytest.raises(InputError, match=said):
        load(write_csv(copy, [*pairs_of(copy), row]))


def test_a_csv_without_its_columns(copy: Path) -> None:
    with pytest.raises(InputError, match="has no column 'class'"):
        load(write_csv(copy, [["a", "b"]], ("image", "sound")))


def test_only_a_csv_gives_pairs(folder: Path) -> None:
    with pytest.raises(InputError, match="these data have no pairs"):
        fixed_pairs(part(load(folder), "official", "train"), "given", 0)


def test_a_photo_of_16_bits(copy: Path) -> None:
    deep = np.full((32, 32), 40_000, np.uint16)
    deep[:5] = 3000
    Image.fromarray(deep).save(copy / "images" / "disc" / "deep.png")
    write_image(copy / "images" / "disc" / "more.png", "disc", np.random.default_rng(5))
    assert load(copy).images.pixels.shape == (3 * N + 2, 3, 28, 28)
