"""The command line that decodes a file."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.conversion.calls import sound_file, succeed


@pytest.mark.parametrize("name", ["-x.png", "a b'$.png"])
def test_the_command_that_decodes_can_be_typed(folder: Path, name: str) -> None:
    sound_file(folder / "a.wav")
    line = succeed("a.wav", f"--out={name}", "--with", "pack").out.rpartition("decode:  ")[2]
    _, _, *typed = shlex.split(line)
    assert f" {line}" in succeed("--probe", *typed).out
    assert " -> " in succeed(*typed, "-o", "b.wav").out
