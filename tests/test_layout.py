"""Imports run one way, without circles; only the evaluator reads the test split."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
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
    "drawing": {
        *("common", "conversion", "converters", "datasets", "judges", "models", "training"),
    },
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
# These import their sub-modules by name, as they find them in their folder.
FINDERS = {"models/__init__.py", "converters/__init__.py"}
# No kind itself: it has the picture of mel64 beside others.
BESIDE_KINDS = {"converters/sound_as.py": "mel64"}
# What reaches the items of the test split, and the files or folders that may have it.
EVALUATOR = "evaluation/base.py"
TEST_SPLIT_READERS: dict[str, tuple[str, ...]] = {
    r"\btest_part\b": (
        *("datasets/__init__.py", "datasets/splits.py", "evaluation/inversion.py"),
        EVALUATOR,
    ),
    r"\brecording_split\b": (
        *("datasets/__init__.py", "datasets/__main__.py", "datasets/audit.py"),
        *("datasets/splits.py", EVALUATOR),
    ),
    r"\.test\b": ("evaluation/",),
    r"\.official\b": ("datasets/",),
    r"\.recordings\b(?!\.speakers)": ("datasets/",),
    r"\bdataset\.images\b|\.images\.(pixels|digit|split)\b(?!\()": ("datasets/", EVALUATOR),
}
# What imports Hugging Face's datasets, evaluate or metrics would get ours.
SHADOWED = {
    *("datasets", "evaluate", "transformers", "trl", "sentence-transformers", "setfit"),
    *("accelerate", "peft", "optimum", "diffusers", "huggingface-hub"),
}
COMPUTED = "<computed>"  # the module of an import whose name is not in the source

Project = Mapping[str, str]  # path of each Python file, relative to the root -> its text


@cache
def everything() -> Project:
    """Every Python file that git has or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:  # not a checkout
        files = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py")]
        paths = [path for path in files if not path.startswith(".")]
    else:
        paths = listed.stdout.splitlines()
    return {path: (ROOT / path).read_text() for path in paths if (ROOT / path).exists()}


@cache
def project() -> Project:
    """Every Python file but the tests."""
    files = everything().items()
    return {path: text for path, text in files if not path.startswith(("tests/", "setup.py"))}


def module_of(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


@cache
def imports_of(text: str, when_loaded: bool = False) -> tuple[str, ...]:
    """The full name of everything that a file imports; `when_loaded`: not inside functions."""
    tree = ast.parse(text)
    nodes = [*_loaded(tree.body)] if when_loaded else [*ast.walk(tree)]
    found: list[str] = []
    bound: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
            bound |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import: {ast.unparse(node)}"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
            bound |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            root, dot, rest = ast.unparse(node.func).partition(".")
            if (bound.get(root, root) + dot + rest).endswith(("import_module", "__import__")):
                given = node.args[0] if node.args else None
                is_text = isinstance(given, ast.Constant)
                found.append(str(given.value) if is_text else COMPUTED)  # type: ignore[union-attr]
    return tuple(found)


def _loaded(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield node
        for name in ("body", "orelse", "handlers", "finalbody"):
            yield from _loaded(getattr(node, name, []))


@cache
def private_names(text: str) -> tuple[str, ...]:
    """The full names, with an underscored part, that a file imports or reaches by attributes."""
    tree = ast.parse(text)
    bound: dict[str, str] = {}
    found = [*imports_of(text)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                bound |= {alias.asname: alias.name} if alias.asname else {first: first}
        elif isinstance(node, ast.ImportFrom):
            bound |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            root, _, rest = ast.unparse(node).partition(".")
            if root in bound:
                found.append(f"{bound[root]}.{rest}")
    # A named tuple's own methods are public.
    public = {"_asdict", "_replace", "_fields", "_make"}
    return tuple(
        name for name in found
        if any(re.match(r"_(?!_)", part) and part not in public for part in name.split(".")[1:])
    )  # fmt: skip


def unlisted(files: Project) -> list[str]:
    """Packages and scripts without a layer, layers without files, folders without __init__.py."""
    found = {path.partition("/")[0].removesuffix(".py") for path in files}
    folders = {path.rpartition("/")[0] for path in files} - {""}
    return sorted(found ^ OURS) + [f for f in folders if f"{f}/__init__.py" not in files]


def wrong_imports(files: Project) -> list[str]:
    """Imports against the layers, and underscored names of another package."""
    allowed = LAYERS | SCRIPTS
    wrong = []
    for path, text in files.items():
        package = module_of(path).partition(".")[0]
        for name in imports_of(text):
            first = name.partition(".")[0]
            if first in OURS - {package} - allowed[package]:
                wrong.append(f"{path} imports {name}")
            if name == COMPUTED and path not in FINDERS:
                wrong.append(f"{path} imports a module of a computed name")
        wrong += [
            f"{path} uses the private {name}"
            for name in private_names(text)
            if name.partition(".")[0] in OURS - {package}
        ]
    return wrong


def wrong_siblings(files: Project) -> list[str]:
    """Imports of siblings, which a model or a kind of converter may not have."""
    wrong = []
    kinds = {
        path.split("/")[1] for path in files if re.fullmatch(r"converters/\w+/__init__\.py", path)
    }
    for path, text in files.items():
        package, _, rest = path.partition("/")
        for name in imports_of(text):
            first, *parts = name.split(".")
            if (
                package == first == "converters"
                and parts
                and parts[0] in kinds - {*path.split("/"), BESIDE_KINDS.get(path)}
            ):
                wrong.append(f"{path} imports {name}")
            elif package == "models" and first in OURS and re.match(r"[^_/]\w*\.py", rest):
                # What a model needs, the two packages hand out; its original is its own.
                own = parts == ["_original", rest.removesuffix(".py")]
                handed_out = len(parts) == 1 and not {
                    *(f"{first}/{parts[0]}.py", f"{first}/{parts[0]}/__init__.py")
                } & {*files}
                if not own and not (first in {"models", "datasets"} and handed_out):
                    wrong.append(f"{path} imports {name}")
    return wrong


def circles(files: Project) -> list[str]:
    """A circle of files that load each other, if there is one."""
    modules = {module_of(path): text for path, text in files.items()}
    graph: dict[str, set[str]] = {}
    for module, text in modules.items():
        # `from a.b import c` loads a.b, and a.b.c if that is a module.
        loaded = {
            name if name in modules else name.rpartition(".")[0]
            for name in imports_of(text, when_loaded=True)
        }
        graph[module] = {there for there in loaded if there in modules and there != module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def private_files(files: Project) -> list[str]:
    """In `models/` the underscore means 'not a model'; elsewhere no file or folder has one."""
    return [
        path for path in files
        if re.search(r"(^|/)_(?!_)", path) and not path.startswith("models/")
    ]  # fmt: skip


def readers_of_the_test_split(files: Project) -> list[str]:
    """Files that could read the test split, and may not."""
    return [
        f"{path}: {match[0]}"
        for pattern, allowed in TEST_SPLIT_READERS.items()
        for path, text in files.items()
        if not path.startswith(allowed) and (match := re.search(pattern, text))
    ]


CHECKS = (
    *(unlisted, wrong_imports, wrong_siblings, circles, private_files, readers_of_the_test_split),
)


@pytest.mark.parametrize("check", CHECKS)
def test_the_layout(check: Callable[[Project], list[str]]) -> None:
    assert not check(project())


def folders() -> list[str]:
    return sorted({path.rpartition("/")[0] for path in project()} - {""})


@pytest.mark.parametrize("folder", folders())
def test_planted_wrong_imports_are_found(folder: str) -> None:
    for line in ("import benchmark", "from evaluation import _private"):
        own = folder.startswith("evaluation") and "_private" in line
        assert bool(wrong_imports({**project(), f"{folder}/planted.py": line})) != own


@pytest.mark.parametrize("folder", folders())
def test_a_planted_circle_is_found(folder: str) -> None:
    package = folder.replace("/", ".")
    names = ("planted_a", "planted_b")
    planted = {
        f"{folder}/{name}.py": f"from {package}.{other} import x"
        for name, other in (names, names[::-1])
    }
    assert {f"{package}.{name}" for name in names} <= {*circles({**project(), **planted})}


@pytest.mark.parametrize(
    ("check", "path", "text", "found"),
    [
        (unlisted, "lab.py", "", "lab"),
        (unlisted, "lab/__init__.py", "", "lab"),
        (unlisted, "common/lab/tools.py", "", "common/lab"),
        (private_files, "common/_hidden/tools.py", "", "_hidden"),
        (private_files, "common/_hidden.py", "", "_hidden"),
        (
            wrong_imports,
            "common/planted.py",
            'import importlib\nimportlib.import_module("evaluation.evaluator")',
            "evaluation.evaluator",
        ),
        (
            wrong_imports,
            "common/planted.py",
            'from importlib import import_module as load\nload("evaluation")',
            "evaluation",
        ),
        (
            wrong_imports,
            "common/planted.py",
            "import importlib\ndef f(x):\n    importlib.import_module(x)",
            "computed",
        ),
        (
            wrong_imports,
            "training/planted.py",
            "import datasets.offline\ndatasets.offline._synthesize()",
            "_synthesize",
        ),
        (
            wrong_imports,
            "training/planted.py",
            "from datasets import offline as o\no._synthesize()",
            "_synthesize",
        ),
        (wrong_siblings, "converters/tone/planted.py", "import converters.pack", "converters.pack"),
        (
            wrong_siblings,
            "converters/tone/planted.py",
            "from converters import pack",
            "converters.pack",
        ),
        (wrong_siblings, "converters/planted.py", "from converters.grid import Grid", "grid.Grid"),
        (wrong_siblings, "converters/sound_as.py", "import converters.pack", "converters.pack"),
        (wrong_siblings, "models/planted.py", "from models import cvae", "models.cvae"),
        (wrong_siblings, "models/planted.py", "from models._base import Config", "_base"),
        (wrong_siblings, "models/planted.py", "from models import _base", "_base"),
        (wrong_siblings, "models/planted.py", "from models import _original", "_original"),
        (
            wrong_siblings,
            "models/planted.py",
            "from models._original.networks import resize",
            "_original.networks",
        ),
        (wrong_siblings, "models/planted.py", "from models._original import cvae", "cvae"),
        (wrong_siblings, "models/planted.py", "from datasets.splits import part", "splits"),
        (wrong_siblings, "models/planted.py", "import common.errors", "common.errors"),
        (readers_of_the_test_split, "train.py", "from datasets import test_part as p", "test_part"),
        (readers_of_the_test_split, "train.py", "datasets.test_part(s)", "test_part"),
        (readers_of_the_test_split, "train.py", "recording_split(s) == 2", "recording_split"),
        (readers_of_the_test_split, "benchmarking/planted.py", "Evaluator(s).test.x", ".test"),
        (readers_of_the_test_split, "train.py", "s.recordings.clips", ".recordings"),
        (readers_of_the_test_split, "train.py", "s.images.pixels", ".images"),
    ],
)
def test_a_planted_fault_is_found(
    check: Callable[[Project], list[str]], path: str, text: str, found: str
) -> None:
    assert found in " ".join(check({**project(), path: text}))


def test_a_planted_circle_through_the_own_package_is_found() -> None:
    planted = {
        "common/__init__.py": "from common.planted import x",
        "common/planted.py": "from common import y",
    }
    assert {"common", "common.planted"} <= {*circles({**project(), **planted})}


def locked() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text()
    return {name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", lines, re.M)}


def test_no_dependency_is_shadowed() -> None:
    """No installed file of the lock imports, when it is loaded, a package that we have."""
    assert len(locked()) > 20
    assert not {name.replace("_", "-") for name in locked()} & SHADOWED
    imports = re.compile(rb"\n(?:import|from) (?:%s)\b" % "|".join(OURS).encode())
    found = []
    for distribution in importlib.metadata.distributions():
        if distribution.name.lower() in locked():
            for file in distribution.files or []:
                path = Path(str(file.locate()))
                if path.suffix == ".py" and path.exists() and imports.search(path.read_bytes()):
                    found.append(str(file))
    assert not found


def test_no_file_is_too_long() -> None:
    lengths = {path: len(text.splitlines()) for path, text in everything().items()}
    limit = {path: 500 if path.startswith("tests/") else 320 for path in lengths}
    assert not {path: n for path, n in lengths.items() if n > limit[path]}


def test_pip_install_says_what_this_is(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "setup.py", "bdist_wheel"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode != 0
    assert "nothing to install" in ran.stdout + ran.stderr
