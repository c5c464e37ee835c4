"""Pictures of the original system: PCM bytes in R, G, B, without any metadata."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import chain

from common.files import naming
from converters.header import ConverterError, SoundFormat
from converters.media import Picture, Sound, warn
from converters.pack.samples import SPOOL_BYTES, Samples, bytes_to_sound
from converters.pack.tiles import convert_pixels

__all__ = ["decode_headerless"]


def decode_headerless(
    first: Picture, rest: Iterator[Picture], expand: int, sample_rate: int, samples: Samples
) -> Sound:
    """All pictures, in order -> the sound that they hold, of such samples.

    All are read in advance: the padding at the end of the last one gives the number of samples.

    Raises:
        ConverterError: a picture of 16-bit pixels.
    """
    file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 (the sound keeps it open)
    size = padding = 0
    for picture in chain([first], rest):
        pixels = convert_pixels(picture.pixels[::expand, ::expand], 3, 8)
        if pixels is None:
            raise ConverterError(f"{picture.name}: has 16-bit pixels, which hold no RGB bytes")
        data = pixels.tobytes()
        with naming(tempfile.gettempdir()):
            file.write(data)
        size += len(data)
        padding = len(data) - len(data.rstrip(b"\0"))
    n_samples = -(-(size - padding) // samples.bytes_per_frame)
    n_bytes = n_samples * samples.bytes_per_frame
    file.truncate(min(size, n_bytes))
    warn(
        f"{first.name}: no header: read as {samples.subtype} of {samples.n_channels} channels "
        f"at {sample_rate} Hz; {padding:,} zero bytes at the end are read as padding, so "
        "silence there is lost"
    )

    def content() -> Iterator[bytes]:
        position = 0
        while position < n_bytes:
            file.seek(position)  # each time: two readers may share it
            piece = file.read(1 << 20) or bytes(n_bytes - position)  # zeros of the last frame
            position += len(piece)
            yield piece

    format = SoundFormat(sample_rate, samples.n_channels, n_samples, samples.subtype)
    return bytes_to_sound(content, samples, format, first.name)
