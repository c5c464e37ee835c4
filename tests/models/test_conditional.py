"""The warm start that models share, and the embedding that it gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

import datasets
from datasets import Batch, Batches, Labels, PairedDataset, part
from models import ConditionalConfig, ConditionalModel, Phase, names, presets
from tests.models.known import Encoder, slope
from training.loop import Trainer
from training.schedule import Schedule

N_STEPS = 3


@dataclasses.dataclass(frozen=True)
class Config(ConditionalConfig):
    def build(self, spec: datasets.TaskSpec) -> WarmStart:
        return WarmStart(spec, self)


class WarmStart(ConditionalModel):
    """The warm start alone."""

    def phases(self) -> Sequence[Phase]:
        return self.warm_start_phases()

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        raise NotImplementedError


def build(labels: Labels = "none", **settings: float) -> WarmStart:
    torch.manual_seed(0)
    small = {"encoder_width": 8, "embedding_dim": 6} | settings
    return Config(**small).build(datasets.spec("audio2image", labels))  # type: ignore[arg-type]


def batch(n: int = 5, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, 28, 28, generator=generator)
    return Batch(x, torch.rand(n, 1, 64, 64, generator=generator), torch.arange(n) % 10)


def unit(h: np.ndarray) -> np.ndarray:
    return h / np.linalg.norm(h, axis=1, keepdims=True)


@torch.no_grad()
def test_alignment_is_infonce_in_both_directions() -> None:
    """-1/n sum_i log(exp(s_ii / t) / sum_j exp(s_ij / t)), and with i and j exchanged."""
    model, pairs = build(temperature=0.3), batch()
    e = unit(model.encoder(pairs.c).double().numpy())
    f = unit(model.target_encoder(pairs.x).double().numpy())
    s = np.exp(e @ f.T / 0.3)
    to_target = -np.mean([np.log(s[i, i] / s[i].sum()) for i in range(5)])
    to_condition = -np.mean([np.log(s[i, i] / s[:, i].sum()) for i in range(5)])
    loss, terms = model.alignment_loss(pairs)
    assert terms["to_target"].item() == pytest.approx(to_target, rel=1e-4)
    assert terms["to_condition"].item() == pytest.approx(to_condition, rel=1e-4)
    assert abs(to_target - to_condition) > 1e-4
    assert loss.item() == pytest.approx((to_target + to_condition) / 2, rel=1e-4)


@pytest.mark.parametrize("labels", ["none", "warm-start"])
def test_a_warm_start_teaches_both_encoders(labels: Labels) -> None:
    """The gradient of either is that of the loss by hand: none of them is a constant."""
    model, pairs = build(labels, temperature=0.3), batch()
    model.encoder = Encoder()  # type: ignore[assignment]
    gain = np.linspace(0.5, 1.5, 6)
    c = pairs.c[:, 0, 0, :6].double().numpy() - 0.5
    if labels == "none":
        model.target_encoder = Encoder()  # type: ignore[assignment]
        # Another shape would not matter: it takes the first cells of its input.
        pairs = Batch(pairs.x, pairs.c)
        f = pairs.x[:, 0, 0, :6].double().numpy() - 0.5
        loss, _ = model.alignment_loss(pairs)
        partner: Tensor = model.target_encoder.get_parameter("gain")
    else:
        f = model.digit_embedding.weight.detach().double().numpy()
        loss, _ = model.classification_loss(pairs)
        partner = model.digit_embedding.weight

    def by_hand(gains: np.ndarray) -> float:
        mine, theirs = np.split(gains, 2)
        s = unit(mine * c) @ unit(theirs * f).T / 0.3
        log_p = s - np.log(np.exp(s).sum(1, keepdims=True))
        if labels == "none":
            log_q = s - np.log(np.exp(s).sum(0, keepdims=True))
            return float(-(np.diag(log_p) + np.diag(log_q)).mean() / 2)
        smooth = 0.9 * np.eye(5, 10) + 0.01
        return float(-(smooth * log_p).sum(1).mean())

    at = np.concatenate((gain, gain if labels == "none" else np.ones(6)))
    assert loss.item() == pytest.approx(by_hand(at), rel=1e-4)
    expected = slope(by_hand, at)
    found = torch.autograd.grad(loss, [model.encoder.get_parameter("gain"), partner])
    np.testing.assert_allclose(found[0].double(), expected[:6], rtol=1e-3, atol=1e-5)
    # A factor that all digits share: by the chain rule.
    theirs = found[1] if labels == "none" else (found[1] * partner).sum(0).detach()
    np.testing.assert_allclose(theirs.double(), expected[6:], rtol=1e-3, atol=1e-5)


@torch.no_grad()
def test_references_are_the_targets_seen_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """First in, first out, over many batches; zeros until enough were seen."""
    monkeypatch.setattr(ConditionalModel, "N_REFERENCES", 7)
    model = build()
    seen = np.zeros((7, 6))
    for step in range(4):
        pairs = batch(3, seed=step)
        model.alignment_loss(pairs)
        f = unit(model.target_encoder(pairs.x).double().numpy())
        seen = np.concatenate((seen, f))
        np.testing.assert_allclose(model.references.numpy(), seen[-7:], atol=1e-5)
    assert "references" in model.state_dict()  # a checkpoint holds them
    before = model.references.clone()
    model.embed_condition(batch().c)
    assert torch.equal(model.references, before)


@torch.no_grad()
def test_naming_is_cross_entropy_of_cosines() -> None:
    """With the label's share 0.9 + 0.1 / 10, the others' 0.1 / 10."""
    model, pairs = build("warm-start", temperature=0.3), batch()
    e = unit(model.encoder(pairs.c).double().numpy())
    w = unit(model.digit_embedding.weight.double().numpy())
    p = np.exp(e @ w.T / 0.3)
    p /= p.sum(1, keepdims=True)
    wanted = np.full((5, 10), 0.01)
    wanted[np.arange(5), np.arange(5)] = 0.91
    loss, _ = model.classification_loss(pairs)
    assert loss.item() == pytest.approx(-(wanted * np.log(p)).sum(1).mean(), rel=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("labels", ["none", "warm-start", "cascade"])
def test_a_condition_becomes_its_expected_partner(labels: Labels) -> None:
    """sqrt(d) sum_j w_j f_j, w_j ~ exp(cos(e, f_j) / t), or the likeliest f_j in a cascade, with
    noise of the given size."""
    model, pairs = build(labels, temperature=0.2, embedding_noise=0.0), batch(40)
    if labels == "none":
        model.alignment_loss(batch(2000, seed=1))
        f = model.references.double().numpy()
        assert f.shape == (1024, 6)
        recent = unit(model.target_encoder(batch(2000, seed=1).x[-1024:]).double().numpy())
        np.testing.assert_allclose(f, recent, atol=1e-5)
    else:
        f = unit(model.digit_embedding.weight.double().numpy())
    e = unit(model.encoder(pairs.c).double().numpy())
    w = np.exp(e @ f.T / 0.2)
    w /= w.sum(1, keepdims=True)
    if labels == "cascade":
        w = (w == w.max(1, keepdims=True)).astype(float)
    found = model.embed_condition(pairs.c)
    np.testing.assert_allclose(found.numpy(), 6**0.5 * w @ f, atol=1e-5)

    noisy = build(labels, temperature=0.2, embedding_noise=0.3)
    noisy.load_state_dict(model.state_dict())
    generator = torch.Generator().manual_seed(1)
    noise = noisy.embed_condition(pairs.c, generator) - found
    assert noise.std().item() == pytest.approx(0.3 * 6**0.5, rel=0.15)
    again = torch.Generator().manual_seed(1)
    assert torch.equal(noisy.embed_condition(pairs.c, again) - found, noise)


def test_without_a_warm_start_the_encoder_learns_from_the_model() -> None:
    for warm_start in (0.0, 0.5):
        model = build(warm_start=warm_start)
        embedding = model.embed_condition(batch().c)
        assert embedding.shape == (5, 6)
        assert embedding.requires_grad == (warm_start == 0)
        assert bool(model.encoder_parameters()) == (warm_start == 0)
        assert len(model.warm_start_phases()) == (warm_start > 0)
        digit = torch.arange(3)
        assert (model.recognize(batch().c, batch(3).x, digit) is None) == (warm_start == 0)


@torch.no_grad()
def test_the_nearest_target_is_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build()
    places = torch.eye(6)
    monkeypatch.setattr(model.encoder, "forward", lambda c: 3 * places[c[:, 0, 0, 0].long()])
    targets = (places + 0.1) * torch.tensor([1.0, 50.0, 1.0, 0.1, 1.0, 1.0])[:, None]
    monkeypatch.setattr(  # by direction: that of 1 is long
        model.target_encoder, "forward", lambda x: targets[x[:, 0, 0, 0].long()]
    )
    c, x = torch.zeros(3, 1, 64, 64), torch.zeros(6, 1, 28, 28)
    c[:, 0, 0, 0] = torch.tensor([2.0, 5.0, 0.0])
    x[:, 0, 0, 0] = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    digit = torch.tensor([8, 7, 6, 5, 4, 3])
    found = model.recognize(c, x, digit)
    assert found is not None and found.tolist() == [5, 8, 3]


@torch.no_grad()
@pytest.mark.parametrize("labels", ["warm-start", "cascade"])
def test_with_labels_the_nearest_digit_is_recognized(labels: Labels) -> None:
    """More conditions than are encoded at once; targets are not looked at."""
    model, pairs = build(labels), batch(600)
    model.encoder = Encoder()  # type: ignore[assignment]
    e = unit(model.encoder(pairs.c).double().numpy())
    w = unit(model.digit_embedding.weight.double().numpy())
    found = model.recognize(pairs.c, pairs.x[:0], torch.zeros(0).long())
    assert found is not None and found.tolist() == (e @ w.T).argmax(1).tolist()
    assert len(found.unique()) > 3


def weights(source: PairedDataset, name: str, preset: str, labels: Labels) -> dict[str, Tensor]:
    """Of a model after a few steps on this data."""
    config = presets(name)[preset]
    small: dict[str, Any] = {
        "width": 8,
        "encoder_width": 8,
        "warm_start": 0.5,
        "warm_start_batch_size": 6,
    }
    small |= {"batch_size": 4}
    known = {field.name for field in dataclasses.fields(config)}
    config = dataclasses.replace(config, **{k: v for k, v in small.items() if k in known})
    torch.manual_seed(0)
    model = config.build(datasets.spec("audio2image", labels))
    train = part(source, "official", "train")
    # The pairs are made before the digits are permuted: they alone may depend on them.
    batches = Batches(train, "fixed-2", 4, 0, labels=labels)
    permuted = torch.arange(9, -1, -1)
    if source.name == "permuted":
        object.__setattr__(train, "sound_digit", permuted[train.sound_digit])
        object.__setattr__(train, "image_digit", permuted[train.image_digit])
    phases = model.phases()
    schedule = Schedule(phases, [1] * len(phases), 4)  # a warm start of two steps
    trainer = Trainer(model, schedule, batches, Fabric(accelerator="cpu"), 0.9)
    for _ in range(2 + N_STEPS):
        trainer.advance()
    trainer.flush()
    return model.state_dict()


@pytest.mark.parametrize("name", names())
def test_no_label_reaches_a_model_without_labels(name: str, offline_source: PairedDataset) -> None:
    """Digits that are permuted after pairing change nothing, to the bit; with labels, they do."""
    other = dataclasses.replace(offline_source, name="permuted")
    for preset in presets(name):
        first = weights(offline_source, name, preset, "none")
        second = weights(other, name, preset, "none")
        assert all(torch.equal(a, second[key]) for key, a in first.items())
    first = weights(offline_source, name, "reference", "warm-start")
    second = weights(other, name, "reference", "warm-start")
    assert not all(torch.equal(a, second[key]) for key, a in first.items())


def test_the_target_encoder_is_in_no_other_phase() -> None:
    for name in names():
        model = presets(name)["reference"].build(datasets.spec("audio2image"))
        assert isinstance(model, ConditionalModel)
        mine = {id(p) for p in (*model.target_encoder.parameters(), *model.encoder.parameters())}
        first, *others = model.phases()
        assert first.name == "align" and {id(p) for p in first.parameters} == mine
        assert not any(id(p) in mine for phase in others for p in phase.parameters)
        assert all(phase.start == first.stop for phase in others)


def test_one_start_for_all_models(tmp_path: Path) -> None:
    """The same settings, unless a preset says otherwise."""
    shared = {field.name for field in dataclasses.fields(ConditionalConfig)} - {
        *("batch_size", "ema", "width")
    }
    configs = [presets(name)["reference"] for name in names()]
    for field in shared:
        # Of a bridge the embedding is a part of the latent, which is small.
        alike = (c for c in configs if field != "embedding_dim" or not c.both_ways)
        assert len({getattr(config, field) for config in alike}) == 1, field
