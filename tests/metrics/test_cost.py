"""Parameters and FLOPs of what a call uses."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from common.files import ROOT
from metrics.cost import count_flops, peak_memory, reset_peak_memory, sampling_cost

CPU = torch.device("cpu")
MB = 2**20


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


def hold(size: int) -> None:
    """For a moment."""
    torch.ones(size, dtype=torch.uint8)


linux = pytest.mark.skipif(sys.platform != "linux", reason="can be asked and reset there alone")


@linux
def test_peak_memory_counts_from_its_reset() -> None:
    reset_peak_memory(CPU)
    before = peak_memory(CPU)
    hold(300 * MB)
    assert peak_memory(CPU) > before + 290 * MB
    reset_peak_memory(CPU)
    hold(100 * MB)
    assert before + 50 * MB < peak_memory(CPU) < before + 200 * MB


@linux
def test_peak_memory_is_not_that_of_the_process_that_started_it() -> None:
    """As benchmark.py starts evaluate.py."""
    says = "import torch; from metrics.cost import *; print(peak_memory(torch.device('cpu')))"
    held = torch.ones(1000 * MB, dtype=torch.uint8)
    ran = subprocess.check_output([sys.executable, "-c", says], cwd=ROOT, text=True)
    assert 50 * MB < int(ran) < len(held)
