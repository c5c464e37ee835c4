"""Sound <-> pixels, bit for bit."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from common.files import naming
from converters.base import Converter
from converters.header import ConverterError, Header, Value
from converters.media import BLOCK, Picture, Sound, crc_of
from converters.pack.compression import compress, decompress
from converters.pack.layouts import PackLayout, PlanarLayout, RgbLayout
from converters.pack.legacy import decode_headerless
from converters.pack.pictures import find_in_sound, picture_to_samples, sound_to_picture
from converters.pack.samples import (
    LINEAR,
    SPOOL_BYTES,
    Samples,
    bytes_to_sound,
    writable_format,
)
from converters.pack.tiles import (
    MAX_EXPAND,
    count_tiles,
    decode_tiles,
    encode_tiles,
    find_in_pixels,
    max_header_bytes,
    tile_header,
)
from converters.symbols import check_ranges

__all__ = ["CONVERTER", "PRESETS", "Pack"]

LAYOUTS = ("rgb", "planes", "flac", "source")  # source: that of the original system
MIN_SIDE = 32  # blocks of expand x expand: room for a header
MAX_TILE = 1 << 25  # pixels; bounds the memory
MAX_FILE = 1 << 48  # bytes


@dataclass(frozen=True)
class Pack(Converter):
    """Bytes <-> pixels, lossless: of samples or a whole file; and pixels <-> 16-bit samples.

    A tile has its header beside the pixels and, except in layout `source`, in the first of them.

    Tiles of a whole file are made by `encode_bytes` and read by `decode_bytes`. Their header has
    made_from "sound" as that of all pictures, but no `sound`: its facts are `size` (in bytes) and
    `suffix` (of the file's name, such as ".wav"; nothing else of its name). See `is_file`.
    """

    layout: str = "rgb"
    """rgb: bytes in R, G, B. planes: samples as grey pixels, a plane per channel, for models.
    flac: compressed, the smallest. source: that of the original system, PCM bytes alone."""
    width: int = 768
    """Of a tile, in pixels."""
    height: int = 768
    """Of a tile, in pixels; the last one may be lower."""
    expand: int = 1
    """Side of the block that stands for each pixel, 1 to 16; divides width and height."""
    sample_rate: int = 0
    """In Hz, of a sound made from a picture (0: 44,100), and of pictures without a header."""
    n_channels: int = 0
    """Of pictures without a header (layout source), where it must be given."""
    subtype: str = ""
    """Of pictures without a header (layout source), where it must be given: PCM_16 or another."""

    kind: ClassVar[str] = "pack"
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]] = "both"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ConverterError(f"layout {self.layout!r}: not one of {', '.join(LAYOUTS)}")
        check_ranges(self, expand=(1, MAX_EXPAND), sample_rate=(0, 2**31 - 1), n_channels=(0, 1024))
        for name, side in (("width", self.width), ("height", self.height)):
            if side < MIN_SIDE * self.expand or side % self.expand:
                raise ConverterError(
                    f"{name} {side}: not a multiple of expand ({self.expand}) of at least "
                    f"{MIN_SIDE * self.expand}"
                )
        if self.width * self.height > MAX_TILE:
            raise ConverterError(
                f"a tile of {self.width} x {self.height} pixels: more than {MAX_TILE:,}"
            )
        if self.subtype not in ("", *LINEAR):
            raise ConverterError(f"subtype {self.subtype!r}: not one of {', '.join(LINEAR)}")

    # Sound -> tiles -> sound

    def encode_sound(self, sound: Sound) -> Iterator[Picture]:
        """A sound -> tiles of its samples."""
        format = sound.format
        samples = Samples(format.subtype, format.n_channels)
        header = self.header("sound", sound=format)
        size = format.n_samples * samples.bytes_per_frame

        def content(capacity: int) -> Iterator[bytes]:
            n = max(1, min(BLOCK, capacity // samples.bytes_per_frame))
            return (samples.to_bytes(block) for block in sound.blocks(n))

        return self._encode(content, size, header, samples)

    def decode_sound(self, pictures: Iterator[Picture]) -> Sound:
        """All tiles, in order -> the sound, which can be read only once if there are several.

        Raises:
            ConverterError: the header is damaged or of other content, or there is none and the
                options do not replace it. While the sound is read: a tile is missing, foreign or
                damaged.
        """
        rest = iter(pictures)
        first, header = _first(rest)
        if header is None:
            return self._decode_headerless(first, rest)
        if header.sound is None or header.made_from != "sound":
            holds = "a file: unpack it as bytes" if self.is_file(header) else "no sound"
            raise ConverterError(f"{first.name}: holds {holds}")
        samples = Samples(header.sound.subtype, header.sound.n_channels)
        size = header.sound.n_samples * samples.bytes_per_frame
        content = _decode(first, rest, header, size, samples)
        format = writable_format(header.sound, first.name)
        return bytes_to_sound(content, samples, format, first.name)

    def _decode_headerless(self, first: Picture, rest: Iterator[Picture]) -> Sound:
        if self.layout != "source" or not (self.sample_rate and self.n_channels and self.subtype):
            raise ConverterError(
                f"{first.name}: has no header: it is lost, or the picture was not made by pack; "
                "PCM bytes in RGB need layout source, sample_rate, n_channels and subtype"
            )
        return decode_headerless(
            first, rest, self.expand, self.sample_rate, Samples(self.subtype, self.n_channels)
        )

    # File -> tiles -> file

    def encode_bytes(
        self, blocks: Iterable[bytes], n_bytes: int, suffix: str = ""
    ) -> Iterator[Picture]:
        """The bytes of a file, n_bytes in all -> tiles.

        Args:
            suffix: Of the file's name: a dot and 1 to 16 letters or digits, or nothing.
        """
        _check_suffix(suffix)
        if not 0 <= n_bytes <= MAX_FILE:
            raise ConverterError(f"a file of {n_bytes:,} bytes: not from 0 to {MAX_FILE:,}")
        header = self.header("sound", facts={"suffix": suffix, "size": n_bytes})
        return self._encode(lambda _: blocks, n_bytes, header, None)

    @staticmethod
    def decode_bytes(pictures: Iterator[Picture]) -> tuple[Mapping[str, Value], Iterator[bytes]]:
        """All tiles of a file, in order -> its facts (`suffix`, `size`) and its bytes.

        Raises:
            ConverterError: the tiles hold no file. While the bytes are read: a tile is missing,
                foreign or damaged.
        """
        rest = iter(pictures)
        first, header = _first(rest)
        if header is None:
            raise ConverterError(f"{first.name}: has no header, so no file can be unpacked")
        if not Pack.is_file(header):
            raise ConverterError(f"{first.name}: holds samples, not a file: unpack it as a sound")
        size = header.fact("size", int, 0, MAX_FILE)
        _check_suffix(header.facts["suffix"])
        return header.facts, _decode(first, rest, header, size, None)()

    @staticmethod
    def is_file(header: Header) -> bool:
        """Whether a pack header is of tiles that hold a whole file."""
        return header.made_from == "sound" and header.sound is None and "suffix" in header.facts

    # Both

    def _layout(self, samples: Samples | None, start: int) -> PackLayout:
        width, height = self.width // self.expand, self.height // self.expand
        if self.layout == "planes":
            planes = PlanarLayout(samples or Samples("PCM_U8", 1), width, height, start)
            if planes.height * planes.width * self.expand**2 > MAX_TILE:
                raise ConverterError(
                    f"planes of {planes.samples.n_channels} channels do not fit a tile of "
                    f"{MAX_TILE:,} pixels: choose a smaller width or another layout"
                )
            return planes
        return RgbLayout(width, height, start, pad_last=self.layout == "source")

    def _encode(
        self, content: Callable[[int], Iterable[bytes]], size: int, header: Header,
        samples: Samples | None,
    ) -> Iterator[Picture]:  # fmt: skip
        """The content -> tiles; content(n) gives its `size` bytes in blocks of at most n."""
        start = 0 if self.layout == "source" else max_header_bytes(header, n_bytes=MAX_FILE)
        header = dataclasses.replace(header, facts={**header.facts, "start": start})
        layout = self._layout(samples, start)
        sha256 = hashlib.sha256()
        blocks = _hash_blocks(content(layout.capacity), size, sha256.update)
        if self.layout != "flac":
            yield from encode_tiles(blocks, size, layout, header, self.expand, sha256.hexdigest)
            return
        # The number of tiles stands in each of them and is known when all is compressed.
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as file:
            with naming(tempfile.gettempdir()):
                for block in compress(blocks, samples):
                    file.write(block)
            n_bytes = file.tell()
            file.seek(0)
            header = dataclasses.replace(header, facts={**header.facts, "n_bytes": n_bytes})
            stored = iter(lambda: file.read(1 << 20), b"")
            yield from encode_tiles(stored, n_bytes, layout, header, self.expand, sha256.hexdigest)

    # Picture -> sound -> picture

    def encode_picture(self, picture: Picture) -> Sound:
        """A picture -> its header and its bytes as 16-bit samples, mono."""
        header = self.header("picture", picture=picture.format, crc=crc_of(picture.pixels))
        samples, header = picture_to_samples(picture, header)
        sound = Sound.of(samples, self.sample_rate or 44_100)
        return dataclasses.replace(sound, header=header, name=picture.name)

    def decode_picture(self, sound: Sound) -> Picture:
        """The inverse of encode_picture, of any lossless copy of the sound.

        Raises:
            ConverterError: there is no header, or the samples are too few or were changed.
        """
        header = self.find(sound) or sound.header
        if header is None or header.kind != self.kind or header.picture is None:
            raise ConverterError(f"{sound.name}: has no header of a packed picture")
        return sound_to_picture(sound, header.picture, header)

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        """The header in the first pixels (expanded by 1 to 16) or samples."""
        return (
            find_in_pixels(source.pixels) if isinstance(source, Picture) else find_in_sound(source)
        )


def _first(pictures: Iterator[Picture]) -> tuple[Picture, Header | None]:
    first = next(pictures, None)
    if first is None:
        raise ConverterError("no pictures: give the tiles of a sound or file, in order")
    return first, tile_header(first)[0]


def _decode(
    first: Picture, rest: Iterator[Picture], header: Header, size: int, samples: Samples | None
) -> Callable[[], Iterator[bytes]]:
    """A function that reads the content, `size` bytes, as the first header says."""
    pack = Pack.from_header(header)
    assert isinstance(pack, Pack)
    layout = pack._layout(samples, header.fact("start", int, 0, 1 << 16))
    compressed = pack.layout == "flac"
    n_bytes = header.fact("n_bytes", int, 0, MAX_FILE) if compressed else size
    if layout.capacity < 1 or header.n_tiles != count_tiles(layout, n_bytes):
        raise ConverterError(
            f"{first.name}: its header says {header.n_tiles} tiles, which do not hold {n_bytes:,} "
            "bytes: it is damaged"
        )
    read = False

    def content() -> Iterator[bytes]:
        nonlocal read
        if read and header.n_tiles > 1:
            raise ConverterError(f"{first.name}: its tiles can be read only once: open them again")
        read, sha256 = True, hashlib.sha256()
        tiles = decode_tiles(first, rest, layout, n_bytes, pack.expand, sha256.hexdigest)
        plain = decompress(tiles, size, samples) if compressed else tiles
        return _hash_blocks(plain, size, sha256.update)

    return content


def _hash_blocks(
    blocks: Iterable[bytes], size: int, update: Callable[[bytes], None]
) -> Iterator[bytes]:
    """The same blocks. Raises ConverterError: they are not of `size` bytes in all."""
    left = size
    for block in blocks:
        left -= len(block)
        update(block)
        if left < 0:
            break
        yield block
    if left:
        raise ConverterError(f"not of {size:,} bytes: the content changed while it was read")


def _check_suffix(suffix: object) -> None:
    if not isinstance(suffix, str) or not re.fullmatch(r"(\.[A-Za-z0-9]{1,16})?", suffix):
        raise ConverterError(f"suffix {suffix!r}: not a dot and 1 to 16 letters or digits")


CONVERTER = Pack
PRESETS = {
    "rgb": Pack(),
    "planes": Pack(layout="planes"),
    "flac": Pack(layout="flac"),
    # As in the original system, which writes every sound like this.
    "original": Pack(layout="source", sample_rate=48_000, n_channels=2, subtype="PCM_16"),
}
