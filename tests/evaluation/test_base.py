"""What an evaluator must have, and which task it is of."""

from __future__ import annotations

from typing import Any

import pytest

from datasets import TASKS
from evaluation.base import Evaluator
from evaluation.evaluator import ImageEvaluator
from evaluation.image2audio.evaluator import SpeechEvaluator
from evaluation.tasks import EVALUATORS, task_of

PARTS = ("evaluate", "real", "usefulness_of_real", "restored")


@pytest.mark.parametrize("missing", PARTS)
def test_an_evaluator_that_lacks_a_part_cannot_be_made(missing: str) -> None:
    def made(*parts: str) -> Any:
        return object.__new__(type("Made", (Evaluator,), dict.fromkeys(parts)))

    made(*PARTS)
    with pytest.raises(TypeError, match=rf"abstract \w+ '?{missing}\b"):
        made(*(part for part in PARTS if part != missing))


def test_each_task_has_its_evaluator_and_its_protocol() -> None:
    assert [EVALUATORS[task] for task in TASKS] == [ImageEvaluator, SpeechEvaluator]
    assert [task_of(EVALUATORS[task].PROTOCOL) for task in TASKS] == [*TASKS]
    assert [EVALUATORS[task].KIND for task in TASKS] == ["image", "sound"]
