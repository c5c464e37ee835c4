"""Conditional VAE-GAN.

Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", ICML 2016 (eq. 7-9,
algorithm 1): the reconstruction error is measured in the features of the discriminator, which
judges reconstructions and samples from the prior alike. What differs: everything sees the
condition; the discriminator projects on what is cond, is spectrally normalised and learns by the
hinge loss; DiffAugment by translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    ProjectionDiscriminator,
    kl_divergence,
    reparameterize,
    translate,
)
from models._original.networks import ConvEncoder, DotDecoder, PairDiscriminator, initialize, resize

__all__ = ["PRESETS", "VAEGAN", "SourceVAEGAN", "SourceVAEGANConfig", "VAEGANConfig"]


@dataclass(frozen=True)
class VAEGANConfig(ConditionalConfig):
    """A VAE-GAN with a projection discriminator."""

    steps: int = 3200
    z_dim: int = 16
    """Size of the latent."""
    lr: float = 4e-4
    """Learning rate of all parts."""
    beta: float = 0.1
    """Weight of the KL divergence in the encoder's loss. At 1 the latent carries nothing of x:
    spectrally normalised features are small against its nats."""
    gamma: float = 0.3
    """Weight of the reconstruction against the adversarial term in the decoder's loss."""
    max_shift: int = 3
    """DiffAugment: largest translation of what the discriminator sees, in pixels."""

    def build(self, spec: TaskSpec) -> VAEGAN:
        return VAEGAN(spec, self)


class VAEGAN(ConditionalModel):
    """x = decoder(z, cond(c)), z ~ N(0, 1)."""

    def __init__(self, spec: TaskSpec, config: VAEGANConfig):
        super().__init__(spec, config)
        self.config = config
        features = 4 * config.width
        self.recognition = ImageEncoder(spec.x_shape, features, config.width)
        self.posterior = nn.Linear(features + self.cond_dim, 2 * config.z_dim)
        self.decoder = ImageDecoder(spec.x_shape, config.z_dim, self.cond_dim, config.width)
        self.discriminator = ProjectionDiscriminator(spec.x_shape, self.cond_dim, config.width)

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(self.config.lr, (0.0, 0.9))
        start = self.warm_start
        encoder = [*self.recognition.parameters(), *self.posterior.parameters()]
        decoder = [*self.decoder.parameters(), *self.encoder_parameters()]
        discriminator = [*self.discriminator.parameters()]
        return (
            self.classification_phase(),
            Phase("discriminator", discriminator, self.discriminator_loss, adam, start=start),
            Phase("encoder", encoder, self.encoder_loss, adam, start=start),
            Phase("generator", decoder, self.generator_loss, adam, start=start),
        )

    def encode(self, x: Tensor, cond: Tensor) -> tuple[Tensor, Tensor]:
        """(b, *x_shape), (b, cond_dim) -> mu, logvar (b, z_dim)."""
        h = torch.cat((self.recognition(x), cond), 1)
        mu, logvar = self.posterior(h).chunk(2, 1)
        return mu, logvar

    def decode(self, z: Tensor, cond: Tensor) -> Tensor:
        return self.decoder(z, cond).sigmoid()

    def reconstruct(self, x: Tensor, cond: Tensor) -> tuple[Tensor, Tensor]:
        """x_rec (b, *x_shape) and the KL divergence in nats per image."""
        mu, logvar = self.encode(x, cond)
        z = reparameterize(mu, logvar)
        kl = kl_divergence(mu, logvar).sum(1).mean()
        return self.decode(z, cond), kl

    def feature_error(self, x: Tensor, x_rec: Tensor) -> Tensor:
        """-log p(phi(x) | z) up to a constant, in nats per image: Larsen et al., eq. 7-8."""
        # One call: each would move the spectral norms, and the two sets of features apart.
        target, found = self.discriminator.phi.convolve(torch.cat((x, x_rec))).chunk(2)
        return 0.5 * (found - target).square().flatten(1).sum(1).mean()

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        with torch.no_grad():
            cond = self.embed_condition(batch.c)
            x_rec, _ = self.reconstruct(batch.x, cond)
            z = torch.randn(len(x_rec), self.config.z_dim, device=x_rec.device)
            x_prior = self.decode(z, cond)
        x = translate(torch.cat((batch.x, x_rec, x_prior)), self.config.max_shift)
        real, rec, prior = self.discriminator(x, cond.repeat(3, 1)).chunk(3)
        loss_real = F.relu(1 - real).mean()
        loss_fake = 0.5 * (F.relu(1 + rec).mean() + F.relu(1 + prior).mean())
        return loss_real + loss_fake, {"real": loss_real.detach(), "fake": loss_fake.detach()}

    def encoder_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        cond = self.embed_condition(batch.c).detach()
        x_rec, kl = self.reconstruct(batch.x, cond)
        reconstruction = self.feature_error(batch.x, x_rec)
        loss = reconstruction + self.config.beta * kl
        return loss, {"reconstruction": reconstruction.detach(), "kl": kl.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        cond = self.embed_condition(batch.c)
        with torch.no_grad():
            mu, logvar = self.encode(batch.x, cond)
            z = reparameterize(mu, logvar)
        z = torch.cat((z, torch.randn_like(z)))
        fake = self.decode(z, cond.repeat(2, 1))  # reconstructions, then prior samples
        reconstruction = self.feature_error(batch.x, fake[: len(batch.x)])
        seen = translate(fake, self.config.max_shift)
        adversarial = -self.discriminator(seen, cond.detach().repeat(2, 1)).mean()
        loss = self.config.gamma * reconstruction + adversarial
        terms = {"reconstruction": reconstruction.detach(), "adversarial": adversarial.detach()}
        return loss, terms

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        z = torch.randn((len(c), self.config.z_dim), generator=generator, device=c.device)
        return self.decode(z, self.embed_condition(c))


@dataclass(frozen=True)
class SourceVAEGANConfig(Config):
    """The VAEGAN of ImageFromAudio."""

    steps: int = 4000
    """Length of a run. 4,000 are about 6 minutes on two cores; the source's 100 epochs of 3,000
    pairs are 9,375."""
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

    def build(self, spec: TaskSpec) -> SourceVAEGAN:
        return SourceVAEGAN(spec, self)


class SourceVAEGAN(GenerativeModel):
    """x = decoder(z), z ~ N(mu(c, noise), sigma(c, noise)), with a whisper of a discriminator.

    As in the source: the latent is of the sound, no image is encoded; the dot grid, 100 of 784
    pixels; encoder and decoder learn together; the discriminator sees image and audio as two
    channels; the losses' scales. What differs: the audio image is a log-mel picture, resized to
    28x28, not a plot of a spectrogram; each phase draws its own batch; samples are drawn with
    running statistics and clipped to [0, 1]; like every model here it draws a fresh partner each
    time and hears augmented sounds, where the source had fixed pairs (`--pairing one-to-one`) and
    none.
    """

    def __init__(self, spec: TaskSpec, config: SourceVAEGANConfig):
        super().__init__(spec)
        self.config = config
        n_x, n_c = spec.x_shape[0], spec.c_shape[0]
        self.encoder = ConvEncoder(n_c + config.noise_channels, config.z_dim, config.width)
        self.decoder = DotDecoder(config.z_dim, n_x, config.width)
        self.discriminator = PairDiscriminator(n_x + n_c, config.width)
        initialize(self)

    def phases(self) -> Sequence[Phase]:
        adam = OptimizerConfig(self.config.lr, (0.0, 0.9))
        generator = [*self.encoder.parameters(), *self.decoder.parameters()]
        discriminator = [*self.discriminator.parameters()]
        return (
            Phase("discriminator", discriminator, self.discriminator_loss, adam),
            Phase("generator", generator, self.generator_loss, adam),
        )

    def generate(
        self, audio: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(b, n_c, 28, 28) -> image (b, *x_shape); mu, logvar (b, z_dim)."""
        shape = (len(audio), self.config.noise_channels, 28, 28)
        noise = torch.randn(shape, generator=generator, device=audio.device)
        mu, logvar = self.encoder(torch.cat((audio, noise), 1))
        eps = torch.randn(mu.shape, generator=generator, device=audio.device)
        return self.decoder(mu + (0.5 * logvar).exp() * eps), mu, logvar

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        audio = resize(batch.c, 28)
        with torch.no_grad():
            fake, _, _ = self.generate(audio)
        # -log sigmoid(real), -log(1 - sigmoid(fake))
        loss_real = F.softplus(-self.discriminator(batch.x, audio)).mean()
        loss_fake = F.softplus(self.discriminator(fake, audio)).mean()
        loss = (loss_real + loss_fake) / 2
        return loss, {"real": loss_real.detach(), "fake": loss_fake.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        audio = resize(batch.c, 28)
        fake, mu, logvar = self.generate(audio)
        adversarial = F.softplus(-self.discriminator(fake, audio)).mean()
        # A sum over pixels and batch beside means: a nat of an image's adversarial term weighs
        # 1/32 of a unit of squared error, a nat of KL 1e-3 / (32 * 10) = 3e-6.
        squared_error = F.mse_loss(fake, batch.x, reduction="sum")
        kl = kl_divergence(mu, logvar)  # (b, z_dim)
        return adversarial + squared_error + self.config.kl_weight * kl.mean(), {
            "reconstruction": squared_error.detach() / len(fake),
            "kl": kl.detach().sum(1).mean(),
            "adversarial": adversarial.detach(),
        }

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        x, _, _ = self.generate(resize(c, 28), generator)
        return x.clamp(0, 1)


PRESETS: dict[str, Config] = {"reference": VAEGANConfig(), "source": SourceVAEGANConfig()}
