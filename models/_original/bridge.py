"""The two networks of the source project audio-to-image-encoder, which share a latent's size.

Reimplemented after its description. Nothing ties the two: whatever image is drawn for a sound is a
random one. Where it leaves something open: kernels of 3 in the autoencoder, of 4 in the GAN, whose
first layer makes 8 x 8 so that its four widths end in 128 x 128; labels between 0.95 and 1 for real
images, between 0 and 0.05 for drawn ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import Batch, TaskSpec
from models._base import Config, Logs, OptimizerConfig, Phase
from models._bridge import LatentBridge
from models._networks import kl_divergence, reparameterize
from models._original.networks import resize

__all__ = ["Bridge", "BridgeConfig"]

SOUND, IMAGE = (256, 128), 128  # bands x frames; pixels
LABEL_NOISE = 0.05


@dataclass(frozen=True)
class BridgeConfig(Config):
    """The latent bridge of audio-to-image-encoder."""

    both_ways: ClassVar[bool] = True

    batch_size: int = 64
    ema: float = 0.0
    z_dim: int = 400
    """Size of the latent."""
    sound_lr: float = 5e-4
    """Learning rate of the autoencoder of sounds."""
    lr: float = 1e-4
    """Learning rate of generator and discriminator."""
    width: int = 512
    """Channels of the widest layers; the others have a half, a fourth ... of them."""
    reconstruction_weight: float = 1e6
    """Weight of the autoencoder's mean squared error beside its KL divergence."""
    inversion_steps: int = 1
    """Steps of the projection of an image: one, as it was shipped."""
    inversion_lr: float = 0.01
    """Learning rate of the projection."""

    def build(self, spec: TaskSpec) -> Bridge:
        return Bridge(spec, self)


class Bridge(LatentBridge):
    """A VAE of sounds (Kingma & Welling 2014) beside a DCGAN of images (Radford et al. 2016)."""

    config: BridgeConfig

    def __init__(self, spec: TaskSpec, config: BridgeConfig):
        super().__init__(spec, config)
        image, sound = self.shapes(spec)
        widths = [max(config.width >> i, 4) for i in range(5)]  # 512 ... 32
        self.encoder = nn.Sequential(
            *(_down(n_in, n_out) for n_in, n_out in pairwise([sound[0], *widths])), nn.Flatten()
        )
        self.base = (widths[-1], SOUND[0] // 32, SOUND[1] // 32)
        n_features = self.base[0] * self.base[1] * self.base[2]
        self.latent = nn.Linear(n_features, 2 * config.z_dim)
        self.expand = nn.Linear(config.z_dim, n_features)
        self.decoder = nn.Sequential(
            *(_up(n_in, n_out) for n_in, n_out in pairwise([*widths[::-1], widths[0]])),
            nn.Conv2d(widths[0], sound[0], 3, padding=1),
            nn.Sigmoid(),
        )
        self.generator = _dcgan_generator(config.z_dim, widths[:4], image[0])
        self.discriminator = _dcgan_discriminator(widths[3::-1], image[0])

    def phases(self) -> Sequence[Phase]:
        of_latent = (self.encoder, self.latent, self.expand, self.decoder)
        adam = OptimizerConfig(lr=self.config.lr, betas=(0.5, 0.999))
        return (
            Phase(
                name="encoder",
                parameters=[p for part in of_latent for p in part.parameters()],
                loss=self.encoder_loss,
                optimizer=OptimizerConfig(lr=self.config.sound_lr),
            ),
            Phase(
                name="discriminator",
                parameters=[*self.discriminator.parameters()],
                loss=self.discriminator_loss,
                optimizer=adam,
            ),
            Phase(
                name="generator",
                parameters=[*self.generator.parameters()],
                loss=self.generator_loss,
                optimizer=adam,
            ),
        )

    def posterior(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """mu, logvar of z: (b, z_dim) each."""
        h = F.interpolate(sound, SOUND, mode="bilinear", antialias=True)
        mu, logvar = self.latent(self.encoder(h)).chunk(2, 1)
        return mu, logvar

    def encode(self, sound: Tensor, generator: torch.Generator | None = None) -> Tensor:
        mu, logvar = self.posterior(sound)
        eps = torch.randn(mu.shape, generator=generator, device=mu.device)
        return mu + (0.5 * logvar).exp() * eps

    def draw_image(self, z: Tensor) -> Tensor:
        size = self.shapes(self.spec)[0][-1]
        return resize((self.generator(z[..., None, None]) + 1) / 2, size).clamp(0, 1)

    def draw_sound(self, z: Tensor) -> Tensor:
        drawn = self.decoder(self.expand(z).unflatten(1, self.base))  # (b, 1, 256, 128)
        size = self.shapes(self.spec)[1][1:]
        return F.interpolate(drawn, size, mode="bilinear", antialias=True).clamp(0, 1)

    def encoder_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        _, _, sound = self.sides(batch)
        mu, logvar = self.posterior(sound)
        z = reparameterize(mu, logvar)
        wanted = F.interpolate(sound, SOUND, mode="bilinear", antialias=True)
        drawn = self.decoder(self.expand(z).unflatten(1, self.base))
        reconstruction = self.config.reconstruction_weight * F.mse_loss(drawn, wanted)
        kl = kl_divergence(mu, logvar).sum(1).mean()
        terms = {"reconstruction": reconstruction.detach(), "kl": kl.detach()}
        return reconstruction + kl, terms

    def noise(self, like: Tensor) -> Tensor:
        return torch.randn(len(like), self.config.z_dim, 1, 1, device=like.device)

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        image = self.sides(batch)[0]
        with torch.no_grad():
            fake = self.generator(self.noise(image))
        wanted = resize(image, IMAGE) * 2 - 1
        real, drawn = self.discriminator(wanted), self.discriminator(fake)
        of_real = 1 - LABEL_NOISE * torch.rand_like(real)
        of_drawn = LABEL_NOISE * torch.rand_like(drawn)
        loss_real = F.binary_cross_entropy_with_logits(real, of_real)
        loss_fake = F.binary_cross_entropy_with_logits(drawn, of_drawn)
        return loss_real + loss_fake, {"real": loss_real.detach(), "fake": loss_fake.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        logits = self.discriminator(self.generator(self.noise(batch.x)))
        loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        return loss, {"adversarial": loss.detach()}

    def project(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """From a random z by Adam on the L1 error and the distance of |z| from 20, the norm of a
        usual one."""
        shape = (len(image), self.config.z_dim)
        with torch.enable_grad():
            z = torch.randn(shape, generator=generator, device=image.device).requires_grad_()
            optimizer = torch.optim.Adam([z], lr=self.config.inversion_lr)
            for _ in range(self.config.inversion_steps):
                error = (self.draw_image(z).float() - image).abs().flatten(1).mean(1)
                loss = error + (z.norm(dim=1) - self.config.z_dim**0.5).abs()
                (z.grad,) = torch.autograd.grad(loss.sum(), z)
                optimizer.step()
        return z.detach()


def _down(n_in: int, n_out: int) -> nn.Module:
    """Halves height and width."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.ReLU(), nn.BatchNorm2d(n_out)
    )


def _up(n_in: int, n_out: int) -> nn.Module:
    """Doubles height and width."""
    return nn.Sequential(
        nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(n_out),
    )


def _dcgan_generator(z_dim: int, widths: Sequence[int], channels: int) -> nn.Module:
    """(b, z_dim, 1, 1) -> (b, channels, 128, 128) in [-1, 1]."""
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(z_dim, widths[0], 8), nn.BatchNorm2d(widths[0]), nn.ReLU()
    ]  # fmt: skip
    for n_in, n_out in pairwise(widths):
        layers += [
            nn.ConvTranspose2d(n_in, n_out, 4, 2, 1), nn.BatchNorm2d(n_out), nn.ReLU()
        ]  # fmt: skip
    return nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1), nn.Tanh())


def _dcgan_discriminator(widths: Sequence[int], channels: int) -> nn.Module:
    """(b, channels, 128, 128) in [-1, 1] -> logits (b,)."""
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for n_in, n_out in pairwise(widths):
        layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), nn.BatchNorm2d(n_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 8), nn.Flatten(0))
