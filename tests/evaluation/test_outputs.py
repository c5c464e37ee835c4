"""What is wrong with a scorecard is said in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import InputError
from evaluation import outputs

WHOLE = {"format": outputs.FORMAT, "candidate": {}, "fingerprint": {}, "metrics": {}, "cost": {}}


def test_a_whole_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / outputs.NAME
    path.write_text(json.dumps(WHOLE))
    assert outputs.read(path) == WHOLE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps(WHOLE)[:-9], "is damaged"),
        ("", "is damaged"),
        ("[" * 100_000, "is damaged"),
        (json.dumps({"format": outputs.FORMAT}), "is damaged, it lacks candidate"),
        ("[]", "is not a scorecard"),
        ("{}", "is not a scorecard"),
        ('{"format": 3}', "is not a scorecard"),
        ('{"format": "synesthesia-scorecard-2"}', "has the format synesthesia-scorecard-2, not "),
    ],
)
def test_others_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / outputs.NAME
    path.write_text(text)
    with pytest.raises(InputError, match=says) as error:
        outputs.read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_missing_one_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no scorecard at"):
        outputs.read(tmp_path / outputs.NAME)


def test_classes_that_a_mean_leaves_out_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    card = WHOLE | {
        "candidate": {"name": "x", "needs_label": False},
        "fingerprint": {"data": "d", "split": "s", "n": 20}, "by_digit": {}, "by_speaker": {},
    }  # fmt: skip
    outputs.show(card | {"too_few": ["dog", "cat"]})
    assert "say nothing of dog, cat: too few" in capsys.readouterr().out
    outputs.show(card | {"too_few": []})
    assert "too few" not in capsys.readouterr().out
