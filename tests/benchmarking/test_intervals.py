"""The simulation of intervals sees those that do not hold the truth."""

from __future__ import annotations

import pytest

from benchmarking import intervals, seeds
from benchmarking.intervals import KINDS, World, coverage

TRUTH = World().truth(200)


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_the_truth(kind: str) -> None:
    assert 0.85 <= coverage(kind, World(), 80, TRUTH) <= 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "accuracy of one run"])
def test_narrow_intervals_are_seen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(found: seeds.Interval) -> tuple[float, float]:
        assert found.low is not None and found.high is not None
        quarter = (found.high - found.low) / 8
        return found.value - quarter, found.value + quarter

    monkeypatch.setattr(intervals, "_ends", narrow)
    assert coverage(kind, World(), 80, TRUTH) < 0.75
