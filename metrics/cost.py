"""FLOPs of a call, the sizes of the model behind a sample, and peak memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

__all__ = ["Cost", "count_flops", "peak_memory", "sampling_cost"]


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


def peak_memory(device: torch.device) -> int:
    """Bytes that this process has held at most so far: on a GPU its tensors, else all of it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # bytes there, KiB here
