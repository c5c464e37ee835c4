"""The `original` presets do what the source system does, its oddities included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import Batch, TaskSpec
from models import presets
from models._original.networks import DotDecoder, initialize

NAMES = ("cgan", "cvae", "vaegan", "wgan")
SPEC = TaskSpec("audio2image", x_shape=(1, 28, 28), c_shape=(1, 64, 64))


def build(name: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    return replace(presets(name)["original"], **settings).build(SPEC)


def trained(name: str, **settings: Any) -> Any:
    """A narrow model after a few steps, in eval mode: at first all its activations are tiny."""
    model = build(name, width=8, **settings)
    for phase in model.phases():
        adam = torch.optim.Adam(phase.parameters, 1e-2, phase.optimizer.betas)
        for step in range(5):
            adam.zero_grad()
            phase.loss(batch(seed=step))[0].backward(inputs=list(phase.parameters))
            adam.step()
    return model.eval()


def batch(n: int = 8, seed: int = 0) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *SPEC.x_shape, generator=rng)
    return Batch(x, torch.rand(n, *SPEC.c_shape, generator=rng), torch.zeros(n).long())


def draw(model: Any, c: Tensor, seed: int = 0) -> Tensor:
    with torch.no_grad():
        return model.sample(c, torch.Generator().manual_seed(seed))


def written(x: Tensor) -> Tensor:
    """(b, 1, 28, 28) -> (28, 28): the pixels that are not exactly 0 in every image."""
    return (x != 0).any(0)[0]


GRID = torch.zeros(28, 28, dtype=torch.bool)
GRID[::3, ::3] = True


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_dot_decoder_writes_100_of_784_pixels(scale: float) -> None:
    decoder = DotDecoder(z_dim=10, n_out=1, width=64)
    initialize(decoder)
    with torch.no_grad():
        x = decoder(scale * torch.randn(64, 10))
    assert GRID.sum() == 100
    assert torch.equal(written(x), GRID)


@pytest.mark.parametrize("name", ["cvae", "vaegan"])
def test_samples_are_a_grid_of_dots(name: str) -> None:
    x = draw(trained(name), batch(64).c)
    assert written(x).any()
    assert not written(x)[~GRID].any()


@pytest.mark.parametrize("name", ["cgan", "wgan"])
def test_the_others_write_all_pixels(name: str) -> None:
    assert written(draw(trained(name), batch(64).c)).sum() > 700


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_images_repeatable_by_seed(name: str) -> None:
    model, c = trained(name), batch().c
    x = draw(model, c)
    assert x.shape == (8, *SPEC.x_shape)
    assert x.dtype == torch.float32
    assert 0 <= x.min() < x.max() <= 1
    assert torch.equal(x, draw(model, c))


@pytest.mark.parametrize("name", NAMES)
def test_samples_depend_on_what_the_model_declares(name: str) -> None:
    model, c = trained(name), batch().c
    x = draw(model, c)
    assert torch.equal(x, draw(model, c, seed=1)) != model.stochastic
    assert torch.equal(x, draw(model, 1 - c)) != model.conditional


def test_which_model_lacks_what() -> None:
    assert [n for n in NAMES if not build(n, width=8).stochastic] == ["cgan"]
    assert [n for n in NAMES if not build(n, width=8).conditional] == ["wgan"]


def test_the_unet_has_15_million_parameters() -> None:
    n = sum(p.numel() for p in build("cgan").generator.parameters())
    assert n == pytest.approx(15.3e6, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_weights_start_normal_with_deviation_002(name: str) -> None:
    model = build(name, width=32)
    for kind in ((nn.Conv2d, nn.ConvTranspose2d), nn.BatchNorm2d):
        layers = [layer for layer in model.modules() if isinstance(layer, kind)]
        weights = torch.cat([layer.weight.detach().flatten() for layer in layers])
        assert weights.mean().item() == pytest.approx(0, abs=5 * 0.02 / len(weights) ** 0.5)
        assert weights.std().item() == pytest.approx(0.02, rel=5 / (2 * len(weights)) ** 0.5)


@pytest.mark.parametrize(("name", "nat_of_kl"), [("cgan", 0), ("cvae", 3.1e-7), ("vaegan", 3.1e-6)])
def test_loss_scales_switch_off_all_but_the_squared_error(name: str, nat_of_kl: float) -> None:
    """In a batch of 32, beside 1 SSE of one image: a nat of its adversarial term, of its KL."""
    model, pairs = build(name, width=8).double(), batch(32)
    pairs = Batch(pairs.x.double(), pairs.c.double(), pairs.digit)
    loss, terms = model.phases()[-1].loss(pairs)
    rest = loss - 32 * terms["reconstruction"]
    if "adversarial" in terms:
        rest = rest - 32 * terms["adversarial"] / 32
        assert terms["adversarial"].item() == pytest.approx(0.69, abs=0.01)  # undecided at first
    nats = 32 * terms.get("kl", torch.zeros(()))
    assert rest.item() == pytest.approx(nats.item() * nat_of_kl, rel=0.02, abs=1e-12)


@pytest.mark.parametrize("name", ["cgan", "vaegan"])
def test_discriminator_minimizes_binary_cross_entropy(name: str) -> None:
    model, pairs = trained(name), batch()
    seen: list[Tensor] = []
    model.discriminator.register_forward_hook(lambda *call: seen.append(call[2].sigmoid()))
    loss, _ = model.discriminator_loss(pairs)
    real, fake = seen
    expected = F.binary_cross_entropy(real, torch.ones(8))
    expected = (expected + F.binary_cross_entropy(fake, torch.zeros(8))) / 2
    torch.testing.assert_close(loss, expected)


def test_vaegan_gets_noise_beside_the_sound() -> None:
    model = trained("vaegan")
    assert model.encoder.convolutions[0].in_channels == 101
    assert model.discriminator.layers[0].in_channels == 2


def test_wgan_updates_its_critic_five_times_with_its_settings() -> None:
    critic, generator = build("wgan", width=8).phases()
    assert (critic.name, critic.repeat) == ("discriminator", 5)
    assert (generator.name, generator.repeat) == ("generator", 1)
    assert critic.optimizer.lr == 1e-4
    assert critic.optimizer.betas == (0.0, 0.9)
