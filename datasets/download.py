"""Gets MNIST and FSDD from their public addresses: whole, verified, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from filelock import FileLock

from common.errors import InputError
from datasets.archive import Bounds, read_gzip, read_tar
from datasets.http import Patience, Unavailable, download
from datasets.manifest import STAGING, Manifest, flaw, shipped, state, verify

__all__ = [
    "PUBLIC",
    "Addresses",
    "Bounds",
    "Patience",
    "Unavailable",
    "fetch",
]


@dataclass(frozen=True)
class Addresses:
    """Where to get the data; of several addresses the first that serves is used."""

    mnist: tuple[str, ...]  # folders of the four gz files, each ending in a slash
    fsdd: tuple[str, ...]  # tar.gz archives with the recordings in a folder `recordings`


PATIENCE, BOUNDS = Patience(), Bounds()
PUBLIC = Addresses(
    # Those of torchvision.datasets.MNIST.mirrors, without the seconds that its import takes.
    mnist=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    fsdd=(
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
    ),
)


def fetch(
    data_dir: Path,
    addresses: Addresses = PUBLIC,
    *,
    manifest: Manifest | None = None,
    patience: Patience = PATIENCE,
    bounds: Bounds = BOUNDS,
) -> None:
    """Adds what `data_dir` lacks of MNIST and FSDD; changes nothing that is there.

    Every file is verified before it appears, in one step, under its name. A download that was cut
    short leaves what it has in `data_dir/.download`; the next call goes on from there. A second
    process that fetches into the same folder waits for the first.

    Raises Unavailable where no address gives the files, which is what a machine without a network
    sees, and InputError for what is worse: bad content, a bad file in `data_dir`, a full disk.
    """
    manifest = shipped() if manifest is None else manifest
    if state(data_dir, manifest) == "complete-looking":
        verify(data_dir, manifest)
        return
    staging = data_dir / STAGING
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot create {data_dir}: {error.strerror or error}") from error
    try:
        with FileLock(data_dir / f"{STAGING}.lock"):
            there = {path for path in manifest if os.path.lexists(data_dir / path)}
            verify(data_dir, {path: manifest[path] for path in manifest if path in there})
            absent = {path: manifest[path] for path in manifest if path not in there}
            staging.mkdir(exist_ok=True)
            try:
                _fetch_mnist(data_dir, addresses.mnist, absent, patience, bounds)
                _fetch_fsdd(data_dir, addresses.fsdd, absent, patience, bounds)
                shutil.rmtree(staging)
            finally:
                with suppress(OSError):
                    staging.rmdir()  # unless it holds something to go on from
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise Unavailable(f"cannot write to {data_dir}: {error.strerror}") from error
        raise InputError(
            f"cannot write to {data_dir}: {error.strerror or error}; "
            "make room for 200 MB there or choose another folder, then run it again"
        ) from error


def _fetch_mnist(
    data_dir: Path, folders: Sequence[str], absent: Manifest, patience: Patience, bounds: Bounds
) -> None:
    contents: dict[str, bytes] = {}
    for path in absent:
        if path.startswith("MNIST/"):
            name = PurePosixPath(path).name + ".gz"
            unpack = partial(_unpack_image_file, path, bounds)
            urls = [folder + name for folder in folders]
            contents |= _obtain(urls, data_dir / STAGING / name, unpack, absent, patience)
    _place(data_dir, contents)


def _fetch_fsdd(
    data_dir: Path, urls: Sequence[str], absent: Manifest, patience: Patience, bounds: Bounds
) -> None:
    wanted = {PurePosixPath(path).name: path for path in absent if path.startswith("FSDD/")}
    if wanted:
        unpack = partial(read_tar, folder="recordings", wanted=wanted, bounds=bounds)
        archive = data_dir / STAGING / "fsdd.tar.gz"
        _place(data_dir, _obtain(urls, archive, unpack, absent, patience))


def _unpack_image_file(path: str, bounds: Bounds, archive: Path) -> dict[str, bytes]:
    return {path: read_gzip(archive, bounds)}


def _obtain(
    urls: Sequence[str],
    archive: Path,
    unpack: Callable[[Path], dict[str, bytes]],
    manifest: Manifest,
    patience: Patience,
) -> dict[str, bytes]:
    """The files of an archive, all verified, from the first address that gives them."""
    failures: list[InputError] = []
    for url in urls:
        try:
            download(url, archive, patience)
            return _verified(unpack, archive, manifest, url)
        except InputError as failure:
            failures.append(failure)
    kind = Unavailable if all(isinstance(f, Unavailable) for f in failures) else InputError
    raise kind(
        f"cannot get {archive.name} ({'; '.join(map(str, failures))}); "
        f"try again later, or copy the files to {archive.parent.parent}"
    )


def _verified(
    unpack: Callable[[Path], dict[str, bytes]], archive: Path, manifest: Manifest, url: str
) -> dict[str, bytes]:
    try:
        contents = unpack(archive)
        for path, content in contents.items():
            if what := flaw(content, manifest[path]):
                raise InputError(f"{path} in it is {what}")
    except InputError as error:
        archive.unlink()  # or the next call would trust it
        raise InputError(f"{url}: {error}") from error
    return contents


def _place(data_dir: Path, contents: Mapping[str, bytes]) -> None:
    temporary = data_dir / STAGING / "placing"
    for path, content in contents.items():
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        (data_dir / path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, data_dir / path)
