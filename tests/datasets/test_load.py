"""Which data a name gives: verified, or one clear line."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import datasets
from common.errors import InputError
from datasets import download, manifest, mnist_fsdd, offline
from datasets.base import TASKS, PairedDataset
from datasets.download import Addresses, Unavailable
from tests.datasets.small_data import FAST
from tests.datasets.toy import fake_data


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small data folder, whole by a manifest of its own."""
    return fake_data(tmp_path / "whole", monkeypatch)


@pytest.fixture
def no_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "load", lambda _: pytest.fail("fell back to the offline set"))


def fetch_raises(patch: pytest.MonkeyPatch, error: InputError) -> None:
    def fail(_: Path) -> None:
        raise error

    patch.setattr(download, "fetch", fail)


def no_server(patch: pytest.MonkeyPatch) -> None:
    """The real downloader, with addresses without a server."""
    patch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    addresses = Addresses(mnist=(url,), fsdd=(f"{url}fsdd.tar.gz",))
    fetch = functools.partial(download.fetch, addresses=addresses, limits=FAST)
    patch.setattr(download, "fetch", fetch)


# Which one


@pytest.mark.parametrize("data", ["auto", "mnist-fsdd"])
def test_what_is_there_is_taken(
    data: datasets.Data, whole: Path, no_offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "fetch", lambda _: pytest.fail("downloads what is there"))
    dataset = datasets.load(data, whole)
    assert (dataset.name, len(dataset.images), len(dataset.recordings)) == (
        "mnist-fsdd",
        70_000,
        24,
    )


def test_what_is_not_there_is_downloaded(
    tmp_path: Path, no_offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "fetch", lambda folder: fake_data(folder, monkeypatch) and None)
    assert datasets.load("auto", tmp_path / "data").name == "mnist-fsdd"


def test_offline_is_offline_even_where_more_is_there(
    whole: Path, offline_source: PairedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "load", lambda _: offline_source)
    assert datasets.load("offline", whole) is offline_source


def unavailable(patch: pytest.MonkeyPatch) -> None:
    fetch_raises(patch, Unavailable("no address gives it"))


@pytest.mark.parametrize("absent", [unavailable, no_server])
def test_auto_falls_back_loudly(
    absent: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    offline_dir: Path,
    offline_source: PairedDataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    absent(monkeypatch)
    (tmp_path / "offline").symlink_to(offline_dir / "offline")  # it need not speak once more
    dataset = datasets.load("auto", tmp_path)
    assert (dataset.name, dataset.fingerprint) == ("offline", offline_source.fingerprint)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("WARNING: OFFLINE DATA: ")
    assert output.err.count("\n") == 1


@pytest.mark.parametrize("absent", [unavailable, no_server])
def test_mnist_fsdd_never_falls_back(
    absent: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    no_offline: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    absent(monkeypatch)
    with pytest.raises(Unavailable) as caught:
        datasets.load("mnist-fsdd", tmp_path)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().err == ""


def test_a_bad_download_is_no_reason_to_fall_back(
    tmp_path: Path, no_offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_raises(monkeypatch, InputError("the archive is altered"))
    with pytest.raises(InputError, match="altered"):
        datasets.load("auto", tmp_path)


# Damage

DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "altered": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "truncated": lambda content: content[:-10],
}


@pytest.mark.parametrize("data", ["auto", "mnist-fsdd"])
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    "path", ["FSDD/recordings/7_theo_5.wav", "MNIST/raw/t10k-images-idx3-ubyte"]
)
def test_a_damaged_file_is_named(
    path: str, damage: str, data: datasets.Data, whole: Path, no_offline: None
) -> None:
    file = whole / path
    content = DAMAGE[damage](file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        datasets.load(data, whole)
    assert not isinstance(caught.value, Unavailable)
    message = str(caught.value)
    assert message.startswith(f"{file} is {damage}; ")
    assert "\n" not in message


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_among_the_best_data_here(
    damage: str, tmp_path: Path, no_offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of MNIST-FSDD where this machine has it, else the small folder."""
    folder = datasets.default_dir().resolve()
    if not mnist_fsdd.is_present(folder):
        folder = fake_data(tmp_path / "whole", monkeypatch)
    path = "FSDD/recordings/7_theo_5.wav"
    for each in manifest.read_manifest():
        link = tmp_path / "copy" / each
        link.parent.mkdir(parents=True, exist_ok=True)
        if each != path:
            link.symlink_to(folder / each)
        elif (content := DAMAGE[damage]((folder / each).read_bytes())) is not None:
            link.write_bytes(content)
    with pytest.raises(InputError) as caught:
        datasets.load("auto", tmp_path / "copy")
    assert str(caught.value).startswith(f"{tmp_path / 'copy' / path} is {damage}; ")


@pytest.mark.parametrize("name", ["3_theo_50.wav", "notes.wav", "._7_theo_5.wav", "7_ann_0.wav"])
def test_a_file_too_many_is_not_used(name: str, whole: Path) -> None:
    before = datasets.load("mnist-fsdd", whole)
    recordings = whole / "FSDD" / "recordings"
    (recordings / name).write_bytes((recordings / "7_theo_5.wav").read_bytes())
    after = datasets.load("mnist-fsdd", whole)
    assert after.recordings.names == before.recordings.names
    assert after.fingerprint == before.fingerprint


def test_the_same_twice(whole: Path) -> None:
    assert datasets.load("auto", whole).fingerprint == datasets.load("auto", whole).fingerprint


# Small things


def test_default_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "/somewhere")
    assert datasets.default_dir() == Path("/somewhere")
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv("DATA_DIR")
        else:
            monkeypatch.setenv("DATA_DIR", unset)
        assert datasets.default_dir() == Path("data")


def test_the_default_folder_is_used(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(whole))
    assert datasets.load().name == "mnist-fsdd"


def test_spec() -> None:
    specs = [datasets.spec(task) for task in TASKS]
    assert [spec.task for spec in specs] == list(TASKS)
    assert specs[0].x_shape == specs[1].c_shape == (1, 28, 28)
    assert specs[0].c_shape == specs[1].x_shape == (1, 64, 64)


def test_sizes_are_of_folders() -> None:
    for given in ({"size": 64}, {"color": "rgb"}):
        with pytest.raises(InputError, match="--size and --color are of the images of a folder"):
            datasets.load("offline", None, **given)


def test_unknown_data_are_refused() -> None:
    with pytest.raises(InputError, match="unknown data 'mnist-fsd': did you mean mnist-fsdd"):
        datasets.load("mnist-fsd")
