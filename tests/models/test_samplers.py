"""What each model draws, of known networks: its noise, its prior, its range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models._original.networks import resize
from tests.models.known import (
    COND_DIM,
    PIXELS,
    Array,
    array,
    assert_standard_normal,
    batch,
    fixed,
    known,
    prior,
)
from tests.models.test_original import build as original

MANY = 1500


@torch.no_grad()
def draw(model: Any, c: Tensor, seed: int = 3) -> Tensor:
    """With the generator as the only source of noise."""
    torch.manual_seed(seed)
    before = torch.get_rng_state()
    x = model.sample(c, torch.Generator().manual_seed(seed))
    assert torch.equal(before, torch.get_rng_state())
    return x


VARIANTS = [("cgan", ""), ("wgan", ""), ("vaegan", ""), ("cvae", "learned"), ("cvae", "standard")]


@pytest.mark.parametrize(("name", "kind"), VARIANTS)
def test_a_reference_model_decodes_noise_or_its_prior(name: str, kind: str) -> None:
    """sigmoid(decoder(z, cond)), with z ~ N(0, 1) of a GAN, z ~ p(z | c) of a VAE; cond has noise
    of its own, of the deviation of the settings times sqrt(d)."""
    model = known(name, embedding_noise=0.3, **({"prior": kind} if kind else {}))
    c = batch(MANY).c
    x = draw(model, c)
    decoder = model.generator if name in ("cgan", "wgan") else model.decoder
    ((z, cond),) = decoder.seen
    np.testing.assert_allclose(array(x), decoder.image(array(z), array(cond)), atol=1e-5)
    assert x.shape == (MANY, 1, 28, 28)
    noise = (array(cond) - model.encoder.condition(c)) / (0.3 * COND_DIM**0.5)
    eps = array(z)
    if hasattr(model, "prior"):
        mu, sigma = prior(model, array(cond))
        eps = (eps - mu) / sigma
    assert_standard_normal(np.concatenate((noise, eps), 1))

    again = draw(model, c[:9])
    assert torch.equal(again, draw(model, c[:9]))
    assert not torch.isclose(again, draw(model, c[:9], seed=4)).all(3).any()


@pytest.mark.parametrize("name", ["cgan", "wgan", "vaegan", "cvae"])
def test_the_width_of_the_noise_is_a_setting(name: str) -> None:
    model = known(name, embedding_noise=0.0, z_dim=5)
    c = batch(4).c
    draw(model, c)
    decoder = model.generator if name in ("cgan", "wgan") else model.decoder
    ((z, cond),) = decoder.seen
    assert z.shape == (4, 5) and cond.shape == (4, COND_DIM)
    np.testing.assert_allclose(array(cond), model.encoder.condition(c), atol=1e-5)


# The source project's


class Recorder(nn.Module):
    """(b, ...) -> a linear image of it beyond [0, 1] too, or mu and logvar; keeps what it gets."""

    def __init__(self, *shape: int, n_in: int, n_out: int = 1) -> None:
        super().__init__()
        self.shape, self.n_out = shape, n_out
        self.weight = fixed(n_in, n_out * int(np.prod(shape)), scale=n_in**-0.5, seed=1)
        self.seen: list[Tensor] = []

    def forward(self, h: Tensor) -> Any:
        self.seen.append(h)
        outs = (h.flatten(1) @ self.weight).chunk(self.n_out, 1)
        outs = tuple(out.unflatten(1, self.shape) for out in outs)
        return outs if self.n_out > 1 else outs[0]

    def by_hand(self, h: Array) -> list[Array]:
        return np.split(h @ self.weight.double().numpy(), self.n_out, 1)


def test_the_original_cgan_draws_its_generators_image() -> None:
    model, c = original("cgan", width=8), batch(4).c
    model.generator = Recorder(1, 28, 28, n_in=PIXELS)
    (expected,) = model.generator.by_hand(array(resize(c, 28)))
    assert expected.min() < -0.1 and expected.max() > 0.9
    x = draw(model, 2 * c)
    np.testing.assert_allclose(array(x), (2 * expected).clip(0, 1), atol=1e-5)


@pytest.mark.parametrize("name", ["cvae", "vaegan"])
def test_the_original_vaes_decode_a_latent_of_the_sound(name: str) -> None:
    """z = mu(c) + sigma(c) eps; the VAEGAN's encoder gets channels of noise beside the sound."""
    settings = {"noise_channels": 2} if name == "vaegan" else {}
    model, c = original(name, width=8, z_dim=5, **settings), batch(MANY).c
    channels = 3 if name == "vaegan" else 1
    model.encoder = Recorder(5, n_in=channels * PIXELS, n_out=2)
    model.decoder = Recorder(1, 28, 28, n_in=5)
    x = draw(model, c)
    (seen,), (z,) = model.encoder.seen, model.decoder.seen
    assert torch.equal(seen[:, :1], resize(c, 28))
    mu, logvar = model.encoder.by_hand(array(seen))
    eps = (array(z) - mu) / np.exp(logvar / 2)
    assert logvar.std() > 0.1
    assert_standard_normal(eps)
    if name == "vaegan":
        assert_standard_normal(array(seen[:, 1:, ::9, ::9]))
    (image,) = model.decoder.by_hand(array(z))
    np.testing.assert_allclose(array(x), image.clip(0, 1), atol=1e-5)
    assert image.min() < -0.1 and image.max() > 1.1


def test_the_original_wgan_draws_from_noise_alone() -> None:
    """In (-1, 1) at 64 x 64, shown in [0, 1] at 28 x 28."""
    model, c = original("wgan", width=8, z_dim=5), batch(MANY).c
    model.generator = Recorder(1, 64, 64, n_in=5)
    x = draw(model, c)
    (z,) = model.generator.seen
    assert_standard_normal(array(z))
    (image,) = model.generator.by_hand(array(z))
    shown = resize(torch.from_numpy(image).view(-1, 1, 64, 64) / 2 + 0.5, 28)
    np.testing.assert_allclose(array(x), array(shown).clip(0, 1), atol=1e-5)
    assert torch.equal(x, draw(model, 1 - c))
