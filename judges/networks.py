"""The networks of the judges: for images and for sounds two of different architecture.

By default for digits; images may have any size and colour, and sounds any classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ARCHITECTURES", "JUDGES", "Kind", "Network", "Which"]

Kind = Literal["image", "sound"]  # (1, 28, 28) images, or (1, 64, 64) log-mel pictures
Which = Literal["a", "b"]
JUDGES: tuple[Which, ...] = ("a", "b")
OF_IMAGE, OF_SOUND = 64, 32  # features; few sounds are there for Frechet distances of more


class Network(nn.Module, ABC):
    """A classifier, by the features of its last layer but one."""

    head: nn.Linear

    def __init__(self, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.activation = activation

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """(b, channels, height, width) in [0, 1] -> (b, n)."""

    def classify(self, features: Tensor) -> Tensor:
        """(b, n) -> logits (b, n_digits)."""
        return self.head(self.activation(features))

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.features(x))


class ImageA(Network):
    """Plain convolutions, max-pooling."""

    def __init__(self, n_digits: int = 10, n_in: int = 1) -> None:
        super().__init__(F.relu)
        self.body = nn.Sequential(
            *_stage(n_in, 16),
            *_stage(16, 32),
            *_stage(32, 64),
            nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten()),
            nn.Linear(64 * 9, OF_IMAGE),
        )
        self.head = nn.Linear(OF_IMAGE, n_digits)

    def features(self, x: Tensor) -> Tensor:  # (b, n_in, 28, 28) -> (b, 64)
        return self.body(x)


class ImageB(Network):
    """Strided residual blocks with wide kernels, average-pooling."""

    def __init__(self, n_digits: int = 10, n_in: int = 1) -> None:
        super().__init__(F.gelu)
        self.stem = nn.Sequential(nn.Conv2d(n_in, 32, 5, stride=2, padding=2), nn.BatchNorm2d(32))
        self.blocks = nn.ModuleList(_Residual(32, 5) for _ in range(2))
        self.down = nn.Sequential(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64))
        self.tail = nn.ModuleList(_Residual(64, 3) for _ in range(2))
        self.out = nn.Linear(64 * 4, OF_IMAGE)
        self.head = nn.Linear(OF_IMAGE, n_digits)

    def features(self, x: Tensor) -> Tensor:  # (b, n_in, 28, 28) -> (b, 64)
        h = F.gelu(self.stem(x))  # (b, 32, 14, 14)
        for block in self.blocks:
            h = block(h)
        h = F.gelu(self.down(h))  # (b, 64, 7, 7)
        for block in self.tail:
            h = block(h)
        return self.out(F.adaptive_avg_pool2d(h, 2).flatten(1))


class SoundA(Network):
    """Plain convolutions over time and frequency, max-pooling; the mean over time."""

    def __init__(self, n_digits: int = 10, n_in: int = 1) -> None:
        super().__init__(F.relu)
        self.body = nn.Sequential(
            *_stage(n_in, 16), *_stage(16, 32), *_stage(32, 48), *_stage(48, 64)
        )
        self.out = nn.Linear(64 * 4, OF_SOUND)
        self.head = nn.Linear(OF_SOUND, n_digits)

    def features(self, x: Tensor) -> Tensor:  # (b, 1, 64, 64) -> (b, 32)
        return self.out(self.body(x).mean(3).flatten(1))


class SoundB(Network):
    """Convolutions over time alone, whose channels are the mel bands; the maximum and the mean
    over time."""

    def __init__(self, n_digits: int = 10, n_in: int = 1) -> None:
        super().__init__(F.gelu)
        self.stem = nn.Sequential(nn.Conv1d(64 * n_in, 96, 5, padding=2), nn.BatchNorm1d(96))
        self.blocks = nn.ModuleList(_Dilated(96, dilation) for dilation in (1, 2, 4, 8))
        self.out = nn.Linear(2 * 96, OF_SOUND)
        self.head = nn.Linear(OF_SOUND, n_digits)

    def features(self, x: Tensor) -> Tensor:  # (b, 1, 64, 64) -> (b, 32)
        h = F.gelu(self.stem(x.flatten(1, 2)))  # (b, 96, 64)
        for block in self.blocks:
            h = block(h)
        return self.out(torch.cat((h.amax(2), h.mean(2)), 1))


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


class _Dilated(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation),
            nn.BatchNorm1d(channels),
        )

    def forward(self, h: Tensor) -> Tensor:
        return h + F.gelu(self.mix(h))


def _stage(n_in: int, n_out: int) -> list[nn.Module]:
    """Two convolutions, and half the size."""
    return [_conv(n_in, n_out), _conv(n_out, n_out), nn.MaxPool2d(2)]


def _conv(n_in: int, n_out: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )


ARCHITECTURES: dict[tuple[Kind, Which], Callable[..., Network]] = {
    ("image", "a"): ImageA,
    ("image", "b"): ImageB,
    ("sound", "a"): SoundA,
    ("sound", "b"): SoundB,
}
