"""Imports run one way, and only the evaluator reads the test split."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

LAYERS = {
    "converters": set(),
    "conversion": {"converters"},
    "datasets": {"converters"},
    "metrics": set(),
    "models": {"datasets"},
    "training": {"converters", "datasets", "models", "metrics", "figures"},
    "evaluation": {"converters", "datasets", "models", "metrics", "training", "figures"},
}
OURS = {*LAYERS, "train", "evaluate", "benchmark", "convert", "report", "figures"}


def imports_of(path: Path) -> set[tuple[str, str]]:
    """(package, module) of every import in a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {(name.split(".")[0], name) for name in names}
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_one_way(layer: str) -> None:
    for path in (ROOT / layer).glob("*.py"):
        allowed = LAYERS[layer] | {layer}
        if path.name == "_judges.py":
            allowed |= {"datasets"}
        if path.name == "__main__.py":  # a command
            allowed |= {"figures"}
        for package, name in imports_of(path):
            if package in OURS:
                assert package in allowed, f"{path.name} imports {name}"


def test_models_take_only_types_from_datasets_and_nothing_from_each_other() -> None:
    files = {p.stem for p in (ROOT / "models").glob("*.py")}
    for path in (ROOT / "models").glob("*.py"):
        for package, name in imports_of(path):
            if package == "datasets":
                assert name.startswith("datasets._types."), f"{path.name} imports {name}"
            if package == "models":
                module = name.split(".")[1]
                assert module.startswith("_") or module not in files, f"{path.name}: {name}"


def test_only_the_evaluator_asks_for_the_test_part() -> None:
    asking = []
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts[0] in {".venv", "tests"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", None)) == "part"
            ):
                given = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if not given or given[-1] not in {"train", "validation"}:
                    asking.append(path.name)
    assert set(asking) <= {"evaluate.py"}, asking
