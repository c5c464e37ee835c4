"""Downloads whose content is wrong or hostile are named, and nothing of them is used."""

from __future__ import annotations

import gzip
import random
import tarfile
from pathlib import Path

import pytest

from datasets.download import Limits, Unavailable
from datasets.manifest import verify
from tests.datasets.fault_server import Server
from tests.datasets.small_data import (
    CLIPS,
    FILES,
    FSDD_URL,
    IMAGES,
    IMAGES_GZ,
    IMAGES_URL,
    MANIFEST,
    WHOLE,
    clips,
    failure,
    get,
    member,
    tar_gz,
    there,
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(FILES[IMAGES][:-1] + b"x"), f"{IMAGES} in it is altered"),
        (gzip.compress(FILES[IMAGES][:-1]), f"{IMAGES} in it is truncated"),
        (IMAGES_GZ[:-1000], "not a complete gz file"),
        (IMAGES_GZ[:9000] + b"?" + IMAGES_GZ[9001:], "not a complete gz file"),
        (b"<html>Please log in</html>", "not a complete gz file"),
        (b"", f"{IMAGES} in it is truncated"),
        (gzip.compress(bytes(3_000_000)), "unpacks to more than 1,000,000 bytes"),
        (bytes(2_000_001), "more than 2,000,000 bytes"),
    ],
    ids=["altered", "short", "cut", "flipped", "html", "empty", "bomb", "large"],
)
def test_bad_images(server: Server, tmp_path: Path, content: bytes, message: str) -> None:
    server.files[IMAGES_URL] = content
    limits = Limits(sent_bytes=2_000_000, unpacked_bytes=1_000_000)
    error = failure(server, tmp_path, limits=limits)
    assert message in str(error)
    assert IMAGES_URL in str(error)
    assert not isinstance(error, Unavailable)
    assert not (tmp_path / IMAGES).exists()
    server.files[IMAGES_URL] = IMAGES_GZ
    get(server, tmp_path)  # nothing of the bad file is used again
    verify(tmp_path, MANIFEST)


ONE = CLIPS[1]
NAME = Path(ONE).name
SPARSE = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**12)}  # a terabyte of zeros
LACKS = f"lacks 1 files, {ONE} first"


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ([member(f"fsdd/recordings/{NAME}", FILES[ONE][:-1] + b"x")], f"{ONE} in it is altered"),
        ([member(f"fsdd/recordings/{NAME}", FILES[ONE][:-1])], f"{ONE} in it is truncated"),
        ([], LACKS),
        ([member(f"../recordings/{NAME}", FILES[ONE])], LACKS),
        ([member(f"fsdd/../../recordings/{NAME}", FILES[ONE])], LACKS),
        ([member(f"/recordings/{NAME}", FILES[ONE])], LACKS),
        ([member(f"fsdd/elsewhere/{NAME}", FILES[ONE])], LACKS),
        ([member(f"a/recordings/{NAME}", type=tarfile.SYMTYPE, linkname="/etc/passwd")], LACKS),
        ([member(f"a/recordings/{NAME}", type=tarfile.LNKTYPE, linkname="/etc/passwd")], LACKS),
        ([member(f"a/recordings/{NAME}", type=tarfile.CHRTYPE, devmajor=1, devminor=5)], LACKS),
        ([member(f"a/recordings/{NAME}", type=tarfile.FIFOTYPE)], LACKS),
        ([member(f"a/recordings/{NAME}", type=tarfile.DIRTYPE)], LACKS),
        ([member("a/huge", bytes(2_000_000))], "unpacks to more than 1,000,000 bytes"),
        ([member(f"a/{i}") for i in range(60)], "more than 50 members"),
        ([member(f"a/recordings/{NAME}", b"bad"), *clips()], f"{ONE} in it is altered"),
        ([member(f"a/recordings/{NAME}", pax_headers=SPARSE)], LACKS),
        ([member("a", b"x", type=tarfile.GNUTYPE_LONGNAME)] * 600, "not a complete tar.gz file"),
    ],
    ids=[
        "altered",
        "short",
        "absent",
        "up",
        "up2",
        "absolute",
        "elsewhere",
        "symlink",
        "hardlink",
        "device",
        "fifo",
        "folder",
        "bomb",
        "many",
        "twice",
        "sparse",
        "nested",
    ],
)
def test_bad_archive(
    server: Server, tmp_path: Path, odd: list[tuple[tarfile.TarInfo, bytes]], message: str
) -> None:
    folder = tmp_path / "a" / "data"
    server.files[FSDD_URL] = tar_gz([*odd, *clips(ONE)])
    error = failure(server, folder, limits=Limits(unpacked_bytes=1_000_000, members=50))
    assert message in str(error)
    assert FSDD_URL in str(error)
    assert there(tmp_path) <= {f"a/data/{path}" for path in there(folder)}  # nothing outside
    assert not (folder / "FSDD").exists()  # all of it or nothing
    server.files[FSDD_URL] = tar_gz(clips())
    get(server, folder)
    assert there(folder) == WHOLE


def test_a_member_that_claims_an_exabyte_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    huge = tarfile.TarInfo("a/huge")
    huge.size = 2**60
    server.files[FSDD_URL] = gzip.compress(huge.tobuf(tarfile.GNU_FORMAT))
    assert "not a complete tar.gz file (it ends too early)" in str(failure(server, tmp_path))


def test_odd_members_beside_good_ones_are_left_out(server: Server, tmp_path: Path) -> None:
    odd = [
        member("../evil", b"x"),
        member("/tmp/evil", b"x"),
        member("fsdd/recordings/evil.wav", b"x"),
        member(f"fsdd/recordings/{NAME}", b"a second one"),
        member("fsdd/link", type=tarfile.SYMTYPE, linkname=".."),
        member("fsdd/link/evil", b"x"),
    ]
    server.files[FSDD_URL] = tar_gz([*clips(), *odd])
    get(server, tmp_path / "data")
    assert there(tmp_path) == {f"data/{path}" for path in WHOLE}
    verify(tmp_path / "data", MANIFEST)


def test_any_damage_to_an_archive_is_one_line(server: Server, tmp_path: Path) -> None:
    plain = gzip.decompress(tar_gz([member("n" * 300, b"x"), *clips()]))
    rng = random.Random(1)
    for i in range(60):
        damaged = bytearray(plain)
        for at in rng.sample(range(512 * 6), 5):
            damaged[at] = rng.randrange(256)
        server.files[FSDD_URL] = gzip.compress(damaged[: rng.randrange(len(plain))], 1)
        failure(server, tmp_path / str(i % 2))
