"""What becomes what, and under which name: known, shown and checked before anything is written."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from conversion.files import is_picture, opened, read_tiles, write_bytes, write_tiles
from conversion.fitting import (
    check_picture,
    fitted,
    picture_format,
    sound_format,
    sound_suffix,
)  # fmt: skip
from conversion.naming import (
    decoded_name,
    encoded_name,
    plain_suffix,
    preview_of,
    rate_hint,
    tiles_of,
)  # fmt: skip
from converters import (
    Converter,
    ConverterError,
    ConverterWarning,
    Header,
    Picture,
    Sound,
    converter_of,
    find_header,
)  # fmt: skip
from converters.header import PictureFormat, SoundFormat, Value
from converters.picture_files import write_picture
from converters.sound_files import write_sound

__all__ = ["OutputExists", "Plan", "Request", "Watch", "plan"]

Watch = Callable[[Sound], Sound]
BLOCK = 1 << 20  # bytes that are read at once
LONG = 600  # s of sound that a picture becomes, and more than one thinks


class OutputExists(ConverterError):
    """An output is there, and shall not be written over."""


@runtime_checkable
class KeepsBytes(Protocol):
    """A converter that also takes a whole file, whatever is in it."""

    def encode_bytes(
        self, blocks: Iterable[bytes], n_bytes: int, suffix: str
    ) -> Iterator[Picture]: ...

    def decode_bytes(
        self, pictures: Iterator[Picture]
    ) -> tuple[Mapping[str, Value], Iterator[bytes]]: ...

    def is_file(self, header: Header) -> bool: ...


@dataclass(frozen=True)
class Request:
    """What is asked for, the same for every file."""

    converter: Converter
    """With the options that were given, for files that do not tell theirs."""
    named: bool = False
    """Whether its kind was given."""
    given: Mapping[str, Value] = field(default_factory=dict)
    """The options that were given."""
    direction: Literal["encode", "decode"] | None = None
    """None: as the file says or, if it says nothing, by its type."""
    as_bytes: bool = False
    """Whether files are taken byte by byte."""
    file: Path | None = None
    """The output; None: its name is made from the input's."""
    folder: Path | None = None
    """Where outputs go; None: beside the input."""
    suffix: str = ""
    """Of outputs with a made name; empty: of what keeps the content as it is."""
    preview: bool = False
    """Whether input and output are drawn."""
    force: bool = False
    """Whether outputs that exist are written over."""
    clashing: frozenset[Path] = frozenset()
    """Inputs that keep their suffix in a made name, for another has the same stem."""


@dataclass(frozen=True)
class Plan:
    """One conversion. Nothing is written before `write`."""

    sources: tuple[Path, ...]
    outputs: tuple[Path, ...]
    kind: str
    encodes: bool
    convert: Callable[[], None]
    preview: Path | None = None
    makes: SoundFormat | PictureFormat | None = None
    """What one output is, where it is known."""

    @property
    def what(self) -> str:
        """The kind, how many tiles there are, and how large or long the output is."""
        n = max(len(self.outputs), len(self.sources))
        tiles = [f"{n} tiles"] if n > 1 else []
        match self.makes:
            case SoundFormat():
                size = [f"{_length(self.makes)} of sound"]
            case PictureFormat(width, height) if n == 1:
                size = [f"{width} x {height} pixels"]
            case _:
                size = []
        return ", ".join([self.kind, *tiles, *size])

    @property
    def touched(self) -> tuple[Path, ...]:
        """All files that are written."""
        return (*self.outputs, self.preview) if self.preview else self.outputs

    def check(self, force: bool) -> None:
        """Raises ConverterError: something would be lost."""
        for path in self.touched:
            if path.exists() and any(path.samefile(source) for source in self.sources):
                raise ConverterError(f"{path} is the input itself: choose another output")
            if path.is_dir():
                raise ConverterError(f"{path} is a folder: choose another output")
            if path.exists() and not force:
                raise OutputExists(f"{path} exists: choose another output, or add --force")

    def write(self) -> None:
        """Writes all outputs, or none."""
        self.outputs[0].parent.mkdir(parents=True, exist_ok=True)
        self.convert()
        if self.preview:
            from conversion.preview import draw  # matplotlib takes a while to start

            draw(self.sources[0], self.outputs[0], self.preview)


def plan(
    paths: tuple[Path, ...],
    request: Request,
    watch: Watch = lambda sound: sound,
    dry_run: bool = False,
) -> Plan:
    """What becomes of a file, or of all tiles of one.

    Args:
        paths: a file, or tiles in order.
        watch: gives back a sound that it sees being read; for progress bars.
        dry_run: whether what takes long is left out; it cannot be written then.

    Raises:
        ConverterError: it cannot be converted as it is asked for.
    """
    job = _Job(paths, request, watch, request.converter, dry_run)
    encode = request.direction == "encode"
    if request.as_bytes and (encode or not is_picture(paths[0])):
        return job.bytes_to_tiles()
    source = opened(paths[0])
    header = None if encode else find_header(source)
    if header:
        if header.made_from != ("sound" if isinstance(source, Picture) else "picture"):
            raise ConverterError(f"{source.name}: its header is not one of such a file")
        _refuse_contradiction(source.name, header, request)
        job = dataclasses.replace(job, converter=converter_of(header))
    elif request.direction is None:
        if request.as_bytes:
            return job.bytes_to_tiles()
        encode = _encodes(source, type(request.converter), rate_hint(paths[0]))
    if isinstance(source, Sound):
        if len(paths) > 1:
            raise ConverterError(f"{source.name}: by its name a tile, but it is a sound: rename it")
        return job.sound_to_tiles(source) if encode else job.sound_to_picture(source)
    return job.picture_to_sound(source) if encode else job.tiles_to_sound(source, header)


def _encodes(source: Picture | Sound, kind: type[Converter], rate: int | None) -> bool:
    """Whether a file without a header is encoded: where the kind can do that.

    Args:
        rate: in the file's name, where pictures made of sounds have one.
    """
    if isinstance(source, Sound):
        return kind.encode_sound is not Converter.encode_sound
    if rate and kind.decode_sound is not Converter.decode_sound:
        return False
    return kind.encode_picture is not Converter.encode_picture


def _refuse_contradiction(name: str, header: Header, request: Request) -> None:
    kind = request.converter.kind
    if header.kind != kind and (request.named or request.given):
        raise ConverterError(
            f"{name}: made by {header.kind}, not {kind}: leave --with and its options out to "
            "decode it, or add --encode to take it as any other file"
        )
    for option, value in request.given.items():
        if header.options.get(option) != value:
            raise ConverterError(
                f"{name}: made with {option} {header.options.get(option)!r}, not {value!r}, and "
                f"decoded as it was made: leave --{option.replace('_', '-')} or --preset out"
            )


@dataclass(frozen=True)
class _Job:
    paths: tuple[Path, ...]
    request: Request
    watch: Watch
    converter: Converter
    dry_run: bool

    def sound_to_tiles(self, sound: Sound) -> Plan:
        target = self._target(encoded_name, ".png", sound.format.sample_rate)
        self._check_first(target)
        return self._tiles(self.converter.encode_sound(self.watch(sound)), target)

    def bytes_to_tiles(self) -> Plan:
        """Of any file."""
        path = self.paths[0]
        assert isinstance(self.converter, KeepsBytes)
        blocks, size = _blocks_of(path), path.stat().st_size
        target = self._target(encoded_name, ".png")
        self._check_first(target)
        tiles = self.converter.encode_bytes(blocks, size, plain_suffix(path))
        return self._tiles(tiles, target)

    def _check_first(self, target: Path) -> None:
        """Before the work of the first tile, which tells how many there are."""
        picture_format(target)
        self._plan((target,)).check(self.request.force)

    def _tiles(self, tiles: Iterator[Picture], target: Path) -> Plan:
        first = next(tiles)
        assert first.header
        check_picture(first, target, self.converter)
        outputs = tiles_of(target, first.header.n_tiles)
        work = self._plan(outputs, partial(write_tiles, chain([first], tiles), outputs), True)
        return dataclasses.replace(work, makes=first.format)

    def tiles_to_sound(self, first: Picture, header: Header | None) -> Plan:
        converter, tiles = self.converter, read_tiles(first, header, self.paths)
        if header and isinstance(converter, KeepsBytes) and converter.is_file(header):
            facts, blocks = converter.decode_bytes(tiles)
            target = self._target(decoded_name, str(facts["suffix"]))
            return self._plan((target,), partial(write_bytes, blocks, target))
        if not header:
            converter = self._with_rate_of_name()
        sound = _to_the_end(tiles, converter.decode_sound(tiles))
        target = self._target(decoded_name, sound_suffix(sound.format))
        sound = fitted(self.watch(sound), target)
        return self._to_sound(target, sound)

    def picture_to_sound(self, picture: Picture) -> Plan:
        if len(self.paths) > 1:
            raise ConverterError(
                f"{picture.name}: by its name a tile of a sound, but it is none: add --encode to "
                f"make a {self.converter.kind} sound of it"
            )
        target = self._target(encoded_name, ".wav")
        sound_format(target)
        short = self._plan((target,), encodes=True)
        short.check(self.request.force)
        if self.dry_run:
            return short
        sound = self.converter.encode_picture(picture)
        if sound.format.n_samples > LONG * sound.format.sample_rate:
            message = f"{picture.name}: becomes {_length(sound.format)} of sound: is it too large?"
            warnings.warn(message, ConverterWarning, 2)
        return self._to_sound(target, fitted(self.watch(sound), target, self.converter), True)

    def _to_sound(self, target: Path, sound: Sound, encodes: bool = False) -> Plan:
        work = self._plan((target,), partial(write_sound, target, sound), encodes)
        return dataclasses.replace(work, makes=sound.format)

    def sound_to_picture(self, sound: Sound) -> Plan:
        target = self._target(decoded_name, ".png")
        picture_format(target)

        def convert() -> None:
            picture = self.converter.decode_picture(self.watch(sound))
            check_picture(picture, target)
            write_picture(target, picture)

        return self._plan((target,), convert)

    def _with_rate_of_name(self) -> Converter:
        """The converter, told what the name of a file without a header tells."""
        path, rate = self.paths[0], rate_hint(self.paths[0])
        fields = {f.name for f in dataclasses.fields(self.converter)}  # type: ignore[arg-type]
        if rate is None or "sample_rate" not in fields:
            return self.converter
        given = self.request.given.get("sample_rate", rate)
        if given != rate:
            message = f"{path}: its name tells {rate} Hz; {given} Hz are taken, as given"
        else:
            message = f"{path}: {rate} Hz are taken, as its name tells"
        warnings.warn(message, ConverterWarning, 2)
        return dataclasses.replace(self.converter, sample_rate=given)  # type: ignore[type-var]

    def _target(self, name_of: Callable[..., str], suffix: str, *more: int) -> Path:
        path, request = self.paths[0], self.request
        if request.file:
            return request.file
        name = name_of(path, request.suffix or suffix, *more, whole=path in request.clashing)
        return (request.folder or path.parent) / name

    def _plan(
        self,
        outputs: tuple[Path, ...],
        convert: Callable[[], None] = lambda: None,
        encodes: bool = False,
    ) -> Plan:
        preview = preview_of(outputs[0]) if self.request.preview else None
        return Plan(self.paths, outputs, self.converter.kind, encodes, convert, preview)


def _length(format: SoundFormat) -> str:
    seconds = format.n_samples / format.sample_rate
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _to_the_end(tiles: Iterator[Picture], sound: Sound) -> Sound:
    """The sound that was made of all the tiles; of less it is none."""

    def blocks(n: int) -> Iterator[np.ndarray]:
        yield from sound.blocks(n)
        if rest := next(tiles, None):
            raise ConverterError(
                f"{rest.name}: not read, for without headers the tiles are no one sound: rename "
                "them to decode each alone"
            )

    return dataclasses.replace(sound, blocks=blocks)


def _blocks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(BLOCK), b"")
