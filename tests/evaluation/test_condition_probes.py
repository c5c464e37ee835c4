"""Changed sounds are changed as it is said, and each share is of its own change."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

import datasets
from converters.sound_as import REPRESENTATIONS
from datasets import Part
from evaluation import condition_probes as module
from evaluation.candidates import Candidate
from evaluation.conditioning import draws_metrics, speaker_probe
from evaluation.estimates import Estimate
from evaluation.scorecard import ImageFeatures
from tests.evaluation.planted import planted_dataset

N = 24
CHANGES = ("noisy_20db", "noisy_10db", "noisy_0db", "shifted", "silence")
RIGHT = dict(zip(CHANGES, (20, 16, 11, 7, 3), strict=True))  # of N drawn after a change
MARK = 200  # in the second row of a changed sound's picture


def features(x: Tensor, digit: Tensor) -> ImageFeatures:
    nothing = torch.empty(len(x), 0)
    return ImageFeatures(x, digit, digit, nothing, nothing, nothing)


class Found(NamedTuple):
    metrics: dict[str, Estimate]
    drawn: list[tuple[Tensor, Tensor]]  # the sounds and digits of each call
    features: list[Tensor]  # of what was drawn
    clips: list[Tensor]  # that were made pictures of
    test: Part


@pytest.fixture(scope="module")
def found() -> Found:
    test = datasets.test_part(planted_dataset(), "official")
    test.clips.mul_(torch.logspace(-2, 0, len(test.clips))[:, None])  # other levels
    drawn: list[tuple[Tensor, Tensor]] = []
    clips: list[Tensor] = []
    features: list[Tensor] = []

    def to_picture(changed: Tensor) -> Tensor:
        picture = torch.zeros(len(changed), 64, 64, dtype=torch.uint8)
        picture[:, 1] = MARK + len(clips)
        clips.append(changed)
        return picture

    def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        """Its first pixels: the digit; the speaker; noise."""
        drawn.append((c, digit))
        x = torch.zeros(len(c), 28, 28, dtype=torch.uint8)
        x[:, 0, 0], x[:, 0, 1] = c[:, 0, 0], c[:, 0, 1]
        if (c[:, 1, 0] >= MARK).all():
            name = CHANGES[int(c[0, 1, 0]) - MARK]
            wrong = torch.arange(len(c)) >= RIGHT[name]
            x[:, 0, 0] = torch.where(wrong, (digit + 1) % 10, digit)
            if name == "silence":
                x[:, 0, 0] = torch.where(wrong, 4, 8)
        x[:, 2:] = torch.randint(0, 99, (len(c), 26, 28), generator=generator, dtype=torch.uint8)
        return x

    def judge(x: Tensor) -> ImageFeatures:
        nothing = torch.empty(len(x), 0)
        # 40 for a speaker; and judge B takes 3 for 7.
        of = torch.cat((40.0 * x[:, 0, 1, None], x[:, 2:].flatten(1)), 1)
        features.append(of)
        digit = x[:, 0, 0].long()
        misread = torch.where(digit == 3, 7, digit)
        return ImageFeatures(of, digit, misread, nothing, nothing, nothing)

    def noise() -> torch.Generator:
        return torch.Generator().manual_seed(5)

    with pytest.MonkeyPatch.context() as patch:
        usual = SimpleNamespace(to_picture=to_picture)
        patch.setitem(REPRESENTATIONS, "mel64", usual)
        patch.setattr(module, "MAX_N", N)
        metrics = module.condition_probes(draw, test, judge, noise)
    return Found(metrics, drawn, features, clips, test)


def of(c: Tensor) -> tuple[Tensor, Tensor]:
    """Digit and speaker of unchanged sounds."""
    return c[:, 0, 0].long(), c[:, 0, 1].long()


def test_other_digits_are_of_the_same_speaker(found: Found) -> None:
    (base, digit), (_, _), (other, wanted) = found.drawn[:3]
    assert torch.equal(of(base)[0], digit) and torch.equal(of(other)[0], wanted)
    assert (of(other)[0] != of(base)[0]).all() and torch.equal(of(other)[1], of(base)[1])
    assert len(of(base)[0].unique()) > 5 and len(of(base)[1].unique()) == 3
    share = 1 - (wanted == 3).double().mean().item() / 2
    assert share < 1
    assert found.metrics["obeys_other_digit"].value == pytest.approx(share)


def test_the_effect_of_a_speaker_is_relative_to_that_of_noise(found: Found) -> None:
    (base, _), (again, _), _, (changed, digit) = found.drawn[:4]
    assert torch.equal(again, base) and torch.equal(of(changed)[0], digit)
    assert (of(changed)[1] != of(base)[1]).all()
    first, second, _, other = (each.double() for each in found.features[:4])
    by_noise = (first - second).square().sum(1).mean().sqrt()
    by_speaker = (40.0 * (of(changed)[1] - of(base)[1])).double().square().mean().sqrt()
    assert torch.equal(first[:, 1:], other[:, 1:])  # the noise stays
    assert found.metrics["speaker_effect"].value == pytest.approx((by_speaker / by_noise).item())


def test_noise_is_as_loud_as_it_says_for_each_clip(found: Found) -> None:
    names = found.test.sound_digit, found.test.speaker
    digit, speaker = of(found.drawn[0][0])
    row = [int(((names[0] == d) & (names[1] == s)).nonzero()[0, 0])
           for d, s in zip(digit, speaker, strict=True)]  # fmt: skip
    clean = found.test.clips[row]
    for noisy, wanted in zip(found.clips, (20, 10, 0), strict=False):
        ratio = clean.square().sum(1) / (noisy - clean).square().sum(1)
        assert (10 * ratio.log10() - wanted).abs().max() < 0.3
    moved = found.clips[3]
    for i in range(N):
        later, earlier = torch.zeros(8192), torch.zeros(8192)
        later[800:], earlier[:-800] = clean[i][:-800], clean[i][800:]
        assert torch.equal(moved[i], later if i % 2 else earlier)
    assert found.clips[4].shape[1] == 8192 and not found.clips[4].any()


def test_each_share_is_of_its_change(found: Found) -> None:
    digit = of(found.drawn[0][0])[0]
    for name in CHANGES[:4]:
        right = torch.arange(N) < RIGHT[name]
        share = (right.double() - (right & (digit == 3)).double() / 2).mean().item()
        assert found.metrics[f"obeys_{name}"].value == pytest.approx(share)
    assert found.metrics["silence_digit"].value == pytest.approx((N - 3) / N)


def judge(x: Tensor) -> ImageFeatures:
    """Reads the first pixel; its features are the first two."""
    return features(x[:, 0, :2].float(), x[:, 0, 0].long())


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def test_the_effect_of_a_speaker_leaves_other_digits_out() -> None:
    """Where the speaker changes the digit, the change is not of the speaker within the digit."""
    test = datasets.test_part(planted_dataset(), "official")

    def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        x = torch.zeros(len(c), 28, 28, dtype=torch.uint8)
        x[:, 0, 0] = torch.where(c[:, 0, 1] == 1, 0, 5)  # speaker 1 alone is heard otherwise
        x[:, 0, 1] = torch.randint(0, 99, (len(c),), generator=generator, dtype=torch.uint8)
        return x

    found = module.condition_probes(draw, test, judge, noise)
    assert found["speaker_effect"].value == 0


def test_a_speaker_who_is_alone_has_no_effect() -> None:
    test = datasets.test_part(planted_dataset(), "speaker:bob")

    def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        return c[:, :28, :28] + torch.randint(0, 2, (1,), generator=generator, dtype=torch.uint8)

    found = module.condition_probes(draw, test, judge, noise)
    assert "speaker_effect" not in found and "obeys_other_digit" in found


def test_without_noise_a_speaker_has_no_relative_effect() -> None:
    test = datasets.test_part(planted_dataset(), "official")

    def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        return c[:, :28, :28]

    found = module.condition_probes(draw, test, judge, noise)
    assert "speaker_effect" not in found and "obeys_shifted" in found


def test_draws_for_one_sound_stand_against_two_real_images_of_the_digit() -> None:
    generator = torch.Generator().manual_seed(0)
    n = 4000
    digit = torch.arange(n) % 10
    sound = torch.randn(n, 4, generator=generator)
    first, again = (sound + torch.randn(n, 4, generator=generator) for _ in range(2))
    real, other = (3 * torch.randn(n, 4, generator=generator) for _ in range(2))
    found = draws_metrics(features(first, digit), features(again, digit), real, other, digit)
    assert found["diversity_given_sound"].value == pytest.approx(1 / 3, rel=0.05)
    assert found["sound_share"].value == pytest.approx(1 / 2, abs=0.05)
    # A draw of another digit counts for the diversity, and not for the sound's share.
    far, misread = first.clone(), digit.clone()
    far[::7] += 100
    misread[::7] = (digit[::7] + 1) % 10
    for pair in (
        (features(far, misread), features(again, digit)),
        (features(again, digit), features(far, misread)),
    ):
        found = draws_metrics(*pair, real, other, digit)
        assert found["diversity_given_sound"].value > 5
        assert found["sound_share"].value == pytest.approx(1 / 2, abs=0.06)
    # Digits that differ are no share of the sound.
    moved, moved_again = (features(x + 50 * digit[:, None], digit) for x in (first, again))
    found = draws_metrics(moved, moved_again, real, other, digit)
    assert found["sound_share"].value < 0.6


def test_the_probe_names_the_speaker_from_what_the_network_gets() -> None:
    dataset = planted_dataset()
    test = datasets.test_part(dataset, "official")
    c, d, s = (
        each.repeat_interleave(6, 0) for each in (test.sounds, test.sound_digit, test.speaker)
    )
    kept = (s != 2) | (torch.arange(len(s)) % 6 < 4)  # speakers 0 and 1 have more
    train = Part(test.images, test.image_digit, c[kept], d[kept], s[kept], test.clips)
    chance = 6 / 16

    class Model:
        def __init__(self, pixel: int) -> None:
            self.pixel = pixel

        def embed_condition(self, c: Tensor, generator: torch.Generator) -> Tensor:
            assert c.max() <= 1
            noise = torch.randn(len(c), 2, generator=generator)
            return noise.mul(0.01) + (c[:, 0, 0, self.pixel, None] * 255 == torch.tensor([0, 1]))

    def probe(pixel: int) -> Estimate:
        model: object = Model(pixel)
        candidate = Candidate("x", False, lambda c, digit, g: c, model)  # type: ignore[arg-type]
        return speaker_probe(candidate, train, torch.Generator().manual_seed(0))["speaker_probe"]

    assert probe(1).value == 1  # the second pixel holds the speaker
    assert probe(0).value < chance + 0.15  # the first the digit
    assert probe(1).real == pytest.approx(chance)
    candidate = Candidate("x", False, lambda c, digit, g: c)
    assert speaker_probe(candidate, train, torch.Generator()) == {}
