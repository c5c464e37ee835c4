"""The latent bridge: its losses by their formulas, its projection, both ways by one set of weights.

Networks are known functions: e is the first cells of a sound, v is linear in others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import datasets
from datasets import Batch
from models import presets
from tests.models.known import Array, array, fixed, sigmoid

E_DIM, V_DIM, B = 4, 5, 12
IMAGE, SOUND = 28 * 28, 64 * 64
HEARS, SAYS = datasets.spec("audio2image"), datasets.spec("image2audio")


class Linear(nn.Module):
    """(v, e) -> A v + B e, as a picture."""

    def __init__(self, shape: tuple[int, int, int], seed: int, scale: float = 0.3) -> None:
        super().__init__()
        self.shape, n = shape, shape[1] * shape[2]
        self.a = nn.Parameter(fixed(V_DIM, n, scale=scale, seed=seed))
        self.b = nn.Parameter(fixed(E_DIM, n, scale=scale, seed=seed + 1))

    def forward(self, v: Tensor, e: Tensor) -> Tensor:
        return (v @ self.a + e @ self.b).unflatten(1, self.shape)

    def picture(self, v: Array, e: Array) -> Array:
        a, b = (each.detach().double().numpy() for each in (self.a, self.b))
        return sigmoid(v @ a + e @ b)


class First(nn.Module):
    """A picture -> its cells from `start`."""

    def __init__(self, n: int, start: int = 0) -> None:
        super().__init__()
        self.n, self.start = n, start

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, self.start : self.start + self.n] - 0.5


class Judge(nn.Module):
    """(x, e) -> w.x + u.e"""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(fixed(IMAGE, scale=0.1, seed=21))
        self.u = nn.Parameter(fixed(E_DIM, scale=0.5, seed=22))

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        return x.flatten(1) @ self.w + e @ self.u

    def score(self, x: Array, e: Array) -> Array:
        w, u = (each.detach().double().numpy() for each in (self.w, self.u))
        return x @ w + e @ u


def known(spec: datasets.TaskSpec = HEARS, **settings: Any) -> Any:
    given: dict[str, Any] = {
        "width": 8, "encoder_width": 8, "embedding_dim": E_DIM, "z_dim": V_DIM,
        "embedding_noise": 0.0, "max_shift": 0,
    }  # fmt: skip
    torch.manual_seed(0)
    config: Any = presets("bridge")["reference"]
    model: Any = replace(config, **given | settings).build(spec)
    model.encoder, model.expected_partner = First(E_DIM), lambda e: e
    features = model.sound_latent.in_features - E_DIM
    model.sound_body, model.image_body = First(features, start=100), First(features, start=50)
    model.generator, model.decoder = Linear(HEARS.x_shape, 1), Linear(HEARS.c_shape, 3, 0.1)
    model.discriminator = Judge()
    return model


def batch(plain: bool = True) -> Batch:
    rng = torch.Generator().manual_seed(5)
    image, heard, sound = (torch.rand(B, 1, size, size, generator=rng) for size in (28, 64, 64))
    return Batch(image, heard, None, sound if plain else None)


def e_of(sound: Tensor) -> Array:
    e = array(sound)[:, :E_DIM] - 0.5
    return E_DIM**0.5 * e / np.linalg.norm(e, axis=1, keepdims=True)


def affine(layer: nn.Linear, x: Array) -> Array:
    return x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()


def posterior(model: Any, sound: Tensor, e: Array) -> tuple[Array, Array]:
    """mu, logvar of v."""
    n = model.sound_body.n
    found = affine(model.sound_latent, np.concatenate((array(sound)[:, 100 : 100 + n] - 0.5, e), 1))
    return found[:, :V_DIM], found[:, V_DIM:]


def guess(model: Any, image: Array, e: Array) -> Array:
    n = model.image_body.n
    return affine(model.image_latent, np.concatenate((image[:, 50 : 50 + n] - 0.5, e), 1))


@pytest.fixture
def mean_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without noise: v = mu."""
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)


def test_the_autoencoder_says_what_was_said_and_hears_what_is_augmented(mean_alone: None) -> None:
    """Sohn et al. 2015, eq. 4, of N(decoder, s^2) to a constant, and N(v; guess, 1)."""
    model, pairs = known(sound_deviation=0.2), batch()
    assert pairs.plain is not None
    loss, terms = model.encoder_loss(pairs)
    e = e_of(pairs.c)  # of what is heard; v is of the sound as it is
    mu, logvar = posterior(model, pairs.plain, e)
    error = (model.decoder.picture(mu, e) - array(pairs.plain)) ** 2
    reconstruction = error.sum(1).mean() / (2 * 0.2**2)
    kl = 0.5 * (mu**2 + np.exp(logvar) - logvar - 1).sum(1).mean()
    drawn = model.generator.picture(mu, e)
    latent = 0.5 * ((guess(model, drawn, e) - mu) ** 2).sum(1).mean()
    expected = {"reconstruction": reconstruction, "kl": kl, "latent": latent}
    assert {name: each.item() for name, each in terms.items()} == pytest.approx(expected, rel=1e-4)
    assert loss.item() == pytest.approx(sum(expected.values()), rel=1e-4)
    loss.backward()
    assert model.generator.a.grad is None  # the regression does not move what it reads


def test_v_is_drawn_from_its_posterior() -> None:
    model, many = known(), batch().c[:1].expand(4000, -1, -1, -1)
    with torch.no_grad():
        z = model.encode(many, torch.Generator().manual_seed(0))
    e = e_of(many[:1])
    mu, logvar = posterior(model, many[:1], e)
    v = array(z)[:, :V_DIM]
    np.testing.assert_allclose(array(z)[:, V_DIM:], np.repeat(e, 4000, 0), atol=1e-5)
    np.testing.assert_allclose(v.mean(0), mu[0], atol=0.1)
    np.testing.assert_allclose(v.std(0), np.exp(0.5 * logvar[0]), rtol=0.06)


def test_the_gan_takes_the_latent_of_sounds(mean_alone: None) -> None:
    """The hinge loss (Miyato & Koyama 2018, eq. 16), and the latent that can be read off."""
    model, pairs = known(latent_weight=0.7), batch()
    assert pairs.plain is not None
    e = e_of(pairs.c)
    mu, _ = posterior(model, pairs.plain, e)
    fake = model.generator.picture(mu, e)
    real, drawn = (model.discriminator.score(x, e) for x in (array(pairs.x), fake))
    loss, terms = model.discriminator_loss(pairs)
    expected = np.maximum(0, 1 - real).mean(), np.maximum(0, 1 + drawn).mean()
    assert (terms["real"].item(), terms["fake"].item()) == pytest.approx(expected, rel=1e-4)
    assert loss.item() == pytest.approx(sum(expected), rel=1e-4)

    loss, terms = model.generator_loss(pairs)
    latent = ((guess(model, fake, e) - mu) ** 2).mean()
    assert terms["adversarial"].item() == pytest.approx(-drawn.mean(), rel=1e-4)
    assert terms["latent"].item() == pytest.approx(latent, rel=1e-4)
    assert loss.item() == pytest.approx(0.7 * latent - drawn.mean(), rel=1e-4)


def test_the_other_task_has_the_same_losses(mean_alone: None) -> None:
    hears, says, pairs = known(), known(SAYS), batch(plain=False)
    turned = Batch(pairs.c, pairs.x)
    for name in ("encoder_loss", "discriminator_loss", "generator_loss"):
        mine, theirs = getattr(hears, name)(pairs)[0], getattr(says, name)(turned)[0]
        assert mine.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_the_projection_finds_the_latent() -> None:
    model = known(inversion_steps=150, inversion_restarts=1, inversion_lr=0.1)
    model.aligns_images = False  # e of an image is 0 then
    v = torch.randn(6, V_DIM, generator=torch.Generator().manual_seed(1))
    e = torch.zeros(6, E_DIM)
    image = model.draw_image(torch.cat((v, e), 1)).detach()
    found = model.project(image, torch.Generator().manual_seed(0))
    assert torch.equal(found[:, V_DIM:], e)
    assert F.cosine_similarity(found[:, :V_DIM], v).min() > 0.99
    # Each image on its own, with parameters that want no gradient too.
    model.requires_grad_(False)
    with torch.no_grad():
        alone = model.project(image[2:3], torch.Generator().manual_seed(0))
    assert torch.allclose(alone, found[2:3], atol=1e-4)


def test_more_starts_never_leave_more() -> None:
    left = []
    for restarts in (1, 4):
        model = known(inversion_steps=3, inversion_restarts=restarts)
        model.aligns_images = False
        v = 2 * torch.randn(8, V_DIM, generator=torch.Generator().manual_seed(3))
        image = model.draw_image(torch.cat((v, torch.zeros(8, E_DIM)), 1)).detach()
        z = model.project(image, torch.Generator().manual_seed(0))
        error = (model.draw_image(z) - image).square().flatten(1).sum(1) / (2 * 0.1**2)
        left.append(error + 0.5 * z[:, :V_DIM].square().sum(1))
    assert (left[1] <= left[0] + 1e-3).all() and (left[1] < left[0] - 1e-3).any()


@pytest.mark.parametrize("preset", ["reference", "original"])
def test_one_set_of_weights_serves_both_tasks(preset: str) -> None:
    small: Any = presets("bridge")[preset]
    config = replace(small, width=8)
    hears, says = config.build(HEARS).eval(), config.build(SAYS).eval()
    says.load_state_dict(hears.state_dict())
    z = torch.randn(3, sum(hears.encode(torch.rand(1, 1, 64, 64)).shape[1:]))
    assert torch.equal(hears.draw_sound(z), says.draw_sound(z))
    assert torch.equal(hears.draw_image(z), says.draw_image(z))
    assert hears.sample(torch.rand(2, 1, 64, 64)).shape == (2, 1, 28, 28)
    assert says.sample(torch.rand(2, 1, 28, 28)).shape == (2, 1, 64, 64)


# As its source has it


def original(**settings: Any) -> Any:
    torch.manual_seed(0)
    config: Any = presets("bridge")["original"]
    return replace(config, width=8, z_dim=6, **settings).build(HEARS).eval()


def test_without_a_warm_start_all_of_the_latent_is_v() -> None:
    torch.manual_seed(0)
    config: Any = presets("bridge")["reference"].for_unpaired()
    assert config.warm_start == 0
    model = replace(config, width=8, z_dim=3, embedding_dim=2).build(HEARS).eval()
    sound, image = torch.rand(2, 1, 64, 64), torch.rand(2, 1, 28, 28)
    for z in (model.encode(sound), model.project(image)):
        assert z.shape == (2, 5 + 2)
        assert not z[:, 5:].any() and z[:, :5].all()
    assert not any(name.startswith("encoder.") for name, _ in model.named_parameters())
    assert [phase.name for phase in model.phases()] == ["encoder", "discriminator", "generator"]


def test_the_original_takes_one_step_from_noise() -> None:
    """Adam's first step has the length of the rate, in each unit."""
    model, image = original(), torch.rand(3, 1, 28, 28)
    z = model.project(image, torch.Generator().manual_seed(4))
    first = torch.randn((3, 6), generator=torch.Generator().manual_seed(4))
    assert torch.allclose((z - first).abs(), torch.full((3, 6), 0.01), atol=1e-4)
    norm = first.norm(dim=1)
    nearer = (z.norm(dim=1) - 6**0.5).abs() < (norm - 6**0.5).abs()
    assert nearer.all()  # to the length of a usual z; the error of the image weighs less


def test_the_original_samples_its_latent_and_ties_nothing() -> None:
    model, sound = original(), torch.rand(2, 1, 64, 64)
    one, other = (model.encode(sound, torch.Generator().manual_seed(s)) for s in (0, 1))
    assert not torch.allclose(one, other)
    mu, logvar = model.posterior(sound)
    assert mu.shape == logvar.shape == one.shape == (2, 6)
    pairs = batch()
    torch.manual_seed(0)
    loss = model.generator_loss(pairs)[0]
    torch.manual_seed(0)
    turned = model.generator_loss(Batch(pairs.x.flip(0), pairs.c.flip(0)))[0]
    assert torch.equal(loss, turned)  # of no pair and of no sound


def test_the_original_autoencoder_weighs_its_error() -> None:
    model, pairs = original(reconstruction_weight=100.0), batch()
    assert pairs.plain is not None
    torch.manual_seed(3)
    loss, terms = model.encoder_loss(pairs)
    torch.manual_seed(3)
    mu, logvar = model.posterior(pairs.plain)
    z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
    drawn = model.decoder(model.expand(z).unflatten(1, model.base))
    assert drawn.shape == (B, 1, 256, 128)
    wanted = F.interpolate(pairs.plain, (256, 128), mode="bilinear", antialias=True)
    error = 100 * (drawn - wanted).square().mean()
    kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1).mean()
    assert terms["reconstruction"].item() == pytest.approx(error.item(), rel=1e-5)
    assert loss.item() == pytest.approx((error + kl).item(), rel=1e-5)


def aligned(**settings: Any) -> Any:
    """With known encoders of both sides, and references that are no zeros."""
    model = known(**settings)
    del model.expected_partner
    model.target_encoder = First(E_DIM, start=30)
    model.references.copy_(
        F.normalize(fixed(len(model.references), E_DIM, scale=1.0, seed=31), dim=1)
    )
    return model


def test_an_image_has_the_embedding_that_is_expected_among_images() -> None:
    """E[f | image], as that of a sound, to the size of the noise beside it."""
    model, image = aligned(), batch().x
    f = array(image)[:, 30 : 30 + E_DIM] - 0.5
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    references = array(model.references)
    weight = np.exp(f @ references.T / model.config.temperature)
    expected = weight / weight.sum(1, keepdims=True) @ references * E_DIM**0.5
    np.testing.assert_allclose(array(model.embed_image(image)), expected, atol=1e-4)
    z = model.project(image, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(array(z)[:, V_DIM:], expected, atol=1e-4)


def test_a_sound_has_that_of_its_own_encoder() -> None:
    model, sound = aligned(), batch().c
    e = e_of(sound) / E_DIM**0.5
    references = array(model.references)
    weight = np.exp(e @ references.T / model.config.temperature)
    expected = weight / weight.sum(1, keepdims=True) @ references * E_DIM**0.5
    z = model.encode(sound, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(array(z)[:, V_DIM:], expected, atol=1e-4)


@pytest.mark.parametrize("spec", [HEARS, SAYS])
def test_the_condition_is_all_that_a_sample_is_drawn_of(spec: datasets.TaskSpec) -> None:
    model, pairs = aligned(), batch()
    model.spec = spec
    c = pairs.c if spec == HEARS else pairs.x
    z = model.embed_condition(c, torch.Generator().manual_seed(1))
    assert z.shape == (B, V_DIM + E_DIM)
    draw = model.draw_image if spec == HEARS else model.draw_sound
    assert torch.equal(model.sample(c, torch.Generator().manual_seed(1)), draw(z))


def test_images_are_recognized_by_the_nearest_sound() -> None:
    """The cosine of f(image) and e(sound), each by its own encoder."""
    model, pairs = aligned(), batch()
    model.spec = SAYS
    digit = torch.arange(B)
    f = array(pairs.x)[:, 30 : 30 + E_DIM] - 0.5
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    expected = (f @ e_of(pairs.c).T).argmax(1)
    assert len({*expected.tolist()}) > 2
    found = model.recognize(pairs.x, pairs.c, digit)
    assert found is not None and found.tolist() == expected.tolist()


def test_sides_are_aligned_alike_in_both_tasks() -> None:
    model, pairs = aligned(), batch()
    loss = model.alignment_loss(pairs)[0].item()
    e, f = e_of(pairs.c) / E_DIM**0.5, array(pairs.x)[:, 30 : 30 + E_DIM] - 0.5
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    logits = e @ f.T / model.config.temperature
    to_target = np.log(np.exp(logits).sum(1)) - np.diag(logits)
    to_condition = np.log(np.exp(logits).sum(0)) - np.diag(logits)
    assert loss == pytest.approx(0.5 * (to_target.mean() + to_condition.mean()), rel=1e-4)
    model.spec = SAYS
    turned = model.alignment_loss(Batch(pairs.c, pairs.x))[0].item()
    assert turned == pytest.approx(loss, rel=1e-5)
