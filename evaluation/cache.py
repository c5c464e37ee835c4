"""What real data score, kept between evaluations by the same code of the same data and judges."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import pickle
from functools import cache
from pathlib import Path
from typing import Any

import torch

from common.errors import InputError
from common.files import ROOT, write_atomically

__all__ = ["read", "write"]

FOLDER = ROOT / "results" / "cache"
CODE = ("common", "converters", "datasets", "evaluation", "judges", "metrics")
LIBRARIES = ("torch", "torchaudio", "numpy", "scipy")  # whose rounding may change
NAMES = ("protocol", "data_sha256", "split_sha256", "judge_a", "judge_b", "k", "seed", "device")


def read(fingerprint: dict[str, Any], device: torch.device) -> dict[str, Any] | None:
    """What was written for this fingerprint by this code; None: nothing, or it is damaged."""
    try:
        return torch.load(_path(fingerprint), device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
        return None


def write(state: dict[str, Any], fingerprint: dict[str, Any]) -> None:
    """Keeps tensors and numbers, and removes those of other code. What cannot be written is not."""
    raw, path = io.BytesIO(), _path(fingerprint)
    torch.save(state, raw)
    with contextlib.suppress(InputError, OSError):
        write_atomically(path, raw.getvalue())
        for other in path.parent.glob("*.pt"):
            if not other.name.startswith(_code_hash()):
                other.unlink(missing_ok=True)


def _path(fingerprint: dict[str, Any]) -> Path:
    key = json.dumps([fingerprint[name] for name in NAMES])
    return FOLDER / f"{_code_hash()}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pt"


@cache
def _code_hash() -> str:
    """Of all code that the numbers depend on."""
    versions = " ".join(importlib.metadata.version(name) for name in LIBRARIES)
    digest = hashlib.sha256(versions.encode())
    for package in CODE:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
