"""Gets MNIST and FSDD from their public addresses: complete, verified, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pooch
import requests
from filelock import FileLock
from tqdm import tqdm

from common.errors import InputError
from common.files import remove_temporaries, replacing
from datasets.archive import read_gzip, read_tar
from datasets.manifest import STAGING, Manifest, flaw, read_manifest, state, verify

__all__ = ["PUBLIC", "Addresses", "Limits", "Unavailable", "fetch"]


class Unavailable(InputError):
    """No address gave the file: there is no network, or the servers fail or refuse."""


@dataclass(frozen=True)
class Addresses:
    """Where to get the data; of several addresses the first that serves is used."""

    mnist: tuple[str, ...]  # folders of the four gz files, each ending in a slash
    fsdd: tuple[str, ...]  # tar.gz archives with the recordings in a folder `recordings`
    hashes: Mapping[str, str] = field(default_factory=dict)  # of files as they are sent, if known


@dataclass(frozen=True)
class Limits:
    """How long to wait for a server, and how much to take from it."""

    connect_s: float = 5.0  # short, so that a machine without a network soon gives up
    read_s: float = 30.0  # longest silence of a server
    attempts: int = 3  # at each address
    sent_bytes: int = 64 * 2**20  # of one file as it is sent; the largest has about 20 MB
    unpacked_bytes: int = 128 * 2**20  # of one archive; the largest has 47 MB
    members: int = 10_000  # of one archive; FSDD has about 3,050


LIMITS = Limits()
PUBLIC = Addresses(
    # Those of torchvision.datasets.MNIST.mirrors, without the seconds that its import takes.
    mnist=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    # Built on demand, not always of the same bytes: it has no hash, its recordings have.
    fsdd=(
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
    ),
    hashes={
        "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
    },
)


@dataclass(frozen=True)
class _Archive:
    name: str
    urls: tuple[str, ...]
    files: Manifest  # those wanted of it


def fetch(
    data_dir: Path,
    addresses: Addresses = PUBLIC,
    *,
    manifest: Manifest | None = None,
    limits: Limits = LIMITS,
) -> None:
    """Adds what `data_dir` lacks of MNIST and FSDD; changes nothing that is there.

    Every file is verified before it appears, in one step, under its name. Archives stay in
    `data_dir/.download` until their files are in place, so that a call that was killed loses only
    the one that it was receiving. A second process that fetches into the same folder waits.

    Raises:
        Unavailable: no address gives the files, as on a machine without a network.
        InputError: bad content, a bad file in `data_dir`, a full disk.
    """
    manifest = read_manifest() if manifest is None else manifest
    if state(data_dir, manifest) == "complete-looking":
        verify(data_dir, manifest)
        return
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot create {data_dir}: {error.strerror or error}") from error
    try:
        with FileLock(data_dir / f"{STAGING}.lock"):
            present = {path for path in manifest if os.path.lexists(data_dir / path)}
            verify(data_dir, {path: manifest[path] for path in manifest if path in present})
            absent = {path: manifest[path] for path in manifest if path not in present}
            _add(data_dir, absent, addresses, limits)
    except OSError as error:
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise Unavailable(f"cannot write to {data_dir}: {error.strerror or error}") from error
        raise InputError(
            f"cannot write to {data_dir}: {error.strerror or error}; "
            "make room for 200 MB there or choose another folder, then run it again"
        ) from error


def _add(data_dir: Path, absent: Manifest, addresses: Addresses, limits: Limits) -> None:
    staging = data_dir / STAGING
    staging.mkdir(exist_ok=True)
    for stray in staging.glob("tmp*"):  # what pooch was receiving when it was killed
        stray.unlink()
    for parent in {(data_dir / path).parent for path in absent}:
        remove_temporaries(parent)
    try:
        for folder in ("MNIST", "FSDD"):  # of each all that is absent, or nothing
            contents: dict[str, bytes] = {}
            for archive in _archives(folder, absent, addresses):
                known_hash = addresses.hashes.get(archive.name)
                contents |= _obtain(archive, staging / archive.name, known_hash, limits)
            for path, content in contents.items():
                (data_dir / path).parent.mkdir(parents=True, exist_ok=True)
                with replacing(data_dir / path) as temporary:
                    temporary.write_bytes(content)
        shutil.rmtree(staging)
    finally:
        with suppress(OSError):
            staging.rmdir()  # unless it holds an archive for the next call


def _archives(folder: str, absent: Manifest, addresses: Addresses) -> Iterator[_Archive]:
    files = {path: sha256 for path, sha256 in absent.items() if path.startswith(f"{folder}/")}
    if folder == "MNIST":
        for path, sha256 in files.items():
            name = f"{PurePosixPath(path).name}.gz"
            urls = tuple(address + name for address in addresses.mnist)
            yield _Archive(name, urls, {path: sha256})
    elif files:
        yield _Archive("fsdd.tar.gz", addresses.fsdd, files)


def _obtain(
    archive: _Archive, file: Path, known_hash: str | None, limits: Limits
) -> dict[str, bytes]:
    """The content of its files, all verified, from the first address that gives them."""
    failures: dict[str, InputError] = {}
    for url in archive.urls:
        try:
            _download(url, file, known_hash, limits)
            contents = _unpack(archive, file, limits)
            for path, content in contents.items():
                if what := flaw(content, archive.files[path]):
                    raise InputError(f"{path} in it is {what}")
            return contents
        except InputError as failure:
            file.unlink(missing_ok=True)  # or the next call would take it again
            failures[url] = failure
    unavailable = all(isinstance(failure, Unavailable) for failure in failures.values())
    raise (Unavailable if unavailable else InputError)(
        f"cannot get {archive.name} ({'; '.join(f'{url}: {e}' for url, e in failures.items())}); "
        f"try again later, or copy the files to {file.parent.parent}"
    )


def _unpack(archive: _Archive, file: Path, limits: Limits) -> dict[str, bytes]:
    if archive.name.endswith(".tar.gz"):
        wanted = {PurePosixPath(path).name: path for path in archive.files}
        return read_tar(file, "recordings", wanted, limits.unpacked_bytes, limits.members)
    return {path: read_gzip(file, limits.unpacked_bytes) for path in archive.files}


def _download(url: str, file: Path, known_hash: str | None, limits: Limits) -> None:
    """Puts what `url` gives at `file`, in one step when complete; keeps a file that is there."""

    def receive(url: str, output_file: str, _: pooch.Pooch) -> None:
        _receive(url, Path(output_file), limits)

    pooch.get_logger().setLevel("WARNING")
    store = pooch.create(
        file.parent,
        base_url="",
        registry={file.name: known_hash},
        urls={file.name: url},
        retry_if_failed=limits.attempts - 1,
    )
    try:
        store.fetch(file.name, downloader=receive)
    except requests.RequestException as error:
        raise Unavailable(str(error)) from error
    except ValueError as error:
        raise InputError(f"it does not have the {known_hash}") from error


def _receive(url: str, file: Path, limits: Limits) -> None:
    """One attempt.

    Raises:
        requests.RequestException: another attempt may help.
        Unavailable: it cannot.
        InputError: the server sends too much.
    """
    started = time.monotonic()
    try:
        with requests.get(
            url,
            headers={"Accept-Encoding": "identity"},
            stream=True,
            timeout=(limits.connect_s, limits.read_s),
        ) as response:
            response.raise_for_status()
            # A server that calls a gz file an encoding must not have it unpacked on the way.
            response.raw.headers.pop("Content-Encoding", None)
            size = response.headers.get("Content-Length", "")
            total = int(size) if size.isdecimal() else None
            name = PurePosixPath(url).name
            bar = tqdm(desc=name, total=total, unit="B", unit_scale=True, disable=None)
            with bar, file.open("wb") as output:
                for chunk in response.iter_content(2**16):
                    bar.update(output.write(chunk))
                    if output.tell() > limits.sent_bytes:
                        raise InputError(f"more than {limits.sent_bytes:,} bytes")
    except requests.RequestException as error:
        reason, retryable = _diagnose(error, time.monotonic() - started, limits)
        raise (requests.RequestException if retryable else Unavailable)(reason) from error
    except ValueError as error:
        raise Unavailable("malformed response") from error


def _diagnose(error: requests.RequestException, seconds: float, limits: Limits) -> tuple[str, bool]:
    """Why an attempt of so many seconds failed, and whether another may help."""
    if error.response is not None:
        status = error.response.status_code
        return f"{status} {error.response.reason}", status >= 500 or status in (408, 429)
    if isinstance(error, requests.ReadTimeout) or "Read timed out" in str(error):
        return f"the server was silent for {limits.read_s:g} s", True
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off", True
    if isinstance(error, requests.ConnectionError):
        # An address that took the whole time to connect is not worth a second wait.
        slow = seconds >= limits.connect_s
        insecure = isinstance(error, requests.exceptions.SSLError)
        what = "secure connection" if insecure else "connection"
        return f"no {what}" + f" in {limits.connect_s:g} s" * slow, not (slow or insecure)
    return type(error).__name__, False
