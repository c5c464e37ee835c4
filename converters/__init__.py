"""Fixed (not learned) converters between sound and pictures.

Every sub-package is a kind of converter, found by its folder, and has CONVERTER, its class, and
PRESETS, converters with ready-made options. Plain modules are shared by the kinds.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from functools import cache
from types import ModuleType

from converters.base import Converter
from converters.header import ConverterError, Header
from converters.media import ConverterWarning, Picture, Sound

__all__ = [
    "Converter", "ConverterError", "ConverterWarning", "Header", "Picture", "Sound",
    "converter_of", "find_header", "kinds", "presets",
]  # fmt: skip


@cache
def kinds() -> dict[str, type[Converter]]:
    """Name -> converter class."""
    return {name: module.CONVERTER for name, module in _modules().items()}


@cache
def presets() -> dict[str, dict[str, Converter]]:
    """Name of the converter -> name of the preset -> converter. The first preset is the default."""
    return {name: module.PRESETS for name, module in _modules().items()}


def converter_of(header: Header) -> Converter:
    """The converter that made a file.

    Raises:
        ConverterError: no converter here is of the header's kind, or its options do not fit.
    """
    header = _with_current_kind(header)
    if header.kind not in kinds():
        raise ConverterError(
            f"the file was made by {header.kind!r}, which is not one of {', '.join(kinds())}"
        )
    return kinds()[header.kind].from_header(header)


def find_header(source: Picture | Sound) -> Header | None:
    """The header in the metadata, else the one inside the pixels or samples, else None."""
    if source.header is not None:
        return _with_current_kind(source.header)
    embedded = (kind.find(source) for kind in kinds().values())
    return next((header for header in embedded if header is not None), None)


def _with_current_kind(header: Header) -> Header:
    """Files made before mel64 was a kind of its own have it as a profile of spectrogram."""
    if header.kind == "spectrogram" and header.options.get("profile") == "mel64":
        return dataclasses.replace(header, kind="mel64", options={})
    return header


@cache
def _modules() -> dict[str, ModuleType]:
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.ispkg)
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
