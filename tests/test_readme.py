"""What the README tells a newcomer works as written."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric

import datasets
from datasets.base import PairedDataset
from datasets.pairing import Batches
from datasets.splits import part
from tests.conftest import ROOT
from training.loop import Trainer


def test_the_example_of_a_new_model_trains(offline_source: PairedDataset, tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert example
    path = tmp_path / "mine.py"
    path.write_text(example[1])
    spec = importlib.util.spec_from_file_location("mine", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["mine"] = module
    spec.loader.exec_module(module)
    config = module.MineConfig(warm_start=1, width=8, encoder_width=8)
    torch.manual_seed(0)
    model = config.build(datasets.spec("audio2image"))
    batches = Batches(part(offline_source, "official", "train"), "resampled", 8, 0)
    trainer = Trainer(model, batches, Fabric(accelerator="cpu"), config.ema)
    before = model.decoder.project.weight.detach().clone()
    for _ in range(3):
        trainer.advance()
    trainer.flush()
    assert not torch.equal(before, model.decoder.project.weight)
    x = model.sample(torch.rand(2, 1, 64, 64))
    assert x.shape == (2, 1, 28, 28)


def test_every_linked_file_exists() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), link


def test_its_model_names_and_flags_exist() -> None:
    import models
    from benchmark import Options as BenchmarkOptions
    from common.command_line import flags
    from conversion.arguments import Options as ConvertOptions
    from evaluate import Options as EvaluateOptions
    from train import Options

    text = (ROOT / "README.md").read_text()
    for name in re.findall(r"train\.py --model (\w+)", text):
        assert name in {*models.names(), "mine"}
    known = flags(Options, BenchmarkOptions, ConvertOptions, EvaluateOptions) | {
        "--model",
        "--help",
        "--logdir",
        "--condition-on",
        "--warm-start",
        "--with",
        "--preset",
    }
    for flag in re.findall(r"(--[a-z][a-z-]+)", text):
        assert flag in known, flag
