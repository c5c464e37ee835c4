"""Conditional variational autoencoder.

Sohn, Lee & Yan, "Learning Structured Output Representation using Deep Conditional Generative
Models", NeurIPS 2015 (eq. 4): q(z | x, c), p(z | c), p(x | z, c). What differs: pixels are
Bernoulli, and the KL is weighted by beta (Higgins et al., ICLR 2017). Beta, z and the prior were
chosen on validation samples from the prior, never on reconstructions: results/selection/cvae.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
from models._networks import (
    ImageDecoder,
    ImageEncoder,
    kl_divergence,
    reparameterize,
)
from models._original.networks import ConvEncoder, DotDecoder, initialize, resize

__all__ = ["CVAE", "PRESETS", "CVAEConfig", "SourceCVAE", "SourceCVAEConfig"]


@dataclass(frozen=True)
class CVAEConfig(ConditionalConfig):
    """A CVAE with a prior that hears the sound."""

    steps: int = 5500
    z_dim: int = 16
    """Size of the latent."""
    beta: float = 3.0
    """Weight of the KL divergence."""
    prior: Literal["standard", "learned"] = "learned"
    """N(0, 1) for every sound, or p(z | c) with a learned mean and variance."""
    lr: float = 1e-3
    """Learning rate of encoder and decoder."""

    def build(self, spec: TaskSpec) -> CVAE:
        return CVAE(spec, self)


class CVAE(ConditionalModel):
    """x ~ decoder(z, cond(c)), z ~ p(z | c)."""

    def __init__(self, spec: TaskSpec, config: CVAEConfig):
        super().__init__(spec, config)
        self.config = config
        features = 4 * config.width
        self.recognition = ImageEncoder(spec.x_shape, features, config.width)
        self.posterior = nn.Linear(features + self.cond_dim, 2 * config.z_dim)
        self.decoder = ImageDecoder(spec.x_shape, config.z_dim, self.cond_dim, config.width)
        self.learned_prior = None
        if config.prior not in ("standard", "learned"):
            raise ValueError(f"there is no prior '{config.prior}'")
        if config.prior == "learned":
            self.learned_prior = nn.Linear(self.cond_dim, 2 * config.z_dim)
            nn.init.zeros_(self.learned_prior.weight)  # begins as N(0, 1)
            nn.init.zeros_(self.learned_prior.bias)

    def phases(self) -> Sequence[Phase]:
        parts = (self.recognition, self.posterior, self.decoder, self.learned_prior)
        parameters = [
            p for part in parts if part for p in part.parameters()
        ] + self.encoder_parameters()
        adam = OptimizerConfig(self.config.lr, (0.9, 0.99))
        return (
            self.classification_phase(),
            Phase("generator", parameters, self.generator_loss, adam, start=self.warm_start),
        )

    def prior(self, cond: Tensor) -> tuple[Tensor, Tensor]:
        """mu, logvar of p(z | c), (b, z_dim) each."""
        if self.learned_prior is None:
            zeros = cond.new_zeros(len(cond), self.config.z_dim)
            return zeros, zeros
        mu, logvar = self.learned_prior(cond).chunk(2, 1)
        return mu, logvar

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        """-ELBO in nats per image, the KL weighted by beta."""
        cond = self.embed_condition(batch.c)
        h = torch.cat((self.recognition(batch.x), cond), 1)
        mu, logvar = self.posterior(h).chunk(2, 1)  # (b, z_dim)
        z = reparameterize(mu, logvar)
        logits = self.decoder(z, cond)
        reconstruction = F.binary_cross_entropy_with_logits(
            logits.float(), batch.x, reduction="sum"
        ) / len(batch.x)
        kl = kl_divergence(mu, logvar, self.prior(cond)).sum(1).mean()
        loss = reconstruction + self.config.beta * kl
        return loss, {"reconstruction": reconstruction.detach(), "kl": kl.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        cond = self.embed_condition(c)
        mu, logvar = self.prior(cond)
        eps = torch.randn(mu.shape, generator=generator, device=c.device)
        return self.decoder(mu + (0.5 * logvar).exp() * eps, cond).sigmoid()


@dataclass(frozen=True)
class SourceCVAEConfig(Config):
    """The CVAE of ImageFromAudio."""

    steps: int = 9375
    """Length of a run. 9,375 are the source's 100 epochs of 3,000 pairs."""
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

    def build(self, spec: TaskSpec) -> SourceCVAE:
        return SourceCVAE(spec, self)


class SourceCVAE(GenerativeModel):
    """x = decoder(z), z ~ N(mu(c), sigma(c)): no VAE, since it never encodes an image.

    As in the source: the latent is of the sound; the dot grid, 100 of 784 pixels; the losses'
    scales. What differs: the audio image is a log-mel picture, resized to 28x28, not a plot of a
    spectrogram; samples are drawn with running statistics and clipped to [0, 1]; like every model
    here it draws a fresh partner each time and hears augmented sounds, where the source had fixed
    pairs (`--pairing one-to-one`) and none.
    """

    def __init__(self, spec: TaskSpec, config: SourceCVAEConfig):
        super().__init__(spec)
        self.config = config
        self.encoder = ConvEncoder(spec.c_shape[0], config.z_dim, config.width)
        self.decoder = DotDecoder(config.z_dim, spec.x_shape[0], config.width)
        initialize(self)

    def phases(self) -> Sequence[Phase]:
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        adam = OptimizerConfig(self.config.lr)
        return (Phase("generator", parameters, self.generator_loss, adam),)

    def generate(
        self, c: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(b, *c_shape) -> image (b, *x_shape); mu, logvar (b, z_dim)."""
        mu, logvar = self.encoder(resize(c, 28))
        eps = torch.randn(mu.shape, generator=generator, device=c.device)
        return self.decoder(mu + (0.5 * logvar).exp() * eps), mu, logvar

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        x, mu, logvar = self.generate(batch.c)
        # A sum over pixels and batch beside a mean over batch and latent: a nat of KL weighs
        # 1e-4 / (32 * 10) = 3e-7 of a unit of squared error.
        squared_error = F.mse_loss(x, batch.x, reduction="sum")
        kl = kl_divergence(mu, logvar)  # (b, z_dim)
        return squared_error + self.config.kl_weight * kl.mean(), {
            "reconstruction": squared_error.detach() / len(x),
            "kl": kl.detach().sum(1).mean(),
        }

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x, _, _ = self.generate(c, generator)
        return x.clamp(0, 1)


PRESETS: dict[str, Config] = {"reference": CVAEConfig(), "source": SourceCVAEConfig()}
