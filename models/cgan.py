"""Conditional GAN.

Miyato & Koyama, "cGANs with Projection Discriminator", ICLR 2018 (eq. 2-5), with their hinge loss
and spectral normalization (Miyato et al., ICLR 2018). It is the conditional GAN of Mirza & Osindero
(2014, arXiv 1411.1784) whose discriminator takes an inner product with the condition where theirs
concatenates it. What differs from Miyato & Koyama: the condition is the embedding of a sound and no
class; the generator is scaled and shifted by it and the noise in each block; DiffAugment by
translation (Zhao et al., NeurIPS 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
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
    translate,
)
from models._original import cgan as original

__all__ = ["CGAN", "PRESETS", "CGANConfig"]


@dataclass(frozen=True)
class CGANConfig(ConditionalConfig):
    """A projection GAN."""

    z_dim: int = 64
    """Size of the noise."""
    lr: float = 4e-4
    """Learning rate of generator and discriminator."""
    n_discriminator: int = 1
    """Updates of the discriminator per step."""
    max_shift: int = 3
    """DiffAugment: largest translation of what the discriminator sees, in pixels."""

    def build(self, spec: TaskSpec) -> CGAN:
        return CGAN(spec, self)


class CGAN(ConditionalModel):
    """x = generator(z, cond(c)), z ~ N(0, 1)."""

    config: CGANConfig

    def __init__(self, spec: TaskSpec, config: CGANConfig):
        super().__init__(spec, config)
        self.generator = ImageDecoder(spec.x_shape, config.z_dim, self.cond_dim, config.width)
        self.discriminator = ProjectionDiscriminator(spec.x_shape, self.cond_dim, config.width)

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(lr=self.config.lr, betas=(0.0, 0.9))
        return (
            *self.warm_start_phases(),
            Phase(
                name="discriminator",
                parameters=[*self.discriminator.parameters()],
                loss=self.discriminator_loss,
                optimizer=adam,
                repeat=self.config.n_discriminator,
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

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        with torch.no_grad():
            cond = self.embed_condition(batch.c)
            fake = self.generate(cond)
        x = translate(torch.cat((batch.x, fake)), self.config.max_shift)
        real, fake = self.discriminator(x, cond.repeat(2, 1)).chunk(2)
        loss_real, loss_fake = F.relu(1 - real).mean(), F.relu(1 + fake).mean()
        return loss_real + loss_fake, {"real": loss_real.detach(), "fake": loss_fake.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        cond = self.embed_condition(batch.c)
        fake = translate(self.generate(cond), self.config.max_shift)
        loss = -self.discriminator(fake, cond.detach()).mean()
        return loss, {"adversarial": loss.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.generate(self.embed_condition(c, generator), generator)


PRESETS: dict[str, Config] = {"reference": CGANConfig(), "original": original.CGANConfig()}
