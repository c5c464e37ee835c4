"""Whether a step fits into memory, found out before the first."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from common.errors import InputError
from datasets import Batch, TaskSpec
from models import GenerativeModel

__all__ = ["available_bytes", "bytes_per_pair", "check_batch_size"]

PROBE = (2, 4)  # batch sizes of the steps that are measured
COPIES = 6  # of a condition while it is drawn and augmented
# Gradients of activations and workspace: measured, a step takes 1.1 to 1.9 times what it saves.
OVERHEAD = 2


def check_batch_size(model: GenerativeModel, device: torch.device) -> None:
    """Refuses batches whose activations are larger than the memory that is free.

    Args:
        model: a copy that may be changed: steps are tried on it, on the CPU.

    Raises:
        InputError: names the largest batch that fits.
    """
    free = available_bytes(device)
    if free is None:
        return
    for phase, each in zip(model.phases(), bytes_per_pair(model), strict=True):
        n = phase.batch_size or model.config.batch_size
        if n * each > free:
            raise InputError(
                f"a batch of {n:,} takes about {n * each / 2**30:,.1f} GiB in phase "
                f"'{phase.name}' and {free / 2**30:.1f} GiB are free: at most "
                f"{max(free // each, 1):,} fit; see the --batch-size flags"
            )


def bytes_per_pair(model: GenerativeModel) -> list[int]:
    """Bytes that a step takes for each pair of a batch, nearly, for each phase: by the tensors that
    it saves for the backward pass, and the pair itself."""
    spec = model.spec
    sizes = math.prod(spec.x_shape) + COPIES * math.prod(spec.c_shape)
    found = []
    for i in range(len(model.phases())):
        first, second = (_saved_bytes(model, _zeros(spec, n), i) for n in PROBE)
        found.append(OVERHEAD * (second - first) // (PROBE[1] - PROBE[0]) + 4 * sizes)
    return found


def _zeros(spec: TaskSpec, n: int) -> Batch:
    return Batch(
        torch.zeros(n, *spec.x_shape), torch.zeros(n, *spec.c_shape), torch.zeros(n).long()
    )


def _saved_bytes(model: GenerativeModel, batch: Batch, phase: int) -> int:
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with (
        torch.random.fork_rng(devices=[]),
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        model.phases()[phase].loss(batch)
    return sum(storages.values())


def available_bytes(device: torch.device) -> int | None:
    """Memory that can be had without swapping; None where that is not known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    found = [_from_meminfo(), *_from_cgroup()]
    known = [n for n in found if n is not None]
    return min(known) if known else None


def _from_meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in lines)
    return 1024 * int(values["MemAvailable"].split()[0]) if "MemAvailable" in values else None


def _from_cgroup() -> list[int | None]:
    """What the limit of a container leaves."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
    except (OSError, ValueError):
        return []
    return [int(limit) - used] if limit.isdigit() else []
