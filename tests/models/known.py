"""Known functions in place of networks, so that losses and samples can be computed by hand.

What is random is recorded where it enters them: a loss is then a function of that record. Formulas
are in numpy and float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import datasets
from datasets import Batch
from models import presets

SPEC = datasets.spec("audio2image")
COND_DIM, Z_DIM = 6, 5
PIXELS = 28 * 28
Array = np.ndarray[Any, np.dtype[np.float64]]


def batch(n: int = 6, seed: int = 0) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *SPEC.x_shape, generator=rng)
    return Batch(x, torch.rand(n, *SPEC.c_shape, generator=rng), torch.arange(n) % 10)


def array(tensor: Tensor) -> Array:
    """Of each item, flat."""
    return tensor.detach().double().flatten(1).numpy()


def fixed(*shape: int, scale: float, seed: int) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def sigmoid(logits: Array) -> Array:
    return 1 / (1 + np.exp(-logits))


class Encoder(nn.Module):
    """c (b, 1, 64, 64) -> gain * its first cells."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.linspace(0.5, 1.5, COND_DIM))

    def forward(self, c: Tensor) -> Tensor:
        return self.gain * (c[:, 0, 0, :COND_DIM] - 0.5)

    def condition(self, c: Tensor, gain: Array | None = None) -> Array:
        """The embedded condition without noise: on the sphere of radius sqrt(d)."""
        gain = self.gain.detach().double().numpy() if gain is None else gain
        e = gain * (c[:, 0, 0, :COND_DIM].double().numpy() - 0.5)
        return COND_DIM**0.5 * e / np.linalg.norm(e, axis=1, keepdims=True)


class Recognition(nn.Module):
    """x (b, 1, 28, 28) -> its first pixels."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, : self.features]


class Decoder(nn.Module):
    """(z, cond) -> logits A z + B cond; keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(fixed(Z_DIM, PIXELS, scale=0.15, seed=1))
        self.b = nn.Parameter(fixed(COND_DIM, PIXELS, scale=0.3, seed=2))
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, z: Tensor, cond: Tensor) -> Tensor:
        self.seen.append((z.detach(), cond.detach()))
        return (z @ self.a + cond @ self.b).unflatten(1, SPEC.x_shape)

    def logits(self, z: Array, cond: Array) -> Array:
        return z @ self.a.detach().double().numpy() + cond @ self.b.detach().double().numpy()

    def image(self, z: Array, cond: Array) -> Array:
        return sigmoid(self.logits(z, cond))


class Features(nn.Module):
    """x -> 12 linear features with a place."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Parameter(fixed(PIXELS, 12, scale=0.05, seed=3))
        self.seen: list[Tensor] = []

    def convolve(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach())
        return (x.flatten(1) @ self.f).unflatten(1, (3, 2, 2))

    def features(self, x: Array) -> Array:
        return x @ self.f.detach().double().numpy()


class Judge(nn.Module):
    """(x, cond) -> w.x + v.cond + cond.M x, a discriminator or critic; keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(fixed(PIXELS, scale=0.08, seed=4))
        self.v = nn.Parameter(fixed(COND_DIM, scale=0.5, seed=5))
        self.m = nn.Parameter(fixed(COND_DIM, PIXELS, scale=0.03, seed=6))
        self.phi = Features()
        self.seen: list[Tensor] = []
        self.conditions: list[Tensor] = []

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        self.seen.append(x.detach())
        self.conditions.append(cond.detach())
        flat = x.flatten(1)
        return flat @ self.w + cond @ self.v + ((cond @ self.m) * flat).sum(1)

    def gradient(self, cond: Array) -> Array:
        """By x, which it does not depend on: (b, 784)."""
        return self.w.detach().double().numpy() + cond @ self.m.detach().double().numpy()

    def score(self, x: Array, cond: Array) -> Array:
        return (self.gradient(cond) * x).sum(1) + cond @ self.v.detach().double().numpy()


def known(name: str, **settings: Any) -> Any:
    """A reference model of known functions, without a warm start: its encoder learns with it."""
    small: dict[str, Any] = {
        "width": 8, "encoder_width": 8, "embedding_dim": COND_DIM, "z_dim": Z_DIM,
        "warm_start": 0.0, "embedding_noise": 0.0, "max_shift": 0,
    }  # fmt: skip
    config = presets(name)["reference"]
    small = {k: v for k, v in (small | settings).items() if hasattr(config, k)}
    torch.manual_seed(0)
    model: Any = replace(config, **small).build(SPEC)
    model.encoder = Encoder()
    for part, function in (
        ("generator", Decoder), ("decoder", Decoder), ("discriminator", Judge), ("critic", Judge),
    ):  # fmt: skip
        if hasattr(model, part):
            setattr(model, part, function())
    if hasattr(model, "recognition"):
        features = model.to_latent.in_features - COND_DIM
        model.recognition = Recognition(features)
        with torch.no_grad():
            # Posterior and prior lie so far apart that a z shows which it is of.
            model.to_latent.weight.copy_(fixed(2 * Z_DIM, features + COND_DIM, scale=0.1, seed=7))
            model.to_latent.bias.copy_(torch.tensor([4.0] * Z_DIM + [-1.5] * Z_DIM))
            if model.prior.out is not None:
                model.prior.out.weight.copy_(fixed(2 * Z_DIM, COND_DIM, scale=0.1, seed=8))
                model.prior.out.bias.copy_(torch.tensor([-4.0] * Z_DIM + [-1.0] * Z_DIM))
    return model


def posterior(model: Any, x: Tensor, cond: Array) -> tuple[Array, Array]:
    """mu, sigma of q(z | x, c)."""
    h = np.concatenate((array(x)[:, : model.recognition.features], cond), 1)
    return gaussian(model.to_latent, h)


def prior(model: Any, cond: Array) -> tuple[Array, Array]:
    """mu, sigma of p(z | c)."""
    if model.prior.out is None:
        return np.zeros((len(cond), Z_DIM)), np.ones((len(cond), Z_DIM))
    return gaussian(model.prior.out, cond)


def gaussian(layer: nn.Linear, h: Array) -> tuple[Array, Array]:
    """The first half of the outputs is the mean, the second the logarithm of the variance."""
    out = h @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
    return out[:, :Z_DIM], np.sqrt(np.exp(out[:, Z_DIM:]))


def slope(function: Callable[[Array], float], at: Array, step: float = 1e-5) -> Array:
    """The gradient, by central differences."""
    steps = step * np.eye(len(at))
    return np.array([(function(at + s) - function(at - s)) / (2 * step) for s in steps])


def assert_standard_normal(values: Array, error: float = 0.06) -> None:
    """(n, d) independent N(0, 1), as far as some thousand values show."""
    n, d = values.shape
    assert np.abs(values.mean(0)).max() < 5 / n**0.5
    assert np.abs(values.std(0) - 1).max() < max(error, 5 / n**0.5)
    across = np.corrcoef(values.T) - np.eye(d)
    assert np.abs(across).max() < 6 / n**0.5
    along = (values[1:] * values[:-1]).mean()
    assert abs(along) < 5 / (n * d) ** 0.5
