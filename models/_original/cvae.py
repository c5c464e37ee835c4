"""The CVAE of the source project, ImageFromAudio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets import Batch, TaskSpec
from models._base import Config, GenerativeModel, Logs, OptimizerConfig, Phase
from models._networks import kl_divergence
from models._original.networks import ConvEncoder, DotDecoder, initialize, resize

__all__ = ["CVAE", "CVAEConfig"]


@dataclass(frozen=True)
class CVAEConfig(Config):
    """The CVAE of ImageFromAudio."""

    batch_size: int = 32
    ema: float = 0.0
    z_dim: int = 10
    """Size of the latent."""
    kl_weight: float = 1e-4
    """Weight of the mean KL divergence beside the summed squared error."""
    lr: float = 3e-4
    """Learning rate."""
    width: int = 64
    """Channels of the first layer."""

    def build(self, spec: TaskSpec) -> CVAE:
        return CVAE(spec, self)


class CVAE(GenerativeModel):
    """x = decoder(z), z ~ N(mu(c), sigma(c)): no VAE, since it never encodes an image.

    The latent is of the sound. The decoder writes a grid of dots, 100 of 784 pixels.
    """

    config: CVAEConfig

    def __init__(self, spec: TaskSpec, config: CVAEConfig):
        super().__init__(spec, config)
        self.encoder = ConvEncoder(spec.c_shape[0], config.z_dim, config.width)
        self.decoder = DotDecoder(config.z_dim, spec.x_shape[0], config.width)
        initialize(self)

    def phases(self) -> Sequence[Phase]:
        return (
            Phase(
                name="generator",
                parameters=[*self.encoder.parameters(), *self.decoder.parameters()],
                loss=self.generator_loss,
                optimizer=OptimizerConfig(lr=self.config.lr),
            ),
        )

    def generate(
        self, c: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(b, *c_shape) -> image (b, channels, 28, 28); mu, logvar (b, z_dim)."""
        mu, logvar = self.encoder(resize(c, 28))
        eps = torch.randn(mu.shape, generator=generator, device=c.device)
        return self.decoder(mu + (0.5 * logvar).exp() * eps), mu, logvar

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        x, mu, logvar = self.generate(batch.c)
        # A sum over pixels and batch beside a mean over batch and latent: a nat of KL weighs
        # 1e-4 / (32 * 10) = 3e-7 of a unit of squared error.
        squared_error = F.mse_loss(x, resize(batch.x, 28), reduction="sum")
        kl = kl_divergence(mu, logvar)  # (b, z_dim)
        return squared_error + self.config.kl_weight * kl.mean(), {
            "reconstruction": squared_error.detach() / len(x),
            "kl": kl.detach().sum(1).mean(),
        }

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x, _, _ = self.generate(c, generator)
        return resize(x, self.spec.x_shape[-1]).clamp(0, 1)
