"""Options of a converter: those that headers hold, and those that came later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from converters import Converter, ConverterError, Header
from converters.base import DECODING


@dataclass(frozen=True)
class Sample(Converter):
    kind: ClassVar[str] = "sample"

    size: int = 3
    shade: float = field(default=0.5, metadata={"earlier": 1.0})
    slow: bool = field(default=False, metadata=DECODING)


def test_an_option_that_an_older_header_lacks_has_its_earlier_value() -> None:
    assert Sample.from_header(Header("sample", "sound", {"size": 4})) == Sample(4, 1.0)
    assert Sample.from_header(Header("sample", "sound", {"size": 4, "shade": 0.1})).shade == 0.1


def test_an_option_that_files_always_had_must_be_there() -> None:
    for options in ({}, {"shade": 0.5}, {"size": 3, "other": 1}, {"size": 3, "shade": 1}):
        with pytest.raises(ConverterError):
            Sample.from_header(Header("sample", "sound", options))


def test_an_option_of_decoding_is_no_part_of_a_header() -> None:
    header = Sample(slow=True).header("sound")
    assert header.options == {"size": 3, "shade": 0.5}
    assert Sample.from_header(header) == Sample()
    assert Sample(shade=1.0).header("sound").options == {"size": 3}
    assert Sample.decoding_options() == {"slow"}
    with pytest.raises(ConverterError, match="slow"):
        Sample.from_header(Header("sample", "sound", {"size": 3, "slow": True}))
