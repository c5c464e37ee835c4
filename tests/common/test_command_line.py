"""What a command says of flags that do not fit."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from common.command_line import parse
from common.errors import InputError


@dataclass(frozen=True)
class Options:
    steps: int = 1
    """Length of a run in updates. 0: as
    3,000 are enough for most, no more than
    these.

    - Not for all.
    """


@pytest.mark.parametrize(
    ("value", "says"), [(["x"], "--steps: invalid literal"), ([], "Missing value for argument '--")]
)
def test_an_error_begins_with_what_is_wrong(value: list[str], says: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(Options, None, ["--steps", *value], "train.py")
    assert str(raised.value).startswith(says)
    assert str(raised.value).endswith("; see train.py --help")


def test_help_is_joined_where_the_source_breaks_its_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        parse(Options, None, ["--help"], "train.py")
    words = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    joined = "Length of a run in updates. 0: as 3,000 are enough for most, no more than these."
    assert any(line.endswith(joined) for line in words)
    assert "- Not for all. (default: 1)" in words
