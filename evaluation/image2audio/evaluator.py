"""What every candidate that draws speech is measured with, on the test split."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.figure
import torch
from torch import Tensor
from tqdm import tqdm

from common.files import write_atomically
from common.plots import sample_grid, side_by_side
from converters.mel64 import features
from converters.mel64.features import to_picture
from converters.sound_as import MEL64, REPRESENTATIONS, to_mel64
from datasets import seed_of
from evaluation import outputs
from evaluation.base import SEED, Evaluator
from evaluation.candidates import Candidate
from evaluation.estimates import Estimate
from evaluation.image2audio import players
from evaluation.image2audio.scorecard import (
    LEFT_OUT,
    Heard,
    RealSpeech,
    SpeechFeatures,
    folds,
    score,
)
from evaluation.scorecard import pool_pixels
from evaluation.usefulness import classification_accuracy
from metrics.diversity import condition_share, diversity_of_draws
from metrics.neighbors import nearest
from metrics.voice import clipped_share, level_db, pitch_hz, word_seconds

__all__ = ["PLAYERS", "SpeechEvaluator"]

N_HEARD = 3  # sets of as many samples as test recordings: a sound takes hundredths of a second
MIN_RIGHT = 100  # pairs of draws of the right digit, for the image's share
N_DRAWS = 4  # for one image in the grid and on the page
PLAYERS = "players.html"
STRIDE = 5  # a fifth of the images are drawn for twice


class SpeechEvaluator(Evaluator):
    """Speech from images: for every test image."""

    PROTOCOL = "image2audio-2"
    KIND = "sound"
    PAGES = (PLAYERS,)

    @cached_property
    def real(self) -> RealSpeech:
        parts = (self.test, self.train, self.validation)
        test, train, held_out = (self.features_of(each.sounds) for each in parts)
        return RealSpeech(
            test=test,
            test_digit=self.test.sound_digit,
            train=train,
            train_digit=self.train.sound_digit,
            train_speaker=self.train.speaker,
            held_out=held_out,
            held_out_digit=self.validation.sound_digit,
            heard=self.hear(self.test.sounds),
            held_out_heard=self.hear(self.validation.sounds),
        )

    def restored(self, state: dict[str, Any]) -> RealSpeech:
        return RealSpeech.from_state(state)

    def features_of(self, pictures: Tensor) -> SpeechFeatures:
        """What the metrics need of (n, 64, 64) uint8."""
        (features, logits), (_, logits_b) = (judge(pictures, 100) for judge in self.judges)
        return SpeechFeatures(features, logits.argmax(1), logits_b.argmax(1), pool_pixels(pictures))

    def hear(self, pictures: Tensor) -> Heard:
        """What is heard of (n, 64, 64) uint8 when the converter makes sounds of them."""
        return self.hear_clips(REPRESENTATIONS[MEL64].to_sound(pictures).cpu())

    def hear_clips(self, clips: Tensor) -> Heard:
        """What is heard of (n, n_samples), on the CPU."""
        again = to_picture(clips).to(self.device)
        digit_a, digit_b = (judge(again, 100)[1].argmax(1) for judge in self.judges)
        rate = features.MEL64.sample_rate
        return Heard(
            digit_a,
            digit_b,
            seconds=word_seconds(clips, rate),
            pitch=pitch_hz(clips, rate),
            level=level_db(clips),
            clipped=clipped_share(clips),
        )

    def _said(self, drawn: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Of all draws their pictures as mel64, of some also what is heard. The converter of mel64
        takes hundredths of a second for each: there, the others never become sounds."""
        to_sound = REPRESENTATIONS[self.sound_as].to_sound
        if self.sound_as == MEL64:
            return drawn, to_sound(drawn[rows]).cpu()
        clips = to_sound(drawn).cpu()
        return to_picture(clips).to(drawn.device), clips[rows.cpu()]

    def usefulness(self, pictures: Tensor, digit: Tensor) -> Estimate:
        """What a classifier learns from as many samples as there are training recordings, or as
        there can be, beside what it learns from as many of these."""
        test = self.test
        rows = folds(digit, test.sound_digit)[: self.n_sets].flatten()
        correct = classification_accuracy(
            pictures[rows], digit[rows], test.sounds, test.sound_digit
        )
        return Estimate(correct.double().mean().item(), real=self.usefulness_of_real)

    @cached_property
    def n_sets(self) -> int:
        """From how many sets of the size of the test recordings a classifier learns."""
        test, train = self.test, self.train
        return min(
            len(folds(digit, test.sound_digit)) for digit in (train.sound_digit, test.image_digit)
        )

    @cached_property
    def usefulness_of_real(self) -> float:
        train, test = self.train, self.test
        rows = folds(train.sound_digit, test.sound_digit)[: self.n_sets].flatten().sort().values
        correct = classification_accuracy(
            train.sounds[rows], train.sound_digit[rows], test.sounds, test.sound_digit
        )
        return correct.double().mean().item()

    def _some(self, n: int, purpose: str) -> Tensor:
        """(n,) indices of test images, at random: what repeats in every tenth sample stays unseen
        in these."""
        generator = torch.Generator().manual_seed(seed_of("evaluate", purpose, SEED))
        order = torch.randperm(len(self.test.images), generator=generator)
        return order[:n].sort().values.to(self.device)

    @torch.no_grad()  # not inference_mode: some models optimize while they sample
    def evaluate(
        self, candidate: Candidate, out: Path, json_path: Path | None = None
    ) -> dict[str, Any]:
        test, digit = self.test, self.test.image_digit
        drawn, cost = self.draw(candidate, test.images, digit)

        with tqdm(total=5, leave=False, disable=None) as bar:

            def on_progress(stage: str) -> None:
                bar.set_description(stage)
                bar.update()

            on_progress("real recordings")
            real = self.real
            on_progress("sounds of the samples")
            rows = folds(digit, test.sound_digit)[:N_HEARD].flatten()
            pictures, clips = self._said(drawn, rows)
            heard = self.hear_clips(clips)
            on_progress("distances, copies")
            fake = self.features_of(pictures)
            metrics = score(fake, digit, heard, digit[rows], real)
            on_progress("draws for the same images")
            at = self._some(len(digit) // STRIDE, "drawn again")
            drawn = candidate.draw(test.images[at], digit[at], self.generator("noise again"))
            again = self.features_of(to_mel64(drawn, self.sound_as))
            metrics |= draws_metrics(fake.at(at), again, real, digit[at])
            on_progress("usefulness")
            metrics["cas"] = self.usefulness(pictures, digit)
            metrics |= candidate.extra_metrics(
                self.train.seen_as(self.sound_as),
                test.seen_as(self.sound_as),
                self.generator("partners"),
            )

        # Each image is a condition of its own: no counts by it.
        own = torch.arange(len(digit), device=self.device)
        card = self.card(candidate, metrics, fake, digit, own, own, digit, cost)
        card["by_recording"] = {}
        card["left_out"] = {name: why for name, why in LEFT_OUT.items() if name not in metrics}
        shown = _Shown.of(candidate, self)
        outputs.write(
            card, shown.grid(), _neighbors(pictures, self), out, json_path or out / outputs.NAME
        )
        write_atomically(out / PLAYERS, shown.page(candidate.name).encode())
        return card


def draws_metrics(
    first: SpeechFeatures, again: SpeechFeatures, real: RealSpeech, digit: Tensor
) -> dict[str, Estimate]:
    """Of two draws for the same images, which differ in noise alone, in judge A's features.

    Returns:
        `diversity_given_image`: 1 where two draws are as different as two recordings of a digit;
        `image_share`: of the variance within the digit, what the image decides.
    """
    one, other = real.test.features, torch.empty_like(real.test.features)
    generator = torch.Generator().manual_seed(SEED)
    for d in real.test_digit.unique():
        rows = (real.test_digit == d).nonzero()[:, 0]
        # At random: recordings are sorted by their speakers.
        rows = rows[torch.randperm(len(rows), generator=generator).to(rows.device)]
        other[rows] = one[rows.roll(1)]
    diversity = diversity_of_draws(first.features, again.features) / diversity_of_draws(one, other)
    metrics = {"diversity_given_image": Estimate(diversity, real=1.0)}
    right = (first.digit_a == digit) & (again.digit_a == digit)
    if right.sum() > MIN_RIGHT and diversity > 0:
        share = condition_share(first.features[right], again.features[right], digit[right])
        metrics["image_share"] = Estimate(share, real=0.0)
    return metrics


def _neighbors(pictures: Tensor, evaluator: SpeechEvaluator) -> matplotlib.figure.Figure:
    """For each digit the first sample, above its nearest training recording."""
    digit, real = evaluator.test.image_digit, evaluator.real
    first = torch.stack([(digit == d).nonzero()[0, 0] for d in evaluator.shown])
    row = nearest(pool_pixels(pictures[first]), real.train.pixels).row
    shown = {"a sample": pictures[first], "its nearest": evaluator.train.sounds[row]}
    titles = [evaluator.test.classes[d] for d in evaluator.shown]
    return side_by_side(shown, titles, kind="sound")


class _Shown(NamedTuple):
    """One test image of each digit, a recording of the digit, several draws."""

    digits: Sequence[str]  # r names
    images: Tensor  # r images
    spoken: Tensor  # (r, 64, 64), recordings of the digits
    draws: Tensor  # (r, N_DRAWS, 64, 64)
    clips: Tensor  # (r, N_DRAWS, 8192), of the draws
    speakers: list[str]

    @classmethod
    def of(cls, candidate: Candidate, evaluator: SpeechEvaluator) -> _Shown:
        test, names = evaluator.test, evaluator.dataset.recordings.speakers
        digits = evaluator.shown
        image = torch.stack([(test.image_digit == d).nonzero()[0, 0] for d in digits])
        spoken = []
        for d in digits:
            there = (test.sound_digit == d).nonzero()[:, 0]
            spoken.append(there[d * len(there) // len(digits)])
        sound = torch.stack(spoken)
        drawn = candidate.draw(
            test.images[image].repeat_interleave(N_DRAWS, 0),
            test.image_digit[image].repeat_interleave(N_DRAWS),
            evaluator.generator("grid"),
        )
        clips = REPRESENTATIONS[evaluator.sound_as].to_sound(drawn)
        draws = to_mel64(drawn, evaluator.sound_as).unflatten(0, (-1, N_DRAWS))
        speakers = [names[s] for s in test.speaker[sound].tolist()]
        named = [test.classes[d] for d in digits]
        clips = clips.unflatten(0, (-1, N_DRAWS))
        return cls(named, test.images[image], test.sounds[sound], draws, clips, speakers)

    def grid(self) -> matplotlib.figure.Figure:
        labels = [
            f"{digit}, real: {speaker}" if speaker else digit
            for digit, speaker in zip(self.digits, self.speakers, strict=True)
        ]
        return sample_grid(self.images, self.spoken, self.draws, labels, given="image")

    def page(self, title: str) -> str:
        """Players of all, beside their pictures; needs nothing from outside."""
        rows = []
        every = zip(
            self.digits, self.speakers, self.images, self.spoken, self.draws, self.clips,
            strict=True,
        )  # fmt: skip
        for digit, speaker, image, recording, draws, clips in every:
            again = REPRESENTATIONS[MEL64].to_sound(recording[None])[0]
            sounds = [("real, through the converter", recording, again)]
            drawn = zip(draws, clips, strict=True)
            sounds += [(f"draw {i + 1}", *each) for i, each in enumerate(drawn)]
            rows.append(
                {"digit": digit, "speaker": speaker, "image": players.picture(image),
                 "sounds": [players.sound(*each) for each in sounds]}
            )  # fmt: skip
        return players.render(title, rows)
