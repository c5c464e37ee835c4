"""What the shared parts of the models mean."""

from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

from models import _networks


def test_kl_divergence_is_that_of_two_normals() -> None:
    mu, logvar, prior_mu, prior_logvar = torch.randn(4, 3, 5, generator=torch.Generator())
    q, p = Normal(mu, (logvar / 2).exp()), Normal(prior_mu, (prior_logvar / 2).exp())
    found = _networks.kl_divergence(mu, logvar, (prior_mu, prior_logvar))
    torch.testing.assert_close(found, kl_divergence(q, p))
    standard = Normal(torch.zeros(3, 5), torch.ones(3, 5))
    torch.testing.assert_close(_networks.kl_divergence(mu, logvar), kl_divergence(q, standard))
