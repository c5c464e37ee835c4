"""The simulation of intervals sees those that do not hold the truth."""

from __future__ import annotations

import pytest

from benchmarking import intervals, seeds
from benchmarking.intervals import KINDS, OF_VALUES, World, coverage

EVERY = [*KINDS, *OF_VALUES]
OF_ROWS = [kind for kind in EVERY if kind not in ("accuracy of one run", "other share, 3 seeds")]
TRUTH = World().truth(200)


@pytest.mark.parametrize("kind", EVERY)
def test_intervals_hold_the_truth(kind: str) -> None:
    n = 60 if kind in OF_ROWS else 30  # the others resample recordings
    assert 0.85 <= coverage(kind, World(), n, TRUTH) <= 1


@pytest.mark.parametrize("kind", OF_ROWS)
def test_narrow_intervals_are_seen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(found: seeds.Interval) -> tuple[float, float]:
        assert found.low is not None and found.high is not None
        part = (found.high - found.low) / 32
        return found.value - part, found.value + part

    monkeypatch.setattr(intervals, "_ends", narrow)
    assert coverage(kind, World(), 40, TRUTH) < 0.75
