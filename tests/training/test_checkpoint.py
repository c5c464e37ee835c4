"""Files of runs: exact, reproducible, and safe to read from a stranger."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import datasets
from common.errors import InputError
from models.cvae import CVAEConfig
from training import checkpoint
from training.checkpoint import NAME, Checkpoint
from training.run import Run, build

SPEC = datasets.spec("audio2image")
CONFIG = CVAEConfig(width=8, encoder_width=8, batch_size=4)
RUN = Run(
    model="cvae", preset="reference", config=dataclasses.asdict(CONFIG), data="offline",
    data_fingerprint="0" * 64, task="audio2image", split="official", pairing="resampled",
    labels="none", seed=3, precision="32-true",
    x_shape=SPEC.x_shape, c_shape=SPEC.c_shape, marks=(20.0, 60.0), code="abc+",
)  # fmt: skip


def all_kinds() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "model.float32": torch.tensor([1.5, -0.0, 1e-45, float("inf")]),
        "model.float64": torch.randn(3, dtype=torch.float64),
        "model.bfloat16": torch.randn(4).bfloat16(),
        "model.float16": torch.randn(4).half(),
        "model.int64": torch.tensor(2**62 + 1),
        "model.uint8": torch.arange(256, dtype=torch.uint8),
        "model.bool": torch.tensor([True, False]),
        "model.empty": torch.zeros(0, 3),
        "ema.transposed": torch.randn(3, 5).T,
        "optimizer.phase.0.step": torch.tensor(7.0),
    }


def test_a_round_trip_is_exact(tmp_path: Path) -> None:
    written = Checkpoint(RUN, 12, 3.25, 99, all_kinds())
    checkpoint.write(tmp_path / NAME, written)
    for place in (tmp_path, tmp_path / NAME):
        read = checkpoint.load(place)
        assert (read.run, read.step, read.seconds, read.log_position) == (RUN, 12, 3.25, 99)
        assert read.tensors.keys() == written.tensors.keys()
        for name, value in written.tensors.items():
            assert read.tensors[name].dtype == value.dtype
            assert read.tensors[name].shape == value.shape
            assert read.tensors[name].contiguous().view(-1).view(torch.uint8).tolist() == (
                value.contiguous().view(-1).view(torch.uint8).tolist()
            ), name
    assert read.group("ema").keys() == {"transposed"}
    assert checkpoint.load(tmp_path, groups=("ema",)).tensors.keys() == {"ema.transposed"}


@pytest.mark.parametrize("group", ["model", "ema", "optimizer"])
def test_a_single_flipped_byte_is_found(group: str, tmp_path: Path) -> None:
    values = torch.randn(200, generator=torch.Generator().manual_seed(0))
    tensors = {f"{name}.w": values + i for i, name in enumerate(checkpoint.GROUPS)}
    checkpoint.write(tmp_path / NAME, Checkpoint(RUN, 1, 2.0, 0, tensors))
    data = bytearray((tmp_path / NAME).read_bytes())
    at = data.index(tensors[f"{group}.w"].numpy().tobytes())
    data[at + 401] ^= 1
    (tmp_path / NAME).write_bytes(data)
    with pytest.raises(InputError, match=rf"damaged: its tensors '{group}'"):
        checkpoint.load(tmp_path)
    others = tuple(name for name in checkpoint.GROUPS if name != group)
    assert checkpoint.load(tmp_path, groups=others).step == 1


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    tensors = all_kinds()
    backwards = dict(reversed(tensors.items()))
    settings = dict(reversed(RUN.config.items()))
    run = dataclasses.replace(RUN, config=settings)
    checkpoint.write(tmp_path / "a", Checkpoint(RUN, 1, 2.0, 0, tensors))
    checkpoint.write(tmp_path / "b", Checkpoint(run, 1, 2.0, 0, backwards))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_run_rebuilds_its_model(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = build(CONFIG, SPEC)
    tensors = {f"ema.{k}": v for k, v in model.state_dict().items()}
    checkpoint.write(tmp_path / NAME, Checkpoint(RUN, 1, 2.0, 0, tensors))
    twin = checkpoint.load_model(str(tmp_path))
    assert not twin.training and not any(p.requires_grad for p in twin.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(twin.state_dict()[name], value)


# Reading what others wrote


def about(**changes: Any) -> dict[str, Any]:
    run = dataclasses.asdict(RUN)
    whole = {
        "format": checkpoint.FORMAT,
        "run": run,
        "step": 1,
        "seconds": 2.0,
        "log_position": 0,
        "sha256": dict.fromkeys(checkpoint.GROUPS, ""),
    }
    return whole | changes


def write_foreign(path: Path, metadata: dict[str, str] | None) -> Path:
    save_file({"model.w": torch.zeros(1)}, path, metadata)
    return path


@pytest.mark.parametrize(
    "metadata",
    [None, {}, {"format": "pt"}, {"about": "[]"}, {"about": "3"}, {"about": '{"format": "other"}'}],
)
def test_safetensors_of_others_are_refused(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not written by train\.py"):
        checkpoint.load(write_foreign(tmp_path / NAME, metadata))


def test_a_checkpoint_of_an_earlier_version_is_refused_in_a_line(tmp_path: Path) -> None:
    metadata = {"about": json.dumps(about(format="synesthesia-checkpoint-1"))}
    with pytest.raises(InputError, match="of an earlier version") as refused:
        checkpoint.load(write_foreign(tmp_path / NAME, metadata))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000])
def test_metadata_that_are_no_json_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="damaged"):
        checkpoint.load(write_foreign(tmp_path / NAME, {"about": text}))


BAD_RUNS: dict[str, Any] = {
    "model": ["cvae"], "preset": None, "config": "lr=3", "data": 1, "task": {}, "split": 0,
    "seed": "3", "x_shape": "abc", "c_shape": [1, 64, "64"], "sound_as": "smells",
    "augment": "nothing",
}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [about(run={**about()["run"], key: value}) for key, value in BAD_RUNS.items()]
    + [about(run={**about()["run"], "x_shape": value}) for value in (3, None, [1, 28], [1.0, 2, 3])]
    + [about(run={k: v for k, v in about()["run"].items() if k != key}) for key in ("seed", "code")]
    + [about(run={**about()["run"], "more": 1}), about(run=[]), about(run=None), about(run="x")]
    + [
        about(step="one"),
        about(step=None),
        about(step=float("inf")),
        about(seconds=[]),
        about(log_position=None),
    ],
    ids=lambda changed: json.dumps(changed)[-40:],
)
def test_metadata_of_wrong_types_are_refused(changed: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unusable metadata"):
        checkpoint.load(write_foreign(tmp_path / NAME, {"about": json.dumps(changed)}))


def changed(**settings: Any) -> dict[str, Any]:
    return RUN.config | settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "cvea"}, "did you mean cvae"),
        ({"model": "_networks"}, "unknown model"),
        ({"model": "os"}, "unknown model"),
        ({"preset": "best"}, "unknown preset 'best'"),
        ({"config": changed(lrr=1.0)}, "'lrr' is not one of this model"),
        ({"config": changed(lr="fast")}, "'lr' has an unusable value"),
        ({"config": changed(lr=True)}, "'lr' has an unusable value"),
        ({"config": changed(lr=float("nan"))}, "--lr must be a number"),
        ({"config": changed(width=0.5)}, "'width' has an unusable value"),
        ({"config": changed(width=True)}, "'width' has an unusable value"),
        ({"config": changed(width=None)}, "'width' has an unusable value"),
        ({"config": changed(width=-8)}, "--width must be a number"),
        ({"config": changed(batch_size=0)}, "--batch-size must be at least 1"),
        ({"config": changed(ema=10**400)}, "--ema"),
        ({"config": changed(prior="standrd")}, "did you mean standard"),
        ({"config": changed(prior=3)}, "there are: standard, learned"),
        ({"config": changed(width=10**9)}, "these settings make no network"),
        ({"config": changed(embedding_dim=0)}, "without weights"),
        ({"config": {k: v for k, v in RUN.config.items() if k != "lr"}}, "'lr' is missing"),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_settings_that_make_no_model_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        dataclasses.replace(RUN, **changes).build()


def test_a_hostile_size_is_refused_at_once(tmp_path: Path) -> None:
    start = time.perf_counter()
    header, large = tmp_path / "header", tmp_path / "large"
    header.write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(InputError, match="damaged"):
        checkpoint.load(header)
    with large.open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no room
    with pytest.raises(InputError, match="larger than"):
        checkpoint.load(large)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("place", ["nowhere", ".", "file/below"])
def test_no_checkpoint_is_said_so(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no checkpoint at"):
        checkpoint.load(tmp_path / place)


# Into a model and its optimizers


def test_a_tensor_too_few_or_too_many_is_named() -> None:
    target = nn.Linear(2, 3)
    good = {k: torch.ones_like(v) for k, v in target.state_dict().items()}
    before = {k: v.clone() for k, v in target.state_dict().items()}
    for tensors, said in (
        ({"weight": good["weight"]}, "bias"),
        (good | {"more": torch.ones(1)}, "more"),
        (good | {"weight": torch.ones(3, 3)}, r"weight has shape \(3, 3\), expected \(3, 2\)"),
        (good | {"bias": torch.ones(3, dtype=torch.int64)}, "bias is torch.int64"),
        (good | {"bias": torch.ones(3).double()}, "bias is torch.float64"),
    ):
        with pytest.raises(InputError, match=said):
            checkpoint.load_into(target, tensors, "the file")
        for name, value in target.state_dict().items():
            assert torch.equal(value, before[name])
    checkpoint.load_into(target, good, "the file")
    assert torch.equal(target.weight, good["weight"])


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.linspace(0, 1, 2)).square().sum().backward()
    optimizer.step()


def test_an_optimizer_goes_on_as_if_it_had_never_stopped() -> None:
    torch.manual_seed(0)
    model, twin = nn.Linear(2, 3), nn.Linear(2, 3)
    first = adam(model)
    for _ in range(3):
        step(model, first)
    twin.load_state_dict(model.state_dict())
    second = adam(twin)
    tensors = {k: v.clone() for k, v in checkpoint.optimizer_tensors("phase", first).items()}
    assert {key.rpartition(".")[2] for key in tensors} == {"step", "exp_avg", "exp_avg_sq"}
    other = {f"other.{i}.step": torch.ones(()) for i in range(9)}
    checkpoint.load_optimizer("phase", second, tensors | other)
    for _ in range(3):
        step(model, first)
        step(twin, second)
    assert torch.equal(model.weight, twin.weight)


def test_a_part_of_an_optimizer_that_is_missing_is_named() -> None:
    model = nn.Linear(2, 3)
    optimizer = adam(model)
    step(model, optimizer)
    tensors = checkpoint.optimizer_tensors("phase", optimizer)
    for name in ("phase.1.exp_avg", "phase.0.step"):
        with pytest.raises(InputError, match=name):
            checkpoint.load_optimizer(
                "phase", adam(model), {k: v for k, v in tensors.items() if k != name}
            )
    with pytest.raises(InputError, match=r"phase\.0\.exp_avg_sq"):
        checkpoint.load_optimizer(
            "phase", adam(model), tensors | {"phase.0.exp_avg_sq": torch.ones(2)}
        )
