"""The rectified flow: its loss by the formula, its path by Euler's rule, its guidance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models import presets
from tests.models.known import COND_DIM, SPEC, Encoder, array, batch, fixed

N = 40


class Network(nn.Module):
    """(x, t, cond) -> A cond + t + 0.1 x; keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(fixed(COND_DIM, 28 * 28, scale=0.2, seed=1))
        self.seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        self.seen.append((x.detach(), t.detach(), cond.detach()))
        return (cond @ self.a).unflatten(1, SPEC.x_shape) + t[:, None, None, None] + 0.1 * x


def known(**settings: Any) -> Any:
    config: Any = presets("flow")["reference"]
    small: dict[str, Any] = {
        "width": 8, "encoder_width": 8, "embedding_dim": COND_DIM, "warm_start": 0.0,
        "embedding_noise": 0.0, "drop": 0.0,
    }  # fmt: skip
    torch.manual_seed(0)
    model = replace(config, **small | settings).build(SPEC)
    model.encoder, model.network = Encoder(), Network()
    return model


def test_the_loss_is_that_of_flow_matching() -> None:
    """Lipman et al. 2023, eq. 23: |v - (x - eps)|^2 at x_t = (1 - t) eps + t x; v leads from x_t
    to the image that the network says."""
    model, pairs = known(), batch(N)
    loss, terms = model.flow_loss(pairs)
    ((at, time, cond),) = model.network.seen
    t = time.double().numpy()[:, None]
    assert 0 < t.min() < 0.3 and 0.7 < t.max() < 0.95  # none is too near to the end
    x, x_t = 2 * array(pairs.x) - 1, array(at)
    eps = (x_t - t * x) / (1 - t)
    assert abs(eps.mean()) < 0.02 and abs(eps.std() - 1) < 0.02
    np.testing.assert_allclose(array(cond), model.encoder.condition(pairs.c), atol=1e-5)
    said = array(cond) @ model.network.a.detach().double().numpy() + t + 0.1 * x_t
    expected = (((said - x_t) / (1 - t) - (x - eps)) ** 2).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-3)
    assert terms["velocity"].item() == loss.item()


def test_near_the_end_velocity_and_target_are_divided_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, pairs = known(), batch(N)
    # t = sigmoid(8): 1 - t is less than a hundredth of the least that is divided by.
    times = torch.full((N,), 8.0)
    monkeypatch.setattr(torch, "randn", lambda *_, **__: times)
    x = 2 * pairs.x - 1
    model.embed_condition = lambda _: torch.zeros(N, COND_DIM)
    monkeypatch.setattr(Network, "forward", lambda *_: x)  # who knows the image is right
    loss, _ = model.flow_loss(pairs)
    assert loss.item() < 1e-6


def test_conditions_are_dropped() -> None:
    model = known(drop=0.25)
    model.flow_loss(batch(4000))
    cond = model.network.seen[0][2]
    dropped = (cond == 0).all(1)
    assert dropped.double().mean() == pytest.approx(0.25, abs=0.03)
    assert (cond[~dropped] != 0).all()


@torch.no_grad()
def test_a_sample_follows_the_velocity_by_eulers_rule() -> None:
    model, pairs = known(), batch(6)
    drawn = model.sample(pairs.c, torch.Generator().manual_seed(0))
    seen = model.network.seen
    assert [float(t[0]) for _, t, _ in seen] == pytest.approx([k / 10 for k in range(10)])
    x = seen[0][0]
    assert abs(x.mean()) < 0.05 and abs(x.std() - 1) < 0.05
    a = (torch.from_numpy(model.encoder.condition(pairs.c)).float() @ model.network.a).unflatten(
        1, SPEC.x_shape
    )
    for k in range(10):
        assert torch.allclose(seen[k][0], x, atol=1e-4)
        t = k / 10
        x = x + (a + t + 0.1 * x - x) / (1 - t) / 10
    assert torch.allclose(drawn, ((x + 1) / 2).clamp(0, 1), atol=1e-4)
    assert drawn.max() == 1 and (x > 1.1).any()


@torch.no_grad()
def test_guidance_goes_beyond_the_condition_with_as_many_evaluations() -> None:
    """Ho & Salimans 2022, eq. 6, of velocities: v(0) + w (v(c) - v(0))."""
    model, pairs = known(guidance=3.0, n_evaluations=2), batch(6)
    drawn = model.sample(pairs.c, torch.Generator().manual_seed(0))
    (x, t, cond), (again, _, none) = model.network.seen
    assert torch.equal(x, again) and (t == 0).all() and (none == 0).all() and (cond != 0).any()
    toward = (cond @ model.network.a).unflatten(1, SPEC.x_shape)
    end = 0.1 * x + 3 * toward
    assert torch.allclose(drawn, ((end + 1) / 2).clamp(0, 1), atol=1e-4)


def test_times_have_embeddings_of_their_own() -> None:
    config: Any = presets("flow")["reference"]
    network = replace(config, width=8, encoder_width=8).build(SPEC).network
    found = network.embed_time(torch.linspace(0, 1, 50))
    assert found.shape == (50, 32) and found.abs().max() <= 1
    assert torch.cdist(found, found).add(torch.eye(50)).min() > 0.1
