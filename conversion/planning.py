"""Plans conversions: opens the inputs, chooses direction and converter, names the outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from conversion.files import is_picture, read_file, read_tiles, write_bytes, write_tiles
from conversion.fitting import (
    check_picture,
    fit_sound,
    picture_format,
    sound_format,
    sound_suffix,
)
from conversion.naming import (
    decoded_name,
    encoded_name,
    plain_suffix,
    preview_path,
    rate_hint,
    tile_paths,
)
from conversion.plan import Plan, Settings, duration
from converters import Converter, ConverterError, Header, Picture, Sound, converter_of, find_header
from converters.header import SoundFormat, Value
from converters.media import warn
from converters.picture_files import write_picture
from converters.sound_files import write_sound

__all__ = ["BytesConverter", "Tracker", "make_plan"]

Tracker = Callable[[Sound], Sound]
"""Wraps a sound so that reading it moves a progress bar."""
BLOCK = 1 << 20  # bytes that are read at once
LONG = 600  # s of sound; a picture that becomes more is probably larger than intended


@runtime_checkable
class BytesConverter(Protocol):
    """A converter that can also encode any file byte by byte."""

    def encode_bytes(
        self, blocks: Iterable[bytes], n_bytes: int, suffix: str
    ) -> Iterator[Picture]: ...

    def decode_bytes(
        self, pictures: Iterator[Picture]
    ) -> tuple[Mapping[str, Value], Iterator[bytes]]: ...

    def is_file(self, header: Header) -> bool: ...


def make_plan(
    paths: tuple[Path, ...],
    settings: Settings,
    track: Tracker = lambda sound: sound,
    dry_run: bool = False,
) -> Plan:
    """Plans the conversion of one file, or of all tiles of one sound.

    Args:
        paths: a file, or tiles in order.
        track: applied to every sound before it is read.
        dry_run: skips slow steps; the plan must not be written then.

    Raises:
        ConverterError: the input cannot be converted with these settings.
    """
    planner = _Planner(paths, settings, track, settings.converter, dry_run)
    encode = settings.direction == "encode"
    if settings.as_bytes and (encode or not is_picture(paths[0])):
        return planner.bytes_to_tiles()
    content = read_file(paths[0], settings.strict)
    header = None if encode else find_header(content)
    if header:
        _check_header(content, header, settings)
        decoder = converter_of(header)
        how = decoder.decoding_options() & set(settings.given_options)
        given = {option: settings.given_options[option] for option in how}
        planner = dataclasses.replace(planner, converter=dataclasses.replace(decoder, **given))  # type: ignore[type-var]
    elif settings.direction is None:
        if settings.as_bytes:
            return planner.bytes_to_tiles()
        encode = _should_encode(content, type(settings.converter), rate_hint(paths[0]))
    if isinstance(content, Sound):
        if len(paths) > 1:
            raise ConverterError(
                f"{content.name}: named like a tile of a picture, but it is a sound: rename it"
            )
        useless = type(settings.converter).picture_options() & set(settings.given_options)
        for option in sorted(useless if encode else ()):
            warn(
                f"{content.name}: --{option.replace('_', '-')} is for pictures that become sounds: "
                "it changes nothing here"
            )
        return planner.sound_to_tiles(content) if encode else planner.sound_to_picture(content)
    return planner.picture_to_sound(content) if encode else planner.tiles_to_sound(content, header)


def _should_encode(content: Picture | Sound, kind: type[Converter], rate: int | None) -> bool:
    """Whether to encode a file without a header, as far as the kind of converter can.

    Args:
        rate: the sample rate in the file's name, which only pictures made of sounds have.
    """
    if isinstance(content, Sound):
        return kind.encode_sound is not Converter.encode_sound
    if rate and kind.decode_sound is not Converter.decode_sound:
        return False
    return kind.encode_picture is not Converter.encode_picture


def _check_header(content: Picture | Sound, header: Header, settings: Settings) -> None:
    """Raises ConverterError: the header contradicts the file or the user's options."""
    name, kind = content.name, settings.converter.kind
    if header.made_from != ("sound" if isinstance(content, Picture) else "picture"):
        raise ConverterError(
            f"{name}: its header is for another type of file: to ignore it, add --encode"
        )
    given = {**settings.preset_options, **settings.given_options}
    if header.kind != kind and (settings.kind_given or given):
        raise ConverterError(
            f"{name}: made by {header.kind}, not {kind}: to decode it, omit --with and the "
            "converter's options; to encode it again, add --encode"
        )
    decoder = converter_of(header)
    for option, value in given.items():
        made = getattr(decoder, option, None)
        if option in decoder.decoding_options() or decoder.automatic.get(option) == value:
            continue
        if made != value:
            raise ConverterError(
                f"{name}: made with {option} {made!r}, not {value!r}; the "
                f"file's own options are used to decode it: omit --{option.replace('_', '-')} or "
                "--preset"
            )


@dataclass(frozen=True)
class _Planner:
    paths: tuple[Path, ...]
    settings: Settings
    track: Tracker
    converter: Converter
    dry_run: bool

    def sound_to_tiles(self, sound: Sound) -> Plan:
        target = self._target(encoded_name, ".png", sound.format.sample_rate)
        self._check_before_work(target)
        return self._write_tiles(self.converter.encode_sound(self.track(sound)), target)

    def bytes_to_tiles(self) -> Plan:
        path = self.paths[0]
        assert isinstance(self.converter, BytesConverter)
        target = self._target(encoded_name, ".png")
        self._check_before_work(target)
        tiles = self.converter.encode_bytes(
            _read_blocks(path), path.stat().st_size, plain_suffix(path)
        )
        return self._write_tiles(tiles, target)

    def _check_before_work(self, target: Path) -> None:
        """The number of tiles is known only after the work on the first one."""
        picture_format(target)
        self._plan((target,)).check(self.settings.force)

    def _write_tiles(self, tiles: Iterator[Picture], target: Path) -> Plan:
        first = next(tiles)
        assert first.header
        check_picture(first, target, self.converter)
        outputs = tile_paths(target, first.header.n_tiles)
        plan = self._plan(outputs, partial(write_tiles, chain([first], tiles), outputs), True)
        return dataclasses.replace(
            plan, output_format=first.format, instead_of=self.settings.out_file
        )

    def tiles_to_sound(self, first: Picture, header: Header | None) -> Plan:
        converter, tiles = self.converter, self._read_tiles(first, header)
        if header and isinstance(converter, BytesConverter) and converter.is_file(header):
            facts, blocks = converter.decode_bytes(tiles)
            target = self._target(decoded_name, str(facts["suffix"]))
            return self._plan((target,), partial(write_bytes, blocks, target))
        if not header:
            converter = self._with_rate_of_name()
        sound = _refuse_rest(tiles, converter.decode_sound(tiles))
        target = self._target(decoded_name, sound_suffix(sound.format))
        return self._write_sound(target, fit_sound(self.track(sound), target))

    def _read_tiles(self, first: Picture, header: Header | None) -> Iterator[Picture]:
        return read_tiles(first, header, self.paths, self.settings.strict)

    def picture_to_sound(self, picture: Picture) -> Plan:
        if len(self.paths) > 1:
            raise ConverterError(
                f"{picture.name}: named like a tile of a sound, but it has no header: to make a "
                f"{self.converter.kind} sound of this picture alone, add --encode"
            )
        target = self._target(encoded_name, ".wav")
        sound_format(target)
        plan = self._plan((target,), encodes=True)
        plan.check(self.settings.force)
        if format := self.converter.sound_format_of(picture):  # the plan is shown before the work
            _warn_if_long(picture.name, format)
            fit_sound(Sound(format, lambda n: iter(())), target, self.converter)

            def convert() -> None:
                sound = self.track(self.converter.encode_picture(picture))
                write_sound(target, fit_sound(sound, target, self.converter))

            return dataclasses.replace(plan, convert=convert, output_format=format)
        if self.dry_run:
            return plan
        sound = self.converter.encode_picture(picture)
        _warn_if_long(picture.name, sound.format)
        return self._write_sound(target, fit_sound(self.track(sound), target, self.converter), True)

    def _write_sound(self, target: Path, sound: Sound, encodes: bool = False) -> Plan:
        plan = self._plan((target,), partial(write_sound, target, sound), encodes)
        return dataclasses.replace(plan, output_format=sound.format)

    def sound_to_picture(self, sound: Sound) -> Plan:
        target = self._target(decoded_name, ".png")
        picture_format(target)

        def convert() -> None:
            picture = self.converter.decode_picture(self.track(sound))
            check_picture(picture, target)
            write_picture(target, picture)

        return self._plan((target,), convert)

    def _with_rate_of_name(self) -> Converter:
        """The converter with the sample rate that the name of a file without a header contains."""
        path, rate = self.paths[0], rate_hint(self.paths[0])
        fields = {f.name for f in dataclasses.fields(self.converter)}  # type: ignore[arg-type]
        if rate is None or "sample_rate" not in fields:
            return self.converter
        given = self.settings.given_options.get("sample_rate", rate)
        if given != rate:
            warn(f"{path}: its name says {rate} Hz; using {given} Hz from --sample-rate")
        else:
            warn(f"{path}: has no header; using {rate} Hz from its name")
        return dataclasses.replace(self.converter, sample_rate=given)  # type: ignore[type-var]

    def _target(self, name_of: Callable[..., str], suffix: str, *more: int) -> Path:
        path, settings = self.paths[0], self.settings
        if settings.out_file:
            return settings.out_file
        name = name_of(path, settings.suffix or suffix, *more, whole=path in settings.clashing)
        return (settings.out_folder or path.parent) / name

    def _plan(
        self,
        outputs: tuple[Path, ...],
        convert: Callable[[], None] = lambda: None,
        encodes: bool = False,
    ) -> Plan:
        preview = preview_path(outputs[0]) if self.settings.preview else None
        return Plan(self.paths, outputs, self.converter.kind, encodes, convert, preview)


def _warn_if_long(name: str, format: SoundFormat) -> None:
    if format.n_samples > LONG * format.sample_rate:
        warn(f"{name}: becomes {duration(format)} of sound; a smaller picture becomes less")


def _refuse_rest(tiles: Iterator[Picture], sound: Sound) -> Sound:
    """The sound, which fails at its end if it was not made of all the tiles."""

    def blocks(n: int) -> Iterator[np.ndarray]:
        yield from sound.blocks(n)
        if rest := next(tiles, None):
            raise ConverterError(
                f"{rest.name}: tiles without headers cannot be joined into one sound: rename them "
                "to decode each alone"
            )

    return dataclasses.replace(sound, blocks=blocks)


def _read_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(BLOCK), b"")
