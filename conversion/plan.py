"""The settings of a conversion, and the plan that they lead to: which files it will write."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from converters import Converter, ConverterError
from converters.header import PictureFormat, SoundFormat, Value

__all__ = ["OutputExistsError", "Plan", "Settings", "duration"]


class OutputExistsError(ConverterError):
    """An output exists and must not be overwritten."""


@dataclass(frozen=True)
class Settings:
    """What the command line asks for, the same for every file."""

    converter: Converter
    """Used for files without a header."""
    kind_given: bool = False
    """Whether the user chose the converter's kind; else it is the default."""
    given_options: Mapping[str, Value] = field(default_factory=dict)
    """The converter options that the user set one by one."""
    preset_options: Mapping[str, Value] = field(default_factory=dict)
    """Those that the preset stands for, if the user chose one."""
    direction: Literal["encode", "decode"] | None = None
    """None: decode files that have a header, and choose by the type of the others."""
    as_bytes: bool = False
    """Whether files are packed byte by byte."""
    strict: bool = False
    """Whether a file that is cut off, or does not hold what it says, is an error."""
    out_file: Path | None = None
    """The output; None: its name is derived from the input's."""
    out_folder: Path | None = None
    """None: outputs are written beside their inputs."""
    suffix: str = ""
    """Of outputs with a derived name; empty: one that keeps the content unchanged."""
    preview: bool = False
    """Whether input and output are drawn."""
    force: bool = False
    """Whether existing outputs are overwritten."""
    clashing: frozenset[Path] = frozenset()
    """Inputs whose suffix is kept in a derived name, as another input has the same stem."""


@dataclass(frozen=True)
class Plan:
    """One conversion. Nothing is written before `write`."""

    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    kind: str
    encodes: bool
    convert: Callable[[], None]
    preview: Path | None = None
    output_format: SoundFormat | PictureFormat | None = None
    """Of the first output, where it is known in advance."""
    instead_of: Path | None = None
    """The output that was asked for, of which there may be tiles."""

    @property
    def description(self) -> str:
        """The kind, the number of tiles, and the size or duration of the output."""
        n = max(len(self.outputs), len(self.inputs))
        parts = [self.kind]
        if n > 1:
            asked = self.instead_of is not None and len(self.outputs) > 1
            parts.append(f"{n} tiles" + (f" instead of {self.instead_of}" if asked else ""))
        match self.output_format:
            case SoundFormat():
                parts.append(f"{duration(self.output_format)} of sound")
            case PictureFormat(width, height) if n == 1:
                parts.append(f"{width} x {height} pixels")
        return ", ".join(parts)

    @property
    def targets(self) -> tuple[Path, ...]:
        """All files that are written."""
        return (*self.outputs, self.preview) if self.preview else self.outputs

    def check(self, force: bool) -> None:
        """Makes sure that no file is lost.

        Args:
            force: whether existing outputs may be overwritten.

        Raises:
            OutputExistsError: an output exists.
            ConverterError: an output is an input or a folder.
        """
        for path in self.targets:
            if path.exists() and any(path.samefile(source) for source in self.inputs):
                raise ConverterError(f"{path} is the input itself: choose another output")
            if path.is_dir():
                raise ConverterError(f"{path} is a folder: choose another output")
            if path.exists() and not force:
                raise OutputExistsError(f"{path} exists: choose another output, or add --force")

    def write(self) -> None:
        """Writes all outputs, or none.

        Raises:
            ConverterError: the input is damaged, or the folder cannot be written.
            OSError: the disk is full, or a file cannot be read or written.
        """
        folder = self.outputs[0].parent
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):  # else the error would name a temporary file
            raise ConverterError(f"{folder}: no permission to write into this folder")
        self.convert()
        if self.preview:
            from conversion.preview import draw  # matplotlib is slow to import

            draw(self.inputs[0], self.outputs[0], self.preview)


def duration(format: SoundFormat) -> str:
    """The duration of a sound in a unit that suits it, such as '0.5 s' or '12 min'."""
    seconds = format.n_samples / format.sample_rate
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
