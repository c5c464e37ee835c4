"""The frozen classifiers by which samples are judged.

Judge A reports, judge B selects: they differ in architecture and seed, and were trained on the
same images, judge B on blurred ones too. `python -m judges` trained them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor

from judges.networks import ARCHITECTURES, JudgeA, JudgeB

__all__ = ["WEIGHTS", "Judge", "load_judge"]

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Judge:
    """A frozen classifier of digit images."""

    name: str
    sha256: str  # of the file of its weights
    network: JudgeA | JudgeB

    @torch.no_grad()
    def __call__(self, x: Tensor, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        """Features and logits.

        Args:
            x: (n, 1, 28, 28) float in [0, 1], or (n, 28, 28) uint8.

        Returns:
            (n, 64) float32, (n, 10) float32.
        """
        device = next(self.network.parameters()).device
        features, logits = [], []
        for images in x.split(batch_size):
            images = images.to(device)
            if images.dtype == torch.uint8:
                images = images.unsqueeze(1) / 255
            h = self.network.features(images)
            activation = F.relu if isinstance(self.network, JudgeA) else F.gelu
            features.append(h)
            logits.append(self.network.head(activation(h)))
        return torch.cat(features), torch.cat(logits)


def load_judge(data: str, which: str, device: torch.device | str = "cpu") -> Judge:
    """The committed judge of a dataset.

    Args:
        data: the name of the dataset.
        which: 'a' reports, 'b' selects.

    Raises:
        FileNotFoundError: none was trained for this dataset.
    """
    name = f"{data}-{which}"
    raw = (WEIGHTS / f"{name}.safetensors").read_bytes()
    network = ARCHITECTURES[which]()
    tensors = load(raw)  # of half precision
    network.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    )
    network.eval().requires_grad_(False).to(device)
    return Judge(name, hashlib.sha256(raw).hexdigest(), network)
