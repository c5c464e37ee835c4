"""Pictures of the source system: PCM bytes in R, G, B, and nothing that tells what they are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import chain

from converters.header import ConverterError, SoundFormat
from converters.media import Picture, Sound, warn
from converters.pack.samples import IN_MEMORY, Samples, sound_of
from converters.pack.tiles import pixels_as

__all__ = ["decode_headerless"]


def decode_headerless(
    first: Picture, rest: Iterator[Picture], expand: int, sample_rate: int, samples: Samples
) -> Sound:
    """All pictures, in order -> the sound that they hold if it is one of such samples.

    They are all read at once, since only the last one tells where the sound ends.

    Raises:
        ConverterError: a picture of 16-bit pixels.
    """
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (the sound keeps it open)
    size = padding = 0
    for picture in chain([first], rest):
        pixels = pixels_as(picture.pixels[::expand, ::expand], 3, 8)
        if pixels is None:
            raise ConverterError(f"{picture.name}: has 16-bit pixels, which hold no RGB bytes")
        content = pixels.tobytes()
        file.write(content)
        size += len(content)
        padding = len(content) - len(content.rstrip(b"\0"))
    n_samples = -(-(size - padding) // samples.frame)
    n_bytes = n_samples * samples.frame
    file.truncate(min(size, n_bytes))
    warn(
        f"{first.name}: no header: taken for {samples.subtype} of {samples.n_channels} channels "
        f"at {sample_rate} Hz; {padding:,} zero bytes at the end are taken for padding, and "
        "silence at the end is lost with them"
    )

    def content_again() -> Iterator[bytes]:
        position = 0
        while position < n_bytes:
            file.seek(position)  # each time: the sound may be read twice at once
            piece = file.read(1 << 20) or bytes(n_bytes - position)  # the last frame's zeros
            position += len(piece)
            yield piece

    format = SoundFormat(sample_rate, samples.n_channels, n_samples, samples.subtype)
    return sound_of(content_again, samples, format, first.name)
