"""The VAEGAN of the source project, ImageFromAudio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets import Batch, TaskSpec
from models._base import Config, GenerativeModel, Logs, OptimizerConfig, Phase
from models._networks import kl_divergence
from models._original.networks import (
    ConvEncoder,
    DotDecoder,
    PairDiscriminator,
    initialize,
    resize,
)

__all__ = ["VAEGAN", "VAEGANConfig"]


@dataclass(frozen=True)
class VAEGANConfig(Config):
    """The VAEGAN of ImageFromAudio."""

    batch_size: int = 32
    ema: float = 0.0
    z_dim: int = 10
    """Size of the latent."""
    noise_channels: int = 100
    """Channels of noise, at full resolution, beside the audio image."""
    kl_weight: float = 1e-3
    """Weight of the mean KL divergence beside the summed squared error."""
    lr: float = 3e-4
    """Learning rate of all parts."""
    width: int = 64
    """Channels of the first layer."""

    def build(self, spec: TaskSpec) -> VAEGAN:
        return VAEGAN(spec, self)


class VAEGAN(GenerativeModel):
    """x = decoder(z), z ~ N(mu(c, noise), sigma(c, noise)), with a weakly weighted discriminator.

    The latent is of the sound, no image is encoded; the decoder writes a grid of dots, 100 of 784
    pixels; encoder and decoder learn together; the discriminator sees image and sound as two
    channels.
    """

    config: VAEGANConfig

    def __init__(self, spec: TaskSpec, config: VAEGANConfig):
        super().__init__(spec, config)
        n_x, n_c = spec.x_shape[0], spec.c_shape[0]
        self.encoder = ConvEncoder(n_c + config.noise_channels, config.z_dim, config.width)
        self.decoder = DotDecoder(config.z_dim, n_x, config.width)
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
                parameters=[*self.encoder.parameters(), *self.decoder.parameters()],
                loss=self.generator_loss,
                optimizer=adam,
            ),
        )

    def generate(
        self, audio: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(b, n_c, 28, 28) -> image (b, channels, 28, 28); mu, logvar (b, z_dim)."""
        shape = (len(audio), self.config.noise_channels, 28, 28)
        noise = torch.randn(shape, generator=generator, device=audio.device)
        mu, logvar = self.encoder(torch.cat((audio, noise), 1))
        eps = torch.randn(mu.shape, generator=generator, device=audio.device)
        return self.decoder(mu + (0.5 * logvar).exp() * eps), mu, logvar

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        audio = resize(batch.c, 28)
        with torch.no_grad():
            fake, _, _ = self.generate(audio)
        return self.discriminator.loss(resize(batch.x, 28), fake, audio)

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        audio = resize(batch.c, 28)
        fake, mu, logvar = self.generate(audio)
        adversarial = F.softplus(-self.discriminator(fake, audio)).mean()
        # A sum over pixels and batch beside means: a nat of an image's adversarial term weighs
        # 1/32 of a unit of squared error, a nat of KL 1e-3 / (32 * 10) = 3e-6.
        squared_error = F.mse_loss(fake, resize(batch.x, 28), reduction="sum")
        kl = kl_divergence(mu, logvar)  # (b, z_dim)
        return adversarial + squared_error + self.config.kl_weight * kl.mean(), {
            "reconstruction": squared_error.detach() / len(fake),
            "kl": kl.detach().sum(1).mean(),
            "adversarial": adversarial.detach(),
        }

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x, _, _ = self.generate(resize(c, 28), generator)
        return resize(x, self.spec.x_shape[-1]).clamp(0, 1)
