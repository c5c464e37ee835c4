"""The command line that decodes a file."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import warnings
from pathlib import Path

import pytest

from conversion.messages import reason, report_warnings
from converters import ConverterError
from converters.media import warn
from tests.conversion.calls import RATE, call, sound_file, succeed


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


@pytest.mark.skipif(os.name == "nt", reason="such names are not allowed")
def test_names_do_not_command_the_terminal(folder: Path) -> None:
    """Neither in lines of a file, of many, in warnings, errors and --probe."""
    names = ["red\x1b[31m.wav", "two\nlines.wav", "back\u202e.wav"]
    for name in names:
        (folder / "in").mkdir(exist_ok=True)
        path = sound_file(folder / "in" / name)
        path.write_bytes(path.read_bytes()[:-9])
    (folder / "in" / "no\x1b[2J.wav").write_bytes(b"no sound")
    many = call("in", "--out", "out", "--with", "pack")
    for said in (many, call("--probe", f"in/{names[0]}"), call("in/no\x1b[2J.wav")):
        text = said.out + said.err
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), text
        assert "\\x1b" in text and "\nlines" not in text
    assert many.err.count("is cut off") == 3
    whole = sound_file(folder / "two\nlines.wav")
    line = succeed(whole.name, "--with", "pack").out.rpartition("decode:  ")[2].strip()
    assert line == f"python convert.py $'two\\nlines_SR{RATE}.png'"
    bash = subprocess.run(["bash", "-c", f"printf %s {line}"], capture_output=True, check=True)
    assert bash.stdout.endswith(b"two\nlines_SR%d.png" % RATE)


def test_a_warning_is_reported_once() -> None:
    lines: list[str] = []
    with pytest.warns(UserWarning, match="another"), report_warnings(lines.append):
        for _ in range(2):
            warn("a.wav:  is lossy")
        warnings.warn("another", UserWarning, stacklevel=1)
    assert lines == ["a.wav: is lossy"]
