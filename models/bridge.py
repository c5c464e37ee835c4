"""Latent bridge: an autoencoder of sounds and a GAN of images that share a latent space.

After audio-to-image-encoder, whose two networks were trained apart and shared the size of their
latent alone. Sound -> image: encode, then generate. Image -> sound: project the image into the
generator's latent space by optimization (Zhu et al., "Generative Visual Manipulation on the Natural
Image Manifold", ECCV 2016, section 3.1), then decode. One checkpoint serves both.

What differs here: the latent is z = (v, e). e is the embedding that both sides share by the
alignment of the run's own pairs, as in the other models; v is that of a conditional variational
autoencoder of sounds (Sohn, Lee & Yan, NeurIPS 2015) that is given e. The generator of a projection
GAN (Miyato & Koyama, ICLR 2018) takes v in place of noise and must let it be read off its images
(the latent regressor of Donahue, Kraehenbuehl & Darrell, "Adversarial Feature Learning", ICLR 2017,
section 4.1; InfoGAN, Chen et al., NeurIPS 2016). The regressor is the first guess of the
projection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import Batch, Task, TaskSpec
from models import (
    ConditionalConfig,
    ConditionalModel,
    Config,
    ImageDecoder,
    ImageEncoder,
    LatentBridge,
    Logs,
    OptimizerConfig,
    Phase,
    ProjectionDiscriminator,
    kl_divergence,
    reparameterize,
    translate,
)
from models._original import bridge as original

__all__ = ["PRESETS", "Bridge", "BridgeConfig"]


@dataclass(frozen=True)
class BridgeConfig(ConditionalConfig):
    """A latent bridge."""

    tasks: ClassVar[tuple[Task, ...]] = ("audio2image",)
    both_ways: ClassVar[bool] = True

    embedding_dim: int = 16
    """Size of e, the part of the latent that the alignment shares."""
    z_dim: int = 16
    """Size of v, the rest of the latent. Without a warm start nothing is aligned: e is 0, and v has
    its size too."""
    lr: float = 4e-4
    """Learning rate of all parts."""
    sound_deviation: float = 0.1
    """Standard deviation of the Gaussian p(picture of sound | latent)."""
    image_deviation: float = 0.1
    """Of the Gaussian p(image | latent), by which an image is projected."""
    latent_weight: float = 1.0
    """Weight of the latent's regression in the generator's loss."""
    max_shift: int = 3
    """DiffAugment: largest translation of what the discriminator sees, in pixels."""
    inversion_steps: int = 20
    """Steps of the projection of an image, from each of its starts."""
    inversion_lr: float = 0.05
    """Learning rate of the projection."""
    inversion_restarts: int = 2
    """Starts of the projection: the first guess, and guesses with noise."""

    def build(self, spec: TaskSpec) -> Bridge:
        return Bridge(spec, self)


class Bridge(LatentBridge, ConditionalModel):
    """Image = generator(v, e), sound = decoder(v, e)."""

    config: BridgeConfig

    def __init__(self, spec: TaskSpec, config: BridgeConfig):
        image, sound = self.shapes(spec)
        # Built alike for both tasks: the encoder is that of sounds.
        super().__init__(
            dataclasses.replace(spec, task="audio2image", x_shape=image, c_shape=sound), config
        )
        self.spec = spec
        self.aligns_images = config.warm_start > 0 and spec.labels == "none"
        self.v_dim = config.z_dim
        if config.warm_start == 0:
            del self.encoder  # nothing is aligned: all of the latent is v
            self.v_dim += config.embedding_dim
        features, v_dim = 4 * config.width, self.v_dim
        self.sound_body = ImageEncoder(sound, features, config.width)
        self.sound_latent = nn.Linear(features + self.cond_dim, 2 * v_dim)
        self.decoder = ImageDecoder(sound, v_dim, self.cond_dim, config.width)
        self.image_body = ImageEncoder(image, features, config.width)
        self.image_latent = nn.Linear(features + self.cond_dim, v_dim)
        self.generator = ImageDecoder(image, v_dim, self.cond_dim, config.width)
        self.discriminator = ProjectionDiscriminator(image, self.cond_dim, config.width)

    def phases(self) -> Sequence[Phase]:
        of_latent = (self.sound_body, self.sound_latent, self.decoder)
        of_guess = (self.image_body, self.image_latent)
        adam, start = OptimizerConfig(lr=self.config.lr, betas=(0.0, 0.9)), self.config.warm_start
        return (
            *self.warm_start_phases(),
            Phase(
                name="encoder",
                parameters=[
                    *(p for part in (*of_latent, *of_guess) for p in part.parameters()),
                    *self.encoder_parameters(),
                ],
                loss=self.encoder_loss,
                optimizer=OptimizerConfig(lr=self.config.lr),
                start=start,
            ),
            Phase(
                name="discriminator",
                parameters=[*self.discriminator.parameters()],
                loss=self.discriminator_loss,
                optimizer=adam,
                start=start,
            ),
            Phase(
                name="generator",
                parameters=[*self.generator.parameters()],
                loss=self.generator_loss,
                optimizer=adam,
                start=start,
            ),
        )

    # The latent: z = (v, e)

    def posterior(self, sound: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        """mu, logvar of v: (b, v_dim) each."""
        h = torch.cat((self.sound_body(sound), e), 1)
        mu, logvar = self.sound_latent(h).chunk(2, 1)
        return mu, logvar

    def guess(self, image: Tensor, e: Tensor) -> Tensor:
        """v of an image, by regression: (b, v_dim)."""
        return self.image_latent(torch.cat((self.image_body(image), e), 1))

    def embed_sound(self, sound: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """e of (b, *sound)."""
        if self.config.warm_start == 0:
            return torch.zeros(len(sound), self.cond_dim, device=sound.device)
        return ConditionalModel.embed_condition(self, sound, generator)

    def encoder_parameters(self) -> list[nn.Parameter]:
        return []

    def embed_image(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """e of (b, *image): expected among the embeddings of images, as that of a sound is. 0 where
        no images were aligned: without a warm start, and with labels."""
        if not self.aligns_images:
            return torch.zeros(len(image), self.cond_dim, device=image.device)
        with torch.no_grad():
            e = self.expected_partner(F.normalize(self.target_encoder(image), dim=1))
            noise = torch.randn(e.shape, generator=generator, device=image.device)
            return (e + self.config.embedding_noise * noise) * self.cond_dim**0.5

    def encode(self, sound: Tensor, generator: torch.Generator | None = None) -> Tensor:
        e = self.embed_sound(sound, generator)
        mu, logvar = self.posterior(sound, e)
        eps = torch.randn(mu.shape, generator=generator, device=mu.device)
        return torch.cat((mu + (0.5 * logvar).exp() * eps, e), 1)

    def draw_image(self, z: Tensor) -> Tensor:
        return self.generator(*self.parts(z)).sigmoid()

    def draw_sound(self, z: Tensor) -> Tensor:
        return self.decoder(*self.parts(z)).sigmoid()

    def parts(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """v and e."""
        return z[:, : self.v_dim], z[:, self.v_dim :]

    # Losses

    def alignment_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        image, sound, _ = self.sides(batch)
        return super().alignment_loss(Batch(image, sound))

    def encoder_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        """The bound of Sohn et al., eq. 4, negative, in nats per sound; and the regression of v
        from images that the generator draws, in nats of N(v; guess, 1)."""
        _, heard, sound = self.sides(batch)
        e = self.embed_sound(heard)
        mu, logvar = self.posterior(sound, e)
        v = reparameterize(mu, logvar)
        error = (self.draw_sound(torch.cat((v, e), 1)) - sound).square().flatten(1).sum(1)
        reconstruction = error.mean() / (2 * self.config.sound_deviation**2)
        kl = kl_divergence(mu, logvar).sum(1).mean()
        v, e = v.detach(), e.detach()
        with torch.no_grad():
            drawn = self.draw_image(torch.cat((v, e), 1))
        latent = 0.5 * (self.guess(drawn, e) - v).square().sum(1).mean()
        terms = {"reconstruction": reconstruction, "kl": kl, "latent": latent}
        return reconstruction + kl + latent, {name: each.detach() for name, each in terms.items()}

    @torch.no_grad()
    def latent_of(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Images, and v and e of their sounds."""
        image, heard, sound = self.sides(batch)
        e = self.embed_sound(heard)
        return image, reparameterize(*self.posterior(sound, e)), e

    def discriminator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        image, v, e = self.latent_of(batch)
        with torch.no_grad():
            fake = self.draw_image(torch.cat((v, e), 1))
        x = translate(torch.cat((image, fake)), self.config.max_shift)
        real, drawn = self.discriminator(x, e.repeat(2, 1)).chunk(2)
        loss_real, loss_fake = F.relu(1 - real).mean(), F.relu(1 + drawn).mean()
        return loss_real + loss_fake, {"real": loss_real.detach(), "fake": loss_fake.detach()}

    def generator_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        _, v, e = self.latent_of(batch)
        fake = self.draw_image(torch.cat((v, e), 1))
        adversarial = -self.discriminator(translate(fake, self.config.max_shift), e).mean()
        latent = (self.guess(fake, e) - v).square().mean()
        loss = adversarial + self.config.latent_weight * latent
        return loss, {"adversarial": adversarial.detach(), "latent": latent.detach()}

    # The projection

    def project(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """From each start by Adam on -log p(image | v, e) of a Gaussian and -log N(v; 0, 1); the
        best of all starts for each image. e is that of the image."""
        e = self.embed_image(image, generator)
        first = self.guess(image, e).detach()
        found, least = first, torch.full((len(image),), torch.inf, device=image.device)
        for start in range(self.config.inversion_restarts):
            noise = torch.randn(first.shape, generator=generator, device=first.device)
            v, left = self._descend(first + noise * bool(start), image, e)
            better = left < least
            found = torch.where(better[:, None], v, found)
            least = torch.where(better, left, least)
        return torch.cat((found, e), 1)

    def _descend(self, v: Tensor, image: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        """v after the steps, and what it left of its objective (b,), each row on its own."""

        def objective(v: Tensor) -> Tensor:
            error = (self.draw_image(torch.cat((v, e), 1)).float() - image).square()
            return error.flatten(1).sum(1) / (
                2 * self.config.image_deviation**2
            ) + 0.5 * v.square().sum(1)

        with torch.enable_grad():
            v = v.clone().requires_grad_()
            optimizer = torch.optim.Adam([v], lr=self.config.inversion_lr)
            for _ in range(self.config.inversion_steps):
                (v.grad,) = torch.autograd.grad(objective(v).sum(), v)
                optimizer.step()
        v = v.detach()
        with torch.no_grad():
            return v, objective(v)

    def recognize(self, c: Tensor, x: Tensor, x_digit: Tensor) -> Tensor | None:
        if self.spec.task == "audio2image":
            return super().recognize(c, x, x_digit)
        if not self.aligns_images:
            return None
        e = torch.cat([F.normalize(self.target_encoder(each), dim=1) for each in c.split(250)])
        f = torch.cat([F.normalize(self.encoder(each), dim=1) for each in x.split(250)])
        return x_digit[(e @ f.T).argmax(1)]


PRESETS: dict[str, Config] = {"reference": BridgeConfig(), "original": original.BridgeConfig()}
