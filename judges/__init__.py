"""The frozen classifiers by which samples are judged.

For images of digits and for spoken digits, judge A reports and judge B selects: they differ in
architecture and seed, and were trained on the same data. `python -m judges` trained them. Those of
somebody's own data are trained when they are needed first (`judges.own`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from datasets import from_pixels
from judges.networks import ARCHITECTURES, JUDGES, Kind, Network, Which

__all__ = [
    "JUDGES",
    "WEIGHTS",
    "Judge",
    "Kind",
    "Which",
    "load_judge",
    "read_judge",
    "weights_path",
]

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Judge:
    """A frozen classifier of digits."""

    name: str
    sha256: str  # of the file of its weights
    network: Network

    @torch.no_grad()
    def __call__(self, x: Tensor, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        """Features and logits.

        Args:
            x: (n, channels, height, width) float in [0, 1], or uint8 as `from_pixels` takes them.

        Returns:
            (n, d) float32, (n, n_digits) float32; d is 64 of images, 32 of sounds.
        """
        device = next(self.network.parameters()).device
        features, logits = [], []
        for images in x.split(batch_size):
            images = images.to(device)
            if images.dtype == torch.uint8:
                images = from_pixels(images)
            h = self.network.features(images)
            features.append(h)
            logits.append(self.network.classify(h))
        return torch.cat(features), torch.cat(logits)


def weights_path(data: str, which: Which, kind: Kind) -> Path:
    name = {"image": f"{data}-{which}", "sound": f"{data}-sound-{which}"}[kind]
    return WEIGHTS / f"{name}.safetensors"


def load_judge(
    data: str, which: Which, device: torch.device | str = "cpu", kind: Kind = "image"
) -> Judge:
    """The committed judge of a dataset.

    Args:
        data: the name of the dataset.
        which: 'a' reports, 'b' selects.
        kind: of what it judges.

    Raises:
        FileNotFoundError: none was trained for this dataset.
    """
    path = weights_path(data, which, kind)
    return read_judge(path.read_bytes(), path.stem, ARCHITECTURES[kind, which](), device)


def read_judge(raw: bytes, name: str, network: Network, device: torch.device | str) -> Judge:
    """Of the content of a file and a network of its architecture."""
    tensors = load(raw)  # of half precision
    network.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    )
    network.eval().requires_grad_(False).to(device)
    return Judge(name, hashlib.sha256(raw).hexdigest(), network)
