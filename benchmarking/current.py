"""Whether a scorecard was made with the ruler of today: data, judges and protocol."""

from __future__ import annotations

from pathlib import Path

from common.errors import InputError
from datasets import PairedDataset, Task
from evaluation import outputs
from evaluation.tasks import EVALUATORS
from judges import JUDGES, load_judge

__all__ = ["is_current", "ruler_of"]


def is_current(path: Path, dataset: PairedDataset, task: Task, weights_sha256: str | None) -> bool:
    """Whether a scorecard is of these data, judges and protocol, and of these weights."""
    try:
        card = outputs.read(path)
    except InputError:
        return False
    made, ruler = card["fingerprint"], ruler_of(dataset, task)
    return (
        all(made[name] == value for name, value in ruler.items())
        and card["candidate"]["weights_sha256"] == weights_sha256
    )


def ruler_of(dataset: PairedDataset, task: Task) -> dict[str, str]:
    """Of a fingerprint, what scores of these data must agree in."""
    of_task, name = EVALUATORS[task], dataset.name
    judges = {f"judge_{w}": load_judge(name, w, kind=of_task.KIND).sha256 for w in JUDGES}
    return {"protocol": of_task.PROTOCOL, "data_sha256": dataset.fingerprint, **judges}
