"""One file holds a run: weights, their average, the optimizers' state, and the run's settings.

It is safetensors, so that reading a stranger's file runs nothing. The metadata is one JSON text.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from common.errors import InputError
from common.files import write_atomically
from converters.sound_as import REPRESENTATIONS
from datasets import Augment
from models import GenerativeModel
from training.run import Run, check_marks

__all__ = [
    "NAME",
    "Checkpoint",
    "find",
    "load",
    "load_into",
    "load_model",
    "load_optimizer",
    "optimizer_tensors",
    "write",
]

NAME = "checkpoint.safetensors"
FORMAT = "synesthesia-checkpoint-4"
GROUPS = ("model", "ema", "optimizer")
MAX_BYTES = 4 << 30
MAX_DIGITS = 1000  # classes


@dataclass(frozen=True)
class Checkpoint:
    """A run at some step. Tensor names start with 'model.', 'ema.' or 'optimizer.'."""

    run: Run
    step: int  # updates done
    seconds: float  # of training, all sessions together
    log_position: int  # bytes of the run's log that belong to it
    tensors: Mapping[str, Tensor]

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors of one group, without its prefix."""
        prefix = name + "."
        return {
            key.removeprefix(prefix): value
            for key, value in self.tensors.items()
            if key.startswith(prefix)
        }

    def weights_sha256(self) -> str:
        """Of the averaged weights, which draw the samples."""
        return _sha256(self.group("ema"))

    def build_model(self, device: torch.device | str = "cpu") -> GenerativeModel:
        """The run's model with its averaged weights, ready to sample.

        Raises:
            InputError: it cannot be built here, or the weights do not fit.
        """
        model = self.run.build()
        load_into(model, self.group("ema"), "the checkpoint")
        return model.eval().requires_grad_(False).to(device)


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint atomically, or leaves the previous one as it was.

    Raises:
        InputError: the disk is full or the place cannot be written.
    """
    about = {
        "format": FORMAT,
        "run": dataclasses.asdict(checkpoint.run),
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
        "log_position": checkpoint.log_position,
        "sha256": {name: _sha256(checkpoint.group(name)) for name in GROUPS},
    }
    tensors = {key: value.detach().cpu().contiguous() for key, value in checkpoint.tensors.items()}
    # One key: safetensors writes several in no fixed order.
    data = save(tensors, {"about": json.dumps(about, sort_keys=True)})
    write_atomically(path, data)


def find(path: Path) -> Path:
    """The checkpoint that a file or a run's folder names.

    Raises:
        InputError: there is none.
    """
    found = path / NAME if path.is_dir() else path
    if not found.is_file():
        raise InputError(f"no checkpoint at {path}: give a run's folder or its {NAME}")
    return found


def load(path: Path, groups: Sequence[str] = GROUPS) -> Checkpoint:
    """Reads a checkpoint, or only some of its groups. Never runs anything from the file.

    Raises:
        InputError: the file is missing, damaged (its tensors have not their hash), foreign, or not
            safetensors (a pickle, say).
    """
    path = find(path)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES >> 30} GiB: not a checkpoint of ours")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            _check_format(path, about)
            keys = [key for key in file.keys() if key.split(".")[0] in groups]  # noqa: SIM118
            tensors = {key: file.get_tensor(key) for key in keys}
    except (SafetensorError, ValueError, RecursionError, OSError) as error:
        raise InputError(
            f"{path} is damaged or not a safetensors file ({_kind(path)}); nothing in it was run"
        ) from error
    try:
        sums = {name: str(about["sha256"][name]) for name in groups}
        numbers = int(about["step"]), float(about["seconds"]), int(about["log_position"])
        found = Checkpoint(_run(about["run"]), *numbers, tensors)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path} has unusable metadata: {error}") from error
    if damaged := [name for name, sha256 in sums.items() if _sha256(found.group(name)) != sha256]:
        raise InputError(
            f"{path} is damaged: its tensors '{damaged[0]}' are not those that were saved; "
            "restore the file, or train again"
        )
    return found


def load_model(path: Path | str, device: torch.device | str = "cpu") -> GenerativeModel:
    """The model of a run's folder or checkpoint, with its averaged weights, ready to sample.

    Raises:
        InputError: as of `load`, or the model cannot be built here.
    """
    return load(Path(path), groups=("ema",)).build_model(device)


def _sha256(tensors: Mapping[str, Tensor]) -> str:
    """Of names, types, shapes and values."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _check_format(path: Path, about: Any) -> None:
    found = about.get("format") if isinstance(about, dict) else None
    if found != FORMAT and str(found).startswith("synesthesia-checkpoint-"):
        raise InputError(f"{path} is of an earlier version ({found}, not {FORMAT}): train it again")
    if found != FORMAT:
        raise InputError(f"{path} was not written by train.py: give a run's {NAME}")


def _run(about: dict[str, Any]) -> Run:
    tuples = {key: tuple(about[key]) for key in ("x_shape", "c_shape", "marks")}
    # Of before there was a choice.
    usual = {"augment": "none" if about.get("task") == "image2audio" else "pictures"}
    run = Run(**usual | about | tuples)
    kinds = {"seed": int, "processes": int, "n_digits": int, "config": dict} | dict.fromkeys(
        tuples, tuple
    )
    for name, value in vars(run).items():
        if not isinstance(value, kinds.get(name, str)):
            raise TypeError(f"{name} is {value!r:.60}")
    for name in ("x_shape", "c_shape"):
        if [type(size) for size in tuples[name]] != [int] * 3:
            raise TypeError(f"{name} is {tuples[name]!r:.60}")
    if not {type(mark) for mark in run.marks} <= {int, float}:
        raise TypeError(f"marks is {run.marks!r:.60}")
    for name, known in (("sound_as", REPRESENTATIONS), ("augment", get_args(Augment))):
        if getattr(run, name) not in known:
            raise ValueError(f"{name} is {getattr(run, name)!r:.60}")
    if not 1 <= run.n_digits <= MAX_DIGITS:  # 1: no pairs
        raise ValueError(f"n_digits is {run.n_digits}")
    check_marks(run.marks)
    return run


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        return str(error.strerror)
    if head[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        return "it looks like a pickle"
    return "it looks like a zip or torch.save file" if head == b"PK\x03\x04" else "unknown format"


def load_into(target: nn.Module, tensors: dict[str, Tensor], what: str) -> None:
    """Strict: every tensor must be there with the right shape and type.

    Raises:
        InputError: names the first that is not.
    """
    expected = target.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            wrong = "unexpected" if name in tensors else "missing"
            raise InputError(f"{what} does not match: {name} is {wrong}; written by other code?")
        if expected[name].shape != tensors[name].shape:
            raise InputError(
                f"{what}: {name} has shape {tuple(tensors[name].shape)}, "
                f"expected {tuple(expected[name].shape)}"
            )
        if expected[name].dtype != tensors[name].dtype:
            raise InputError(
                f"{what}: {name} is {tensors[name].dtype}, expected {expected[name].dtype}"
            )
    target.load_state_dict(tensors)


def optimizer_tensors(name: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of one phase's optimizer, by 'phase.parameter index.kind'."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {f"{name}.{i}.{kind}": t for i, kinds in state.items() for kind, t in kinds.items()}


def load_optimizer(name: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`.

    Raises:
        InputError: names a tensor that is missing or has another shape.
    """
    state: dict[int, dict[str, Tensor]] = {}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for i, parameter in enumerate(parameters):
        shapes = {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        found = {k: tensors[f"{name}.{i}.{k}"] for k in shapes if f"{name}.{i}.{k}" in tensors}
        for kind, shape in shapes.items() if found else ():  # none: not updated so far
            if kind not in found or found[kind].shape != shape:
                raise InputError(f"the optimizer's {name}.{i}.{kind} is missing or misshapen")
        if found:
            state[i] = found
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
