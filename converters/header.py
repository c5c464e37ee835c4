"""The header by which a converted file describes itself: as JSON, and as a few bytes."""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["MAX_HEADER", "ConverterError", "Header", "PictureFormat", "SoundFormat", "Value"]

Value = bool | int | float | str

VERSION = 1
MAX_HEADER = 1 << 15  # bytes of JSON
MAGIC = b"Syn\x01"
PREFIX = len(MAGIC) + 2 + 4  # magic, length of the body, CRC-32 of the body

INT16 = (
    "PCM_S8", "PCM_U8", "PCM_16", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32",
    "G723_24", "G723_40", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "VOX_ADPCM", "DWVW_12",
    "DWVW_16", "DPCM_8", "DPCM_16", "ALAC_16",
)  # fmt: skip
INT32 = ("PCM_24", "PCM_32", "DWVW_24", "ALAC_20", "ALAC_24", "ALAC_32")
FLOAT32 = ("FLOAT", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
DTYPES = {
    **dict.fromkeys(INT16, "int16"),
    **dict.fromkeys(INT32, "int32"),
    **dict.fromkeys(FLOAT32, "float32"),
    "DOUBLE": "float64",
}


class ConverterError(ValueError):
    """Names the thing that is wrong, says what is wrong with it and what to do, in one line."""


@dataclass(frozen=True)
class SoundFormat:
    """Everything about a sound but its samples. Raises ConverterError on values out of range."""

    sample_rate: int
    """In Hz."""
    n_channels: int
    n_samples: int
    """Of each channel."""
    subtype: str = "PCM_16"
    """As soundfile names it."""
    container: str = "WAV"
    """As soundfile names it."""

    def __post_init__(self) -> None:
        _whole("sample rate", self.sample_rate, 1, 2**31 - 1)
        _whole("number of channels", self.n_channels, 1, 1024)
        _whole("number of samples", self.n_samples, 0, 2**40)
        if self.subtype not in DTYPES:
            raise ConverterError(f"samples of the kind {self.subtype!r} are unknown")
        if not (isinstance(self.container, str) and self.container.isalnum()):
            raise ConverterError(f"{self.container!r} is no kind of sound file")

    @property
    def dtype(self) -> np.dtype:
        """The numbers that hold a sample exactly."""
        return np.dtype(DTYPES[self.subtype])

    @property
    def full_scale(self) -> float:
        """What 1.0 is in samples of `dtype`."""
        return float(-np.iinfo(self.dtype).min) if self.dtype.kind == "i" else 1.0


@dataclass(frozen=True)
class PictureFormat:
    """Everything about a picture but its pixels. Raises ConverterError on values out of range."""

    width: int
    height: int
    n_colours: int = 1
    """1 grey, 3 RGB, 4 RGBA."""
    bits: int = 8
    """Of each colour: 8 or 16."""

    def __post_init__(self) -> None:
        _whole("width", self.width, 1, 1 << 20)
        _whole("height", self.height, 1, 1 << 20)
        if self.n_colours not in (1, 3, 4) or self.bits not in (8, 16):
            raise ConverterError(f"no picture has {self.n_colours} colours of {self.bits} bits")


@dataclass(frozen=True)
class Header:
    """How a file was made; enough to undo it, whatever the settings are by then.

    Raises ConverterError on values of the wrong type or out of range.
    """

    kind: str
    """Name of the converter."""
    made_from: Literal["sound", "picture"]
    options: Mapping[str, Value]
    """Every option of the converter."""
    sound: SoundFormat | None = None
    """Of the sound that was, or is to be, a picture."""
    picture: PictureFormat | None = None
    """Of the picture that was made a sound."""
    tile: int = 0
    """This is tile number ... (from 0)"""
    n_tiles: int = 1
    """... of so many."""
    facts: Mapping[str, Value] = field(default_factory=dict)
    """What this kind of converter has to know of this file."""
    crc: int = 0
    """CRC-32 of the pixels (of the picture that is made, or that was made a sound)."""
    sha256: str = ""
    """Of all that was encoded; the last tile knows it."""
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ConverterError(
                f"the header is of version {self.version!r}; this program reads version {VERSION}"
            )
        if self.made_from not in ("sound", "picture"):
            raise ConverterError(f"a header says 'sound' or 'picture', not {self.made_from!r}")
        for text in (self.kind, self.sha256):
            if not isinstance(text, str) or len(text) > 64:
                raise ConverterError(f"{text!r} does not belong in a header")
        _whole("number of tiles", self.n_tiles, 1, 1 << 30)
        _whole("tile", self.tile, 0, self.n_tiles - 1)
        _whole("CRC", self.crc, 0, 2**32 - 1)
        for values in (self.options, self.facts):
            for key, value in values.items():
                if not isinstance(value, Value) or not isinstance(key, str):
                    raise ConverterError(f"{key!r} in a header has no plain value")
                if isinstance(value, float) and not math.isfinite(value):
                    raise ConverterError(f"{key!r} in a header is not finite")
                if isinstance(value, int) and abs(value) > 2**63:
                    raise ConverterError(f"{key!r} in a header is out of range")

    def fact(self, key: str, type_: type, least: float, most: float) -> Any:
        """facts[key], checked: hostile files can say anything.

        Raises:
            ConverterError: it is not there, of another type, or out of range.
        """
        value = self.facts.get(key)
        if type(value) is not type_ or not least <= value <= most:  # type: ignore[operator]
            raise ConverterError(f"the header's {key!r} is {value!r}: not from {least} to {most}")
        return value

    def to_json(self) -> str:
        fields = dataclasses.asdict(self)
        default = {f.name: f.default for f in dataclasses.fields(self)}
        kept = {k: v for k, v in fields.items() if (v != default[k] and v != {}) or k == "version"}
        return json.dumps(kept, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Header:
        """The inverse of `to_json`.

        Raises:
            ConverterError: the text is not such a header.
        """
        if len(text) > MAX_HEADER:
            raise ConverterError(f"a header of {len(text)} bytes: more than {MAX_HEADER}")
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConverterError(f"the header is not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise ConverterError("the header is not a JSON object")
        for name in ("options", "facts"):
            if not isinstance(fields.get(name, {}), dict):
                raise ConverterError(f"the header's {name!r} is not an object")
        try:
            for name, of in (("sound", SoundFormat), ("picture", PictureFormat)):
                if fields.get(name) is not None:
                    fields[name] = of(**fields[name])
            return cls(**fields)
        except TypeError as error:  # a field too many or too few, or one of another type
            raise ConverterError(
                f"the header does not have the fields it should: {error}"
            ) from error

    def to_bytes(self) -> bytes:
        """Magic, length, CRC-32, compressed JSON: for a place inside the picture or sound."""
        packer = zlib.compressobj(9, zdict=_DICTIONARY)
        body = packer.compress(self.to_json().encode()) + packer.flush()
        return MAGIC + len(body).to_bytes(2, "big") + zlib.crc32(body).to_bytes(4, "big") + body

    @staticmethod
    def size_in(data: bytes) -> int | None:
        """How many bytes the header at the start of data takes; None where there is none.

        Ten bytes tell.
        """
        if data[: len(MAGIC)] != MAGIC or len(data) < PREFIX:
            return None
        return PREFIX + int.from_bytes(data[len(MAGIC) : len(MAGIC) + 2], "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> Header:
        """The inverse of `to_bytes`; what follows the header is ignored.

        Raises:
            ConverterError: there is no header, or it is damaged.
        """
        size = cls.size_in(data)
        if size is None or len(data) < size:
            raise ConverterError("there is no header at the start")
        body = data[PREFIX:size]
        if zlib.crc32(body).to_bytes(4, "big") != data[PREFIX - 4 : PREFIX]:
            raise ConverterError("the header is damaged: its checksum does not fit")
        try:
            unpacker = zlib.decompressobj(zdict=_DICTIONARY)
            text = unpacker.decompress(body, MAX_HEADER + 1)
        except zlib.error as error:
            raise ConverterError(f"the header is damaged: {error}") from error
        return cls.from_json(text)


def _whole(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ConverterError(f"the {name} is {value!r}: not a whole number of {least} to {most}")


# What headers have in common, so that they take few bytes. Frozen: without it none can be read.
_DICTIONARY = (
    b'"facts":{"start":,"scale":,"peak":"kind":"tone","kind":"grid","options":{"layout":"planes",'
    b'"layout":"rgb","layout":"flac","expand":1,"width":768,"height":768},"picture":{"bits":16,'
    b'"height":,"n_colours":3,"width":,"bits":8,"height":100,"n_colours":1,"width":100},'
    b'"subtype":"PCM_U8""subtype":"DOUBLE""subtype":"FLOAT""subtype":"PCM_24""container":"FLAC",'
    b'"sample_rate":8000,"sample_rate":22050,"sample_rate":48000,"tile":1,"n_tiles":1,'
    b'"sha256":"","kind":"pack","made_from":"picture","kind":"spectrogram","made_from":"sound",'
    b'"options":{"n_fft":2048,"hop":512,"sound":{"container":"WAV","n_channels":2,"n_samples":,'
    b'"n_channels":1,"n_samples":1,"sample_rate":44100,"subtype":"PCM_16"},"version":1}{"crc":'
)
