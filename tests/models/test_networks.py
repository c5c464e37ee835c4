"""What the shared parts of the models mean."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Normal
from torch.distributions import kl_divergence as kl_of

from models import gradient_penalty, kl_divergence


def test_kl_divergence_is_that_of_two_normals() -> None:
    mu, logvar, prior_mu, prior_logvar = torch.randn(4, 3, 5, generator=torch.Generator())
    q, p = Normal(mu, (logvar / 2).exp()), Normal(prior_mu, (prior_logvar / 2).exp())
    found = kl_divergence(mu, logvar, (prior_mu, prior_logvar))
    torch.testing.assert_close(found, kl_of(q, p))
    standard = Normal(torch.zeros(3, 5), torch.ones(3, 5))
    torch.testing.assert_close(kl_divergence(mu, logvar), kl_of(q, standard))


@pytest.mark.parametrize("norm", [1.0, 3.0])
def test_gradient_penalty_of_a_linear_critic(norm: float) -> None:
    """w.x has gradient w everywhere: the penalty is (|w| - 1)^2."""
    w = F.normalize(torch.randn(64, generator=torch.Generator().manual_seed(0)), dim=0) * norm

    def critic(x: Tensor) -> Tensor:
        return x.flatten(1) @ w

    penalty = gradient_penalty(critic, torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))
    assert penalty.item() == pytest.approx((norm - 1) ** 2, abs=1e-4)
