"""A data set of five files that a web server gives, and what a fetch of it must keep to."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from datasets.download import Addresses, Limits, fetch
from datasets.manifest import STAGING
from tests.datasets.fault_server import Server, serve

FAST = Limits(connect_s=1.0, read_s=0.3, attempts=3)

noise = random.Random(0)
IMAGES = "MNIST/raw/train-images-idx3-ubyte"
LABELS = "MNIST/raw/train-labels-idx1-ubyte"
CLIPS = [f"FSDD/recordings/{digit}_ann_0.wav" for digit in range(3)]
FILES = {
    IMAGES: b"\0\0\x08\x03"
    + b"".join(n.to_bytes(4, "big") for n in (400, 28, 28))
    + noise.randbytes(400 * 28 * 28),
    LABELS: b"\0\0\x08\x01" + (400).to_bytes(4, "big") + noise.randbytes(400),
} | {clip: b"RIFF" + (2000).to_bytes(4, "little") + noise.randbytes(2000) for clip in CLIPS}
MANIFEST = {path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()}
IMAGES_GZ, LABELS_GZ = gzip.compress(FILES[IMAGES], 1), gzip.compress(FILES[LABELS])
IMAGES_URL, LABELS_URL = (f"/mnist/{path.rsplit('/')[-1]}.gz" for path in (IMAGES, LABELS))
FSDD_URL = "/fsdd.tar.gz"


def member(name: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def tar_gz(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def clips(*without: str) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [
        member(f"fsdd-1.0/recordings/{Path(path).name}", FILES[path])
        for path in CLIPS
        if path not in without
    ]


@contextmanager
def small_server() -> Iterator[Server]:
    """Serves all of it."""
    with serve() as server:
        server.files = {IMAGES_URL: IMAGES_GZ, LABELS_URL: LABELS_GZ, FSDD_URL: tar_gz(clips())}
        yield server


def addresses(server: Server) -> Addresses:
    return Addresses(mnist=(f"{server.url}/mnist/",), fsdd=(server.url + FSDD_URL,))


def get(
    server: Server,
    folder: Path,
    at: Addresses | None = None,
    limits: Limits = FAST,
) -> None:
    fetch(folder, at or addresses(server), manifest=MANIFEST, limits=limits)


def failure(server: Server, folder: Path, **options: Any) -> InputError:
    """The one line that a fetch fails with; whatever is in place by then must be right."""
    with pytest.raises(InputError) as caught:
        get(server, folder, **options)
    assert "\n" not in str(caught.value)
    for path in MANIFEST:
        assert not (folder / path).exists() or (folder / path).read_bytes() == FILES[path]
    return caught.value


def there(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


WHOLE = {*MANIFEST, f"{STAGING}.lock"}


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(FILES[path])
