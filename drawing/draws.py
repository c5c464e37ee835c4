"""What models draw for words, and how a judge reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.errors import InputError
from common.progress import Progress
from converters.sound_as import REPRESENTATIONS
from datasets import from_pixels, seed_of, to_pixels
from drawing.sounds import Row
from judges import Judge
from models import GenerativeModel
from training.checkpoint import Checkpoint

__all__ = ["Drawn", "draw", "names_of"]


@dataclass(frozen=True)
class Drawn:
    """What one model made of all sounds."""

    name: str
    images: Tensor  # (r, k, 28, 28) uint8
    digits: Tensor  # (r, k) int64, by judge A

    def reading(self, row: int) -> tuple[int, float]:
        """The digit that most draws show, and their share."""
        counts = self.digits[row].bincount(minlength=10)
        return int(counts.argmax()), int(counts.max()) / len(self.digits[row])


def names_of(found: Sequence[Checkpoint]) -> list[str]:
    """Of the models: as much of their runs as distinguishes them."""
    about = [
        (c.run.model, c.run.preset, c.run.data, c.run.split, c.run.pairing,
         f"labels {c.run.labels}", f"sound as {c.run.sound_as}", f"augment {c.run.augment}",
         f"seed {c.run.seed}",
         f"step {c.step:,}")
        for c in found
    ]  # fmt: skip
    differs = [len(set(column)) > 1 for column in zip(*about, strict=True)]
    names: list[str] = []
    for model, *rest in about:
        more = ", ".join(x for x, is_needed in zip(rest, differs[1:], strict=True) if is_needed)
        name = f"{model} ({more})" if more else model
        n = sum(each.partition(" #")[0] == name for each in names)
        names.append(f"{name} #{n + 1}" if n else name)
    return names


@torch.no_grad()  # not inference_mode: some models optimize while they sample
def draw(
    rows: Sequence[Row],
    models: Mapping[str, tuple[GenerativeModel, str]],
    judge: Judge,
    n_draws: int,
    seed: int,
    device: torch.device,
) -> list[Drawn]:
    """What each model draws for each word.

    Args:
        models: by their names, each with how it hears.
        seed: of the noise, which is the same for every word and model.

    Raises:
        InputError: a model draws values that are not finite.
    """
    made = []
    with Progress("drawing", len(models) * len(rows), unit="sound") as bar:
        for name, (model, sound_as) in models.items():
            encode = REPRESENTATIONS[sound_as].to_picture
            images = []
            for row in rows:
                c = from_pixels(encode(row.word.clip[None])).to(device)
                # The same noise for every sound: a column differs by the sounds alone.
                generator = torch.Generator(device).manual_seed(seed_of("draw", seed))
                x = model.sample(c.expand(n_draws, -1, -1, -1), generator)
                if not x.isfinite().all():
                    raise InputError(f"{name} draws values that are not finite: its run diverged")
                images.append(to_pixels(x).cpu())
                bar.update()
            drawn = torch.stack(images)  # (r, k, 28, 28)
            digits = judge(drawn.flatten(0, 1))[1].argmax(1).view(drawn.shape[:2])
            made.append(Drawn(name, drawn, digits))
    return made
