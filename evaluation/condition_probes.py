"""What changes in the samples when a sound is changed, beside what should."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from converters.sound_as import REPRESENTATIONS
from datasets import Part
from evaluation.baselines import Draw
from evaluation.estimates import Estimate, estimate_mean
from evaluation.judged import obeyed
from evaluation.scorecard import ImageFeatures
from metrics.diversity import diversity_of_draws

__all__ = ["condition_probes"]

MAX_N = 500  # conditions, drawn anew for each change with the same noise
SNRS = (20, 10, 0)  # dB of white noise against the clip
SHIFTS = (-800, 800)  # samples at 8 kHz: 100 ms


def condition_probes(
    draw: Draw,
    test: Part,
    judge: Callable[[Tensor], ImageFeatures],
    noise: Callable[[], torch.Generator],
    seed: int = 0,
) -> dict[str, Estimate]:
    """Draws for random test sounds, and for changed ones with the same noise.

    Args:
        draw: of the model.
        judge: of (n, 28, 28) uint8 images.
        noise: a new generator in the same state at each call.

    Returns:
        `obeys_other_digit`: share that shows the digit of another recording of the same speaker
        put in place of the sound; `speaker_effect`: root mean square change of the features where
        the digit stays and the speaker changes, relative to that of other noise (0: the speaker
        changes nothing, 1: as much as other noise); `obeys_noisy_NdB`, `obeys_shifted`: share that
        still shows the digit; `silence_digit`: share of the most frequent digit in silence.
    """
    generator = torch.Generator().manual_seed(seed)
    n = min(MAX_N, len(test.images))
    row = torch.randint(len(test.sounds), (n,), generator=generator)
    digit, speaker = test.sound_digit.cpu()[row], test.speaker.cpu()[row]
    other_digit = _another(test, digit, speaker, generator, same="speaker")
    other_speaker = _another(test, digit, speaker, generator, same="digit")
    clips, to_picture = test.clips[row], REPRESENTATIONS[test.sound_as].to_picture

    def drawn(c: Tensor, shown: Tensor, source: torch.Generator | None = None) -> ImageFeatures:
        device = test.sounds.device
        return judge(draw(c.to(device), shown.to(device), source or noise()))

    def share(images: ImageFeatures, shown: Tensor) -> Estimate:
        return estimate_mean(obeyed(images, shown.to(images.digit_a)).cpu(), row, digit)

    base = drawn(test.sounds[row], digit)
    more = torch.Generator(test.sounds.device).manual_seed(seed + 1)
    again = drawn(test.sounds[row], digit, more)
    new_digit = test.sound_digit.cpu()[other_digit]
    found = {"obeys_other_digit": share(drawn(test.sounds[other_digit], new_digit), new_digit)}
    by_noise = diversity_of_draws(base.features, again.features)
    if len(test.speaker.unique()) > 1 and by_noise > 0:
        changed = drawn(test.sounds[other_speaker], digit)
        right = (base.digit_a == changed.digit_a).nonzero()[:, 0]
        ratio = diversity_of_draws(base.features[right], changed.features[right])
        found["speaker_effect"] = Estimate(ratio / by_noise, real=0.0)
    for snr in SNRS:
        power = clips.square().mean(1, keepdim=True) / 10 ** (snr / 10)
        noisy = clips + power.sqrt() * torch.randn(clips.shape, generator=generator)
        images = drawn(to_picture(noisy), digit)
        found[f"obeys_noisy_{snr}db"] = share(images, digit)
    shift = torch.tensor(SHIFTS)[torch.arange(n) % len(SHIFTS)]
    moved = torch.stack([_shift(clip, int(s)) for clip, s in zip(clips, shift, strict=True)])
    found["obeys_shifted"] = share(drawn(to_picture(moved), digit), digit)
    silent = drawn(to_picture(torch.zeros_like(clips[:1])).repeat_interleave(n, 0), digit)
    most = silent.digit_a.bincount().max().item() / n
    return found | {"silence_digit": Estimate(most)}


def _another(
    test: Part, digit: Tensor, speaker: Tensor, generator: torch.Generator, same: str
) -> Tensor:
    """(n,) rows of random recordings that share one of digit and speaker, and differ in the other.

    A speaker who is alone stays.
    """
    rows = []
    all_digits, all_speakers = test.sound_digit.cpu(), test.speaker.cpu()
    for d, s in zip(digit, speaker, strict=True):
        if same == "speaker":
            pool = (all_speakers == s) & (all_digits != d)
        else:
            pool = (all_digits == d) & (all_speakers != s)
        found = pool.nonzero()[:, 0]
        if not len(found):
            found = ((all_digits == d) & (all_speakers == s)).nonzero()[:, 0]
        rows.append(found[torch.randint(len(found), (), generator=generator)])
    return torch.stack(rows)


def _shift(clip: Tensor, n: int) -> Tensor:
    """Later by n samples, earlier by -n; silence comes in."""
    moved = torch.zeros_like(clip)
    if n > 0:
        moved[n:] = clip[:-n]
    else:
        moved[:n] = clip[-n:]
    return moved
