"""Each augmentation does its one thing, within its bounds; together they keep the word."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from datasets import augment as augmentation
from datasets.augment import NEW_SPEAKERS, USUAL, Strength
from datasets.base import PairedDataset

STRENGTHS = (
    *("SHIFT", "STRETCH", "TILT", "GAIN", "NOISE", "FLOOR"),
    *("MASK_BANDS", "MASK_FRAMES"),
)
OTHERS = {"USUAL", "NEW_SPEAKERS", "SMOOTHED", "REACH", "F"}
B = 256
strength = USUAL  # of those of a Strength; `only` sets it


def augment(pictures: Tensor, generator: torch.Generator) -> Tensor:
    return augmentation.augment(pictures, generator, strength)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def only(patch: pytest.MonkeyPatch, *names: str) -> None:
    for name in STRENGTHS:
        if name not in names:
            patch.setattr(augmentation, name, 0)
    off = {name: 0.0 for name in Strength._fields if name.upper() not in names}
    patch.setitem(globals(), "strength", USUAL._replace(**off))


def blob(row: float = 30, column: float = 34, wide: float = 3) -> Tensor:
    """(B, 1, 64, 64), all alike"""
    at = torch.arange(64.0)
    down = torch.exp(-(((at - row) / wide) ** 2))
    along = torch.exp(-(((at - column) / wide) ** 2))
    return torch.outer(down, along).expand(B, 1, 64, 64)


def center(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of the centre of mass, (b,) each."""
    mass = pictures[:, 0].double()
    at = torch.arange(64).double()
    total = mass.sum((1, 2))
    return mass.sum(2) @ at / total, mass.sum(1) @ at / total


def width(pictures: Tensor) -> Tensor:
    """Standard deviation along time, (b,)"""
    mass = pictures[:, 0].double().sum(1)
    at = torch.arange(64).double()
    mean = mass @ at / mass.sum(1)
    return ((mass * (at - mean.unsqueeze(1)).square()).sum(1) / mass.sum(1)).sqrt()


def test_every_strength_is_listed() -> None:
    assert {name for name in vars(augmentation) if name.isupper()} == {*STRENGTHS} | OTHERS


def test_smoothing_is_along_frequency_and_keeps_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    monkeypatch.setitem(globals(), "strength", Strength(0, 0, smooth=NEW_SPEAKERS.smooth))
    sharp = torch.zeros(4 * B, 1, 64, 64)
    sharp[:, :, 30, 34] = 1
    out = augment(sharp, seeded())
    assert torch.allclose(out.sum((1, 2, 3)), torch.ones(()), atol=1e-4)
    assert (out[..., 34].sum((1, 2)) - 1).abs().max() < 1e-4  # no frame gets of another
    row = torch.arange(64.0)
    spread = (out[:, 0, :, 34] @ (row - 30).square()).sqrt()  # bands
    assert 0.27 < (spread < 0.01).double().mean() < 0.4  # three in ten, and what hardly is
    assert 2.2 < spread.max() < 2.6
    flat = torch.full((B, 1, 64, 64), 0.5)
    assert torch.allclose(augment(flat, seeded()), flat, atol=1e-4)


# As a whole


def test_repeatable() -> None:
    pictures = torch.rand(8, 1, 64, 64, generator=seeded(9))
    torch.manual_seed(0)
    first = augment(pictures, seeded(1))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert torch.equal(first, augment(pictures, seeded(1)))
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first, augment(pictures, seeded(2)))


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (5, 1, 64, 64), (3, 1, 40, 80)])
def test_shape_and_range(shape: tuple[int, ...]) -> None:
    for pictures in (torch.zeros(shape), torch.ones(shape), torch.rand(shape, generator=seeded())):
        kept = pictures.clone()
        out = augment(pictures, seeded(3))
        assert (out.shape, out.dtype) == (shape, torch.float32)
        assert out.min() >= 0 and out.max() <= 1
        assert torch.equal(pictures, kept)  # not in place


def test_pictures_are_changed_each_in_its_own_way() -> None:
    out = augment(blob(), seeded()).flatten(1)
    assert torch.pdist(out[:50]).min() > 0.5


def test_a_word_stays_recognizable(source: PairedDataset, offline_source: PairedDataset) -> None:
    for each in (source, offline_source):
        digit = each.recordings.digit[::10]
        pictures = each.recordings.pictures[::10].unsqueeze(1) / 255
        out = augment(pictures, seeded())
        change = (out - pictures).abs().mean((1, 2, 3))
        assert change.min() > 0.01  # measured: 0.033 and 0.036
        assert 0.05 < change.mean() < 0.2  # 0.128 and 0.131
        assert change.max() < 0.35  # 0.28 and 0.30; a floor under all of it makes most of that
        # Asked which of two words it was, the likeness of the pictures finds it.
        likeness = _unit(out) @ _unit(pictures).T
        other = digit.unsqueeze(1) != digit
        right = (likeness.diag().unsqueeze(1) > likeness)[other].double().mean()
        assert right > 0.8  # 0.87 and 0.95


def _unit(pictures: Tensor) -> Tensor:
    flat = pictures.flatten(1)
    return torch.nn.functional.normalize(flat - flat.mean(1, keepdim=True))


# One by one


def test_nothing_without_strength(source: PairedDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    pictures = source.recordings.pictures[::100].unsqueeze(1) / 255
    assert (augment(pictures, seeded()) - pictures).abs().max() < 1e-4


def test_shift_moves_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "SHIFT")
    row, column = center(augment(blob(), seeded()))
    assert (row - 30).abs().max() < 1e-3
    moved = column - 34
    assert moved.abs().max() <= 0.12 * 31.5 + 1e-3  # frames of 16 ms: +- 60 ms
    assert moved.min() < -3 and moved.max() > 3 and abs(float(moved.mean())) < 0.5


def test_stretch_keeps_the_middle_and_the_pitch(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "STRETCH")
    before = blob(column=31.5, wide=8)
    out = augment(before, seeded())
    row, column = center(out)
    assert (row - 30).abs().max() < 1e-3
    assert (column - 31.5).abs().max() < 1e-2
    ratio = width(out) / width(before)
    assert 0.77 < ratio.min() < 0.8 and 1.25 < ratio.max() < 1.29


def test_warp_moves_pitch_alone_and_keeps_the_lowest_band(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch, "WARP")
    row, column = center(augment(blob(), seeded()))
    assert (column - 34).abs().max() < 1e-3
    height = (63 - row) / (63 - 30)  # above the lowest band
    assert 0.88 < height.min() < 0.9 and 1.11 < height.max() < 1.14
    lowest = torch.zeros(B, 1, 64, 64)
    lowest[:, :, 63] = 1
    assert (augment(lowest, seeded())[:, :, 63] == 1).all()


def test_bend_moves_pitch_alone_and_keeps_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "BEND")
    row, column = center(augment(blob(row=16), seeded()))
    assert (column - 34).abs().max() < 1e-3
    moved = row - 16
    assert moved.min() < -2 and moved.max() > 2 and moved.abs().max() < 0.08 * 31.5 * 1.2
    ends = torch.zeros(B, 1, 64, 64)
    ends[:, :, [0, 63]] = 1
    assert torch.allclose(augment(ends, seeded())[:, :, [0, 63]], torch.ones(()), atol=1e-4)


def test_tilt_and_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = torch.full((B, 1, 64, 64), 0.5)
    only(monkeypatch, "TILT")
    tilt = augment(grey, seeded())[:, 0] - 0.5
    assert torch.allclose(tilt[:, 0], -tilt[:, 63], atol=1e-4)
    assert 0.095 < tilt.abs().max() <= 0.1 + 1e-4
    assert (tilt - tilt[:, :, :1]).abs().max() < 1e-4  # alike at all times
    monkeypatch.undo()
    only(monkeypatch, "GAIN")
    gain = augment(grey, seeded())[:, 0] - 0.5
    assert (gain - gain[:, :1, :1]).abs().max() < 1e-4
    assert 0.048 < gain.abs().max() <= 0.05 + 1e-4


def test_silence_has_no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, *(set(STRENGTHS) - {"NOISE", "FLOOR"}))
    assert augment(torch.zeros(B, 1, 64, 64), seeded()).max() == 0


def test_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "NOISE")
    noise = augment(torch.full((B, 1, 64, 64), 0.5), seeded()) - 0.5
    assert abs(float(noise.std()) - 0.03) < 1e-3 and abs(float(noise.mean())) < 1e-3


def test_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "FLOOR")
    out = augment(blob(), seeded())
    floor = out.amin((1, 2, 3))
    assert 0.4 < (floor < 1e-6).double().mean() < 0.6
    assert 0.33 < floor.max() <= 0.35
    assert torch.allclose(out, blob().maximum(floor.view(-1, 1, 1, 1)), atol=1e-4)


@pytest.mark.parametrize(("name", "axis"), [("MASK_BANDS", 1), ("MASK_FRAMES", 2)])
def test_masks(name: str, axis: int, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, name)
    kept = augment(torch.ones(B, 1, 64, 64), seeded())[:, 0] > 0.5
    line = kept.all(3 - axis)
    assert torch.equal(line, kept.any(3 - axis))  # whole bands, or whole frames
    masked = (~line).int()
    assert masked.sum(1).max() == getattr(augmentation, name)
    assert masked.sum(1).min() == 0
    edges = torch.nn.functional.pad(masked, (1, 1)).diff(dim=1).clamp(0).sum(1)
    assert edges.max() == 1  # one run
    assert masked.any(0).double().mean() > 0.9  # anywhere
