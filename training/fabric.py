"""The device of a run and its processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

import torch
from lightning_fabric import Fabric

from common.errors import InputError
from training.run import Precision

__all__ = ["Device", "launch"]

Device = Literal["auto", "cpu", "cuda", "mps"]


def launch(device: Device, precision: Precision) -> Fabric:
    """One process, or as many as torchrun started, on a kind of device.

    Raises:
        InputError: this machine has none of that kind.
    """
    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if not available.get(device, lambda: True)():
        raise InputError(f"--device {device}: this machine has none; try --device cpu")
    size, local, nodes = (
        int(os.environ.get(name, 1))
        for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE")
    )
    fabric = Fabric(
        accelerator=device,
        strategy="ddp" if size > 1 else "auto",
        devices=local,
        num_nodes=nodes,
        precision=precision,
    )
    fabric.launch()
    return fabric
