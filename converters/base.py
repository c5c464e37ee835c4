"""The interface that every converter has."""

from __future__ import annotations

import dataclasses
from abc import ABC
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from converters.header import ConverterError, Header, SoundFormat, Value
from converters.media import Picture, Sound

__all__ = ["DECODING", "Converter"]

DECODING = {"decoding": True}
"""The metadata of an option of decoding."""


class Converter(ABC):
    """A fixed map between sound and pictures. A frozen dataclass whose fields are its options.

    Encoding uses the converter's own options. Decoding is called on the converter that the header
    describes (`from_header`); without a header, on one with the options that the caller gives.
    A converter overrides the directions that it supports; the others raise ConverterError.

    Options are part of the file format. In the metadata of a field, `earlier` is the value that an
    option has in headers that lack it, as it was added later; `pictures` marks one that only
    pictures that become sounds have a use for. `DECODING` marks an option that is no part of
    headers: it says how to decode.
    """

    kind: ClassVar[str]
    exact: ClassVar[Literal["sound", "picture", "both", "neither"]]
    """The round trips that give back any samples or pixels unchanged."""
    automatic: ClassVar[Mapping[str, Value]] = {}
    """Option -> the value that stands for one chosen in encoding, which the header then has."""

    def encode_sound(self, sound: Sound) -> Iterator[Picture]:
        """A sound -> tiles with headers, each made when it is asked for."""
        raise ConverterError(
            f"{self.kind} makes no picture of {sound.name}: it is no {self.kind} sound"
        )

    def decode_sound(self, pictures: Iterator[Picture]) -> Sound:
        """The inverse of encode_sound: all tiles, in order, are read while the sound is."""
        raise ConverterError(f"{self.kind} pictures hold no sound")

    def encode_picture(self, picture: Picture) -> Sound:
        """A picture -> a sound with its header."""
        raise ConverterError(f"{self.kind} makes no sound of {picture.name}")

    def sound_format_of(self, picture: Picture) -> SoundFormat | None:
        """The format of the sound that `encode_picture` makes, if that is slow; else None."""
        return None

    def decode_picture(self, sound: Sound) -> Picture:
        """The inverse of encode_picture."""
        raise ConverterError(f"{self.kind} sounds hold no picture")

    @classmethod
    def find(cls, source: Picture | Sound) -> Header | None:
        """The header inside the pixels or samples, for when the metadata are lost."""
        return None

    def header(self, made_from: Literal["sound", "picture"], **fields: object) -> Header:
        """A header with this converter's options."""
        # One that is as it was before it was an option is left out: headers stay short.
        options = {
            name: getattr(self, name)
            for name, field in _header_fields(type(self)).items()
            if getattr(self, name) != field.metadata.get("earlier")
        }
        return Header(self.kind, made_from, options, **fields)  # type: ignore[arg-type]

    @classmethod
    def from_header(cls, header: Header) -> Self:
        """The converter that made a file.

        Raises:
            ConverterError: the header is of another kind, lacks an option that files always had,
                or has options that are not this converter's or out of range.
        """
        if header.kind != cls.kind:
            raise ConverterError(f"a header of {header.kind!r} is not for {cls.kind}")
        fields = _header_fields(cls)
        earlier = {n: f.metadata["earlier"] for n, f in fields.items() if "earlier" in f.metadata}
        options = {**earlier, **header.options}
        unknown = sorted(set(options) ^ set(fields))
        if unknown:
            raise ConverterError(
                f"the header's options do not fit {cls.kind}: {', '.join(unknown)}"
            )
        for name, value in options.items():
            expected = type(fields[name].default)
            if type(value) is not expected:
                raise ConverterError(
                    f"the header's {name} is {value!r}: not of {expected.__name__}"
                )
        return cls(**options)

    @classmethod
    def picture_options(cls) -> set[str]:
        """Names of the options that only pictures that become sounds have a use for."""
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        return {field.name for field in fields if field.metadata.get("pictures")}

    @classmethod
    def decoding_options(cls) -> set[str]:
        """Names of the options that are no part of headers."""
        names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return names - set(_header_fields(cls))


def _header_fields(cls: type[Converter]) -> dict[str, dataclasses.Field[Any]]:
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    return {field.name: field for field in fields if not field.metadata.get("decoding")}
