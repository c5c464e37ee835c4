"""The downloader against a real server that fails in every way that we could think of."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from common.errors import InputError
from datasets.download import PUBLIC, Addresses, Limits, Unavailable
from datasets.manifest import STAGING, state, verify
from tests.datasets.fault_server import Fault, Server
from tests.datasets.small_data import (
    CLIPS,
    FAST,
    FILES,
    FSDD_URL,
    IMAGES,
    IMAGES_GZ,
    IMAGES_URL,
    LABELS,
    LABELS_URL,
    MANIFEST,
    WHOLE,
    addresses,
    failure,
    get,
    put,
    there,
)

ROOT = Path(__file__).parents[2]


# Getting it all


def test_whole(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    assert state(folder, MANIFEST) == "absent"
    get(server, folder)
    assert there(folder) == WHOLE
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    assert state(folder, MANIFEST) == "complete-looking"
    get(server, folder)
    assert len(server.log) == 3  # nothing is asked for twice


def test_adds_only_what_is_absent(server: Server, tmp_path: Path) -> None:
    put(tmp_path, *CLIPS)
    assert state(tmp_path, MANIFEST) == "absent"
    get(server, tmp_path)
    assert {request.path for request in server.log} == {IMAGES_URL, LABELS_URL}
    verify(tmp_path, MANIFEST)


def test_two_at_once(server: Server, tmp_path: Path) -> None:
    server.faults[IMAGES_URL] = [Fault(status=503)]  # the first pauses; the second comes up to it
    processes = [start(server, tmp_path) for _ in range(2)]
    assert [process.wait(20) for process in processes] == [0, 0]
    assert len(server.log) == 1 + 3
    verify(tmp_path, MANIFEST)


# A server that fails


def test_cut_off_then_complete(server: Server, tmp_path: Path) -> None:
    server.faults[IMAGES_URL] = [Fault(cut_at=200_000)]
    get(server, tmp_path)
    assert server.requests(IMAGES_URL) == 2
    verify(tmp_path, MANIFEST)


@pytest.mark.parametrize("length", [None, ""])
def test_always_cut_off(server: Server, tmp_path: Path, length: str | None) -> None:
    """Without a length, only the content shows that something is missing."""
    server.faults[LABELS_URL] = [Fault(cut_at=100, length=length)] * 9
    assert "train-labels-idx1-ubyte.gz" in str(failure(server, tmp_path))
    assert not any((tmp_path / path).exists() for path in (IMAGES, LABELS))


def test_stall(server: Server, tmp_path: Path) -> None:
    server.faults[IMAGES_URL] = [Fault(stall_at=200_000)]
    started = time.monotonic()
    get(server, tmp_path)
    assert 0.3 < time.monotonic() - started < 5
    assert server.requests(IMAGES_URL) == 2
    verify(tmp_path, MANIFEST)


def test_stalls_always(server: Server, tmp_path: Path) -> None:
    server.faults[LABELS_URL] = [Fault(stall_at=100)] * 9
    error = failure(server, tmp_path)
    assert isinstance(error, Unavailable)
    assert "silent for 0.3 s" in str(error)
    assert server.requests(LABELS_URL) == FAST.attempts


def test_busy_then_well(server: Server, tmp_path: Path) -> None:
    server.faults[FSDD_URL] = [Fault(status=503), Fault(status=429)]
    get(server, tmp_path)
    assert server.requests(FSDD_URL) == 3
    verify(tmp_path, MANIFEST)


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (403, 1), (503, FAST.attempts)])
def test_refused(server: Server, tmp_path: Path, status: int, attempts: int) -> None:
    server.faults[IMAGES_URL] = [Fault(status=status)] * 9
    error = failure(server, tmp_path)
    assert isinstance(error, Unavailable)
    assert IMAGES_URL in str(error)
    assert str(status) in str(error)
    assert len(server.log) == attempts
    assert state(tmp_path, MANIFEST) == "absent"
    assert [path.name for path in tmp_path.iterdir()] == [f"{STAGING}.lock"]


@pytest.mark.parametrize("url", [IMAGES_URL, FSDD_URL])
def test_never_stops(server: Server, tmp_path: Path, url: str) -> None:
    server.faults[url] = [Fault(endless=True, length="")] * 9
    error = failure(server, tmp_path, limits=Limits(read_s=5, sent_bytes=1_000_000))
    assert f"{url}: more than 1,000,000 bytes" in str(error)
    assert server.requests(url) == 1
    assert not list(tmp_path.glob(f"{STAGING}/tmp*"))


def test_a_gz_file_that_is_sent_as_an_encoding(server: Server, tmp_path: Path) -> None:
    server.faults[IMAGES_URL] = [Fault(encoding="gzip")]
    server.faults[FSDD_URL] = [Fault(encoding="gzip")]
    get(server, tmp_path)
    verify(tmp_path, MANIFEST)


@pytest.mark.parametrize("length", ["x", "-1"])
def test_a_length_that_is_none(server: Server, tmp_path: Path, length: str) -> None:
    server.faults[IMAGES_URL] = [Fault(length=length)]
    get(server, tmp_path)
    verify(tmp_path, MANIFEST)


@pytest.mark.parametrize("length", ["5, 6", "9" * 5000])
def test_a_malformed_length(server: Server, tmp_path: Path, length: str) -> None:
    server.faults[IMAGES_URL] = [Fault(length=length)]
    assert isinstance(failure(server, tmp_path), Unavailable)
    assert server.requests(IMAGES_URL) == 1


def test_a_known_hash(server: Server, tmp_path: Path) -> None:
    """Another file is asked for again, and never unpacked."""
    name = Path(IMAGES_URL).name
    md5 = f"md5:{hashlib.md5(IMAGES_GZ).hexdigest()}"
    at = dataclasses.replace(addresses(server), hashes={name: md5})
    server.files[IMAGES_URL] = gzip.compress(FILES[IMAGES], 9)
    error = failure(server, tmp_path, at=at)
    assert f"{IMAGES_URL}: it does not have the {md5}" in str(error)
    assert not isinstance(error, Unavailable)
    assert server.requests(IMAGES_URL) == FAST.attempts
    server.files[IMAGES_URL] = IMAGES_GZ
    get(server, tmp_path, at=at)
    verify(tmp_path, MANIFEST)


def test_next_mirror(server: Server, tmp_path: Path) -> None:
    server.files["/bad/train-images-idx3-ubyte.gz"] = gzip.compress(b"something else")
    mirrors = tuple(f"{server.url}/{name}/" for name in ("none", "bad", "mnist"))
    get(server, tmp_path, at=Addresses(mnist=mirrors, fsdd=(server.url + FSDD_URL,)))
    verify(tmp_path, MANIFEST)


def test_bad_content_outweighs_a_mirror_that_is_gone(server: Server, tmp_path: Path) -> None:
    server.files[FSDD_URL] = b""
    urls = (f"{server.url}/none", server.url + FSDD_URL)
    error = failure(server, tmp_path, at=Addresses((f"{server.url}/mnist/",), urls))
    assert not isinstance(error, Unavailable)
    assert all(url in str(error) for url in urls)


def test_no_server(server: Server, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    error = failure(server, tmp_path, at=Addresses((address, address), (address,)))
    assert isinstance(error, Unavailable)


def test_no_way_there_costs_one_wait_for_each_address(server: Server, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fill = [socket.socket() for _ in range(4)]  # a full queue: more connections just hang
        for client in fill:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        started = time.monotonic()
        limits = Limits(connect_s=0.4, attempts=3)
        error = failure(server, tmp_path, at=Addresses((address,) * 2, ()), limits=limits)
        assert 0.8 <= time.monotonic() - started < 3
        for client in fill:
            client.close()
    assert isinstance(error, Unavailable)
    assert "no connection in 0.4 s" in str(error)


def test_public_addresses() -> None:
    spec = find_spec("torchvision")
    assert spec
    assert spec.origin
    torchvision = (Path(spec.origin).parent / "datasets" / "mnist.py").read_text("utf-8")
    assert all(f'"{url}"' in torchvision for url in PUBLIC.mnist)
    assert all(url.startswith("https://") for url in PUBLIC.fsdd)


# A process that is killed, a disk that is full

SCRIPT = """
import json, resource, sys, types
from pathlib import Path
sys.modules["datasets"] = package = types.ModuleType("datasets")
package.__path__ = ["datasets"]  # without what its __init__ imports: torch takes seconds
from datasets.download import Addresses, Limits, fetch
from common.errors import InputError
folder, mnist, fsdd, manifest, most = json.loads(sys.argv[1])
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    fetch(Path(folder), Addresses((mnist,), (fsdd,)), manifest=manifest,
          limits=Limits(read_s=15))
except InputError as error:
    sys.exit(str(error))
"""


def start(server: Server, folder: Path, max_bytes: int = 0) -> subprocess.Popen[str]:
    """Fetches in a process of its own, which cannot write files above `max_bytes`."""
    at = addresses(server)
    given = json.dumps([str(folder), at.mnist[0], at.fsdd[0], MANIFEST, max_bytes])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, given], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


def test_killed_while_receiving(server: Server, tmp_path: Path) -> None:
    server.faults[IMAGES_URL] = [Fault(stall_at=200_000)]
    parts = (tmp_path / STAGING).glob
    with start(server, tmp_path) as first:
        until(lambda: any(part.stat().st_size > 100_000 for part in parts("*")))
        first.send_signal(signal.SIGKILL)
    assert there(tmp_path).isdisjoint(MANIFEST)
    assert state(tmp_path, MANIFEST) == "interrupted"

    server.faults[IMAGES_URL] = [Fault(status=404)]
    failure(server, tmp_path)
    assert not [*parts("*")]  # what was received is removed even where the next call fails
    get(server, tmp_path)
    assert there(tmp_path) == WHOLE
    verify(tmp_path, MANIFEST)


def test_killed_while_unpacking(server: Server, tmp_path: Path) -> None:
    """What is downloaded whole is not asked for again."""
    (tmp_path / STAGING).mkdir()
    (tmp_path / STAGING / "fsdd.tar.gz").write_bytes(server.files[FSDD_URL])
    put(tmp_path, CLIPS[0])
    leftover = f".{Path(CLIPS[1]).name}-unfinished-0123456789abcdef.wav"
    (tmp_path / CLIPS[1]).with_name(leftover).write_bytes(b"half of a file")
    assert state(tmp_path, MANIFEST) == "interrupted"
    get(server, tmp_path)
    assert FSDD_URL not in {request.path for request in server.log}
    assert there(tmp_path) == WHOLE
    verify(tmp_path, MANIFEST)


@pytest.mark.parametrize("max_bytes", [150_000, len(IMAGES_GZ) // 2 + 100_000])
def test_no_room_for_a_file(server: Server, tmp_path: Path, max_bytes: int) -> None:
    server.files[IMAGES_URL] = gzip.compress(FILES[IMAGES])
    with start(server, tmp_path, max_bytes) as process:
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 1
    assert stderr.count("\n") == 1
    assert "make room" in stderr
    assert there(tmp_path).isdisjoint(MANIFEST)
    get(server, tmp_path)
    verify(tmp_path, MANIFEST)


@pytest.mark.parametrize(
    "writer", ["pooch.core.temporary_file", "datasets.download.replacing"], ids=["archive", "file"]
)
def test_disk_full(
    writer: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(path: Path) -> Iterator[Path]:
        yield Path("/dev/full")

    with monkeypatch.context() as patch:
        patch.setattr(writer, full)
        error = failure(server, tmp_path)
    assert "No space left on device" in str(error)
    assert "make room" in str(error)
    get(server, tmp_path)
    assert there(tmp_path) == WHOLE


def test_folder_is_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot create"):  # so that a caller may fall back
        get(server, tmp_path / "data")


# What is there already


def test_never_overwrites(server: Server, tmp_path: Path) -> None:
    put(tmp_path, *MANIFEST)
    (tmp_path / LABELS).write_bytes(b"mine")
    for path in (None, IMAGES):  # with nothing else to fetch, and with something
        if path:
            (tmp_path / path).unlink()
        with pytest.raises(InputError, match="labels-idx1-ubyte is altered"):
            get(server, tmp_path)
    assert (tmp_path / LABELS).read_bytes() == b"mine"
    assert not server.log


def until(condition: Callable[[], bool], within_s: float = 20) -> None:
    limit = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)
