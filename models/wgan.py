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

from datasets.base import Batch, TaskSpec
from models._base import (
    ConditionalConfig,
    ConditionalModel,
    Config,
    GenerativeModel,
    Logs,
    OptimizerConfig,
    Phase,
)
from models._networks import ImageDecoder, ProjectionDiscriminator, translate
from models._original.networks import DCGANCritic, DCGANGenerator, initialize, resize

__all__ = ["PRESETS", "WGAN", "SourceWGAN", "SourceWGANConfig", "WGANConfig"]


@dataclass(frozen=True)
class WGANConfig(ConditionalConfig):
    """A WGAN-GP whose critic sees the condition."""

    steps: int = 2500
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

    def __init__(self, spec: TaskSpec, config: WGANConfig):
        super().__init__(spec, config)
        self.config = config
        self.generator = ImageDecoder(spec.x_shape, config.z_dim, self.cond_dim, config.width)
        self.critic = ProjectionDiscriminator(
            spec.x_shape, self.cond_dim, config.width, normalize=False
        )

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(self.config.lr, (0.0, 0.9))
        start, n = self.warm_start, self.config.n_critic
        generator = [*self.generator.parameters(), *self.encoder_parameters()]
        return (
            self.classification_phase(),
            Phase("discriminator", [*self.critic.parameters()], self.critic_loss, adam, n, start),
            Phase("generator", generator, self.generator_loss, adam, start=start),
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
        penalty = self._penalty(real, fake, cond)
        loss = -distance + self.config.gradient_penalty * penalty
        return loss, {"wasserstein": distance.detach(), "gradient_penalty": penalty.detach()}

    def _penalty(self, real: Tensor, fake: Tensor, cond: Tensor) -> Tensor:
        """E (|grad f(x_hat)|_2 - 1)^2, x_hat uniform between pairs of real and fake."""
        eps = torch.rand(len(real), 1, 1, 1, device=real.device)
        x_hat = (eps * real + (1 - eps) * fake).requires_grad_()
        with torch.enable_grad():
            score = self.critic(x_hat, cond).sum()
        (gradient,) = torch.autograd.grad(score, x_hat, create_graph=True)
        # float32 even under mixed precision: squares of small gradients vanish in bfloat16.
        return (gradient.float().flatten(1).norm(dim=1) - 1).square().mean()

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        cond = self.embed_condition(batch.c)
        fake = translate(self.generate(cond), self.config.max_shift)
        loss = -self.critic(fake, cond.detach()).mean()
        return loss, {"adversarial": loss.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.generate(self.embed_condition(c), generator)


@dataclass(frozen=True)
class SourceWGANConfig(Config):
    """The WGAN of ImageFromAudio."""

    steps: int = 700
    """Length of a run. 700 are about 6 minutes on two cores; the source's 5 epochs of 60,000
    images are 4,690, and 100 epochs of 3,000 pairs by 32, as its other models have, are 9,375."""
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
    """Channels of the critic's first layer. The source's value is not on record; 16 is that of the
    tutorial whose other settings it has."""

    def build(self, spec: TaskSpec) -> SourceWGAN:
        return SourceWGAN(spec, self)


class SourceWGAN(GenerativeModel):
    """x = generator(z), z ~ N(0, 1): it never hears a sound.

    As in the source: a DCGAN at 64x64 in [-1, 1], instance normalisation in the critic, five critic
    updates per step. What differs: it sees the images of the pairs; each critic update draws its
    own batch; samples are resized to 28x28 and drawn with running statistics; like every model here
    it draws a fresh partner each time and hears augmented sounds, where the source had fixed pairs
    (`--pairing one-to-one`) and none.
    """

    conditional = False

    def __init__(self, spec: TaskSpec, config: SourceWGANConfig):
        super().__init__(spec)
        self.config = config
        self.generator = DCGANGenerator(config.z_dim, spec.x_shape[0], config.width)
        self.critic = DCGANCritic(spec.x_shape[0], config.width)
        initialize(self)

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(self.config.lr, (0.0, 0.9))
        critic, generator = [*self.critic.parameters()], [*self.generator.parameters()]
        return (
            Phase("discriminator", critic, self.critic_loss, adam, self.config.n_critic),
            Phase("generator", generator, self.generator_loss, adam),
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
        penalty = self._penalty(real, fake)
        loss = -distance + self.config.gradient_penalty * penalty
        return loss, {"wasserstein": distance.detach(), "gradient_penalty": penalty.detach()}

    def _penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """E (|grad f(x_hat)|_2 - 1)^2, x_hat uniform between pairs of real and fake."""
        # x_hat must not be a leaf: torch's FlopCounterMode cannot trace a gradient to one.
        eps = torch.rand(len(real), 1, 1, 1, device=real.device, requires_grad=True)
        with torch.enable_grad():
            x_hat = eps * real + (1 - eps) * fake
            score = self.critic(x_hat).sum()
        (gradient,) = torch.autograd.grad(score, x_hat, create_graph=True)
        return (gradient.float().flatten(1).norm(dim=1) - 1).square().mean()

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        loss = -self.critic(self.generate(batch.x)).mean()
        return loss, {"adversarial": loss.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x = (self.generate(c, generator).float() + 1) / 2
        return resize(x, 28).clamp(0, 1)


PRESETS: dict[str, Config] = {"reference": WGANConfig(), "source": SourceWGANConfig()}
