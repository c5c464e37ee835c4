"""Imports run one way, without circles; only the evaluator reads the test split."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from common.files import ROOT

# What each package and script may import beside itself.
LAYERS: dict[str, set[str]] = {
    "common": set(),
    "metrics": set(),
    "converters": {"common"},
    "conversion": {"common", "converters"},
    "datasets": {"common", "converters"},
    "models": {"common", "datasets"},
    "judges": {"common", "converters", "datasets"},
    "training": {"common", "converters", "datasets", "judges", "metrics", "models"},
    "drawing": {"common", "conversion", "converters", "datasets", "models", "training"},
    "evaluation": {
        *("common", "converters", "datasets", "judges", "metrics", "models", "training"),
    },
    "benchmarking": {
        *("common", "converters", "datasets", "evaluation", "judges", "metrics", "models"),
        "training",
    },
}
SCRIPTS: dict[str, set[str]] = {
    "train": {*LAYERS} - {"evaluation", "benchmarking", "conversion", "drawing"},
    "evaluate": {*LAYERS} - {"benchmarking", "conversion", "drawing"},
    "benchmark": {*LAYERS} - {"conversion", "drawing"},
    "draw": {*LAYERS} - {"evaluation", "benchmarking"},
    "convert": {"common", "conversion", "converters"},
}
OURS = {*LAYERS, *SCRIPTS}
TEST_SPLIT_READERS = {"evaluation/evaluator.py"}
# What imports Hugging Face's datasets, evaluate or metrics would get ours.
SHADOWED = {
    *("datasets", "evaluate", "transformers", "trl", "sentence-transformers", "setfit"),
    *("accelerate", "peft", "optimum", "diffusers", "huggingface-hub"),
}


def sources(root: Path = ROOT) -> list[Path]:
    """Every Python file of the project but the tests."""
    files = [root / f"{name}.py" for name in SCRIPTS]
    files += [path for name in LAYERS for path in (root / name).rglob("*.py")]
    return [path for path in files if path.exists()]


def module_of(path: Path, root: Path = ROOT) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path, top_level: bool = False) -> Iterator[str]:
    """The full name of everything a file imports; `top_level`: when it is loaded."""
    tree = ast.parse(path.read_text())
    for node in _loaded(tree.body) if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _loaded(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield node
        for name in ("body", "orelse", "handlers", "finalbody"):
            yield from _loaded(getattr(node, name, []))


def wrong_imports(root: Path) -> list[str]:
    """Imports against the layers, and underscored names of another package."""
    allowed = LAYERS | SCRIPTS
    wrong = []
    for path in sources(root):
        module = module_of(path, root)
        package = module.split(".")[0]
        for name in imports_of(path):
            first, *rest = name.split(".")
            if first not in OURS or first == package:
                continue
            if first not in allowed[package]:
                wrong.append(f"{module} imports {name}")
            if any(part.startswith("_") for part in rest):
                wrong.append(f"{module} imports the private {name}")
    return wrong


def circles(root: Path) -> list[str]:
    """A circle of files that load each other, if there is one."""
    modules = {module_of(path, root): path for path in sources(root)}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        found = set()
        for name in imports_of(path, top_level=True):
            # `from a.b import c` loads a.b, and a.b.c if that is a module.
            there = name if name in modules else name.rpartition(".")[0]
            if there in modules and there != module and not module.startswith(f"{there}."):
                found.add(there)
        graph[module] = found
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_run_one_way() -> None:
    assert not wrong_imports(ROOT)


def test_there_are_no_circles() -> None:
    assert not circles(ROOT)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    for path in sources():
        there = root / path.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, there)
    return root


def folders() -> list[str]:
    return sorted({str(path.parent.relative_to(ROOT)) for path in sources()} - {"."})


@pytest.mark.parametrize("folder", folders())
@pytest.mark.parametrize("line", ["import benchmark", "from evaluation import _private"])
def test_a_planted_wrong_import_is_found(copy: Path, folder: str, line: str) -> None:
    planted = copy / folder / "planted.py"
    planted.write_text(line + "\n")
    own = folder.startswith("evaluation") and "_private" in line
    try:
        assert bool(wrong_imports(copy)) != own
    finally:
        planted.unlink()


@pytest.mark.parametrize("folder", folders())
def test_a_planted_circle_is_found(copy: Path, folder: str) -> None:
    package = folder.replace("/", ".")
    names = ("planted_a", "planted_b")
    for name, other in (names, names[::-1]):
        (copy / folder / f"{name}.py").write_text(f"from {package}.{other} import x\n")
    try:
        assert {f"{package}.{name}" for name in names} <= {*circles(copy)}
    finally:
        for name in names:
            (copy / folder / f"{name}.py").unlink()


def test_underscored_files_are_private_to_their_package() -> None:
    """In `models/` the underscore means 'not a model'; elsewhere there is none."""
    found = [module_of(path) for path in sources() if re.match(r"_[^_]", path.name)]
    assert all(module.startswith("models.") for module in found), found


def test_models_import_from_models_and_datasets_alone() -> None:
    """And nothing from each other: what a model needs is handed on by the two packages."""
    for path in (ROOT / "models").glob("[!_]*.py"):
        for name in imports_of(path):
            package, _, rest = name.partition(".")
            if package == "models" and not rest.startswith("_original."):
                assert "." not in rest, f"{path.name} imports {name}"
                assert not (ROOT / "models" / f"{rest}.py").exists(), f"{path.name}: {name}"
            elif package in OURS - {"models"}:
                assert package == "datasets" and "." not in rest, f"{path.name} imports {name}"


def test_only_the_evaluator_asks_for_the_test_part() -> None:
    asking = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", None)) == "part"
            ):
                given = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if not given or given[-1] not in {"train", "validation"}:
                    asking.add(str(path.relative_to(ROOT)))
    assert asking <= TEST_SPLIT_READERS, asking


def test_no_dependency_shares_our_names() -> None:
    locked = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.M)
    assert len(locked) > 20
    assert not {name.lower().replace("_", "-") for name in locked} & SHADOWED


def test_no_file_is_too_long() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources()}
    assert not {str(p): n for p, n in lengths.items() if n > 320}
    tests = {path: len(path.read_text().splitlines()) for path in (ROOT / "tests").rglob("*.py")}
    assert not {str(p): n for p, n in tests.items() if n > 500}


def test_pip_install_says_what_this_is(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "setup.py", "bdist_wheel"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode != 0
    assert "nothing to install" in ran.stdout + ran.stderr
