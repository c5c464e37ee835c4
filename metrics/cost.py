"""FLOPs of a call, the sizes of the model behind a sample, and peak memory."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

__all__ = ["Cost", "count_flops", "peak_memory", "reset_peak_memory", "sampling_cost"]

STATUS = Path("/proc/self/status")  # of Linux


class Cost(NamedTuple):
    """Sizes of a model."""

    parameters: int  # of all that was trained
    parameters_sampling: int  # of what a sample is computed from
    flops: int  # of all products and convolutions in the call, 2 per multiply-add


class _Touched(TorchDispatchMode):
    """Records the storages that operations read, also through views and under no_grad."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, Tensor):
                self.storages.add(leaf.untyped_storage().data_ptr())
        return func(*args, **(kwargs or {}))


class _Flops(TorchDispatchMode):
    """Adds up FLOPs. torch's FlopCounterMode does the same, but not under torch.autograd.grad."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func.overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def count_flops(call: Callable[[], object]) -> int:
    """FLOPs of all products and convolutions in a call, its backward passes included."""
    with _Flops() as flops:
        call()
    return flops.total


def sampling_cost(model: nn.Module, sample: Callable[[], object]) -> Cost:
    """Counts parameters and FLOPs.

    Args:
        sample: draws from the model.
    """
    with _Flops() as flops, _Touched() as touched:
        sample()
    sizes = {p.untyped_storage().data_ptr(): p.numel() for p in model.parameters()}
    return Cost(
        parameters=sum(sizes.values()),
        parameters_sampling=sum(n for at, n in sizes.items() if at in touched.storages),
        flops=flops.total,
    )


def reset_peak_memory(device: torch.device) -> None:
    """Lets `peak_memory` count from here; on a CPU only under Linux."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):
            STATUS.with_name("clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int:
    """Bytes that this process has held at most since `reset_peak_memory`, or at all: on a GPU its
    tensors, else all of it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError):
        # getrusage would count the process that started this one, too.
        if found := re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text()):
            return 1024 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # bytes there, KiB here
