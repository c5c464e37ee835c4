"""Where the samples of a sound file stand, and how many its header promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Chunk"]


@dataclass(frozen=True)
class Chunk:
    """The samples of a file, as its header describes them."""

    start: int
    """Of the first sample, in bytes."""
    declared: int
    """Bytes."""
    block: int
    """Bytes of the smallest unit: a sample of each channel, or a compressed block; 0: not said."""
    n_claimed: int | None
    """Samples; None: not said."""
    patches: Mapping[int, bytes] = field(default_factory=dict)
    """Position -> bytes, of a header by which the samples reach to the end of the file."""
    order: str = "<"
    """Of the sizes of chunks."""
    needs_patch: bool = False
    """Whether libsndfile refuses a file that is cut off."""
    per_block: int = 1
    """Samples of each channel."""
    is_finished: bool = True
    """False: the header says that its writer did not know the size."""
    others_follow: bool = False
    """Whether what stands behind the samples is not theirs."""
    tail: bytes = b""
    """What must stand behind the samples of a patched file."""
