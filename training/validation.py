"""The validation of a run: metrics by judge B and a sample grid, on validation data."""

from __future__ import annotations

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor

from common import plots
from converters.sound_as import MEL64, REPRESENTATIONS, to_mel64
from datasets import PairedDataset, Task
from datasets.pixels import from_pixels, to_pixels
from datasets.splits import part
from judges import Kind
from judges.own import judge_of
from metrics.accuracy import accuracy
from metrics.diversity import condition_share, diversity_of_draws
from metrics.frechet import frechet_distance
from metrics.prdc import prdc, within_group_coverage
from models import GenerativeModel

__all__ = ["Validation"]

N_SAMPLES = 1000
N_DRAWS = 6
MAX_ROWS = 10  # classes in the grid
MIN_RIGHT = 100  # pairs of draws of the right digit, for the sound's share
SEED = 20210927  # of partners and noise; the same for every run


class Validation:
    """A fixed set of validation pairs and the noise they are drawn with."""

    def __init__(
        self,
        dataset: PairedDataset,
        split: str,
        task: Task = "audio2image",
        sound_as: str = MEL64,
    ) -> None:
        held_out = part(dataset, split, "validation")
        seen = held_out.seen_as(sound_as)  # as the model has it
        self.sound_as, self.speaks = sound_as, task == "image2audio"
        self.given: Kind = "sound" if task == "audio2image" else "image"
        self.drawn: Kind = "image" if task == "audio2image" else "sound"
        x, x_digit, _, c_digit = held_out.sides(task)
        generator = torch.Generator().manual_seed(SEED)
        row = torch.randperm(len(x), generator=generator)[:N_SAMPLES]
        self.digit = x_digit[row]
        self.judge = judge_of(dataset, "b", kind=self.drawn)
        self.fd_name = f"fd_judge_{len(row)}"
        self.x = seen.sides(task).x[row]
        self.real = self.judge(x[row])[0]
        # Another target of the digit beside each: its distance is the diversity of real ones.
        other = _draw_of_digit(x_digit, self.digit, generator)
        self.other = self.judge(x[other])[0]
        self.c = seen.sides(task).c[_draw_of_digit(c_digit, self.digit, generator)]
        self.classes = held_out.classes[:MAX_ROWS]
        every = range(len(self.classes))
        order = [(held_out.sound_digit == digit).nonzero().squeeze(1) for digit in every]
        speakers = held_out.speaker.unique()
        heard = torch.stack(  # each digit by another speaker
            [o[held_out.speaker[o] == speakers[d % len(speakers)]][0] for d, o in enumerate(order)]
        )
        self.clips = held_out.clips[heard]
        self.speakers = [dataset.recordings.speakers[i] for i in held_out.speaker[heard]]
        first = [int((held_out.image_digit == digit).nonzero()[0]) for digit in every]
        self.shown, self.partners = held_out.sounds[heard], held_out.images[first]
        if task == "image2audio":
            self.shown, self.partners = self.partners, self.shown
        self.first = seen.sounds[heard] if task == "audio2image" else self.shown

    def metrics(self, model: GenerativeModel) -> dict[str, float]:
        """By judge B: accuracy, fd_judge_N, coverage and, where a digit has targets enough (a
        speaker of the offline data has too few), coverage_within_digit; of two draws for a
        sound (or image), diversity_given_sound (1: as two real images of a digit) and, where both
        are of the right digit, sound_share (0: a sound decides nothing else). recognition_accuracy
        of the model's warm start."""
        features, logits = self.judge(self._audible(_draw(model, self.c)))
        again, logits_again = self.judge(self._audible(_draw(model, self.c, SEED + 1)))
        right = (logits.argmax(1) == self.digit) & (logits_again.argmax(1) == self.digit)
        found = {
            "accuracy": accuracy(logits.argmax(1), self.digit),
            self.fd_name: frechet_distance(self.real, features),
            "coverage": prdc(self.real, features).coverage,
            f"diversity_given_{self.given}": diversity_of_draws(features, again)
            / diversity_of_draws(self.real, self.other),
        }
        within = within_group_coverage(self.real, self.digit, features, self.digit)
        if not math.isnan(within):
            found["coverage_within_digit"] = within
        if right.sum() > MIN_RIGHT:
            share = condition_share(features[right], again[right], self.digit[right])
            found[f"{self.given}_share"] = share
        recognized = _recognize(model, self.c, self.x, self.digit)
        if recognized is None:
            return found
        return found | {"recognition_accuracy": accuracy(recognized, self.digit)}

    def draws(self, model: GenerativeModel, n: int = N_DRAWS) -> Tensor:
        """(r, n, *image) uint8: n draws for one validation condition of each digit; of sounds as
        mel64 shows them."""
        return self._audible(self._draws(model, n)).unflatten(0, (-1, n))

    def sounds(self, model: GenerativeModel) -> Tensor:
        """(r, n_samples) what is heard of one draw for each digit, where sounds are drawn."""
        return REPRESENTATIONS[self.sound_as].to_sound(self._draws(model, 1))

    def _draws(self, model: GenerativeModel, n: int) -> Tensor:
        return _draw(model, self.first.repeat_interleave(n, 0))

    def _audible(self, drawn: Tensor) -> Tensor:
        """Drawn sounds as the judge hears them; drawn images."""
        return to_mel64(drawn, self.sound_as) if self.drawn == "sound" else drawn

    def grid(self, model: GenerativeModel) -> Figure:
        """One validation condition of each digit, a real partner, several draws."""
        labels = [
            f"{name} by {speaker}" if speaker else name
            for name, speaker in zip(self.classes, self.speakers, strict=True)
        ]
        return plots.sample_grid(self.shown, self.partners, self.draws(model), labels, self.given)


def _draw_of_digit(digit: Tensor, wanted: Tensor, generator: torch.Generator) -> Tensor:
    """(n,) for each wanted digit a random index at which `digit` has it."""
    pools = [(digit == d).nonzero().squeeze(1) for d in range(int(digit.max()) + 1)]
    drawn = [
        pools[d][torch.randint(len(pools[d]), (), generator=generator)] for d in wanted.tolist()
    ]
    return torch.stack(drawn)


@torch.no_grad()
def _draw(model: GenerativeModel, c: Tensor, seed: int = SEED) -> Tensor:
    """Conditions, uint8 -> samples, uint8 on the CPU, noise fixed."""
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    return torch.cat(
        [
            to_pixels(model.sample(from_pixels(chunk.to(device)), generator)).cpu()
            for chunk in c.split(250)
        ]
    )


@torch.no_grad()
def _recognize(model: GenerativeModel, c: Tensor, x: Tensor, x_digit: Tensor) -> Tensor | None:
    """(n,) the digits by the model's warm start, if it has one."""
    device = next(model.parameters()).device
    x, x_digit = from_pixels(x.to(device)), x_digit.to(device)
    found = model.recognize(from_pixels(c.to(device)), x, x_digit)
    return None if found is None else found.cpu()
