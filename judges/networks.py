"""The networks of the judges: two of different architecture."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ARCHITECTURES", "JudgeA", "JudgeB"]

FEATURES = 64


class JudgeA(nn.Module):
    """Plain convolutions, max-pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(1, 16),
            _conv(16, 16),
            nn.MaxPool2d(2),
            _conv(16, 32),
            _conv(32, 32),
            nn.MaxPool2d(2),
            _conv(32, 64),
            _conv(64, 64),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 9, FEATURES),
        )
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
