"""Conditional flow matching.

Lipman et al., "Flow Matching for Generative Modeling", ICLR 2023 (eq. 23 with sigma_min = 0), which
is the rectified flow of Liu, Gong & Liu, ICLR 2023 (eq. 1): a network learns the velocity x - eps
along straight lines from noise to images, and an image is drawn by following it. What differs: the
network says the image that a point is on the way to, and the velocity is what leads there (Li & He,
"Back to Basics: Let Denoising Generative Models Denoise", 2025, table 1); times are logit-normal
(Esser et al., "Scaling Rectified Flow Transformers", ICML 2024, eq. 19); guidance is without a
classifier (Ho & Salimans 2022, eq. 6).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import Batch, TaskSpec
from models import ConditionalConfig, ConditionalModel, Config, Logs, OptimizerConfig, Phase

__all__ = ["PRESETS", "Flow", "FlowConfig"]


@dataclass(frozen=True)
class FlowConfig(ConditionalConfig):
    """A rectified flow."""

    width: int = 24
    """Channels of the network at half of 28 or 32 pixels, times 2; at half the size, times 4."""
    lr: float = 1e-3
    """Learning rate."""
    n_evaluations: int = 10
    """Of the network, for a sample."""
    guidance: float = 1.0
    """How far the velocity goes from that without the condition to that with it; 1: to it."""
    drop: float = 0.1
    """Share of conditions that are dropped in training, for the guidance."""

    def build(self, spec: TaskSpec) -> Flow:
        return Flow(spec, self)


class Flow(ConditionalModel):
    """dx / dt = velocity(x, t, cond(c)), from x = eps ~ N(0, 1) at t = 0 to an image at t = 1."""

    config: FlowConfig

    NEAREST = 0.05  # to t = 1 that a velocity is taken: its target is divided by 1 - t

    def __init__(self, spec: TaskSpec, config: FlowConfig):
        super().__init__(spec, config)
        self.network = UNet(spec.x_shape, self.cond_dim, config.width)

    def phases(self) -> Sequence[Phase]:
        return (
            *self.warm_start_phases(),
            Phase(
                name="generator",
                parameters=[*self.network.parameters(), *self.encoder_parameters()],
                loss=self.flow_loss,
                optimizer=OptimizerConfig(lr=self.config.lr, clip=1.0),
                start=self.config.warm_start,
            ),
        )

    def velocity(self, x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """(b, *x_shape), (b,), (b, cond_dim) -> (b, *x_shape)."""
        left = (1 - t).clamp_min(self.NEAREST)[:, None, None, None]
        return (self.network(x, t, cond) - x) / left

    def flow_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        """E |velocity(x_t, t) - (x - eps)|^2, x_t = (1 - t) eps + t x, of each pixel."""
        cond = self.embed_condition(batch.c)
        kept = torch.rand(len(cond), 1, device=cond.device) >= self.config.drop
        x = 2 * batch.x - 1
        eps = torch.randn_like(x)
        t = torch.randn(len(x), device=x.device).sigmoid()
        at = t[:, None, None, None]
        velocity = self.velocity((1 - at) * eps + at * x, t, cond * kept)
        # The target is divided as the velocity is, near the end.
        wanted = (x - eps) * ((1 - at) / (1 - at).clamp_min(self.NEAREST))
        loss = F.mse_loss(velocity, wanted)
        return loss, {"velocity": loss.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        cond = self.embed_condition(c, generator)
        x = torch.randn((len(c), *self.spec.x_shape), generator=generator, device=c.device)
        guided = self.config.guidance != 1
        n = max(self.config.n_evaluations // (1 + guided), 1)
        for step in range(n):  # Euler's
            t = torch.full((len(c),), step / n, device=c.device)
            velocity = self.velocity(x, t, cond)
            if guided:
                without = self.velocity(x, t, torch.zeros_like(cond))
                velocity = without + self.config.guidance * (velocity - without)
            x = x + velocity / n
        return ((x + 1) / 2).clamp(0, 1)


class UNet(nn.Module):
    """(x_t, t, cond) -> the image that x_t is on the way to. Its first layer halves the image."""

    def __init__(self, x_shape: tuple[int, int, int], cond_dim: int, width: int):
        super().__init__()
        channels, height, columns = x_shape
        n = max((max(height, columns) - 1).bit_length() - 3, 1)  # halvings that leave 8 or fewer
        widths = [max(4 * width >> (n - 1 - i), 8) for i in range(n)]
        self.time_dim = 32
        s_dim = cond_dim + self.time_dim
        self.first = nn.Conv2d(channels, widths[0], 4, stride=2, padding=1)
        pairs = [*itertools.pairwise(widths)]
        self.before = nn.ModuleList(Block(a, a, s_dim) for a, _ in pairs)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairs)
        self.middle = nn.ModuleList(Block(widths[-1], widths[-1], s_dim) for _ in range(2))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 4, stride=2, padding=1) for a, b in pairs)
        self.after = nn.ModuleList(Block(2 * a, a, s_dim) for a, _ in pairs)
        self.last = nn.Sequential(
            nn.GroupNorm(8, widths[0]),
            nn.SiLU(),
            nn.ConvTranspose2d(widths[0], channels, 4, stride=2, padding=1),
        )

    def forward(self, x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        s = torch.cat((self.embed_time(t), cond), 1)
        h = self.first(x)  # (b, 2w, 14, 14) of 28 x 28
        skipped = []
        for block, down in zip(self.before, self.down, strict=True):
            skipped.append(block(h, s))
            h = down(skipped[-1])  # (b, 4w, 7, 7)
        for block in self.middle:
            h = block(h, s)
        for up, block in [*zip(self.up, self.after, strict=True)][::-1]:
            h = block(torch.cat((up(h), skipped.pop()), 1), s)
        return self.last(h)

    def embed_time(self, t: Tensor) -> Tensor:
        """(b,) in [0, 1] -> (b, time_dim): sines and cosines (Vaswani et al. 2017, 3.5)."""
        half = self.time_dim // 2
        turns = torch.exp(torch.linspace(0, math.log(100), half, device=t.device))
        phase = math.pi * t[:, None] * turns
        return torch.cat((phase.sin(), phase.cos()), 1)


class Block(nn.Module):
    """A residual block whose middle is scaled and shifted by s."""

    def __init__(self, n_in: int, n_out: int, s_dim: int):
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(8, n_in), nn.SiLU(), nn.Conv2d(n_in, n_out, 3, padding=1)
        )
        self.norm = nn.GroupNorm(8, n_out, affine=False)
        self.modulate = nn.Linear(s_dim, 2 * n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1)
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)
        self.skip = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, h: Tensor, s: Tensor) -> Tensor:
        scale, shift = self.modulate(s)[..., None, None].chunk(2, 1)
        inner = F.silu(self.norm(self.first(h)) * (1 + scale) + shift)
        return self.skip(h) + self.second(inner)


PRESETS: dict[str, Config] = {"reference": FlowConfig()}
