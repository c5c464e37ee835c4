"""The moving average, against its recursion by hand, and where it is saved and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import train
from tests.training.runs import arguments, call
from training import checkpoint, session
from training.ema import EMA


class Counted(nn.Module):
    """Two weights and three buffers, of which one is a count."""

    mean: Tensor
    other: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([8.0, -4.0]))
        self.b = nn.Parameter(torch.tensor([[2.0]]))
        self.register_buffer("mean", torch.tensor([3.0]))
        self.register_buffer("other", torch.tensor([5.0, 6.0]))
        self.register_buffer("count", torch.tensor(0))


def average_of(weights: list[Tensor], decay: float) -> Tensor:
    """m = d m + (1 - d) w after each step, d = min(decay, (1 + t) / (10 + t)); m begins as the
    weights before the first."""
    mean = weights[0].double()
    for t, weight in enumerate(weights[1:]):
        d = min(decay, (1 + t) / (10 + t))
        mean = d * mean + (1 - d) * weight.double()
    return mean


@pytest.mark.parametrize("decay", [0.0, 0.25, 0.99])
def test_weights_are_averaged_from_the_first_step_and_buffers_are_those_of_the_model(
    decay: float,
) -> None:
    torch.manual_seed(0)
    model = Counted()
    ema = EMA(model, decay)
    seen = {name: [p.detach().clone()] for name, p in model.named_parameters()}
    for step in range(12):
        for name, p in model.named_parameters():
            nn.init.normal_(p, mean=step)
            seen[name].append(p.detach().clone())
        model.mean.normal_()
        model.other.normal_()
        ema.update(step)
        for name, p in ema.model.named_parameters():
            torch.testing.assert_close(p.double(), average_of(seen[name], decay), rtol=1e-5, atol=0)
        assert isinstance(ema.model, Counted)
        assert torch.equal(ema.model.mean, model.mean)
        assert torch.equal(ema.model.other, model.other)


def test_the_average_is_a_model_of_its_own_that_only_draws() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    ema = EMA(model, 0.5)
    assert model.training and all(p.requires_grad for p in model.parameters())
    assert not any(module.training for module in ema.model.modules())
    assert not any(p.requires_grad for p in ema.model.parameters())
    before = [t.clone() for t in ema.model.state_dict().values()]
    nn.init.zeros_(next(model.parameters()))
    model(torch.randn(4, 2))
    assert all(map(torch.equal, ema.model.state_dict().values(), before))


RUNS = [("cgan", "original"), ("cvae", "reference")]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("name", "preset"), RUNS)
def test_a_checkpoint_has_the_average_of_all_steps(
    name: str, preset: str, offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, from the weights that were saved after every step; a session goes on with it."""
    write, saved = checkpoint.write, dict[int, dict[str, Tensor]]()

    def keep(path: Path, found: checkpoint.Checkpoint) -> None:
        if path.parent == tmp_path:
            saved[found.step] = {k: v.clone() for k, v in found.tensors.items()}
        write(path, found)

    monkeypatch.setattr(session.checkpoint, "write", keep)
    more = ["--checkpoint-every", "1", "--ema", "0.25", "--seed", "3"]
    more += ["--marks", "0.0001"] if preset == "reference" else []
    for steps in ("4", "7"):
        given = arguments(offline_dir, tmp_path, name, *more, "--steps", steps, preset=preset)
        assert call(*given, *(["--resume"] if steps == "7" else [])).code == 0
    found = checkpoint.load(tmp_path)
    torch.manual_seed(3)
    first = found.run.build()
    parameters = {key for key, _ in first.named_parameters()}
    assert parameters < found.group("model").keys()  # there are buffers too
    assert [*saved] == [1, 2, 3, 4, 5, 6, 7]
    weights = {key: [value] for key, value in first.state_dict().items()}
    for tensors in saved.values():
        for key, values in weights.items():
            values.append(tensors[f"model.{key}"])
            average = tensors[f"ema.{key}"]
            if key in parameters:
                expected = average_of(values, 0.25).float()
                torch.testing.assert_close(average, expected, rtol=1e-5, atol=1e-7)
            elif average.is_floating_point():
                assert torch.equal(average, values[-1])
    ema, model = found.group("ema"), found.group("model")
    assert any(not torch.equal(value, model[key]) for key, value in ema.items())

    loaded = checkpoint.load_model(tmp_path)
    assert not loaded.training and same(loaded.state_dict(), ema)


def same(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_the_average_is_validated_in_eval_mode(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original networks have batch normalization: in training mode they draw other samples."""
    shown: list[tuple[bool, dict[str, Tensor]]] = []

    class Shown:
        clips = None

        def __init__(self, dataset: Any, split: str, task: str, sound_as: str) -> None:
            assert (dataset.name, split) == ("offline", "official")
            assert (task, sound_as) == ("audio2image", "mel64")
            self.speaks = False

        def metrics(self, model: nn.Module) -> dict[str, float]:
            modes = {module.training for module in model.modules()}
            shown.append((modes == {False}, {k: v.clone() for k, v in model.state_dict().items()}))
            return {"accuracy": 0.5}

        def grid(self, model: nn.Module) -> Figure:
            self.metrics(model)
            return Figure()

    monkeypatch.setattr(train, "Validation", Shown)
    monkeypatch.setattr(session, "write_sounds", lambda *given: None)
    more = ("--ema", "0.9", "--steps", "4", "--validate-every", "2")
    done = call(*arguments(offline_dir, tmp_path, "cgan", *more, preset="original"))
    assert done.code == 0, done.err
    found = checkpoint.load(tmp_path)
    assert len(shown) == 4 and all(is_eval for is_eval, _ in shown)
    assert same(shown[-1][1], found.group("ema")) and same(shown[-2][1], found.group("ema"))
    assert not same(shown[0][1], shown[-1][1])
    assert not same(found.group("ema"), found.group("model"))
