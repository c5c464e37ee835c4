"""A batch that cannot fit is refused before memory runs out."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import datasets
import models
from common.errors import InputError
from models import Config
from training import memory

SPEC = datasets.spec("audio2image")
CPU = torch.device("cpu")


def small(name: str, width: int) -> Config:
    settings = {"width": width, "encoder_width": 8}
    return dataclasses.replace(models.presets(name)["reference"], **settings)


def test_bytes_grow_with_the_network_and_count_its_activations() -> None:
    narrow, wide = (memory.bytes_per_pair(small("cgan", w).build(SPEC)) for w in (8, 32))
    assert len(wide) == 3 and wide[0] == narrow[0]  # the warm start has other networks
    assert 1.5 * narrow[2] < wide[2] < 8 * narrow[2]
    # At least the activations of the generator's last layer, (32, 28, 28) float32.
    assert wide[2] > 4 * 32 * 28 * 28


def test_what_fits_and_what_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(small("cgan", 8), batch_size=100, **{"warm_start_batch_size": 50})
    each = max(memory.bytes_per_pair(config.build(SPEC))[1:])
    monkeypatch.setattr(memory, "available_bytes", lambda device: 100 * each)
    memory.check_batch_size(config.build(SPEC), CPU)
    larger = dataclasses.replace(config, batch_size=101)
    with pytest.raises(InputError, match=r"a batch of 101 takes .* at most 100 fit"):
        memory.check_batch_size(larger.build(SPEC), CPU)
    larger = dataclasses.replace(config, **{"warm_start_batch_size": 100_000})
    with pytest.raises(InputError, match=r"of 100,000 takes .* in phase 'align' and"):
        memory.check_batch_size(larger.build(SPEC), CPU)
    monkeypatch.setattr(memory, "available_bytes", lambda device: None)
    memory.check_batch_size(dataclasses.replace(config, batch_size=10**9).build(SPEC), CPU)


def test_free_memory_is_known_here() -> None:
    free = memory.available_bytes(CPU)
    assert free is None or 1 << 20 < free < 1 << 45


def test_a_probe_leaves_the_noise_alone() -> None:
    before = torch.get_rng_state()
    model = small("vaegan", 8).build(SPEC)
    torch.set_rng_state(before)
    memory.bytes_per_pair(model)
    assert torch.equal(before, torch.get_rng_state())
