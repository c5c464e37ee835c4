"""Every loss term of the source project's models, as its report has them, of known networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from models._original.networks import resize
from tests.models.known import PIXELS, Array, array, batch, fixed
from tests.models.test_losses import near
from tests.models.test_original import build
from tests.models.test_samplers import Recorder

LARGE = 64 * 64


class Layers(nn.Module):
    """Image and sound as two channels, or an image alone -> w.h; keeps what it gets."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.w = nn.Parameter(fixed(n_in, scale=2 * n_in**-0.5, seed=4))
        self.seen: list[Tensor] = []

    def forward(self, h: Tensor) -> Tensor:
        self.seen.append(h.detach())
        return (h.flatten(1) @ self.w)[:, None, None, None]

    def score(self, *channels: Array) -> Array:
        return np.concatenate(channels, 1) @ self.w.detach().double().numpy()


def critic(model: Any) -> Layers:
    layers = Layers(LARGE)
    model.critic.layers = layers
    return layers


def discriminator(model: Any) -> Layers:
    layers = Layers(2 * PIXELS)
    model.discriminator.layers = layers
    return layers


def log_sigmoid(score: Array) -> float:
    return float(np.log(1 / (1 + np.exp(-score))).mean())


def known(name: str) -> Any:
    """With a known generator, or encoder and decoder."""
    settings = {"noise_channels": 2} if name == "vaegan" else {}
    sizes = {"z_dim": 5} if name != "cgan" else {}
    model = build(name, width=8, **sizes, **settings)
    if name == "cgan":
        model.generator = Recorder(1, 28, 28, n_in=PIXELS)
    elif name == "wgan":
        model.generator = Recorder(1, 64, 64, n_in=5)
    else:
        model.encoder = Recorder(5, n_in=(3 if name == "vaegan" else 1) * PIXELS, n_out=2)
        model.decoder = Recorder(1, 28, 28, n_in=5)
    return model


def image(model: Any) -> Array:
    """What was drawn, of the noise that was recorded."""
    last = model.decoder if hasattr(model, "decoder") else model.generator
    (h,) = last.seen
    (found,) = last.by_hand(array(h))
    return found


@pytest.mark.parametrize("name", ["cgan", "vaegan"])
def test_discriminators_judge_pairs_by_cross_entropy(name: str) -> None:
    """The mean of -log D(real, sound) and -log(1 - D(fake, sound)), over both halves."""
    model, pairs = known(name), batch(12)
    judge = discriminator(model)
    loss, terms = model.discriminator_loss(pairs)
    sound = array(resize(pairs.c, 28))
    real = -log_sigmoid(judge.score(array(pairs.x), sound))
    fake = -log_sigmoid(-judge.score(image(model), sound))
    assert abs(real - fake) > 0.05
    assert terms["real"].item() == near(real)
    assert terms["fake"].item() == near(fake)
    assert loss.item() == near((real + fake) / 2)


def test_the_cgan_regresses_beside_its_discriminator() -> None:
    """-log D(fake, sound), mean; squared error, summed over pixels and batch; its log per image."""
    model, pairs = known("cgan"), batch(12)
    judge = discriminator(model)
    loss, terms = model.generator_loss(pairs)
    sound, fake = array(resize(pairs.c, 28)), image(model)
    adversarial = -log_sigmoid(judge.score(fake, sound))
    error = float(((fake - array(pairs.x)) ** 2).sum())
    assert terms["adversarial"].item() == near(adversarial)
    assert terms["reconstruction"].item() == near(error / 12)
    assert loss.item() == near(adversarial + error)
    assert (loss - terms["reconstruction"] * 12).item() == pytest.approx(adversarial, abs=0.01)


@pytest.mark.parametrize("name", ["cvae", "vaegan"])
def test_the_vaes_sum_squared_errors_and_average_the_divergence(name: str) -> None:
    """KL(N(mu, sigma) || N(0, 1)), mean over batch and latent, by a weight; its log in nats per
    image. The VAEGAN adds -log D(fake, sound), mean."""
    weight = 50.0  # large, so that it shows beside the sum
    model, pairs = known(name), batch(12)
    object.__setattr__(model.config, "kl_weight", weight)
    judge = discriminator(model) if name == "vaegan" else None
    loss, terms = model.generator_loss(pairs)
    (seen,) = model.encoder.seen
    assert torch.equal(seen[:, :1], resize(pairs.c, 28))
    mu, logvar = model.encoder.by_hand(array(seen))
    q = Normal(torch.from_numpy(mu), torch.from_numpy(np.exp(logvar / 2)))
    kl = kl_divergence(q, Normal(0.0, 1.0)).numpy()
    error = float(((image(model) - array(pairs.x)) ** 2).sum())
    expected = error + weight * kl.mean()
    if judge:
        adversarial = -log_sigmoid(judge.score(image(model), array(seen[:, :1])))
        assert terms["adversarial"].item() == near(adversarial)
        expected += adversarial
    assert terms["kl"].item() == near(kl.sum(1).mean())
    assert terms["reconstruction"].item() == near(error / 12)
    assert loss.item() == near(expected)


def test_the_wgan_learns_the_distance_under_a_penalty() -> None:
    """Gulrajani et al. 2017, eq. 3, lambda 10, of images at 64 x 64 in [-1, 1]."""
    model, pairs = known("wgan"), batch(12)
    layers = critic(model)
    loss, terms = model.critic_loss(pairs)
    real, fake = 2 * array(resize(pairs.x, 64)) - 1, image(model)
    distance = layers.score(real).mean() - layers.score(fake).mean()
    penalty = (layers.w.norm().item() - 1) ** 2
    assert abs(distance) > 0.05 and penalty > 0.5
    assert terms["wasserstein"].item() == near(distance)
    assert terms["gradient_penalty"].item() == near(penalty)
    assert loss.item() == near(-distance + 10 * penalty)
    x_hat = array(layers.seen[1])
    share = ((x_hat - fake) * (real - fake)).sum(1, keepdims=True)
    share /= ((real - fake) ** 2).sum(1, keepdims=True)
    np.testing.assert_allclose(x_hat, fake + share * (real - fake), atol=1e-4)


def test_the_wgans_generator_raises_the_score() -> None:
    model, pairs = known("wgan"), batch(12)
    layers = critic(model)
    loss, terms = model.generator_loss(pairs)
    expected = -layers.score(image(model)).mean()
    assert abs(expected) > 0.05
    assert loss.item() == terms["adversarial"].item() == near(expected)


def test_published_settings() -> None:
    """Weights, rates, batches and sizes of the source project; Adam with its betas."""
    wanted = {
        "cgan": (32, 0.0, 3e-4, 64), "cvae": (32, 0.0, 3e-4, 64), "vaegan": (32, 0.0, 3e-4, 64),
        "wgan": (64, 0.0, 1e-4, 16),
    }  # fmt: skip
    for name, expected in wanted.items():
        config = build(name).config
        assert (config.batch_size, config.ema, config.lr, config.width) == expected
        for phase in build(name, width=8).phases():
            adam = phase.optimizer
            assert adam.lr == expected[2] and adam.weight_decay == 0 and adam.cosine_to is None
            assert adam.betas == ((0.9, 0.999) if name == "cvae" else (0.0, 0.9))
            assert phase.start == 0 and phase.stop is None and phase.batch_size is None
    assert [build(name).config.z_dim for name in ("cvae", "vaegan", "wgan")] == [10, 10, 100]
    assert [build(name).config.kl_weight for name in ("cvae", "vaegan")] == [1e-4, 1e-3]
    assert build("wgan").config.gradient_penalty == 10
