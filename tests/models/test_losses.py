"""Every loss term of the reference models, from the formulas of their papers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from datasets import Batch
from tests.models.known import (
    Z_DIM,
    Array,
    array,
    assert_standard_normal,
    batch,
    known,
    posterior,
    prior,
    sigmoid,
    slope,
)


def hinge(score: Array, sign: int) -> float:
    """E max(0, 1 - score) of real images (sign 1), E max(0, 1 + score) of others (-1)."""
    assert 0.1 < (sign * score < 1).mean() < 1  # on both sides of the margin
    return float(np.maximum(0, 1 - sign * score).mean())


def near(value: float) -> Any:
    return pytest.approx(value, rel=2e-4, abs=1e-5)


def gradient_of_gain(model: Any, loss: Tensor) -> Array:
    (found,) = torch.autograd.grad(loss, model.encoder.gain)
    return found.double().numpy()


def gain_of(model: Any) -> Array:
    return model.encoder.gain.detach().double().numpy()


# CGAN


def test_the_discriminator_of_a_projection_gan_learns_by_the_hinge_loss() -> None:
    """Miyato & Koyama 2018, eq. 16: E max(0, 1 - f(x, c)) + E max(0, 1 + f(G(z, c), c))."""
    model, pairs = known("cgan"), batch(40)
    loss, terms = model.discriminator_loss(pairs)
    cond = model.encoder.condition(pairs.c)
    ((z, _),) = model.generator.seen
    fake = model.generator.image(array(z), cond)
    real_loss = hinge(model.discriminator.score(array(pairs.x), cond), 1)
    fake_loss = hinge(model.discriminator.score(fake, cond), -1)
    assert abs(real_loss - fake_loss) > 0.05
    assert terms["real"].item() == near(real_loss)
    assert terms["fake"].item() == near(fake_loss)
    assert loss.item() == near(real_loss + fake_loss)


@pytest.mark.parametrize(("name", "judge"), [("cgan", "discriminator"), ("wgan", "critic")])
def test_a_generator_raises_the_mean_score(name: str, judge: str) -> None:
    """-E f(G(z, c), c). Its encoder learns through the image, not through the judge's condition."""
    model, pairs = known(name), batch(40)
    loss, terms = model.generator_loss(pairs)
    ((z, _),) = model.generator.seen
    cond = model.encoder.condition(pairs.c)

    def by_hand(gain: Array) -> float:
        fake = model.generator.image(array(z), model.encoder.condition(pairs.c, gain))
        return float(-getattr(model, judge).score(fake, cond).mean())

    assert loss.item() == terms["adversarial"].item() == near(by_hand(gain_of(model)))
    expected = slope(by_hand, gain_of(model))
    np.testing.assert_allclose(gradient_of_gain(model, loss), expected, rtol=1e-3, atol=1e-5)


# WGAN


@pytest.mark.parametrize("weight", [0.0, 7.0])
def test_a_critic_learns_the_distance_under_a_penalty(weight: float) -> None:
    """Gulrajani et al. 2017, eq. 3: E f(fake) - E f(real) + lambda E (|grad f(x_hat)| - 1)^2.

    The gradient of the known critic is the same everywhere: w + M' cond.
    """
    model, pairs = known("wgan", gradient_penalty=weight), batch(12)
    loss, terms = model.critic_loss(pairs)
    cond = model.encoder.condition(pairs.c)
    ((z, _),) = model.generator.seen
    fake = model.generator.image(array(z), cond)
    critic = model.critic
    distance = critic.score(array(pairs.x), cond).mean() - critic.score(fake, cond).mean()
    norm = np.linalg.norm(critic.gradient(cond), axis=1)
    penalty = ((norm - 1) ** 2).mean()
    assert abs(distance) > 0.1 and norm.std() > 0.05
    assert terms["wasserstein"].item() == near(distance)
    assert terms["gradient_penalty"].item() == near(penalty)
    assert loss.item() == near(-distance + weight * penalty)

    *_, x_hat = (array(seen) for seen in critic.seen)
    np.testing.assert_allclose(array(critic.conditions[-1]), cond, atol=1e-5)  # of the same row
    way = array(pairs.x) - fake
    share = ((x_hat - fake) * way).sum(1, keepdims=True) / (way**2).sum(1, keepdims=True)
    np.testing.assert_allclose(x_hat, fake + share * way, atol=1e-5)
    assert share.min() > 0 and share.max() < 1 and share.std() > 0.1


def test_the_penalty_reaches_the_critic() -> None:
    model, pairs = known("wgan", gradient_penalty=10.0), batch(12)
    loss, _ = model.critic_loss(pairs)
    (found,) = torch.autograd.grad(loss, model.critic.w)
    ((z, _),) = model.generator.seen
    cond = model.encoder.condition(pairs.c)
    g = model.critic.gradient(cond)
    norm = np.linalg.norm(g, axis=1, keepdims=True)
    by_hand = (model.generator.image(array(z), cond) - array(pairs.x)).mean(0)
    by_hand += 10 * (2 * (norm - 1) * g / norm).mean(0)
    np.testing.assert_allclose(found.double(), by_hand, rtol=1e-3, atol=1e-5)


# CVAE


def cross_entropy(x: Array, logits: Array) -> float:
    """In nats per image, of gray pixels as means of Bernoulli variables."""
    p = Bernoulli(logits=torch.from_numpy(logits), validate_args=False)
    return -p.log_prob(torch.from_numpy(x)).sum(1).mean().item()


def divergence(q: tuple[Array, Array], p: tuple[Array, Array]) -> float:
    """KL(q || p) in nats per image."""
    first, second = (Normal(torch.from_numpy(mu), torch.from_numpy(s)) for mu, s in (q, p))
    return kl_divergence(first, second).sum(1).mean().item()


@pytest.mark.parametrize(("kind", "beta"), [("learned", 3.0), ("learned", 0.5), ("standard", 2.0)])
def test_a_cvae_minimizes_its_bound(kind: str, beta: float) -> None:
    """Sohn et al. 2015, eq. 4, the divergence times beta: -E log p(x | z, c) + beta KL(q || p).

    Its encoder learns through the posterior, the prior and the decoder.
    """
    model, pairs = known("cvae", prior=kind, beta=beta), batch()
    loss, terms = model.generator_loss(pairs)
    ((z, _),) = model.decoder.seen
    mu, sigma = posterior(model, pairs.x, model.encoder.condition(pairs.c))
    eps = (array(z) - mu) / sigma

    def parts(gain: Array) -> tuple[float, float]:
        cond = model.encoder.condition(pairs.c, gain)
        mu, sigma = posterior(model, pairs.x, cond)
        logits = model.decoder.logits(mu + sigma * eps, cond)
        return cross_entropy(array(pairs.x), logits), divergence((mu, sigma), prior(model, cond))

    def by_hand(gain: Array) -> float:
        reconstruction, kl = parts(gain)
        return reconstruction + beta * kl

    reconstruction, kl = parts(gain_of(model))
    assert terms["reconstruction"].item() == near(reconstruction)
    assert terms["kl"].item() == near(kl)
    assert loss.item() == near(reconstruction + beta * kl)
    expected = slope(by_hand, gain_of(model))
    np.testing.assert_allclose(gradient_of_gain(model, loss), expected, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "losses"),
    [("cvae", ["generator_loss"]), ("vaegan", ["encoder_loss", "generator_loss"])],
)
def test_latents_are_drawn_from_the_posterior(name: str, losses: list[str]) -> None:
    """z = mu + sigma eps (Kingma & Welling 2014, section 2.4)."""
    for loss in losses:
        model, pairs = known(name), batch(1500)
        getattr(model, loss)(pairs)
        ((z, _),) = model.decoder.seen
        mu, sigma = posterior(model, pairs.x, model.encoder.condition(pairs.c))
        assert_standard_normal((array(z)[: len(mu)] - mu) / sigma)


# VAEGAN


def latents(model: Any, pairs: Batch) -> tuple[Array, Array]:
    """The recorded z of reconstructions, and those of the prior."""
    z = np.concatenate([array(z) for z, _ in model.decoder.seen])
    n = len(pairs.x)
    assert z.shape == (2 * n, Z_DIM) and (z[:n] > 0).all() and (z[n:] < 0).all()
    return z[:n], z[n:]


def feature_error(model: Any, x: Array, x_rec: Array, variance: float) -> float:
    """-log N(features of x; those of x_rec, variance), but for its constant, in nats per image."""
    phi = model.discriminator.phi
    error = phi.features(x) - phi.features(x_rec)
    assert error.shape[1] == 12
    return float((error**2).sum(1).mean() / (2 * variance))


def test_the_discriminator_of_a_vaegan_judges_three_sets() -> None:
    """Larsen et al. 2016, algorithm 1: real against reconstructions and samples of the prior, which
    weigh as much together as the real ones; by the hinge loss."""
    model, pairs = known("vaegan"), batch(40)
    loss, terms = model.discriminator_loss(pairs)
    cond = model.encoder.condition(pairs.c)
    score = model.discriminator.score
    rec, fake = (score(model.decoder.image(z, cond), cond) for z in latents(model, pairs))
    real_loss = hinge(score(array(pairs.x), cond), 1)
    fake_loss = 0.5 * hinge(rec, -1) + 0.5 * hinge(fake, -1)
    assert abs(hinge(rec, -1) - hinge(fake, -1)) > 0.05 and abs(real_loss - fake_loss) > 0.05
    assert terms["real"].item() == near(real_loss)
    assert terms["fake"].item() == near(fake_loss)
    assert loss.item() == near(real_loss + fake_loss)


def test_samples_of_the_prior_are_drawn_in_the_losses_of_a_vaegan() -> None:
    for loss in ("discriminator_loss", "generator_loss"):
        model, pairs = known("vaegan"), batch(1500)
        getattr(model, loss)(pairs)
        _, z = latents(model, pairs)
        mu, sigma = prior(model, model.encoder.condition(pairs.c))
        assert_standard_normal((z - mu) / sigma)


def test_the_encoder_of_a_vaegan_reconstructs_features() -> None:
    """Larsen et al. 2016, eq. 7-8 and 3: -E log p(features of x | z) + KL(q || p)."""
    model, pairs = known("vaegan", feature_variance=0.2), batch()
    loss, terms = model.encoder_loss(pairs)
    cond = model.encoder.condition(pairs.c)
    ((z, _),) = model.decoder.seen
    x_rec = model.decoder.image(array(z), cond)
    reconstruction = feature_error(model, array(pairs.x), x_rec, 0.2)
    kl = divergence(posterior(model, pairs.x, cond), prior(model, cond))
    assert terms["reconstruction"].item() == near(reconstruction)
    assert terms["kl"].item() == near(kl)
    assert loss.item() == near(reconstruction + kl)


def test_the_decoder_of_a_vaegan_reconstructs_and_deceives() -> None:
    """Larsen et al. 2016, algorithm 1: gamma times the reconstruction, less the score of what it
    reconstructs and draws. The encoder of conditions learns through the image alone."""
    model, pairs = known("vaegan", feature_variance=0.2, gamma=0.4), batch(12)
    loss, terms = model.generator_loss(pairs)
    z_rec, z_prior = latents(model, pairs)
    cond = model.encoder.condition(pairs.c)

    def parts(gain: Array) -> tuple[float, float]:
        mine = model.encoder.condition(pairs.c, gain)
        x_rec, fake = (model.decoder.image(z, mine) for z in (z_rec, z_prior))
        score = np.concatenate([model.discriminator.score(x, cond) for x in (x_rec, fake)])
        return feature_error(model, array(pairs.x), x_rec, 0.2), float(-score.mean())

    def by_hand(gain: Array) -> float:
        reconstruction, adversarial = parts(gain)
        return 0.4 * reconstruction + adversarial

    reconstruction, adversarial = parts(gain_of(model))
    assert terms["reconstruction"].item() == near(reconstruction)
    assert terms["adversarial"].item() == near(adversarial)
    assert loss.item() == near(0.4 * reconstruction + adversarial)
    expected = slope(by_hand, gain_of(model))
    np.testing.assert_allclose(gradient_of_gain(model, loss), expected, rtol=2e-3, atol=1e-4)


# Augmentation of what judges see


def shift_of(seen: Array, image: Array, largest: int) -> tuple[int, int] | None:
    """By how many pixels the image was moved, with zeros at the edges; None: it was not."""
    padded = np.pad(image.reshape(28, 28), largest)
    moves = itertools.product(range(2 * largest + 1), repeat=2)
    for dy, dx in moves:
        if np.allclose(padded[dy : dy + 28, dx : dx + 28], seen.reshape(28, 28), atol=1e-5):
            return largest - dy, largest - dx
    return None


JUDGES = [("cgan", "discriminator"), ("wgan", "critic"), ("vaegan", "discriminator")]


@pytest.mark.parametrize(("name", "judge"), JUDGES)
@pytest.mark.parametrize("phase", ["judge", "generator"])
def test_a_judge_sees_moved_images_in_every_phase(name: str, judge: str, phase: str) -> None:
    """Real and drawn ones alike (Zhao et al. 2020, section 3.3), each by its own shift."""
    model, pairs = known(name, max_shift=2), batch(6)
    getattr(model, f"{judge if phase == 'judge' else 'generator'}_loss")(pairs)
    cond = model.encoder.condition(pairs.c)
    decoder = model.decoder if name == "vaegan" else model.generator
    drawn = [
        decoder.image(part, cond)
        for z, _ in decoder.seen
        for part in np.split(array(z), len(z) // 6)
    ]
    expected = np.concatenate([array(pairs.x)] * (phase == "judge") + drawn)
    seen = array(getattr(model, judge).seen[0])
    assert seen.shape == expected.shape
    for start in range(0, len(seen), 6):
        shifts = [shift_of(seen[i], expected[i], 2) for i in range(start, start + 6)]
        assert None not in shifts and len(set(shifts)) > 2
    if name == "wgan" and phase == "judge":  # the penalty is between the images that it sees
        real, fake = seen[:6], seen[6:]
        x_hat = array(model.critic.seen[1])
        share = ((x_hat - fake) * (real - fake)).sum(1) / ((real - fake) ** 2).sum(1)
        np.testing.assert_allclose(x_hat, fake + share[:, None] * (real - fake), atol=1e-5)
    if name == "vaegan" and phase == "generator":  # features are compared where they are
        (compared,) = (array(x) for x in model.discriminator.phi.seen)
        np.testing.assert_allclose(compared[:6], array(pairs.x))
        np.testing.assert_allclose(compared[6:], drawn[0], atol=1e-5)


def test_the_sigmoid_of_the_known_functions_is_that_of_torch() -> None:
    logits = np.linspace(-5, 5, 11)
    np.testing.assert_allclose(sigmoid(logits), torch.from_numpy(logits).sigmoid())
