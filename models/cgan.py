"""Conditional GAN.

Mirza & Osindero, "Conditional Generative Adversarial Nets", 2014 (arXiv 1411.1784), with the
projection discriminator of Miyato & Koyama, "cGANs with Projection Discriminator", ICLR 2018
(eq. 2-5), spectral normalisation (Miyato et al., ICLR 2018), the hinge loss, and DiffAugment by
translation (Zhao et al., NeurIPS 2020). The projection is on what is cond of the sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
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
from models._original.networks import PairDiscriminator, ResidualUNet, initialize, resize

__all__ = ["CGAN", "PRESETS", "CGANConfig", "SourceCGAN", "SourceCGANConfig"]


@dataclass(frozen=True)
class CGANConfig(ConditionalConfig):
    """A projection GAN."""

    steps: int = 5000
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

    def __init__(self, spec: TaskSpec, config: CGANConfig):
        super().__init__(spec, config)
        self.config = config
        self.generator = ImageDecoder(spec.x_shape, config.z_dim, self.cond_dim, config.width)
        self.discriminator = ProjectionDiscriminator(spec.x_shape, self.cond_dim, config.width)

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(self.config.lr, (0.0, 0.9))
        start, n = self.warm_start, self.config.n_discriminator
        generator = [*self.generator.parameters(), *self.encoder_parameters()]
        discriminator = [*self.discriminator.parameters()]
        return (
            self.classification_phase(),
            Phase("discriminator", discriminator, self.discriminator_loss, adam, n, start),
            Phase("generator", generator, self.generator_loss, adam, start=start),
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
        return self.generate(self.embed_condition(c), generator)


@dataclass(frozen=True)
class SourceCGANConfig(Config):
    """The CGAN of ImageFromAudio."""

    steps: int = 450
    """Length of a run. 450 are about 6 minutes on two cores; the source's 100 epochs of 3,000
    pairs are 9,375."""
    batch_size: int = 32
    ema: float = 0.0
    lr: float = 3e-4
    """Learning rate of generator and discriminator."""
    width: int = 64
    """Channels of the first layer, doubled at each level."""

    def build(self, spec: TaskSpec) -> SourceCGAN:
        return SourceCGAN(spec, self)


class SourceCGAN(GenerativeModel):
    """x = generator(c): a regression by squared error, with a whisper of a discriminator.

    As in the source: a residual U-Net without noise, so that a sound has one image; the
    discriminator sees image and audio as two channels; the losses' scales. What differs: the audio
    image is a log-mel picture, resized to 28x28, not a plot of a spectrogram; each phase draws its
    own batch; samples are drawn with running statistics and clipped to [0, 1]; like every model
    here it draws a fresh partner each time and hears augmented sounds, where the source had fixed
    pairs (`--pairing one-to-one`) and none.
    """

    stochastic = False

    def __init__(self, spec: TaskSpec, config: SourceCGANConfig):
        super().__init__(spec)
        self.config = config
        n_x, n_c = spec.x_shape[0], spec.c_shape[0]
        self.generator = ResidualUNet(n_c, n_x, config.width)
        self.discriminator = PairDiscriminator(n_x + n_c, config.width)
        initialize(self)

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(self.config.lr, (0.0, 0.9))
        generator = [*self.generator.parameters()]
        discriminator = [*self.discriminator.parameters()]
        return (
            Phase("discriminator", discriminator, self.discriminator_loss, adam),
            Phase("generator", generator, self.generator_loss, adam),
        )

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        audio = resize(batch.c, 28)
        with torch.no_grad():
            fake = self.generator(audio)
        # -log sigmoid(real), -log(1 - sigmoid(fake))
        loss_real = F.softplus(-self.discriminator(batch.x, audio)).mean()
        loss_fake = F.softplus(self.discriminator(fake, audio)).mean()
        loss = (loss_real + loss_fake) / 2
        return loss, {"real": loss_real.detach(), "fake": loss_fake.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        audio = resize(batch.c, 28)
        fake = self.generator(audio)
        adversarial = F.softplus(-self.discriminator(fake, audio)).mean()
        # Summed over pixels and batch: beside 1 SSE of an image, 1/32 of its adversarial term.
        squared_error = F.mse_loss(fake, batch.x, reduction="sum")
        return adversarial + squared_error, {
            "reconstruction": squared_error.detach() / len(fake),
            "adversarial": adversarial.detach(),
        }

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.generator(resize(c, 28)).clamp(0, 1)


PRESETS: dict[str, Config] = {"reference": CGANConfig(), "source": SourceCGANConfig()}
