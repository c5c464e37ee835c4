"""The frozen classifiers by which samples are judged, and the command that trained them.

    python -m metrics._judges --data mnist-fsdd

A reports, B selects: different architecture and seed, the same training images,
which B sees blurred, too.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from tqdm import tqdm

import datasets
from commandline import parse
from datasets._splits import Part, part
from errors import InputError, command

__all__ = ["Judge", "load_judge"]

FOLDER = Path(__file__).parent / "judges"
FEATURES = 64


class JudgeA(nn.Module):
    """Plain convolutions, max-pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(1, 16), _conv(16, 16), nn.MaxPool2d(2),
            _conv(16, 32), _conv(32, 32), nn.MaxPool2d(2),
            _conv(32, 64), _conv(64, 64), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * 9, FEATURES),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, 10)

    def features(self, x: Tensor) -> Tensor:  # (b, 1, 28, 28) -> (b, 64)
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:  # logits (b, 10)
        return self.head(F.relu(self.features(x)))


class JudgeB(nn.Module):
    """Strided residual blocks with wide kernels, average-pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 32, 5, stride=2, padding=2), nn.BatchNorm2d(32))
        self.blocks = nn.ModuleList(_Residual(32, 5) for _ in range(2))
        self.down = nn.Sequential(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64))
        self.tail = nn.ModuleList(_Residual(64, 3) for _ in range(2))
        self.out = nn.Linear(64 * 4, FEATURES)
        self.head = nn.Linear(FEATURES, 10)

    def features(self, x: Tensor) -> Tensor:  # (b, 1, 28, 28) -> (b, 64)
        h = F.gelu(self.stem(x))  # (b, 32, 14, 14)
        for block in self.blocks:
            h = block(h)
        h = F.gelu(self.down(h))  # (b, 64, 7, 7)
        for block in self.tail:
            h = block(h)
        return self.out(F.adaptive_avg_pool2d(h, 2).flatten(1))

    def forward(self, x: Tensor) -> Tensor:  # logits (b, 10)
        return self.head(F.gelu(self.features(x)))


class _Residual(nn.Module):
    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels // 8),
            nn.BatchNorm2d(channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, h: Tensor) -> Tensor:
        return F.gelu(h + self.mix(h))


def _conv(n_in: int, n_out: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )


ARCHITECTURES: dict[str, type[JudgeA] | type[JudgeB]] = {"a": JudgeA, "b": JudgeB}


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
    """The committed judge of a data source.

    Args:
        data: the name of the source.
        which: 'a' reports, 'b' selects.
    """
    name = f"{data}-{which}"
    raw = (FOLDER / f"{name}.safetensors").read_bytes()
    network = ARCHITECTURES[which]()
    network.load_state_dict({k: v.float() if v.is_floating_point() else v
                             for k, v in load_tensors(raw).items()})  # fmt: skip
    network.eval().requires_grad_(False).to(device)
    return Judge(name, hashlib.sha256(raw).hexdigest(), network)


def train_judge(train: Part, which: str, epochs: int, seed: int) -> JudgeA | JudgeB:
    """Cross-entropy, AdamW, one cycle; small shifts, turns, shears and scalings.

    B also sees blurred digits: its wide strides are lost on soft strokes otherwise.
    """
    torch.manual_seed(seed)
    network = ARCHITECTURES[which]()
    batch_size = 100
    steps = epochs * max(len(train.x) // batch_size, 100)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in tqdm(range(steps), desc=f"judge {which}"):
        index = torch.randint(len(train.x), (batch_size,))
        x = _distort(train.x[index].unsqueeze(1) / 255)
        if which == "b":
            x = _blur(x)
        loss = F.cross_entropy(network(x), train.x_digit[index], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def _distort(x: Tensor) -> Tensor:
    """Random affine maps: +-2 pixels, +-10 degrees, +-10 % size and shear."""
    b = len(x)
    turn, shear = (torch.rand(2, b) * 2 - 1) * torch.tensor([[0.17], [0.1]])
    size = 1 + (torch.rand(2, b) * 2 - 1) * 0.1
    shift = (torch.rand(2, b) * 2 - 1) * 2 / 14
    cos, sin = turn.cos(), turn.sin()
    row_x = torch.stack((size[0] * cos, shear - sin, shift[0]), 1)
    row_y = torch.stack((sin, size[1] * cos, shift[1]), 1)
    grid = F.affine_grid(torch.stack((row_x, row_y), 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def _blur(x: Tensor) -> Tensor:
    """A quarter of the images under a Gaussian, of 0.5 to 2.5 pixels."""
    sigma = torch.rand(()) * 2 + 0.5
    at = torch.arange(-4, 5)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    n = len(x) // 4
    soft = F.conv2d(x[:n], kernel.view(1, 1, -1, 1), padding=(4, 0))
    return torch.cat((F.conv2d(soft, kernel.view(1, 1, 1, -1), padding=(0, 4)), x[n:]))


@dataclass(frozen=True)
class Options:
    """Which judges are trained, on what."""

    data: Literal["mnist-fsdd", "offline"] = "mnist-fsdd"
    """Which images."""
    data_dir: Path | None = None
    """Where the data are."""
    judge: tuple[Literal["a", "b"], ...] = ("a", "b")
    """Which of the two."""
    epochs: int = 10
    """Passes over the training images."""


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m metrics._judges")
    if options.epochs < 1:
        raise InputError(f"--epochs {options.epochs}: at least 1")
    source = datasets.load(options.data, options.data_dir)
    FOLDER.mkdir(exist_ok=True)
    for which in options.judge:
        network = train_judge(
            part(source, "official", "train"), which, options.epochs, seed=ord(which)
        )
        # Half precision halves the file; the judge is what the file holds.
        tensors = {
            k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()
        }
        path = FOLDER / f"{source.name}-{which}.safetensors"
        temporary = path.with_suffix(".part")
        temporary.write_bytes(save_tensors(tensors))
        temporary.replace(path)
        judge, held_out = load_judge(source.name, which), part(source, "official", "validation")
        _, logits = judge(held_out.x)
        accuracy = (logits.argmax(1) == held_out.x_digit).float().mean().item()
        print(f"{path}: {path.stat().st_size} bytes, {accuracy:.2%} on validation")


if __name__ == "__main__":
    main()
