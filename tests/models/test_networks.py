"""What the shared parts of the models mean."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal
from torch.distributions import kl_divergence as kl_of

from common.errors import InputError
from datasets import Batch
from models import (
    ConditionalPrior,
    ImageDecoder,
    ImageEncoder,
    ProjectionDiscriminator,
    SoundEncoder,
    gradient_penalty,
    kl_divergence,
    reparameterize,
    translate,
)
from models._networks import _ModulatedUp, _ResidualDown
from models._original.networks import DCGANGenerator, ResidualUNet, resize
from tests.models.known import array, assert_standard_normal, batch, fixed, gaussian
from tests.models.test_contract import small


def test_kl_divergence_is_that_of_two_normals() -> None:
    mu, logvar, prior_mu, prior_logvar = torch.randn(4, 3, 5, generator=torch.Generator())
    q, p = Normal(mu, (logvar / 2).exp()), Normal(prior_mu, (prior_logvar / 2).exp())
    found = kl_divergence(mu, logvar, (prior_mu, prior_logvar))
    torch.testing.assert_close(found, kl_of(q, p))
    standard = Normal(torch.zeros(3, 5), torch.ones(3, 5))
    torch.testing.assert_close(kl_divergence(mu, logvar), kl_of(q, standard))


def test_reparameterized_latents_have_their_mean_and_variance() -> None:
    torch.manual_seed(0)
    mu, logvar = fixed(4, scale=3, seed=0), fixed(4, scale=1, seed=1)
    z = reparameterize(mu.expand(2000, 4), logvar.expand(2000, 4))
    assert_standard_normal(array((z - mu) / torch.sqrt(logvar.exp())))


# The gradient penalty


@pytest.mark.parametrize("norm", [1.0, 3.0])
def test_gradient_penalty_of_a_linear_critic(norm: float) -> None:
    """w.x has gradient w everywhere: the penalty is (|w| - 1)^2, its own gradient 2 (|w| - 1) w /
    |w|."""
    w = F.normalize(torch.randn(64, generator=torch.Generator().manual_seed(0)), dim=0) * norm
    w.requires_grad_()

    def critic(x: Tensor) -> Tensor:
        return x.flatten(1) @ w

    penalty = gradient_penalty(critic, torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))
    assert penalty.item() == pytest.approx((norm - 1) ** 2, abs=1e-4)
    (found,) = torch.autograd.grad(penalty, w)
    expected = (2 * (norm - 1) * w / norm).detach()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_gradient_penalty_is_taken_between_each_pair() -> None:
    """|x|^2 / 2 has gradient x. Where real is r u and fake s u, of a unit vector u, the mean of
    (|x_hat| - 1)^2 is its integral from s to r over r - s; r and s differ between pairs."""
    torch.manual_seed(0)
    u = F.normalize(torch.rand(1, 1, 4, 4).flatten(1)).view(1, 1, 4, 4)
    r = torch.linspace(2, 4, 4000).view(-1, 1, 1, 1)
    s = torch.linspace(1.5, -1, 4000).view(-1, 1, 1, 1)
    seen: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.square().flatten(1).sum(1) / 2

    found = gradient_penalty(critic, r * u, s * u)
    share = ((seen[0] * u).sum((1, 2, 3), keepdim=True) - s) / (r - s)
    torch.testing.assert_close(seen[0], (s + share * (r - s)) * u)
    assert 0 <= share.min() < 0.01 and 0.99 < share.max() <= 1
    assert share.std().item() == pytest.approx(12**-0.5, rel=0.05)  # uniform
    at = np.linspace(0, 1, 1001)[:, None]
    length = np.abs(s.flatten().numpy() + at * (r - s).flatten().numpy())
    assert found.item() == pytest.approx(((length - 1) ** 2).mean(), rel=0.05)


# Priors and decoders


def test_a_learned_prior_begins_standard_and_follows_its_condition() -> None:
    torch.manual_seed(0)
    learned, none = ConditionalPrior(3, 5, True), ConditionalPrior(3, 5, False)
    cond = fixed(2000, 3, scale=1, seed=0)
    for prior in (learned, none):
        assert all((part == 0).all() and part.shape == (2000, 5) for part in prior(cond))
        assert_standard_normal(array(prior.sample(cond)))
    assert not list(none.parameters())
    out: Any = learned.out
    nn.init.normal_(out.weight, 0.0, 0.5)
    nn.init.normal_(out.bias)
    mu, sigma = gaussian(out, array(cond))
    found_mu, found_logvar = learned(cond)
    np.testing.assert_allclose(array(found_mu), mu, atol=1e-5)
    np.testing.assert_allclose(np.exp(array(found_logvar) / 2), sigma, rtol=1e-4)
    z = learned.sample(cond, torch.Generator().manual_seed(1))
    assert_standard_normal((array(z) - mu) / sigma)
    assert torch.equal(z, learned.sample(cond, torch.Generator().manual_seed(1)))


def test_each_part_of_an_image_depends_on_latent_and_condition() -> None:
    torch.manual_seed(0)
    decoder = ImageDecoder((1, 28, 28), 5, 6, 8)
    z, cond = torch.randn(2, 5), torch.randn(2, 6)
    x = decoder(z, cond)
    assert x.shape == (2, 1, 28, 28)
    for i in range(5):
        other = z.clone()
        other[0, i] += 1
        assert not torch.isclose(decoder(other, cond)[0], x[0]).all(-1).any()
        assert torch.equal(decoder(other, cond)[1], x[1])
    for i in range(6):
        other = cond.clone()
        other[1, i] += 1
        assert not torch.isclose(decoder(z, other)[1], x[1]).all(-1).any()


@pytest.mark.parametrize(
    ("size", "inside"),
    [(28, [(16, 14), (8, 28)]), (64, [(16, 16), (8, 32), (8, 64)]),
     (128, [(16, 16), (8, 32), (8, 64), (8, 128)])],
)  # fmt: skip
def test_larger_images_have_more_and_narrower_stages(
    size: int, inside: list[tuple[int, int]]
) -> None:
    """From at most 8 pixels with 4 x width channels, half of them at each doubling, at least 8."""
    shape, seen = (3, size, size), []
    decoder, encoder = ImageDecoder(shape, 5, 6, 8), ImageEncoder(shape, 16, 8)
    for block in decoder.blocks:
        block.register_forward_hook(lambda _, given, h: seen.append((h.shape[1], h.shape[2])))
    x = decoder(torch.randn(2, 5), torch.randn(2, 6))
    assert x.shape == (2, *shape) and seen == inside
    assert encoder(x).shape == (2, 16)
    assert encoder.convolve(x).shape[1:] == (32, *decoder.base[1:])


def test_images_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(InputError, match="images of 50 x 64 cannot be halved 3 times"):
        ImageDecoder((1, 64, 50), 5, 6, 8)


def test_blocks_are_scaled_and_shifted() -> None:
    """(1 + scale) norm(h) + shift, both linear in the input."""
    torch.manual_seed(0)
    block = _ModulatedUp(8, 4, 3)
    h, s = torch.randn(2, 8, 7, 7), torch.randn(2, 3)
    found = block(h, s)
    modulation = s @ block.modulate.weight.T + block.modulate.bias
    scale, shift = modulation[:, :8, None, None], modulation[:, 8:, None, None]
    groups = h.view(2, 8, -1)  # of one channel each
    norm = (groups - groups.mean(2, keepdim=True)) / groups.std(2, keepdim=True, correction=0)
    inside = (1 + scale) * norm.view_as(h) + shift
    expected = block.up(inside * inside.sigmoid())
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


# Encoders


def test_an_encoder_of_images_centers_them() -> None:
    encoder = ImageEncoder((1, 28, 28), 32, 8)
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    gray = torch.full((2, 1, 28, 28), 0.5)
    assert not encoder.convolve(gray).any() and not encoder(gray).any()
    assert encoder.convolve(gray + 0.1).any()
    assert encoder.convolve(gray).shape == (2, 32, 7, 7) and encoder(gray).shape == (2, 32)


def test_an_encoder_of_sounds_averages_over_time() -> None:
    torch.manual_seed(0)
    encoder = SoundEncoder((1, 64, 64), 6, 8)
    h = torch.rand(3, 32, 4, 4)
    seen: list[Tensor] = []

    def layers(c: Tensor) -> Tensor:
        seen.append(c)
        return h

    encoder.layers.forward = layers  # type: ignore[method-assign]
    c = torch.rand(3, 1, 64, 64)
    embedding = encoder(c)
    torch.testing.assert_close(seen[0], 2 * c - 0.4)
    # Frequency is the third dimension, the fourth is time.
    out = torch.einsum("bcft,ecf->be", h, encoder.out.weight.view(6, 32, 4)) / 4
    out = out + encoder.out.bias
    out = (out - out.mean(1, keepdim=True)) / out.std(1, keepdim=True, correction=0)
    torch.testing.assert_close(embedding, out, atol=1e-3, rtol=1e-3)


def test_the_skip_of_a_block_takes_means_of_cells() -> None:
    block = _ResidualDown(8, 8)
    for p in block.body.parameters():
        nn.init.zeros_(p)
    h = torch.randn(2, 8, 6, 10)
    cells = (h[..., ::2, ::2] + h[..., 1::2, ::2] + h[..., ::2, 1::2] + h[..., 1::2, 1::2]) / 4
    weight = block.skip.get_parameter("weight")[:, :, 0, 0]
    inside = torch.einsum("oi,bihw->bohw", weight, cells)
    torch.testing.assert_close(block(h), inside * inside.sigmoid())
    nn.init.ones_([*block.body.parameters()][-1])
    torch.testing.assert_close(block(h), (inside + 1) * (inside + 1).sigmoid())


# Discriminators


def test_a_projection_discriminator_adds_an_inner_product() -> None:
    """Miyato & Koyama 2018, eq. 3: f(x, e) = psi(phi(x)) + e.V phi(x)."""
    torch.manual_seed(0)
    judge = ProjectionDiscriminator((1, 28, 28), 6, 8, normalize=False)
    x, e = torch.rand(4, 1, 28, 28), torch.randn(4, 6)
    phi = judge.phi(x)
    psi = phi @ judge.psi.get_parameter("weight")[0] + judge.psi.bias
    product = torch.einsum("be,fe,bf->b", e, judge.project.weight, phi)
    assert judge.project.bias is None and product.abs().min() > 1e-4
    torch.testing.assert_close(judge(x, e), psi + product)


def test_a_discriminator_is_spectrally_normalized_and_a_critic_is_not() -> None:
    torch.manual_seed(0)
    judge = ProjectionDiscriminator((1, 28, 28), 6, 8)
    for _ in range(60):  # a step of the power iteration each
        judge(torch.rand(2, 1, 28, 28), torch.randn(2, 6))
    layers = {n: m for n, m in judge.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert len(layers) == 6
    for name, layer in layers.items():
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        assert largest == pytest.approx(1, abs=0.05), name
    critic = ProjectionDiscriminator((1, 28, 28), 6, 8, normalize=False)
    assert not any("parametrizations" in name for name, _ in critic.named_parameters())


@pytest.mark.parametrize("preset", ["reference", "original"])
def test_a_critic_under_a_penalty_sees_each_image_alone(preset: str) -> None:
    """Gulrajani et al. 2017, section 4, "No critic batch normalization"; in training mode."""
    torch.manual_seed(0)
    model: Any = small("wgan", preset, "", "")
    x, size = batch(4).x, 28 if preset == "reference" else 64
    others = torch.cat((x[:1], 1 - x[1:]))
    scores = []
    for images in (x, others):
        cond = [torch.ones(4, model.cond_dim)] if preset == "reference" else []
        scores.append(model.critic(1e3 * resize(images, size), *cond))
    torch.testing.assert_close(scores[0][0], scores[1][0])
    assert not torch.isclose(scores[0][1:], scores[1][1:]).any()


CONDITIONAL = [("cgan", "reference"), ("vaegan", "reference"), ("wgan", "reference"),
               ("cgan", "original"), ("vaegan", "original")]  # fmt: skip


@pytest.mark.parametrize(("name", "preset"), CONDITIONAL)
def test_a_discriminator_judges_the_pair(name: str, preset: str) -> None:
    """Its score of the same images changes when conditions change places."""
    torch.manual_seed(0)
    model: Any = small(name, preset, "embedding_noise", 0.0).double().eval()
    if preset == "reference":
        model.references.normal_()  # as after a warm start
    judge = model.critic if name == "wgan" else model.discriminator
    if preset == "original":  # all its activations are tiny at first
        for p in judge.parameters():
            nn.init.normal_(p, 0.0, 0.3)
    pairs, order = batch(8), torch.arange(8).roll(1)
    c, x = pairs.c.double(), pairs.x.double()
    cond = model.embed_condition(c).detach() if preset == "reference" else resize(c, 28)
    score = judge(x, cond)
    assert score.shape == (8,) and not torch.isclose(score, judge(x, cond[order]), rtol=1e-9).any()
    if name == "wgan":
        return

    def loss_of_real(c: Tensor) -> Tensor:
        torch.manual_seed(0)
        real: Tensor = model.discriminator_loss(Batch(x, c))[1]["real"]
        return real

    assert torch.equal(loss_of_real(c), loss_of_real(c))
    assert not torch.isclose(loss_of_real(c), loss_of_real(c[order]), rtol=1e-9)


# DiffAugment


def test_translated_images_keep_their_pixels_and_get_zeros() -> None:
    """Every shift of up to 2 pixels comes as often, each image and direction by its own."""
    torch.manual_seed(0)
    one = torch.arange(1.0, 2 * 5 * 7 + 1).view(1, 2, 5, 7)
    moved = translate(one.repeat(2000, 1, 1, 1), 2)
    assert moved.shape == (2000, 2, 5, 7)
    padded = F.pad(one[0], (2, 2, 2, 2))
    windows = {(dy, dx): padded[:, dy : dy + 5, dx : dx + 7] for dy in range(5) for dx in range(5)}
    keys = {tuple(window.flatten().tolist()): shift for shift, window in windows.items()}
    found = Counter(keys[tuple(image.flatten().tolist())] for image in moved)
    assert len(found) == 25 and min(found.values()) > 40 and max(found.values()) < 130


def test_without_a_largest_shift_images_stay() -> None:
    x = torch.rand(3, 1, 5, 7)
    assert torch.equal(translate(x, 0), x)


def test_gradients_go_back_to_the_pixels_that_were_kept() -> None:
    torch.manual_seed(3)
    x = torch.rand(20, 1, 6, 6, requires_grad=True)
    moved = translate(x, 3)
    (gradient,) = torch.autograd.grad(moved.sum(), x)
    kept = (moved > 0).sum((1, 2, 3))
    assert torch.equal(gradient.sum((1, 2, 3)), kept.float())
    assert set(gradient.unique().tolist()) == {0, 1}


# The source project's networks


def test_images_are_resized_without_aliasing() -> None:
    ramp = torch.linspace(0, 1, 64).view(1, 1, 1, 64).expand(1, 1, 64, 64)
    small_ramp = resize(ramp, 28)
    step = small_ramp[0, 0, 5].diff()[2:-2]
    torch.testing.assert_close(step, torch.full_like(step, 64 / 28 / 63), rtol=0.05, atol=0)
    stripes = (torch.arange(64) % 2).float().expand(1, 1, 64, 64)
    assert (resize(stripes, 28) - 0.5).abs().max() < 0.15
    assert resize(torch.rand(2, 3, 28, 28), 64).shape == (2, 3, 64, 64)


def test_a_dcgan_draws_between_its_bounds() -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(5, 1, 8)
    for p in generator.parameters():
        nn.init.normal_(p, 0.0, 0.5)
    x = generator(torch.randn(4, 5))
    assert x.shape == (4, 1, 64, 64) and x.abs().max() <= 1
    assert x.min() < -0.9 and x.max() > 0.9


def test_every_level_of_the_unet_is_joined() -> None:
    torch.manual_seed(0)
    net = ResidualUNet(1, 1, 8).eval()
    x = torch.rand(1, 1, 28, 28)
    before = net(x)
    assert before.shape == (1, 1, 28, 28)
    # One in the stem, three in each of six blocks, of which one is beside the third convolution.
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules()) == 1 + 6 * 3
    for i in range(3):
        hooked = net.down[i].register_forward_pre_hook(lambda module, given: (given[0] * 0,))
        assert not torch.allclose(net(x), before)
        hooked.remove()
    shown = net.merge[2].register_forward_pre_hook(
        lambda module, given: (torch.cat((given[0][:, :16], 0 * given[0][:, 16:]), 1),)
    )
    assert not torch.allclose(net(x), before)
    shown.remove()
