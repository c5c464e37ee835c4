"""Conditional VAE-GAN.

Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", ICML 2016 (eq. 7-9,
algorithm 1): the reconstruction error is measured in the features of the discriminator, which
judges reconstructions and samples from the prior alike. What differs: everything sees the
condition, the prior too (Sohn et al., NeurIPS 2015); the Gaussian of the features has a variance of
its own instead of 1, as spectral normalization makes them small; the discriminator projects on the
embedded condition, is spectrally normalized and learns by the hinge loss; DiffAugment by
translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import Batch, TaskSpec
from models import (
    ConditionalConfig,
    ConditionalModel,
    ConditionalPrior,
    Config,
    ImageDecoder,
    ImageEncoder,
    Logs,
    OptimizerConfig,
    Phase,
    ProjectionDiscriminator,
    kl_divergence,
    reparameterize,
    translate,
)
from models._original import vaegan as original

__all__ = ["PRESETS", "VAEGAN", "VAEGANConfig"]


@dataclass(frozen=True)
class VAEGANConfig(ConditionalConfig):
    """A VAE-GAN with a projection discriminator."""

    z_dim: int = 16
    """Size of the latent."""
    lr: float = 4e-4
    """Learning rate of all parts."""
    feature_variance: float = 0.3
    """Of the Gaussian p(features of x | z), chosen on validation samples from the prior
    (results/selection/vaegan.csv). With 1 the latent carries nothing of x; with that of most
    likelihood, about 5e-4, too much for samples from the prior."""
    gamma: float = 0.03
    """Weight of the reconstruction against the adversarial term in the decoder's loss."""
    max_shift: int = 3
    """DiffAugment: largest translation of what the discriminator sees, in pixels."""

    def build(self, spec: TaskSpec) -> VAEGAN:
        return VAEGAN(spec, self)


class VAEGAN(ConditionalModel):
    """x = decoder(z, cond(c)), z ~ p(z | c)."""

    config: VAEGANConfig

    def __init__(self, spec: TaskSpec, config: VAEGANConfig):
        super().__init__(spec, config)
        features = 4 * config.width
        self.recognition = ImageEncoder(spec.x_shape, features, config.width)
        self.to_latent = nn.Linear(features + self.cond_dim, 2 * config.z_dim)
        self.prior = ConditionalPrior(self.cond_dim, config.z_dim, learned=True)
        self.decoder = ImageDecoder(spec.x_shape, config.z_dim, self.cond_dim, config.width)
        self.discriminator = ProjectionDiscriminator(spec.x_shape, self.cond_dim, config.width)

    def phases(self) -> Sequence[Phase]:
        encoder = (self.recognition, self.to_latent, self.prior)
        adam, start = OptimizerConfig(lr=self.config.lr, betas=(0.0, 0.9)), self.config.warm_start
        return (
            *self.warm_start_phases(),
            Phase(
                name="discriminator",
                parameters=[*self.discriminator.parameters()],
                loss=self.discriminator_loss,
                optimizer=adam,
                start=start,
            ),
            Phase(
                name="encoder",
                parameters=[p for part in encoder for p in part.parameters()],
                loss=self.encoder_loss,
                optimizer=adam,
                start=start,
            ),
            Phase(
                name="generator",
                parameters=[*self.decoder.parameters(), *self.encoder_parameters()],
                loss=self.generator_loss,
                optimizer=adam,
                start=start,
            ),
        )

    def encode(self, x: Tensor, cond: Tensor) -> tuple[Tensor, Tensor]:
        """(b, *x_shape), (b, cond_dim) -> mu, logvar (b, z_dim)."""
        h = torch.cat((self.recognition(x), cond), 1)
        mu, logvar = self.to_latent(h).chunk(2, 1)
        return mu, logvar

    def decode(self, z: Tensor, cond: Tensor) -> Tensor:
        return self.decoder(z, cond).sigmoid()

    def reconstruct(self, x: Tensor, cond: Tensor) -> tuple[Tensor, Tensor]:
        """x_rec (b, *x_shape) and the KL divergence in nats per image."""
        mu, logvar = self.encode(x, cond)
        z = reparameterize(mu, logvar)
        kl = kl_divergence(mu, logvar, self.prior(cond)).sum(1).mean()
        return self.decode(z, cond), kl

    def feature_error(self, x: Tensor, x_rec: Tensor) -> Tensor:
        """-log p(phi(x) | z) up to a constant, in nats per image: Larsen et al., eq. 7-8."""
        # One call: each would move the spectral norms, and the two sets of features apart.
        target, found = self.discriminator.phi.convolve(torch.cat((x, x_rec))).chunk(2)
        error = (found - target).square().flatten(1).sum(1).mean()
        return error / (2 * self.config.feature_variance)

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        with torch.no_grad():
            cond = self.embed_condition(batch.c)
            x_rec, _ = self.reconstruct(batch.x, cond)
            x_prior = self.decode(self.prior.sample(cond), cond)
        x = translate(torch.cat((batch.x, x_rec, x_prior)), self.config.max_shift)
        real, rec, prior = self.discriminator(x, cond.repeat(3, 1)).chunk(3)
        loss_real = F.relu(1 - real).mean()
        loss_fake = 0.5 * (F.relu(1 + rec).mean() + F.relu(1 + prior).mean())
        return loss_real + loss_fake, {"real": loss_real.detach(), "fake": loss_fake.detach()}

    def encoder_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        cond = self.embed_condition(batch.c).detach()
        x_rec, kl = self.reconstruct(batch.x, cond)
        reconstruction = self.feature_error(batch.x, x_rec)
        return reconstruction + kl, {"reconstruction": reconstruction.detach(), "kl": kl.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        cond = self.embed_condition(batch.c)
        with torch.no_grad():
            mu, logvar = self.encode(batch.x, cond)
            z = reparameterize(mu, logvar)
            z = torch.cat((z, self.prior.sample(cond)))
        fake = self.decode(z, cond.repeat(2, 1))  # reconstructions, then prior samples
        reconstruction = self.feature_error(batch.x, fake[: len(batch.x)])
        seen = translate(fake, self.config.max_shift)
        adversarial = -self.discriminator(seen, cond.detach().repeat(2, 1)).mean()
        loss = self.config.gamma * reconstruction + adversarial
        terms = {"reconstruction": reconstruction.detach(), "adversarial": adversarial.detach()}
        return loss, terms

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        cond = self.embed_condition(c, generator)
        return self.decode(self.prior.sample(cond, generator), cond)


PRESETS: dict[str, Config] = {"reference": VAEGANConfig(), "original": original.VAEGANConfig()}
