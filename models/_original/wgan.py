"""The WGAN of the source project, ImageFromAudio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from datasets import Batch, TaskSpec
from models._base import Config, GenerativeModel, Logs, OptimizerConfig, Phase
from models._networks import gradient_penalty
from models._original.networks import DCGANCritic, DCGANGenerator, initialize, resize

__all__ = ["WGAN", "WGANConfig"]


@dataclass(frozen=True)
class WGANConfig(Config):
    """The WGAN of ImageFromAudio."""

    batch_size: int = 64
    ema: float = 0.0
    z_dim: int = 100
    """Size of the noise."""
    lr: float = 1e-4
    """Learning rate of generator and critic."""
    n_critic: int = 5
    """Updates of the critic per step."""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (lambda)."""
    width: int = 16
    """Channels of the critic's first layer. The published value is not on record; 16 is that of the
    tutorial whose other settings it has."""

    def build(self, spec: TaskSpec) -> WGAN:
        return WGAN(spec, self)


class WGAN(GenerativeModel):
    """x = generator(z), z ~ N(0, 1): the condition is not used.

    A DCGAN at 64 x 64 in [-1, 1] with instance normalization in the critic, five critic updates per
    step. It sees the images of the pairs; samples are resized to the images' size.
    """

    conditional = False

    config: WGANConfig

    def __init__(self, spec: TaskSpec, config: WGANConfig):
        super().__init__(spec, config)
        self.generator = DCGANGenerator(config.z_dim, spec.x_shape[0], config.width)
        self.critic = DCGANCritic(spec.x_shape[0], config.width)
        initialize(self)

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(lr=self.config.lr, betas=(0.0, 0.9))
        return (
            Phase(
                name="discriminator",
                parameters=[*self.critic.parameters()],
                loss=self.critic_loss,
                optimizer=adam,
                repeat=self.config.n_critic,
            ),
            Phase(
                name="generator",
                parameters=[*self.generator.parameters()],
                loss=self.generator_loss,
                optimizer=adam,
            ),
        )

    def generate(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """As many images as `like` has rows, on its device: (b, channels, 64, 64) in (-1, 1)."""
        shape = (len(like), self.config.z_dim)
        return self.generator(torch.randn(shape, generator=generator, device=like.device))

    def critic_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        real = 2 * resize(batch.x, 64) - 1
        with torch.no_grad():
            fake = self.generate(real)
        score_real, score_fake = self.critic(torch.cat((real, fake))).chunk(2)
        distance = score_real.mean() - score_fake.mean()
        penalty = gradient_penalty(self.critic, real, fake)
        loss = -distance + self.config.gradient_penalty * penalty
        return loss, {"wasserstein": distance.detach(), "gradient_penalty": penalty.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        loss = -self.critic(self.generate(batch.x)).mean()
        return loss, {"adversarial": loss.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x = (self.generate(c, generator).float() + 1) / 2
        return resize(x, self.spec.x_shape[-1]).clamp(0, 1)
