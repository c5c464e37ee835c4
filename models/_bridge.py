"""What a latent bridge is: a latent space from which images and sounds are drawn, and into which
both are mapped, so that one model draws either of the other."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from datasets import Batch, TaskSpec
from models._base import GenerativeModel

__all__ = ["LatentBridge"]


class LatentBridge(GenerativeModel):
    """Sound -> image: encode, then generate. Image -> sound: project, then decode."""

    @staticmethod
    def shapes(spec: TaskSpec) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """Of images and of sounds: the same for both tasks."""
        hears = spec.task == "audio2image"
        return (spec.x_shape, spec.c_shape) if hears else (spec.c_shape, spec.x_shape)

    def sides(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Images (b, *image), sounds (b, *sound) as they are heard, and as they are to be said: not
        augmented."""
        if self.spec.task == "image2audio":
            return batch.c, batch.x, batch.x
        return batch.x, batch.c, batch.c if batch.plain is None else batch.plain

    @abstractmethod
    def encode(self, sound: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw of z given a sound: (b, *sound) -> (b, z_dim)."""

    @abstractmethod
    def project(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """z from which nearly this image is drawn: (b, *image) -> (b, z_dim)."""

    @abstractmethod
    def draw_image(self, z: Tensor) -> Tensor:
        """(b, z_dim) -> (b, *image) in [0, 1]."""

    @abstractmethod
    def draw_sound(self, z: Tensor) -> Tensor:
        """(b, z_dim) -> (b, *sound) in [0, 1]."""

    def embed_condition(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """z, of which a sample is drawn."""
        hears = self.spec.task == "audio2image"
        return self.encode(c, generator) if hears else self.project(c, generator)

    def sample(self, c: Tensor, generator: torch.Generator | None = None) -> Tensor:
        draw = self.draw_image if self.spec.task == "audio2image" else self.draw_sound
        return draw(self.embed_condition(c, generator))
