"""What every registered model and preset must hold."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import math
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

import datasets
import models
from datasets import Batch, TaskSpec
from datasets.pairing import seed_of
from models import GenerativeModel, Phase
from training.loop import Trainer
from training.schedule import Schedule

SPEC = datasets.spec("audio2image")


def variants() -> Iterator[tuple[str, str, str, str | float]]:
    """(model, preset, "", "") for each preset, and (model, preset, setting, choice) for every other
    choice of a setting that has a few, for labels, for no warm start and one that ends."""
    for name in models.names():
        for preset, config in models.presets(name).items():
            yield name, preset, "", ""
            tasks = datasets.TASKS if config.both_ways else config.tasks
            for task in tasks[1:]:
                yield name, preset, "task", task
            for task in tasks:
                yield name, preset, "color", task
            if hasattr(config, "warm_start"):
                yield name, preset, "warm_start", 0.0
                yield name, preset, "align_share", 0.0
                yield name, preset, "labels", "warm-start"
            for setting, kind in get_type_hints(type(config)).items():
                for choice in get_args(kind) if get_origin(kind) is Literal else ():
                    if choice != getattr(config, setting):
                        yield name, preset, setting, choice


def small(name: str, preset: str, setting: str, choice: str | float) -> GenerativeModel:
    """The variant, narrow and without a long warm start, so that a step is quick."""
    config = models.presets(name)[preset]
    sizes: dict[str, Any] = {"width": 8, "encoder_width": 8, "batch_size": 4}
    sizes |= {"warm_start": 0.5, "warm_start_batch_size": 4}
    if setting == "labels":
        spec = dataclasses.replace(SPEC, labels="warm-start")
    elif setting == "task":
        spec = datasets.spec(choice)  # type: ignore[arg-type]
    elif setting == "color":
        spec = datasets.spec(choice)  # type: ignore[arg-type]
        image = (3, 64, 64)
        if choice == "audio2image":
            spec = dataclasses.replace(spec, x_shape=image)
        else:
            spec = dataclasses.replace(spec, c_shape=image)
    else:
        spec, sizes = SPEC, sizes | {setting: choice}
    known = {f.name for f in dataclasses.fields(config)}
    return dataclasses.replace(config, **{k: v for k, v in sizes.items() if k in known}).build(spec)


class RandomBatches:
    """Noise of the right shapes, a function of (step, phase, k); x is a part of c, so that
    samples can depend on it."""

    seed, rank, batch_size = 0, 0, 4

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec

    def __call__(
        self, step: int = 0, phase: str = "", k: int = 0, batch_size: int | None = None
    ) -> Batch:
        generator = torch.Generator().manual_seed(seed_of(step, phase, k))
        level = torch.rand(4, 1, 1, 1, generator=generator)
        c = level * torch.rand(4, *self.spec.c_shape, generator=generator)
        digit = torch.randint(0, 10, (4,), generator=generator)
        channels, height, width = self.spec.x_shape
        x = c[:, :1].repeat(1, channels, 3, 3)[:, :, :height, :width].clone()
        return Batch(x, c, digit if self.spec.labels == "warm-start" else None)


@pytest.fixture(params=variants(), ids=lambda p: "-".join(str(each) for each in p if each != ""))
def model(request: pytest.FixtureRequest) -> GenerativeModel:
    torch.manual_seed(0)
    return small(*request.param)


def trained(model: GenerativeModel, steps: int = 6, lr: float | None = None) -> Trainer:
    phases = model.phases()
    if lr is not None:
        phases = [
            dataclasses.replace(p, optimizer=dataclasses.replace(p.optimizer, lr=lr))
            for p in phases
        ]
    schedule = Schedule(phases, [1] * len(phases), 4)  # a warm start of two steps
    batches = RandomBatches(model.spec)
    trainer = Trainer(model, schedule, batches, Fabric(accelerator="cpu"), 0.0)
    for _ in range(steps):
        trainer.advance()
    trainer.flush()
    model.eval()
    return trainer


def draw(model: GenerativeModel, c: Tensor, seed: int) -> Tensor:
    with torch.no_grad():
        return model.sample(c, torch.Generator().manual_seed(seed))


def test_every_parameter_is_named_by_a_phase(model: GenerativeModel) -> None:
    named = {id(p) for phase in model.phases() for p in phase.parameters}
    lost = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in named]
    assert not lost


def test_phases_have_the_common_names_and_no_parameter_twice(model: GenerativeModel) -> None:
    """The same tags for the same role, so that the charts of all models overlay."""
    phases = model.phases()
    assert {phase.name for phase in phases} <= {
        *("align", "classify", "encoder", "generator", "discriminator")
    }
    assert len({phase.name for phase in phases}) == len(phases)
    for phase in phases:
        assert len({id(p) for p in phase.parameters}) == len(phase.parameters)


def test_a_phase_changes_only_what_it_names(model: GenerativeModel) -> None:
    trainer = trained(model)
    model.train()
    for window in trainer.windows:
        phase = window.phase
        trainer.step = window.start  # a warm start that is over has a rate of 0
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        trainer._update(window, 0)
        mine = {id(p) for p in phase.parameters}
        changed = {n for n, p in model.named_parameters() if not torch.equal(before[n], p)}
        foreign = {n for n, p in model.named_parameters() if id(p) not in mine}
        assert changed, f"{phase.name} changes nothing"
        assert not changed & foreign, f"{phase.name} changes {sorted(changed & foreign)[:3]}"


def adversaries(model: GenerativeModel) -> Iterator[tuple[Phase, Phase]]:
    """(the phase that judges, the phase that is judged)"""
    phases = {phase.name: phase for phase in model.phases()}
    if "discriminator" in phases:
        yield phases["discriminator"], phases["generator"]


def test_adversaries_pull_in_opposite_directions(model: GenerativeModel) -> None:
    """Either side lowers its own loss; the judged side raises the loss of its judge."""
    trained(model)
    model.train()
    batch = RandomBatches(model.spec)(99)

    def loss_of(phase: Phase) -> Tensor:
        losses = []
        for seed in range(2):  # one shift of the images would be learned by heart
            torch.manual_seed(seed)
            losses.append(phase.loss(batch)[0])
        return torch.stack(losses).mean()

    def train(phase: Phase, until: float = -math.inf) -> None:
        optimizer = torch.optim.Adam(phase.parameters, lr=1e-3)
        for _ in range(10):
            optimizer.zero_grad()
            loss = loss_of(phase)
            if loss < until:
                break
            loss.backward(inputs=list(phase.parameters))
            optimizer.step()

    for judge, judged in adversaries(model):
        before = loss_of(judge).item()
        train(judge, until=before - 0.1 * abs(before))  # a hinge loss of 0 tells nothing
        after = loss_of(judge).item()
        assert after < before
        before = loss_of(judged).item()
        train(judged)
        assert loss_of(judged).item() < before
        assert loss_of(judge).item() > after


def test_samples_have_the_shape_and_range_of_the_task(model: GenerativeModel) -> None:
    trained(model)
    x = draw(model, RandomBatches(model.spec)().c, 0)
    assert x.shape == (4, *model.spec.x_shape)
    assert x.dtype == torch.float32
    assert 0 <= x.min() <= x.max() <= 1


def test_samples_repeat_by_seed_and_vary_as_declared(model: GenerativeModel) -> None:
    # Some original networks start with gains so small that nothing passes through them.
    trained(model, lr=5e-3)
    c = RandomBatches(model.spec)().c
    x = draw(model, c, 0)
    assert torch.equal(x, draw(model, c, 0))
    assert torch.equal(x, draw(model, c, 1)) != model.stochastic
    # The one step of the original bridge follows the signs of a gradient in which the image weighs
    # next to nothing: whether one of few units turns is chance.
    config: Any = model.config
    if getattr(config, "inversion_steps", 2) == 1 and model.spec.task == "image2audio":
        return
    assert torch.equal(x, draw(model, 1 - c, 0)) != model.conditional


def test_sampling_leaves_the_global_noise_alone(model: GenerativeModel) -> None:
    trained(model)
    state = torch.get_rng_state()
    draw(model, RandomBatches(model.spec)().c, 0)
    assert torch.equal(state, torch.get_rng_state())


def test_a_step_is_a_function_of_seed_and_step(model: GenerativeModel) -> None:
    twin = type(model)(model.spec, model.config)
    twin.load_state_dict(model.state_dict())
    trained(model, 4)
    torch.rand(3)  # noise drawn elsewhere must not matter
    trained(twin, 4)
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True)
    )


def test_every_setting_has_help(model: GenerativeModel) -> None:
    """The string under a field is its help; without one a setting explains nothing."""
    kind = type(model.config)
    documented: set[str] = set()
    for each in kind.__mro__[:-1]:
        body = next(
            (n.body for n in ast.walk(ast.parse(inspect.getsource(sys.modules[each.__module__])))
             if isinstance(n, ast.ClassDef) and n.name == each.__name__), []
        )  # fmt: skip
        for field, text in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                documented.add(ast.unparse(field.target))
    assert {field.name for field in dataclasses.fields(kind)} <= documented


@pytest.mark.parametrize("name", models.names())
def test_has_a_reference_preset(name: str) -> None:
    assert "reference" in models.presets(name)
