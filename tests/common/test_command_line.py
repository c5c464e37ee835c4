"""What a command says of flags that do not fit."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from common.command_line import parse
from common.errors import InputError


@dataclass(frozen=True)
class Options:
    steps: int = 1


@pytest.mark.parametrize(
    ("value", "says"), [(["x"], "--steps: invalid literal"), ([], "Missing value for argument '--")]
)
def test_an_error_begins_with_what_is_wrong(value: list[str], says: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(Options, None, ["--steps", *value], "train.py")
    assert str(raised.value).startswith(says)
    assert str(raised.value).endswith("; see train.py --help")
