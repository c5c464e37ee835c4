"""Damaged and hostile files; `python -m tests.converters.fuzz` runs any number of them."""

from __future__ import annotations

import pytest

from tests.converters.fuzz import run


@pytest.mark.parametrize(
    "inputs", [400, pytest.param(10_000, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_damaged_files_are_refused_with_a_clear_error(inputs: int) -> None:
    outcomes = run(inputs)
    assert outcomes["decoded"] + outcomes["refused"] == inputs
    assert outcomes["refused"] > inputs / 4
