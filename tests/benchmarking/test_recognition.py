"""The drop in accuracy by a round trip through a picture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarking.recognition import Options, accuracy_drop, run
from common.errors import InputError
from common.files import read_rows


def test_the_drop_is_in_points_and_its_interval_holds_it() -> None:
    digit = torch.arange(200) % 10
    before = torch.ones(3, 200, dtype=torch.bool)
    assert accuracy_drop(before, before, digit) == (0, 0, 0)
    after = before.clone()
    after[:, :20] = False
    drop, low, high = accuracy_drop(before, after, digit)
    assert drop == pytest.approx(10)
    assert 0 < low < drop < high < 20
    assert accuracy_drop(after, before, digit)[0] == pytest.approx(-10)


def test_rows_are_written(
    offline_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "recognition.csv"
    run(Options(data="offline", data_dir=offline_dir, steps=1, seeds=1, out=out))
    rows = read_rows(out)
    names = ["before", "after", "after, re-normalized level"]
    assert [row["pictures"] for row in rows] == names
    assert float(rows[0]["accuracy_drop_points"]) == float(rows[0]["mean_gray_difference"]) == 0
    assert float(rows[1]["mean_gray_difference"]) > 0
    assert all(name in capsys.readouterr().out for name in names[:1])


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        run(Options(steps=0))
