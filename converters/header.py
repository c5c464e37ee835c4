"""The header by which a converted file describes itself: as JSON, or compressed to bytes."""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

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
# The subtype that holds any sample of a type.
SUBTYPES = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}


class ConverterError(ValueError):
    """One line that names the file or option, what is wrong with it and what to do."""


@dataclass(frozen=True)
class SoundFormat:
    """All of a sound but its samples. Raises ConverterError on values out of range."""

    sample_rate: int
    """In Hz."""
    n_channels: int
    n_samples: int
    """Of each channel."""
    subtype: str = "PCM_16"
    """In soundfile's terms."""
    container: str = "WAV"
    """In soundfile's terms."""

    def __post_init__(self) -> None:
        _check_int("sample rate", self.sample_rate, 1, 2**31 - 1)
        _check_int("number of channels", self.n_channels, 1, 1024)
        _check_int("number of samples", self.n_samples, 0, 2**40)
        if self.subtype not in DTYPES:
            raise ConverterError(f"unknown subtype of samples {self.subtype!r}")
        if not (isinstance(self.container, str) and self.container.isalnum()):
            raise ConverterError(f"unknown container {self.container!r} of a sound")

    @property
    def dtype(self) -> np.dtype:
        """The type that holds a sample exactly."""
        return np.dtype(DTYPES[self.subtype])

    @property
    def full_scale(self) -> float:
        """The value of 1.0 in samples of `dtype`."""
        return float(-np.iinfo(self.dtype).min) if self.dtype.kind == "i" else 1.0


@dataclass(frozen=True)
class PictureFormat:
    """All of a picture but its pixels. Raises ConverterError on values out of range."""

    width: int
    height: int
    n_colours: int = 1
    """1 grey, 3 RGB, 4 RGBA."""
    bits: int = 8
    """Of each colour: 8 or 16."""

    def __post_init__(self) -> None:
        _check_int("width", self.width, 1, 1 << 20)
        _check_int("height", self.height, 1, 1 << 20)
        if self.n_colours not in (1, 3, 4) or self.bits not in (8, 16):
            raise ConverterError(
                f"pictures with {self.n_colours} colours of {self.bits} bits are not supported"
            )


@dataclass(frozen=True)
class Header:
    """How a file was made: all that decoding needs, independent of current settings.

    Raises ConverterError on values of the wrong type or out of range.
    """

    MAGIC: ClassVar[bytes] = MAGIC
    """The first bytes of `to_bytes`."""

    kind: str
    """Name of the converter."""
    made_from: Literal["sound", "picture"]
    options: Mapping[str, Value]
    """Every option of the converter."""
    sound: SoundFormat | None = None
    """Of the sound that the picture was made from, or that is made of it."""
    picture: PictureFormat | None = None
    """Of the picture that the sound was made from."""
    tile: int = 0
    """Index of this tile, from 0."""
    n_tiles: int = 1
    """Of the whole sound or file."""
    facts: Mapping[str, Value] = field(default_factory=dict)
    """Parameters of this file, beyond the options, that its converter needs to decode it."""
    crc: int = 0
    """CRC-32 of the pixels: of the picture made, or of the one that the sound was made from."""
    sha256: str = ""
    """Of all that was encoded; in the last tile alone."""
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ConverterError(
                f"the header is of version {self.version!r}; this program reads version {VERSION}"
            )
        if self.made_from not in ("sound", "picture"):
            raise ConverterError(
                f"the header's made_from is {self.made_from!r}: not 'sound' or 'picture'"
            )
        for text in (self.kind, self.sha256):
            if not isinstance(text, str) or len(text) > 64:
                raise ConverterError(f"the header has {text!r} where a short text should be")
        _check_int("number of tiles", self.n_tiles, 1, 1 << 30)
        _check_int("tile", self.tile, 0, self.n_tiles - 1)
        _check_int("CRC", self.crc, 0, 2**32 - 1)
        for values in (self.options, self.facts):
            for key, value in values.items():
                if not isinstance(value, Value) or not isinstance(key, str):
                    raise ConverterError(f"{key!r} in a header is not a number, text or boolean")
                if isinstance(value, float) and not math.isfinite(value):
                    raise ConverterError(f"{key!r} in a header is not finite")
                if isinstance(value, int) and abs(value) > 2**63:
                    raise ConverterError(f"{key!r} in a header is out of range")

    def fact(self, key: str, type_: type, min_: float, max_: float) -> Any:
        """facts[key], checked: a hostile file can hold anything.

        Raises:
            ConverterError: it is not there, of another type, or out of range.
        """
        value = self.facts.get(key)
        if type(value) is not type_ or not min_ <= value <= max_:  # type: ignore[operator]
            raise ConverterError(f"the header's {key!r} is {value!r}: not from {min_} to {max_}")
        return value

    def to_json(self) -> str:
        fields = dataclasses.asdict(self)
        default = {f.name: f.default for f in dataclasses.fields(self)}
        always = ("options", "version")
        kept = {k: v for k, v in fields.items() if k in always or (v != default[k] and v != {})}
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
        except TypeError as error:  # unknown, missing or of another type
            raise ConverterError(
                f"the header does not have the fields it should: {error}"
            ) from error

    def to_bytes(self) -> bytes:
        """Magic, length, CRC-32, compressed JSON: to be embedded in pixels or samples."""
        packer = zlib.compressobj(9, zdict=_DICTIONARY)
        body = packer.compress(self.to_json().encode()) + packer.flush()
        return MAGIC + len(body).to_bytes(2, "big") + zlib.crc32(body).to_bytes(4, "big") + body

    @staticmethod
    def size_in(data: bytes) -> int | None:
        """Size in bytes of the header at the start of data; None where there is none.

        PREFIX bytes of data are enough.
        """
        if data[: len(MAGIC)] != MAGIC or len(data) < PREFIX:
            return None
        return PREFIX + int.from_bytes(data[len(MAGIC) : len(MAGIC) + 2], "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> Header:
        """The inverse of `to_bytes`; data after the header is ignored.

        Raises:
            ConverterError: there is no header, or it is damaged.
        """
        size = cls.size_in(data)
        if size is None or len(data) < size:
            raise ConverterError("there is no header at the start")
        body = data[PREFIX:size]
        if zlib.crc32(body).to_bytes(4, "big") != data[PREFIX - 4 : PREFIX]:
            raise ConverterError("the header is damaged: its checksum does not match")
        try:
            unpacker = zlib.decompressobj(zdict=_DICTIONARY)
            text = unpacker.decompress(body, MAX_HEADER + 1)
        except zlib.error as error:
            raise ConverterError(f"the header is damaged: {error}") from error
        return cls.from_json(text)


def _check_int(name: str, value: object, min_: int, max_: int) -> None:
    if type(value) is not int or not min_ <= value <= max_:
        raise ConverterError(f"the {name} is {value!r}: not a whole number from {min_} to {max_}")


# Text that headers share, so that they compress well. Frozen: without it none can be read.
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
