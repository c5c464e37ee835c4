"""The evaluator of each task."""

from __future__ import annotations

from datasets import Task
from evaluation.base import Evaluator
from evaluation.evaluator import ImageEvaluator
from evaluation.image2audio.evaluator import SpeechEvaluator

__all__ = ["EVALUATORS", "task_of"]

EVALUATORS: dict[Task, type[Evaluator]] = {
    "audio2image": ImageEvaluator,
    "image2audio": SpeechEvaluator,
}


def task_of(protocol: str) -> Task:
    """The task of which a protocol is.

    Raises:
        ValueError: of none.
    """
    for task in EVALUATORS:
        if protocol.startswith(f"{task}-"):
            return task
    raise ValueError(f"a protocol of no task: {protocol}")
