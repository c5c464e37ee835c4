"""Without a terminal a run prints a line now and then, and no bar."""

from __future__ import annotations

import pytest

from common import progress


def test_lines_instead_of_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    shown = progress.Progress("cgan (reference)", 1000, 200)
    shown.annotate("generator 0.5")
    for _ in range(300):
        clock[0] += 0.25
        shown.update()
    shown.close()
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 2 and not said.out
    assert lines[0] == ("cgan (reference): step 320 of 1,000, 4 steps/s, 170 s left, generator 0.5")
    assert "\r" not in said.err


def test_another_process_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.Progress("cgan", 10, 0, shown=False)
    shown.last_line -= 100
    shown.update()
    shown.close()
    assert capsys.readouterr().err == ""
