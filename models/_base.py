"""What a model is: how one batch updates it, how it samples, and its settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from common.errors import InputError
from datasets import Batch, Task, TaskSpec

__all__ = [
    "Config",
    "GenerativeModel",
    "Logs",
    "OptimizerConfig",
    "Phase",
]

Logs = dict[str, Tensor]  # detached scalars, by the name of their loss term


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019); Adam when `weight_decay` is 0."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    cosine_to: float | None = None  # share of lr at the phase's stop, after 10 % of warm-up
    clip: float | None = None  # largest gradient norm


@dataclass(frozen=True)
class Phase:
    """One update of one part of a model.

    Attributes:
        name: its tag in the logs, the same for the same role in all models: `generator` trains
            what samples, `discriminator` what judges (a critic too), `encoder`, `classify`.
        parameters: what it alone may change in this step.
        loss: batch -> (scalar to minimise, terms to log). Runs its own forward pass. Gradients
            may flow through other parts but land on `parameters` only.
        optimizer: its settings.
        repeat: updates per step, each on a fresh batch.
        start, stop: the window in which it runs, as shares of the FLOPs up to the run's first mark;
            no stop: to the end.
        then_share: after its window it goes on, in as many steps as take this share of the FLOPs;
            0: it ends.
        batch_size: of its batches; None: the run's.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    loss: Callable[[Batch], tuple[Tensor, Logs]]
    optimizer: OptimizerConfig
    repeat: int = 1
    start: float = 0.0
    stop: float | None = None
    then_share: float = 0.0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise InputError(
                f"phase '{self.name}' is to run {self.repeat} times a step: at least 1"
            )


@dataclass(frozen=True)
class Config(ABC):
    """Settings that every model has. A subclass adds its own and names the model it builds."""

    tasks: ClassVar[tuple[Task, ...]] = ("audio2image",)  # that the model can serve

    both_ways: ClassVar[bool] = False  # one run serves the other task too

    batch_size: int
    """Pairs in a batch, of each process that trains."""
    ema: float
    """Decay of the moving average of the weights; samples are drawn with the average. 0: none."""

    def for_lasting_pairs(self) -> Self:
        """The settings where a recording keeps its partners, which can be learned by heart."""
        return self

    def for_unpaired(self) -> Self:
        """The settings where images and sounds are no pairs."""
        return self

    @abstractmethod
    def build(self, spec: TaskSpec) -> GenerativeModel:
        """A new model with these settings."""


class GenerativeModel(nn.Module, ABC):
    """p(x | c): draws targets x for conditions c."""

    conditional: bool = True  # samples depend on c
    stochastic: bool = True  # samples depend on the generator

    def __init__(self, spec: TaskSpec, config: Config):
        super().__init__()
        self.spec, self.config = spec, config

    @abstractmethod
    def phases(self) -> Sequence[Phase]:
        """How one batch updates the model, in order."""

    @abstractmethod
    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One target for each condition.

        Args:
            c: (b, *spec.c_shape) in [0, 1].
            generator: source of the noise, on the device of c.

        Returns:
            (b, *spec.x_shape) in [0, 1].
        """

    def embed_condition(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor | None:
        """(b, *c_shape) -> (b, cond_dim): all that the network that samples gets of c, if there is
        such an embedding."""
        return None

    def recognize(self, c: Tensor, x: Tensor, x_digit: Tensor) -> Tensor | None:
        """The digit of each condition by the model's warm start, if it has one.

        Args:
            c: (b, *spec.c_shape) in [0, 1], any number of them.
            x: (n, *spec.x_shape) in [0, 1], targets among which it may look for the nearest.
            x_digit: (n,) int64, their digits.

        Returns:
            (b,) int64.
        """
        return None
