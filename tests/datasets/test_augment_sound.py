"""Each augmentation of clips does its one thing, within its bounds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from datasets import augment_sound as augmentation
from datasets.augment_sound import augment_clips

OFF = {"SHIFT": 0, "RESAMPLE": 0.0, "GAIN": 0.0, "FLOOR": (-400.0, -400.0)}
B, N = 64, 8192
RATE = 8000  # Hz


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def only(patch: pytest.MonkeyPatch, *names: str) -> None:
    for name in OFF.keys() - {*names}:
        patch.setattr(augmentation, name, OFF[name])


def tone(hertz: float) -> Tensor:
    """(B, N), all alike."""
    at = torch.arange(N) / RATE
    return (0.1 * torch.sin(2 * torch.pi * hertz * at)).expand(B, N).contiguous()


def burst(hertz: float = 1000, center: float = N / 2, wide: float = 500) -> Tensor:
    """(B, N): a tone under a bell."""
    return tone(hertz) * torch.exp(-(((torch.arange(N) - center) / wide) ** 2))


def center(clips: Tensor) -> Tensor:
    """Of the energy, in samples, (b,)"""
    energy = clips.double().square()
    return energy @ torch.arange(N).double() / energy.sum(1)


def width(clips: Tensor) -> Tensor:
    """Standard deviation of the energy along time, in samples, (b,)"""
    energy = clips.double().square()
    distance = torch.arange(N).double() - center(clips).unsqueeze(1)
    return ((energy * distance.square()).sum(1) / energy.sum(1)).sqrt()


def peak_frequency(clips: Tensor) -> Tensor:
    """Hz, (b,)"""
    spectrum = torch.fft.rfft(clips * torch.hann_window(N), 8 * N).abs()
    return spectrum.argmax(1) * RATE / (8 * N)


def test_every_strength_is_listed() -> None:
    assert {name for name in vars(augmentation) if name.isupper() and name != "F"} == {*OFF}


# As a whole


def test_repeatable() -> None:
    clips = burst()
    torch.manual_seed(0)
    first = augment_clips(clips, seeded(1))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert torch.equal(first, augment_clips(clips, seeded(1)))
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first, augment_clips(clips, seeded(2)))
    generator = seeded(1)
    augment_clips(clips, generator)
    assert not torch.equal(first, augment_clips(clips, generator))


@pytest.mark.parametrize("shape", [(1, N), (5, N), (3, 1000)])
def test_shape_and_input(shape: tuple[int, int]) -> None:
    clips = 0.1 * torch.randn(shape, generator=seeded())
    kept = clips.clone()
    out = augment_clips(clips, seeded(3))
    assert (out.shape, out.dtype) == (shape, torch.float32)
    assert out.isfinite().all()
    assert torch.equal(clips, kept)  # not in place
    assert augment_clips(clips).shape == shape  # by torch's own generator


def test_nothing_without_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    # Positions are float32: up to half a thousandth of a sample.
    assert (augment_clips(burst(), seeded()) - burst()).abs().max() < 1e-4


def test_clips_are_changed_each_in_its_own_way() -> None:
    assert torch.pdist(augment_clips(burst(), seeded())).min() > 0.05


def test_silence_stays_silence_apart_from_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    silence = torch.zeros(B, N)
    out = augment_clips(silence, seeded())
    assert (out.abs().amax(1) == 0).sum() in range(B // 4, 3 * B // 4)
    only(monkeypatch, "SHIFT", "RESAMPLE", "GAIN")
    assert augment_clips(silence, seeded()).abs().max() < 1e-18
    # Around a word too.
    word = burst(wide=300) * ((torch.arange(N) - N / 2).abs() < 1500)
    out = augment_clips(word, seeded())
    assert out[:, :1500].abs().max() < 1e-5 and out[:, -1500:].abs().max() < 1e-5


# One by one


def test_shift_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "SHIFT")
    out = augment_clips(burst(), seeded())
    moved = center(out) - center(burst())
    assert moved.abs().max() <= 489  # 61 ms
    assert moved.min() < -400 and moved.max() > 400 and moved.mean().abs() < 100
    assert (width(out) / width(burst()) - 1).abs().max() < 1e-3
    assert (peak_frequency(out) - 1000).abs().max() < 1


def test_what_is_shifted_out_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "SHIFT")
    for place, other in ((250, slice(-1000, None)), (N - 250, slice(0, 1000))):
        clips = burst(center=place, wide=60)
        out = augment_clips(clips, seeded())
        assert out[:, other].abs().max() < 1e-6
        assert out.square().sum(1).min() < 0.01 * clips.square().sum(1).min()


def test_silence_where_a_clip_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "SHIFT")
    out = augment_clips(torch.full((B, N), 0.1), seeded())
    ended = out.abs() < 1e-15
    assert ended.sum(1).max() > 400 and ended.sum(1).min() < 50
    assert (ended[:, 0] | ended[:, -1]).double().mean() > 0.9
    assert ((out - 0.1).abs() < 1e-6).sum(1).min() >= N - 492


def test_resampling_moves_pitch_and_tempo(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "RESAMPLE")
    out = augment_clips(burst(), seeded())
    pitch = peak_frequency(out) / 1000
    assert 0.81 < pitch.min() < 0.84 and 1.19 < pitch.max() < 1.23
    assert (pitch * width(out) / width(burst()) - 1).abs().max() < 0.01
    assert (center(out) - center(burst())).abs().max() < 2  # the middle stays


@pytest.mark.parametrize(("hertz", "snr"), [(300, 50), (1000, 35), (2500, 19), (3300, 14)])
def test_resampling_is_exact_enough(hertz: float, snr: float) -> None:
    rate = torch.exp(torch.linspace(-0.2, 0.2, B)).unsqueeze(1)
    shift = torch.linspace(-400, 400, B).flip(0).unsqueeze(1)
    out = augmentation._resample(tone(hertz), rate, shift)
    middle = (N - 1) / 2
    at = middle + (torch.arange(N).double() - middle) * rate + shift
    error = out - 0.1 * torch.sin(2 * torch.pi * hertz * at / RATE)
    inside = (at > 100) & (at < N - 100)  # the ends of a tone are not its own
    assert 10 * (0.005 / error[inside].square().mean()).log10() > snr


def test_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "GAIN")
    out = augment_clips(burst(), seeded())
    decibel = 10 * (out.square().sum(1) / burst().square().sum(1)).log10()
    assert -4.01 < decibel.min() < -3 and 3 < decibel.max() < 4.01
    shape = out / out.norm(dim=1, keepdim=True)
    assert (shape - shape[0]).abs().max() < 1e-5


def test_floor_is_white_noise_in_half_of_the_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "FLOOR")
    clips = torch.zeros(512, N)
    out = augment_clips(clips, seeded())
    noisy = out.abs().amax(1) > 0
    assert 0.4 < noisy.double().mean() < 0.6
    noise = out[noisy]
    decibel = 10 * noise.square().mean(1).log10()
    assert -75.3 < decibel.min() < -73 and -47 < decibel.max() < -44.7
    white = noise / noise.square().mean(1, keepdim=True).sqrt()
    power = torch.fft.rfft(white).abs().square()[:, 1:-1].reshape(len(white), 15, -1).mean(2)
    assert (power / N - 1).abs().max() < 0.25
    # Seldom two alike: they begin in 8192 places.
    correlation = (white @ white.T / N).fill_diagonal_(0)
    assert (correlation.abs() > 0.1).double().mean() < 0.001
