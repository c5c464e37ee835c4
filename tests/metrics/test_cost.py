"""Parameters and FLOPs of what a call uses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from metrics import cost
from metrics.cost import count_flops, peak_memory, reset_peak_memory, sampling_cost

CPU = torch.device("cpu")
MB = 2**20


def test_sampling_cost_counts_what_is_used() -> None:
    used, unused = torch.nn.Linear(3, 4), torch.nn.Linear(5, 6)
    model = torch.nn.ModuleList([used, unused])
    with torch.no_grad():
        found = sampling_cost(model, lambda: used(torch.zeros(2, 3)))
    assert found == (16 + 36, 16, 2 * 2 * 3 * 4)


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


@pytest.mark.skipif(sys.platform != "linux", reason="can be reset there alone")
def test_peak_memory_counts_from_its_reset() -> None:
    reset_peak_memory(CPU)
    before = peak_memory(CPU)
    hold(300 * MB)
    assert peak_memory(CPU) > before + 290 * MB
    reset_peak_memory(CPU)
    hold(100 * MB)
    assert before + 50 * MB < peak_memory(CPU) < before + 200 * MB


def test_peak_memory_is_not_that_of_the_process_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As benchmark.py starts evaluate.py: getrusage gives the larger of both."""
    monkeypatch.setattr(cost, "STATUS", tmp_path / "status")
    of_both = peak_memory(CPU)  # where there is no such file
    cost.STATUS.write_text("VmPeak:\t     999 kB\nVmHWM:\t     123 kB\n")
    assert peak_memory(CPU) == 123 * 1024 < 50 * MB < of_both
    reset_peak_memory(CPU)
    assert (tmp_path / "clear_refs").read_text() == "5"
