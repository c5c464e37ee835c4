"""Conditional variational autoencoder.

Sohn, Lee & Yan, "Learning Structured Output Representation using Deep Conditional Generative
Models", NeurIPS 2015 (eq. 4): q(z | x, c), p(z | c), p(x | z, c). What differs: the KL is weighted
by beta (Higgins et al., ICLR 2017). A gray pixel is the mean of a Bernoulli variable: the cross-
entropy is the mean negative log-likelihood of images binarized at random (Salakhutdinov & Murray,
ICML 2008), so that for beta = 1 the loss is a bound, in nats, on that of binarized images; for the
beta of the preset it is none. Beta, z and the prior were chosen on validation samples from the
prior, never on reconstructions: results/selection/cvae.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
    kl_divergence,
    reparameterize,
)
from models._original import cvae as original

__all__ = ["CVAE", "PRESETS", "CVAEConfig"]


@dataclass(frozen=True)
class CVAEConfig(ConditionalConfig):
    """A CVAE whose prior depends on the condition."""

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

    config: CVAEConfig

    def __init__(self, spec: TaskSpec, config: CVAEConfig):
        super().__init__(spec, config)
        features = 4 * config.width
        self.recognition = ImageEncoder(spec.x_shape, features, config.width)
        self.to_latent = nn.Linear(features + self.cond_dim, 2 * config.z_dim)
        self.decoder = ImageDecoder(spec.x_shape, config.z_dim, self.cond_dim, config.width)
        self.prior = ConditionalPrior(self.cond_dim, config.z_dim, config.prior == "learned")

    def phases(self) -> Sequence[Phase]:
        parts = (self.recognition, self.to_latent, self.decoder, self.prior)
        parameters = [p for part in parts for p in part.parameters()]
        return (
            *self.warm_start_phases(),
            Phase(
                name="generator",
                parameters=parameters + self.encoder_parameters(),
                loss=self.generator_loss,
                optimizer=OptimizerConfig(lr=self.config.lr, betas=(0.9, 0.99)),
                start=self.config.warm_start,
            ),
        )

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        """Sohn et al., eq. 4, negative, in nats per image; the KL weighted by beta."""
        cond = self.embed_condition(batch.c)
        h = torch.cat((self.recognition(batch.x), cond), 1)
        mu, logvar = self.to_latent(h).chunk(2, 1)  # (b, z_dim)
        z = reparameterize(mu, logvar)
        logits = self.decoder(z, cond)
        reconstruction = F.binary_cross_entropy_with_logits(
            logits.float(), batch.x, reduction="sum"
        ) / len(batch.x)
        kl = kl_divergence(mu, logvar, self.prior(cond)).sum(1).mean()
        loss = reconstruction + self.config.beta * kl
        return loss, {"reconstruction": reconstruction.detach(), "kl": kl.detach()}

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        cond = self.embed_condition(c, generator)
        return self.decoder(self.prior.sample(cond, generator), cond).sigmoid()


PRESETS: dict[str, Config] = {"reference": CVAEConfig(), "original": original.CVAEConfig()}
