"""The judges of somebody's own data: trained when they are needed first, on the training part, and
kept. They are as good as the data let them be: their accuracy on held-out data is said.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError

from common.errors import InputError
from common.files import ROOT, write_atomically
from datasets import OWN, PairedDataset, part
from judges import Judge, Kind, Which, load_judge, read_judge
from judges.networks import ARCHITECTURES
from judges.training import held_out_data, packed, train_judge

__all__ = ["judge_of"]

FOLDER = ROOT / "results" / "cache" / "judges"
EPOCHS, MIN_STEPS = 4, 30  # of 100 items: a minute for all four, on one core


def judge_of(
    dataset: PairedDataset, which: Which, device: torch.device | str = "cpu", kind: Kind = "image"
) -> Judge:
    """The judge of a dataset: the committed one, or one that is trained here.

    Raises:
        FileNotFoundError: there is none, of data that are not somebody's own.
    """
    if not dataset.name.startswith(OWN):
        return load_judge(dataset.name, which, device, kind)
    n_in = dataset.spec("audio2image").x_shape[0] if kind == "image" else 1
    name = f"{_key(dataset)}-{kind}-{which}"
    path = FOLDER / f"{name}.safetensors"

    def read(raw: bytes) -> Judge:
        network = ARCHITECTURES[kind, which](len(dataset.classes), n_in)
        return read_judge(raw, name, network, device)

    with suppress(OSError, SafetensorError, RuntimeError):  # not there, or damaged
        return read(path.read_bytes())
    raw = packed(train_judge(part(dataset, "official", "train"), kind, which, EPOCHS, MIN_STEPS))
    with suppress(InputError, OSError):  # what cannot be kept is trained again
        write_atomically(path, raw)
    judge = read(raw)
    for what, x, digit in held_out_data(part(dataset, "official", "validation"), kind):
        right = (judge(x)[1].argmax(1).cpu() == digit).double().mean().item()
        print(
            f"{kind} judge {which}: {right:.1%} of {len(digit)} validation {what}", file=sys.stderr
        )
    return judge


def _key(dataset: PairedDataset) -> str:
    """Of the data and of the code that trains."""
    code = b"".join(each.read_bytes() for each in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(dataset.fingerprint.encode() + code).hexdigest()[:24]
