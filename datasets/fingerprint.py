"""One hash for the content of a dataset."""

from __future__ import annotations

import hashlib

from datasets.base import Images, Recordings

__all__ = ["fingerprint"]


def fingerprint(images: Images, recordings: Recordings) -> str:
    """sha256 over the pixels and digit of every image, and the hash, digit and speaker of every
    recording, in their order.

    Splits and prepared clips stay out: they follow from the content, and have hashes of their own.
    """
    sha = hashlib.sha256()
    sha.update(f"{len(images)} images {len(recordings)} recordings\n".encode())
    sha.update(images.pixels.contiguous().numpy().data)
    sha.update(images.digit.contiguous().numpy().data)
    for row in zip(
        recordings.hashes,
        recordings.digit.tolist(),
        (recordings.speakers[i] for i in recordings.speaker.tolist()),
        strict=True,
    ):
        sha.update("{} {} {}\n".format(*row).encode())
    return sha.hexdigest()
