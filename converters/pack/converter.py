"""Sound <-> pixels, bit for bit."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from converters.base import Converter
from converters.header import ConverterError, Header, Value
from converters.media import BLOCK, Picture, Sound, crc_of
from converters.pack.compression import squeeze, unsqueeze
from converters.pack.layouts import Layout, Planes, Rgb
from converters.pack.legacy import decode_headerless
from converters.pack.pictures import inside_sound, picture_of, samples_of
from converters.pack.samples import IN_MEMORY, LINEAR, Samples, sound_of, written
from converters.pack.tiles import (
    MAX_EXPAND,
    decode_tiles,
    encode_tiles,
    header_of,
    inside,
    n_tiles_of,
    room_for,
)

__all__ = ["CONVERTER", "PRESETS", "Pack"]

LAYOUTS = ("rgb", "planes", "flac", "source")
LEAST_SIDE = 32  # in blocks of expand x expand: a header has room
MAX_TILE = 1 << 25  # pixels; bounds the memory
MAX_FILE = 1 << 48  # bytes


@dataclass(frozen=True)
class Pack(Converter):
    """Bytes <-> pixels, exactly: of samples, of a whole file, and pixels <-> 16-bit samples.

    Every tile has its header beside the pixels and, but in layout `source`, in the first ones.

    Tiles of a whole file are made by `encode_bytes` and read by `decode_bytes`. Their header says
    made_from "sound" as all pictures do, but has no `sound`: its facts are `size` (in bytes) and
    `suffix` (of the file's name, such as ".wav"; nothing else of its name). `is_file` tells.
    """

    layout: str = "rgb"
    """rgb: bytes in R, G, B. planes: samples as grey pixels, a plane per channel, for models.
    flac: compressed, the smallest. source: as rgb, but nothing except PCM bytes in the pixels."""
    width: int = 768
    """Of a tile, in pixels."""
    height: int = 768
    """Of a tile, in pixels; the last one may be less high."""
    expand: int = 1
    """Each pixel is a block of so many by so many, 1 to 16; divides width and height."""
    sample_rate: int = 0
    """In Hz, of a sound made of a picture (0: 44,100), and of pictures without a header."""
    n_channels: int = 0
    """Of pictures without a header (layout source), where it must be given."""
    subtype: str = ""
    """Of pictures without a header (layout source), where it must be given: PCM_16 or another."""

    kind: ClassVar[str] = "pack"
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]] = "both"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ConverterError(f"layout {self.layout!r}: not one of {', '.join(LAYOUTS)}")
        if not 1 <= self.expand <= MAX_EXPAND:
            raise ConverterError(f"expand {self.expand}: not from 1 to {MAX_EXPAND}")
        for name, side in (("width", self.width), ("height", self.height)):
            if side < LEAST_SIDE * self.expand or side % self.expand:
                raise ConverterError(
                    f"{name} {side}: not a multiple of expand ({self.expand}) of at least "
                    f"{LEAST_SIDE * self.expand}"
                )
        if self.width * self.height > MAX_TILE:
            raise ConverterError(
                f"a tile of {self.width} x {self.height} pixels: more than {MAX_TILE:,}"
            )
        if not 0 <= self.sample_rate < 2**31:
            raise ConverterError(f"sample_rate {self.sample_rate}: not from 0 to {2**31 - 1}")
        if not 0 <= self.n_channels <= 1024:
            raise ConverterError(f"n_channels {self.n_channels}: not from 0 to 1024")
        if self.subtype not in ("", *LINEAR):
            raise ConverterError(f"subtype {self.subtype!r}: not one of {', '.join(LINEAR)}")

    # Sound -> tiles -> sound

    def encode_sound(self, sound: Sound) -> Iterator[Picture]:
        """A sound -> tiles of its samples."""
        format = sound.format
        samples = Samples(format.subtype, format.n_channels)
        header = self.header("sound", sound=format)
        size = format.n_samples * samples.frame

        def content(capacity: int) -> Iterator[bytes]:
            n = max(1, min(BLOCK, capacity // samples.frame))
            return (samples.to_bytes(block) for block in sound.blocks(n))

        return self._encode(content, size, header, samples)

    def decode_sound(self, pictures: Iterator[Picture]) -> Sound:
        """All tiles, in order -> the sound. Of more than one tile it can be read only once.

        Raises:
            ConverterError: the header does not fit, or there is none and the options do not say
                what it would. While the sound is read: a tile is missing, foreign or damaged.
        """
        rest = iter(pictures)
        first, header = _first(rest)
        if header is None:
            return self._decode_headerless(first, rest)
        if header.sound is None or header.made_from != "sound":
            holds = "a file: unpack it as bytes" if self.is_file(header) else "no sound"
            raise ConverterError(f"{first.name}: holds {holds}")
        samples = Samples(header.sound.subtype, header.sound.n_channels)
        size = header.sound.n_samples * samples.frame
        content = _decode(first, rest, header, size, samples)
        return sound_of(content, samples, written(header.sound, first.name), first.name)

    def _decode_headerless(self, first: Picture, rest: Iterator[Picture]) -> Sound:
        if self.layout != "source" or not (self.sample_rate and self.n_channels and self.subtype):
            raise ConverterError(
                f"{first.name}: has no header: it was stripped and edited, or is none of ours; "
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
            ConverterError: these are no tiles of a file. While the bytes are read: a tile is
                missing, foreign or damaged.
        """
        rest = iter(pictures)
        first, header = _first(rest)
        if header is None:
            raise ConverterError(f"{first.name}: has no header, and only a header tells of a file")
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

    def _layout(self, samples: Samples | None, start: int) -> Layout:
        width, height = self.width // self.expand, self.height // self.expand
        if self.layout == "planes":
            planes = Planes(samples or Samples("PCM_U8", 1), width, height, start)
            if planes.height * planes.width * self.expand**2 > MAX_TILE:
                raise ConverterError(
                    f"planes of {planes.samples.n_channels} channels do not fit a tile of "
                    f"{MAX_TILE:,} pixels: choose a smaller width or another layout"
                )
            return planes
        return Rgb(width, height, start, whole=self.layout == "source")

    def _encode(
        self, content: Callable[[int], Iterable[bytes]], size: int, header: Header,
        samples: Samples | None,
    ) -> Iterator[Picture]:  # fmt: skip
        """content: bytes at most of a block -> the content, `size` bytes in all."""
        start = 0 if self.layout == "source" else room_for(header, n_bytes=MAX_FILE)
        header = dataclasses.replace(header, facts={**header.facts, "start": start})
        layout = self._layout(samples, start)
        sha256 = hashlib.sha256()
        hashed = _hashed(content(layout.capacity), size, sha256.update)
        if self.layout != "flac":
            yield from encode_tiles(hashed, size, layout, header, self.expand, sha256.hexdigest)
            return
        # A tile says of how many it is, which is known when all is compressed.
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            for block in squeeze(hashed, samples):
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
        samples, header = samples_of(picture, header)
        sound = Sound.of(samples, self.sample_rate or 44_100)
        return dataclasses.replace(sound, header=header, name=picture.name)

    def decode_picture(self, sound: Sound) -> Picture:
        """The inverse of encode_picture, of any lossless copy of the sound.

        Raises:
            ConverterError: there is no header, or the samples are too few or not what they were.
        """
        header = self.find(sound) or sound.header
        if header is None or header.kind != self.kind or header.picture is None:
            raise ConverterError(f"{sound.name}: has no header of a packed picture")
        return picture_of(sound, header.picture, header)

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        """The header in the first pixels (expanded by 1 to 16) or samples."""
        return inside(source.pixels) if isinstance(source, Picture) else inside_sound(source)


def _first(pictures: Iterator[Picture]) -> tuple[Picture, Header | None]:
    first = next(pictures, None)
    if first is None:
        raise ConverterError("no pictures: give the tiles of a sound or file, in order")
    return first, header_of(first)[0]


def _decode(
    first: Picture, rest: Iterator[Picture], header: Header, size: int, samples: Samples | None
) -> Callable[[], Iterator[bytes]]:
    """What gives the content, `size` bytes, as the first header says."""
    pack = Pack.from_header(header)
    assert isinstance(pack, Pack)
    layout = pack._layout(samples, header.fact("start", int, 0, 1 << 16))
    squeezed = pack.layout == "flac"
    n_bytes = header.fact("n_bytes", int, 0, MAX_FILE) if squeezed else size
    if layout.capacity < 1 or header.n_tiles != n_tiles_of(layout, n_bytes):
        raise ConverterError(
            f"{first.name}: its header says {header.n_tiles} tiles, which do not hold {n_bytes:,} "
            "bytes: it is damaged"
        )
    unread = True

    def content() -> Iterator[bytes]:
        nonlocal unread
        if not unread and header.n_tiles > 1:
            raise ConverterError(f"{first.name}: tiles are read only once: open them again")
        unread, sha256 = False, hashlib.sha256()
        tiles = decode_tiles(first, rest, layout, n_bytes, pack.expand, sha256.hexdigest)
        plain = unsqueeze(tiles, size, samples) if squeezed else tiles
        return _hashed(plain, size, sha256.update)

    return content


def _hashed(blocks: Iterable[bytes], size: int, update: Callable[[bytes], None]) -> Iterator[bytes]:
    """The same blocks, of `size` bytes in all or there is a ConverterError."""
    left = size
    for block in blocks:
        left -= len(block)
        update(block)
        if left < 0:
            break
        yield block
    if left:
        raise ConverterError(f"not {size:,} bytes, as was said: the content changed meanwhile")


def _check_suffix(suffix: object) -> None:
    if not isinstance(suffix, str) or not re.fullmatch(r"(\.[A-Za-z0-9]{1,16})?", suffix):
        raise ConverterError(f"suffix {suffix!r}: not a dot and 1 to 16 letters or digits")


CONVERTER = Pack
PRESETS = {
    "rgb": Pack(),
    "planes": Pack(layout="planes"),
    "flac": Pack(layout="flac"),
    # That system writes every sound as this.
    "source": Pack(layout="source", sample_rate=48_000, n_channels=2, subtype="PCM_16"),
}
