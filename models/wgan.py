"""Conditional Wasserstein GAN with gradient penalty.

Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017 (eq. 3, algorithm 1).
What differs: the critic sees the condition, by projection (Miyato & Koyama 2018); two critic
updates per step at a higher rate instead of five; DiffAugment by translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from datasets import Batch, TaskSpec
from models import (
    ConditionalConfig,
    ConditionalModel,
    Config,
    ImageDecoder,
    Logs,
    OptimizerConfig,
    Phase,
    ProjectionDiscriminator,
    gradient_penalty,
    translate,
)
from models._original import wgan as original

__all__ = ["PRESETS", "WGAN", "WGANConfig"]


@dataclass(frozen=True)
class WGANConfig(ConditionalConfig):
    """A WGAN-GP whose critic sees the condition."""

    z_dim: int = 64
    """Size of the noise."""
    lr: float = 5e-4
    """Learning rate of generator and critic."""
    n_critic: int = 2
    """Updates of the critic per step."""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (lambda)."""
    max_shift: int = 3
    """DiffAugment: largest translation of what the critic sees, in pixels."""

    def build(self, spec: TaskSpec) -> WGAN:
        return WGAN(spec, self)


class WGAN(ConditionalModel):
    """x = generator(z, cond(c)), z ~ N(0, 1)."""

    config: WGANConfig

    def __init__(self, spec: TaskSpec, config: WGANConfig):
        super().__init__(spec, config)
        self.generator = ImageDecoder(spec.x_shape, config.z_dim, self.cond_dim, config.width)
        self.critic = ProjectionDiscriminator(
            spec.x_shape, self.cond_dim, config.width, normalize=False
        )

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(lr=self.config.lr, betas=(0.0, 0.9))
        return (
            *self.warm_start_phases(),
            Phase(
                name="discriminator",
                parameters=[*self.critic.parameters()],
                loss=self.critic_loss,
                optimizer=adam,
                repeat=self.config.n_critic,
                start=self.config.warm_start,
            ),
            Phase(
                name="generator",
                parameters=[*self.generator.parameters(), *self.encoder_parameters()],
                loss=self.generator_loss,
                optimizer=adam,
                start=self.config.warm_start,
            ),
        )

    def generate(self, cond: Tensor, generator: torch.Generator | None = None) -> Tensor:
        shape = (len(cond), self.config.z_dim)
        z = torch.randn(shape, generator=generator, device=cond.device)
        return self.generator(z, cond).sigmoid()

    def critic_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        with torch.no_grad():
            cond = self.embed_condition(batch.c)
            fake = translate(self.generate(cond), self.config.max_shift)
            real = translate(batch.x, self.config.max_shift)
        score_real, score_fake = self.critic(torch.cat((real, fake)), cond.repeat(2, 1)).chunk(2)
        distance = score_real.mean() - score_fake.mean()
        penalty = gradient_penalty(lambda x: self.critic(x, cond), real, fake)
        loss = -distance + self.config.gradient_penalty * penalty
        return loss, {"wasserstein": distance.detach(), "gradient_penalty": penalty.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        cond = self.embed_condition(batch.c)
        fake = translate(self.generate(cond), self.config.max_shift)
        loss = -self.critic(fake, cond.detach()).mean()
        return loss, {"adversarial": loss.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.generate(self.embed_condition(c, generator), generator)


PRESETS: dict[str, Config] = {"reference": WGANConfig(), "original": original.WGANConfig()}
