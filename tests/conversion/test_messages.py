"""The command line that decodes a file."""

from __future__ import annotations

import shlex
import warnings
from pathlib import Path

import pytest

from conversion.messages import reason, report_warnings
from converters import ConverterError
from converters.media import warn
from tests.conversion.calls import sound_file, succeed


@pytest.mark.parametrize("name", ["-x.png", "a b'$.png"])
def test_the_command_that_decodes_can_be_typed(folder: Path, name: str) -> None:
    sound_file(folder / "a.wav")
    line = succeed("a.wav", f"--out={name}", "--with", "pack").out.rpartition("decode:  ")[2]
    _, _, *typed = shlex.split(line)
    assert f" {line}" in succeed("--probe", *typed).out
    assert " -> " in succeed(*typed, "-o", "b.wav").out


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConverterError("a.wav: two\nlines"), "a.wav: two lines"),
        (FileNotFoundError(2, "No such file", "a.wav"), "a.wav: No such file"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError(), "not enough memory"),
        (KeyError("x"), "unexpected error, a bug in this program: KeyError('x')"),
    ],
)
def test_every_error_is_one_line(error: Exception, line: str) -> None:
    assert reason(error) == line


def test_a_warning_is_reported_once() -> None:
    lines: list[str] = []
    with pytest.warns(UserWarning, match="another"), report_warnings(lines.append):
        for _ in range(2):
            warn("a.wav:  is lossy")
        warnings.warn("another", UserWarning, stacklevel=1)
    assert lines == ["a.wav: is lossy"]
