"""What the self-test of the metrics found, for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from common.errors import InputError
from evaluation.self_test import NAME

__all__ = ["RULER", "SelfTest", "read"]

RULER = ("protocol", "data_sha256", "judge_a", "judge_b")  # of a fingerprint


class SelfTest(NamedTuple):
    """Sets of known faults went through the evaluator.

    Attributes:
        failures: the relations between them that are broken, a sentence each.
        n_relations: how many there are.
        metrics: of the relations.
        lines: for each set its name and its values of the metrics.
        code: the commit.
        ruler: protocol, data and judges, as in the rows.
    """

    failures: list[str]
    n_relations: int
    metrics: list[str]
    lines: list[tuple[str, list[float | None]]]
    code: str
    ruler: dict[str, str]

    def tests(self, row: Mapping[str, str]) -> bool:
        """Whether the row was measured with the ruler that was tested."""
        return all(row[name] == value for name, value in self.ruler.items())


def read(out: Path) -> SelfTest | None:
    """None: it was not run.

    Raises:
        InputError: the file is damaged, or of another format.
    """
    path = out / NAME
    try:
        found = json.loads(path.read_text())
        relations = found["relations"]
        metrics = list(dict.fromkeys(each["metric"] for each in relations))
        lines = [
            (name, [values.get(metric) for metric in metrics])
            for name, values in found["controls"].items()
        ]
        failures = [_sentence(each) for each in relations if not each["holds"]]
        if not found["passed"] and not failures:
            failures = ["it did not pass"]
        fingerprint = found["fingerprint"]
        ruler = {name: str(fingerprint[name]) for name in RULER}
        return SelfTest(failures, len(relations), metrics, lines, str(fingerprint["code"]), ruler)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is damaged: run the self-test again") from error


def _sentence(relation: Mapping[str, Any]) -> str:
    return (
        f"{relation['metric']} should be better for {relation['better']} than for "
        f"{relation['worse']}, by {relation['margin']:g}"
    )
