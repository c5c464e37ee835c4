"""Models whose condition is embedded: the warm start that they share, and what it gives them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import Batch, Task, TaskSpec
from models._base import Config, GenerativeModel, Logs, OptimizerConfig, Phase
from models._networks import ImageEmbedder, SoundEncoder

__all__ = ["ConditionalConfig", "ConditionalModel"]


@dataclass(frozen=True)
class ConditionalConfig(Config):
    """Settings of the models whose condition is embedded."""

    tasks: ClassVar[tuple[Task, ...]] = ("audio2image", "image2audio")

    batch_size: int = 64
    ema: float = 0.998
    warm_start: float = 0.35
    """Share of the FLOPs up to the first mark in which the condition's encoder alone learns, by
    aligning the run's own pairs (with `--labels`: by naming digits). 0: none; it then learns from
    the generative losses only."""
    align_share: float = 0.2
    """Share of the FLOPs after the warm start in which the encoder goes on learning as there. 0: it
    is frozen, as it is by default where pairs last: it would learn them by heart."""
    align_lr_share: float = 0.2
    """Of the warm start's learning rate, at its end and after it."""
    warm_start_lr: float = 2e-3
    """Highest learning rate of the warm start."""
    warm_start_batch_size: int = 128
    """Pairs in a batch of the warm start."""
    temperature: float = 0.1
    """Of the cosines in the warm start, and between the embeddings of possible partners."""
    embedding_dim: int = 32
    """Size of the embedding."""
    embedding_noise: float = 0.05
    """Standard deviation of the noise on each unit of the embedding, whose norm is at most 1. It
    drowns what differs between sounds with the same partners, speaker and noise: a generator would
    use these in place of its own noise."""
    encoder_width: int = 24
    """Channels of the sound encoder's first layer."""
    width: int = 32
    """Channels of the networks of images at 28 or 32 pixels; half as many at twice the size."""

    def for_lasting_pairs(self) -> Self:
        return dataclasses.replace(self, align_share=0.0)

    def for_unpaired(self) -> Self:
        return dataclasses.replace(self, warm_start=0.0)


class ConditionalModel(GenerativeModel):
    """A model that gets of a condition the expected embedding of its partner.

    The warm start aligns an encoder of conditions with one of targets on the run's own pairs
    (InfoNCE, van den Oord et al. 2018; symmetric as in CLIP, Radford et al. 2021, section 2.3). Its
    optimum is cos(e(c), f(x)) / temperature = log p(x, c) / (p(x) p(c)) up to a constant, so that

        E[f(x) | c] = sum_j softmax_j(cos(e(c), f(x_j)) / temperature) f(x_j)

    over targets x_j drawn from p(x). It keeps what pairs share and contracts the rest. With labels,
    the targets are the digits themselves, and everything else is the same; `cascade` takes the most
    probable in place of the expectation, as a recognizer before a model of digits does. The warm
    start is one for all models, on the run's own split and seed, counted in its budget.
    """

    config: ConditionalConfig
    references: Tensor  # (n, embedding_dim), f(x_j)

    N_REFERENCES = 1024  # embeddings of the targets that the warm start saw last

    def __init__(self, spec: TaskSpec, config: ConditionalConfig):
        super().__init__(spec, config)
        self.cond_dim = config.embedding_dim
        of_sound = partial(SoundEncoder, embedding_dim=self.cond_dim, width=config.encoder_width)
        of_image = partial(ImageEmbedder, embedding_dim=self.cond_dim)
        hears = spec.task == "audio2image"
        self.encoder = (of_sound if hears else of_image)(spec.c_shape)
        if config.warm_start and spec.labels == "none":
            self.target_encoder = (of_image if hears else of_sound)(spec.x_shape)
            self.register_buffer("references", torch.zeros(self.N_REFERENCES, self.cond_dim))
        elif config.warm_start:
            self.digit_embedding = nn.Embedding(spec.n_digits, self.cond_dim)

    def embed_condition(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(b, *c_shape) -> (b, cond_dim). A warm-started encoder gets no gradient here."""
        trains = torch.is_grad_enabled() and self.config.warm_start == 0
        with torch.set_grad_enabled(trains):
            embedding = F.normalize(self.encoder(c), dim=1)
            if self.config.warm_start:
                embedding = self.expected_partner(embedding)
            noise = torch.randn(embedding.shape, generator=generator, device=c.device)
            embedding = embedding + self.config.embedding_noise * noise
            return embedding * self.cond_dim**0.5  # to the size of the noise beside it

    def expected_partner(self, embedding: Tensor) -> Tensor:
        """E[f(x) | c] of (b, embedding_dim) unit embeddings of c: the same shape, norms up to 1."""
        if self.spec.labels == "none":
            references = self.references
        else:
            references = F.normalize(self.digit_embedding.weight, dim=1)
        similarity = embedding @ references.T / self.config.temperature  # (b, n)
        if self.spec.labels == "cascade":
            return references[similarity.argmax(1)]
        return similarity.softmax(1) @ references

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Of the encoder, for the phase that trains it where no warm start does."""
        return [] if self.config.warm_start else list(self.encoder.parameters())

    def warm_start_phases(self) -> tuple[Phase, ...]:
        """The warm start, if there is one."""
        config = self.config
        if config.warm_start == 0:
            return ()
        aligns = self.spec.labels == "none"
        partner = self.target_encoder if aligns else self.digit_embedding
        return (
            Phase(
                name="align" if aligns else "classify",
                parameters=[*self.encoder.parameters(), *partner.parameters()],
                loss=self.alignment_loss if aligns else self.classification_loss,
                optimizer=OptimizerConfig(
                    lr=config.warm_start_lr,
                    betas=(0.9, 0.98),
                    weight_decay=0.05,
                    cosine_to=config.align_lr_share,
                ),
                stop=config.warm_start,
                then_share=config.align_share,
                batch_size=config.warm_start_batch_size,
            ),
        )

    def alignment_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        """InfoNCE in both directions, in nats."""
        e = F.normalize(self.encoder(batch.c), dim=1)
        f = F.normalize(self.target_encoder(batch.x), dim=1)
        with torch.no_grad():
            recent = torch.cat((self.references, f.float()))
            self.references.copy_(recent[-len(self.references) :])
        logits = e @ f.T / self.config.temperature  # (b, b)
        pair = torch.arange(len(e), device=e.device)
        to_target = F.cross_entropy(logits, pair)
        to_condition = F.cross_entropy(logits.T, pair)
        terms = {"to_target": to_target.detach(), "to_condition": to_condition.detach()}
        return 0.5 * (to_target + to_condition), terms

    def classification_loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        assert batch.digit is not None  # with labels, batches hold them
        loss = F.cross_entropy(self.digit_cosines(batch.c), batch.digit, label_smoothing=0.1)
        return loss, {"cross_entropy": loss.detach()}

    def recognize(self, c: Tensor, x: Tensor, x_digit: Tensor) -> Tensor | None:
        if self.config.warm_start == 0:
            return None
        if self.spec.labels != "none":
            return torch.cat([self.digit_cosines(each).argmax(1) for each in c.split(250)])
        e = torch.cat([F.normalize(self.encoder(each), dim=1) for each in c.split(250)])
        f = torch.cat([F.normalize(self.target_encoder(each), dim=1) for each in x.split(500)])
        return x_digit[(e @ f.T).argmax(1)]

    def digit_cosines(self, c: Tensor) -> Tensor:
        """(b, n_digits): of the embedding of c with those of the digits, over the temperature."""
        e = F.normalize(self.encoder(c), dim=1)
        return e @ F.normalize(self.digit_embedding.weight, dim=1).T / self.config.temperature
