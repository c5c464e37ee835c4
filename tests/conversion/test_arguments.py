"""The command line: flags, help, and bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.command_line import flags
from conversion.arguments import Options
from converters import kinds
from converters.sound_files import read_sound
from tests.conversion.calls import fail, picture_file, sound_file, succeed


def test_files_and_flags_mix_and_underscores_are_dashes(folder: Path) -> None:
    picture_file(folder / "a.png")
    succeed("--with=tone", "a.png", "--f_max", "7000", "--no-frame", "-o", "x.wav")
    header = read_sound(folder / "x.wav").header
    assert header and header.options["f_max"] == 7000 and not header.options["frame"]
    (folder / "-a.png").write_bytes((folder / "a.png").read_bytes())
    succeed("--with", "tone", "--", "-a.png", "y.wav")
    assert (folder / "y.wav").exists()


@pytest.mark.parametrize("kind", kinds())
def test_help_has_the_options_of_the_kind_and_examples(kind: str) -> None:
    done = succeed("--with", kind, "--help")
    assert flags(kinds()[kind]) <= set(done.out.replace(",", " ").split())
    assert "\nexamples:\n  python convert.py song.flac" in done.out
    assert "encode_bytes" not in done.out
    assert not flags(kinds()[kind]) & (flags(Options) | {"--with", "--preset"})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "no input"),
        (["nope.wav"], "nope.wav: no such file or folder"),
        (["aa.wav"], "did you mean a.wav?"),
        (["*.flac"], "*.flac: no such file or folder"),
        (["empty"], "empty: no sounds or pictures in this folder"),
        (["a.wav", "--with", "tine"], "unknown converter 'tine': did you mean tone?"),
        (["a.wav", "--with"], "--with needs a value"),
        (["a.wav", "--with", "tone", "--with", "pack"], "--with is given twice"),
        (["a.wav", "--with", "pack", "--preset", "rbg"], "did you mean rgb?"),
        (["a.wav", "--with", "pack", "--hop", "2"], "it belongs to --with foreign and --with sp"),
        (["a.wav", "--with", "pack", "--widht", "2"], "did you mean --width"),
        (["a.wav", "--with", "pack", "--width", "x"], "--width"),
        (["a.wav", "--with", "pack", "--width", "7"], "width 7: not a multiple"),
        (["a.wav", "--no-force"], "spectrogram has no option --no-force"),
        ([""], "the name of a file is empty"),
        (["a.wav", ""], "the name of a file is empty"),
        (["a.wav", "--out="], "the name of a file is empty"),
        (["a.wav", "--encode", "--decode"], "--encode and --decode exclude each other"),
        (["a.wav", "--bytes", "--with", "tone"], "tone has no --bytes: add --with pack"),
        (["a.wav", "--json"], "--json needs --probe"),
        (["a.wav", "--jobs", "0"], "--jobs must be at least 1"),
        (["a.wav", "-", "--preview"], "--preview needs an output file"),
        (["a.wav", "-o", "-", "--preview"], "--preview needs an output file"),
        (["a.wav", "--encode", "--with", "tone"], "tone makes no picture of a.wav"),
        (["text.wav"], "text.wav: not a sound or picture in"),
        (["text.mp3"], "text.mp3: not a sound or picture in"),
        (["text.raw"], "text.raw: raw samples have no sample rate"),
        (["a.wav", "x"], "x: the output is a picture: its name must end in .png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(
    folder: Path, given: list[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sound_file(folder / "a.wav")
    (folder / "empty").mkdir()
    for name in ("text.wav", "text.mp3", "text.raw"):
        (folder / name).write_text("words " * 100)
    assert says in fail(*given)
    assert capfd.readouterr().err == ""  # of libraries
