"""What the README tells a newcomer works as written."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile

import models
from common.command_line import flags
from common.files import ROOT
from datasets.offline import synthesize
from tests.drawing.conftest import write_run
from tests.training.runs import call
from training import checkpoint

README = (ROOT / "README.md").read_text()


def example() -> str:
    found = re.search(r"```python\n(# models/mine\.py.*?)```", README, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.usefixtures("quick")
def test_the_example_of_a_new_model_trains(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the other models, where it is found without being listed."""
    (tmp_path / "mine.py").write_text(example())
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "models.mine", raising=False)
    assert "mine" in models.names()
    done = call(
        "--model", "mine", "--steps", "3", "--warm-start", "1e-5", "--width", "8",
        "--device", "cpu", "--encoder-width", "8", "--batch-size", "4", "--data", "offline",
        "--data-dir", str(offline_dir), "--out", str(tmp_path / "run"),
    )  # fmt: skip
    assert done.code == 0, done.err
    assert checkpoint.load(tmp_path / "run").step == 3


def test_a_model_is_loaded_in_python_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines run where the run and the recording of the command above them are."""
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "sample" in b
                and "models/mine.py" not in b)  # fmt: skip
    (path,) = re.findall(r'load_model\(\s*"(.*?)"\s*\)', block)
    assert f"python draw.py --checkpoint {path} my.wav" in README
    write_run(tmp_path / path)
    (samples,) = synthesize([("en-us+f2", "five", 150, 50, 50)])
    soundfile.write(tmp_path / "my.wav", samples, 22050)
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(block, found)
    statements = [
        s for s in ast.parse(block).body if not isinstance(s, ast.Import | ast.ImportFrom)
    ]
    assert len(statements) == 3
    for name, shape in (("c", (8, 1, 64, 64)), ("x", (8, 1, 28, 28))):
        assert found[name].shape == shape and 0 <= found[name].min() <= found[name].max() <= 1
    assert len(found["x"].unique(dim=0)) == 8


@pytest.mark.slow
def test_the_example_passes_its_commands_as_written(offline_dir: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for name in names:
        if not name.startswith("results/") and (ROOT / name).exists():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, checkout / name)
    (checkout / "models" / "mine.py").write_text(example())
    (block,) = re.findall(r"```sh\n([^`]*--model mine[^`]*)```", README)
    for line in block.strip().splitlines():
        command = line.partition("#")[0].split()
        command[0] = sys.executable
        if command[1] == "train.py":
            command += ["--data", "offline", "--data-dir", str(offline_dir)]
        ran = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=500)
        assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]


def test_every_linked_file_exists() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md"):
        path = ROOT / name
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / link).exists(), f"{name}: {link}"


def test_every_room_is_in_the_tree() -> None:
    tree = README.partition("## Where things are")[2].partition("| command")[0]
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"results", "docs"}
    scripts = {path.name for path in ROOT.glob("*.py")} - {"setup.py"}
    missing = [name for name in sorted(rooms) if f"{name}/" not in tree]
    assert not missing + [name for name in sorted(scripts) if name not in tree]


def test_its_model_names_and_flags_exist() -> None:
    import benchmark
    import draw
    import evaluate
    import train
    from conversion.arguments import Options as ConvertOptions
    from converters import kinds
    from evaluation import round_trips

    for name in re.findall(r"train\.py --model (\w+)", README):
        assert name in {*models.names(), "mine"}
    commands = [options for options, _ in benchmark.COMMANDS.values()]
    known = flags(
        *(train.Options, evaluate.Options, draw.Options, round_trips.Options, ConvertOptions),
        *(*kinds().values(), *commands),
    )
    known |= flags(*(type(models.presets(name)["reference"]) for name in models.names()))
    known |= {"--model", "--preset", "--with", "--help", "--logdir"}
    for flag in re.findall(r"(--[a-z][a-z-]+)", README):
        assert flag in known, flag
