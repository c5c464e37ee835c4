"""Describes files from their headers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.errors import escaped
from conversion.files import read_file
from conversion.messages import decode_command
from conversion.naming import rate_hint
from converters import Picture, Sound, find_header, kinds
from converters.header import PictureFormat, SoundFormat, Value

__all__ = ["probe", "table"]

COLORS = {1: "grey", 3: "RGB", 4: "RGBA"}


def probe(path: Path) -> dict[str, Any]:
    """Describes a file by plain values, None where they are unknown.

    Raises:
        ConverterError: the file is neither a picture nor a sound of a supported format.
    """
    content = read_file(path)
    header = find_header(content)
    found: dict[str, Any] = {
        "file": str(path),
        "is": "sound" if isinstance(content, Sound) else "picture",
        "format": dataclasses.asdict(content.format),
        "rate_in_name": rate_hint(path),
        "damage": content.damage or None,
        "samples_claimed": content.n_claimed if isinstance(content, Sound) else None,
        "header": None,
    }
    if not header:
        return found
    holds = header.sound or header.picture
    # A header in the pixels has no checksum of them, and that of a sound is of another picture.
    unedited = not content.edited if isinstance(content, Picture) and content.header else None
    return found | {
        "header": "beside" if content.header else "inside",
        "kind": header.kind,
        "known": header.kind in kinds(),
        "made_from": header.made_from,
        "holds": dataclasses.asdict(holds) if holds else None,
        "tile": header.tile + 1,
        "n_tiles": header.n_tiles,
        "options": dict(header.options),
        "facts": dict(header.facts),
        "as_sealed": unedited,
    }


def table(found: Mapping[str, Any]) -> str:
    """A description as text, a line for each property."""
    rows = list(_rows(found))
    width = max(len(name) for name, _ in rows)
    lines = [found["file"], *(f"  {name:{width}}  {text}" for name, text in rows)]
    return "\n".join(map(escaped, lines))


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "is", "a " + _format(found["format"])
    if found["damage"]:
        yield "but", found["damage"]
    if found["header"] is None:
        yield "header", "none: the file does not say how it was made"
        if found["rate_in_name"]:
            yield "rate", f"{found['rate_in_name']:,} Hz by the file's name"
        return
    content = {"picture": "pixels", "sound": "samples"}[found["is"]]
    yield "header", f"{found['header']} the {content}"
    yield "made", f"by {found['kind']}{'' if found['known'] else ' (not available here)'}"
    yield "holds", "a " + _format(found["holds"]) if found["holds"] else "a file, byte by byte"
    if found["n_tiles"] > 1:
        yield "tile", f"{found['tile']} of {found['n_tiles']}"
    if found["as_sealed"] is not None:
        yield "pixels", "unchanged" if found["as_sealed"] else "edited since they were made"
    for name in ("options", "facts"):
        if found[name]:
            yield name, _join(found[name])
    if found["known"]:
        yield "decode", decode_command(found["file"])


def _format(values: Mapping[str, Any]) -> str:
    if "width" in values:
        picture = PictureFormat(**values)
        colors = f"{COLORS[picture.n_colours]}, {picture.bits} bits"
        return f"picture of {picture.width:,} x {picture.height:,} pixels, {colors}"
    sound = SoundFormat(**values)
    seconds = sound.n_samples / sound.sample_rate
    channels = "1 channel" if sound.n_channels == 1 else f"{sound.n_channels} channels"
    return (
        f"sound of {seconds:,.3f} s: {sound.n_samples:,} samples at {sound.sample_rate:,} Hz, "
        f"{channels}, {sound.subtype} in {sound.container}"
    )


def _join(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in values.items())
