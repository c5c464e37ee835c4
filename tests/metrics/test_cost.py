"""Parameters and FLOPs of what a call uses."""

from __future__ import annotations

import torch

from metrics.cost import count_flops, sampling_cost


def test_sampling_cost_counts_what_is_used() -> None:
    used, unused = torch.nn.Linear(3, 4), torch.nn.Linear(5, 6)
    model = torch.nn.ModuleList([used, unused])
    with torch.no_grad():
        cost = sampling_cost(model, lambda: used(torch.zeros(2, 3)))
    assert cost == (16 + 36, 16, 2 * 2 * 3 * 4)


def test_backward_passes_count() -> None:
    layer, x = torch.nn.Linear(3, 4), torch.ones(2, 3)
    forward = count_flops(lambda: layer(x))
    parameters = list(layer.parameters())
    both = count_flops(lambda: torch.autograd.grad(layer(x).sum(), parameters))
    assert forward == 2 * 2 * 3 * 4
    assert both == 2 * forward  # the gradient by the weight is as large a product
