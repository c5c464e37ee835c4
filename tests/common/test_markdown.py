from __future__ import annotations

import pytest

from common.markdown import table


def test_a_table() -> None:
    rows = [("1", "2"), ("", "3")]
    assert table(("a", "b"), rows) == "| a | b |\n|---|---|\n| 1 | 2 |\n|  | 3 |"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 titles"):
        table(("a", "b"), [("1",)])
