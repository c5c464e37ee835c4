"""What a model is: how one batch updates it, how it samples, and its settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.errors import InputError
from datasets import Batch, Task, TaskSpec
from models._networks import SoundEncoder

__all__ = [
    "ConditionalConfig",
    "ConditionalModel",
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
    cosine: bool = False  # down to 0 at the phase's stop, after 10 % of warm-up
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
        start, stop: the window of steps in which it runs; no stop: to the end.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    loss: Callable[[Batch], tuple[Tensor, Logs]]
    optimizer: OptimizerConfig
    repeat: int = 1
    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise InputError(
                f"phase '{self.name}' is to run {self.repeat} times a step: at least 1"
            )

    def runs_at(self, step: int) -> bool:
        return self.start <= step and (self.stop is None or step < self.stop)


@dataclass(frozen=True)
class Config(ABC):
    """Settings that every model has. A subclass adds its own and names the model it builds."""

    steps: int
    """Length of a run: updates of the network that samples, the warm start included."""
    batch_size: int
    """Pairs in a batch, of each process that trains."""
    ema: float
    """Decay of the moving average of the weights; samples are drawn with the average. 0: none."""

    @abstractmethod
    def build(self, spec: TaskSpec) -> GenerativeModel:
        """A new model with these settings."""


class GenerativeModel(nn.Module, ABC):
    """p(x | c): draws targets x for conditions c."""

    tasks: ClassVar[tuple[Task, ...]] = ("audio2image",)
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

    def digit_logits(self, c: Tensor) -> Tensor | None:
        """(b, n_digits): the digit by the model's own classifier, if it has one."""
        return None


@dataclass(frozen=True)
class ConditionalConfig(Config):
    """Settings of the models whose condition passes through a `SoundEncoder`."""

    batch_size: int = 64
    ema: float = 0.998
    warm_start: int = 1000
    """Steps at the start in which the sound encoder alone learns, by naming digits. After them it
    is frozen. 0: none; it then learns from the generative losses only."""
    warm_start_lr: float = 2e-3
    """Highest learning rate of the warm start."""
    condition_on: Literal["posterior", "embedding"] = "posterior"
    """What the other networks get of a sound: the posterior of its digit, sufficient where partners
    are drawn within the digit; or the whole embedding, speaker and noise included, which a
    generator then uses in place of its own noise."""
    embedding_dim: int = 128
    """Size of the sound encoder's embedding."""
    encoder_width: int = 24
    """Channels of the sound encoder's first layer."""
    width: int = 32
    """Channels of the image networks at full resolution."""


class ConditionalModel(GenerativeModel):
    """A model that sees a condition through a shared encoder.

    The encoder's warm start is the same for all models: digit classification on the run's own
    split, in its first steps, counted in its budget.
    """

    config: ConditionalConfig

    def __init__(self, spec: TaskSpec, config: ConditionalConfig):
        super().__init__(spec, config)
        self.encoder = SoundEncoder(spec.c_shape, config.embedding_dim, config.encoder_width)
        self.classifier = nn.Linear(config.embedding_dim, spec.n_digits)
        on_posterior = config.condition_on == "posterior"
        self.cond_dim = spec.n_digits if on_posterior else config.embedding_dim

    def embed_condition(self, c: Tensor) -> Tensor:
        """(b, *c_shape) -> (b, cond_dim). A warm-started encoder gets no gradient here."""
        trains = torch.is_grad_enabled() and self.config.warm_start == 0
        with torch.set_grad_enabled(trains):
            embedding = self.encoder(c)
            if self.config.condition_on == "embedding":
                return embedding
            # Scaled to the size of an embedding and of the noise beside it.
            return self.classifier(embedding).softmax(1) * self.cond_dim**0.5

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Of the sound encoder, for the phase that trains it where no warm start does."""
        return [] if self.config.warm_start else list(self.encoder.parameters())

    def classification_phase(self) -> Phase:
        """The warm start; without one, only the classifier learns, from a detached embedding."""
        warm_start = self.config.warm_start
        parameters = [*self.classifier.parameters()]
        if warm_start:
            parameters += self.encoder.parameters()
        return Phase(
            name="classify",
            parameters=parameters,
            loss=self.classification_loss,
            optimizer=OptimizerConfig(
                lr=self.config.warm_start_lr,
                betas=(0.9, 0.98),
                weight_decay=0.05,
                cosine=warm_start > 0,
            ),
            stop=warm_start or None,
        )

    def classification_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        with torch.set_grad_enabled(self.config.warm_start > 0):
            embedding = self.encoder(batch.c)
        logits = self.classifier(embedding)
        loss = F.cross_entropy(logits, batch.digit, label_smoothing=0.1)
        return loss, {"cross_entropy": loss.detach()}

    def digit_logits(self, c: Tensor) -> Tensor:
        return self.classifier(self.encoder(c))
