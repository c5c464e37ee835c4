"""The CGAN of the source project, ImageFromAudio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets import Batch, TaskSpec
from models._base import Config, GenerativeModel, Logs, OptimizerConfig, Phase
from models._original.networks import PairDiscriminator, ResidualUNet, initialize, resize

__all__ = ["CGAN", "CGANConfig"]


@dataclass(frozen=True)
class CGANConfig(Config):
    """The CGAN of ImageFromAudio."""

    batch_size: int = 32
    ema: float = 0.0
    lr: float = 3e-4
    """Learning rate of generator and discriminator."""
    width: int = 64
    """Channels of the first layer, doubled at each level."""

    def build(self, spec: TaskSpec) -> CGAN:
        return CGAN(spec, self)


class CGAN(GenerativeModel):
    """x = generator(c): a regression by squared error with a weakly weighted discriminator.

    A residual U-Net without noise, so that a sound has one image; the discriminator sees image and
    sound as two channels.
    """

    stochastic = False

    config: CGANConfig

    def __init__(self, spec: TaskSpec, config: CGANConfig):
        super().__init__(spec, config)
        n_x, n_c = spec.x_shape[0], spec.c_shape[0]
        self.generator = ResidualUNet(n_c, n_x, config.width)
        self.discriminator = PairDiscriminator(n_x + n_c, config.width)
        initialize(self)

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(lr=self.config.lr, betas=(0.0, 0.9))
        return (
            Phase(
                name="discriminator",
                parameters=[*self.discriminator.parameters()],
                loss=self.discriminator_loss,
                optimizer=adam,
            ),
            Phase(
                name="generator",
                parameters=[*self.generator.parameters()],
                loss=self.generator_loss,
                optimizer=adam,
            ),
        )

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        audio = resize(batch.c, 28)
        with torch.no_grad():
            fake = self.generator(audio)
        return self.discriminator.loss(resize(batch.x, 28), fake, audio)

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        audio = resize(batch.c, 28)
        fake = self.generator(audio)
        adversarial = F.softplus(-self.discriminator(fake, audio)).mean()
        # Summed over pixels and batch: beside 1 SSE of an image, 1/32 of its adversarial term.
        squared_error = F.mse_loss(fake, resize(batch.x, 28), reduction="sum")
        return adversarial + squared_error, {
            "reconstruction": squared_error.detach() / len(fake),
            "adversarial": adversarial.detach(),
        }

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return resize(self.generator(resize(c, 28)), self.spec.x_shape[-1]).clamp(0, 1)
