"""Which settings reach which phase of a reference model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import datasets
from datasets import Labels
from models import Phase, presets
from tests.models.known import batch
from tests.models.test_contract import small

SETTINGS = {
    "width": 8, "encoder_width": 8, "lr": 0.123, "n_discriminator": 4, "n_critic": 3,
    "warm_start": 0.25, "warm_start_lr": 0.456, "warm_start_batch_size": 17, "align_share": 0.7,
    "align_lr_share": 0.3,
}  # fmt: skip
BETAS = {"cgan": (0.0, 0.9), "wgan": (0.0, 0.9), "vaegan": (0.0, 0.9), "cvae": (0.9, 0.99)}
PARTS = {
    "cgan": {"discriminator": ["discriminator"], "generator": ["generator"]},
    "wgan": {"discriminator": ["critic"], "generator": ["generator"]},
    "cvae": {"generator": ["recognition", "to_latent", "decoder", "prior"]},
    "vaegan": {
        "discriminator": ["discriminator"],
        "encoder": ["recognition", "to_latent", "prior"],
        "generator": ["decoder"],
    },
}


def phases_of(name: str, labels: Labels = "none", **settings: Any) -> tuple[Any, list[Phase]]:
    config = presets(name)["reference"]
    known = {k: v for k, v in (SETTINGS | settings).items() if hasattr(config, k)}
    model = replace(config, **known).build(datasets.spec("audio2image", labels))
    return model, list(model.phases())


def names_of(model: nn.Module, phase: Phase) -> set[str]:
    """The parts of the model that a phase trains."""
    mine = {id(p) for p in phase.parameters}
    return {name.partition(".")[0] for name, p in model.named_parameters() if id(p) in mine}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("warm_start", [0.0, 0.25])
def test_phases_have_their_parts_and_settings(name: str, warm_start: float) -> None:
    model, phases = phases_of(name, warm_start=warm_start)
    phases = [phase for phase in phases if phase.name != "align"]
    assert [phase.name for phase in phases] == list(PARTS[name])
    for phase in phases:
        with_encoder = ["encoder"] * (phase.name == "generator" and warm_start == 0)
        assert names_of(model, phase) == {*PARTS[name][phase.name], *with_encoder}
        parts = [getattr(model, part) for part in (*PARTS[name][phase.name], *with_encoder)]
        assert len(phase.parameters) == sum(len([*part.parameters()]) for part in parts)
        adam = phase.optimizer
        assert (adam.lr, adam.betas, adam.weight_decay) == (0.123, BETAS[name], 0.0)
        assert adam.cosine_to is None and adam.clip is None
        assert (phase.start, phase.stop, phase.then_share) == (warm_start, None, 0.0)
        assert phase.batch_size is None
        repeats = {("cgan", "discriminator"): 4, ("wgan", "discriminator"): 3}
        assert phase.repeat == repeats.get((name, phase.name), 1)


@pytest.mark.parametrize("labels", ["none", "warm-start", "cascade"])
def test_a_warm_start_has_its_own_settings(labels: Labels) -> None:
    model, (phase, *_) = phases_of("cgan", labels)
    aligns = labels == "none"
    assert phase.name == ("align" if aligns else "classify")
    partner = "target_encoder" if aligns else "digit_embedding"
    assert names_of(model, phase) == {"encoder", partner}
    parts = (model.encoder, getattr(model, partner))
    assert len(phase.parameters) == sum(len([*part.parameters()]) for part in parts)
    adam = phase.optimizer
    assert (adam.lr, adam.betas, adam.weight_decay) == (0.456, (0.9, 0.98), 0.05)
    assert adam.cosine_to == 0.3
    assert (phase.start, phase.stop, phase.then_share, phase.batch_size) == (0.0, 0.25, 0.7, 17)
    assert phase.repeat == 1
    _, (frozen, *_) = phases_of("cgan", labels, align_share=0.0)
    assert frozen.then_share == 0.0


EVERY = [(name, preset) for name in PARTS for preset in presets(name)]


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_every_parameter_has_a_part_in_its_loss(name: str, preset: str) -> None:
    """No layer is built and then left out. (Layers of one scale, before a norm, have gradients that
    are nearly 0.)"""
    torch.manual_seed(0)
    model: Any = small(name, preset, "", "")
    known = {id(p): n for n, p in model.named_parameters()}
    for phase in model.phases():
        loss, terms = phase.loss(batch(4))
        # Logged some steps later: a graph would be held until then.
        assert terms and not any(term.requires_grad for term in terms.values())
        gradients = torch.autograd.grad(loss, [*phase.parameters], allow_unused=True)
        unused = {
            known[id(p)] for p, g in zip(phase.parameters, gradients, strict=True) if g is None
        }
        assert not unused, phase.name


def test_critics_are_not_spectrally_normalized_and_discriminators_are() -> None:
    for name, part in (("cgan", "discriminator"), ("vaegan", "discriminator"), ("wgan", "critic")):
        model, _ = phases_of(name)
        names = [n for n, _ in getattr(model, part).named_parameters()]
        assert any("parametrizations" in n for n in names) == (name != "wgan")
