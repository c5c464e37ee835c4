"""The picture that models see, frozen to the bit, and what it means.

The golden file holds the pictures of `signals()` side by side. A profile is a promise, so it is
made only once for each new profile, by

    python -m tests.converters.mel64.test_features
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from converters.mel64.features import MEL64, fit_clip, to_picture, to_sound
from datasets.base import PairedDataset

GOLDEN = Path(__file__).with_name("golden.png")
# sha256 over the pictures of all recordings
PICTURES = {
    "mnist-fsdd": "44c87e5751c3a008dfdfa11e4bc2c9a0142ca398569c7e519ee90d48408ce85b",
    "offline": "9771de6c4403c8720fe983beffe26a66e27d7d9826ce5d32c60b7f5c72f20f3b",
}
RATE, WINDOW = 8000, 8192


# Signals that are the same in every version of every library


def noise(seed: int) -> Iterator[float]:
    """Uniform in [-1, 1): the generator of Numerical Recipes, upper bits."""
    while True:
        seed = (1664525 * seed + 1013904223) % 2**32
        yield (seed >> 16) / 2**15 - 1


def signals() -> dict[str, Tensor]:
    """16-bit samples of many lengths and levels."""

    def sampled(n: int, level: float, f: Callable[[float], float]) -> list[float]:
        return [level * f(i / RATE) for i in range(n)]

    def tau_sin(turns: float) -> float:
        return math.sin(2 * math.pi * turns)

    def vibrato(t: float) -> float:
        turns = 180 * t + 0.8 * tau_sin(6 * t)
        return sum(tau_sin(k * turns) / k for k in range(1, 12)) / 3

    hiss = list(islice(noise(1), 20_000))
    clicks = [0.0] * 8192
    for at in (0, 1, 2047, 4096, 4224, 8191):
        clicks[at] = 30_000
    burst = [h * (9000 if 9000 <= i < 13_000 else 300) for i, h in enumerate(hiss)]
    every = {
        "chirp": sampled(WINDOW, 20_000, lambda t: tau_sin(50 * t + 1900 * t * t)),
        "vibrato": sampled(5001, 9000, vibrato),
        "clicks": clicks,
        "hiss": [12_000 * h for h in hiss[:WINDOW]],
        "quiet hiss": [9 * h - 232 for h in hiss[:3000]],
        "silence": [0.0] * 4000,
        "constant": [-232.0] * 9000,
        "one sample": [5.0],
        "long": burst,
        "one too long": sampled(WINDOW + 1, 15_000, lambda t: tau_sin(1000 * t) * t),
    }
    return {k: torch.tensor([round(v) for v in s], dtype=torch.int16) for k, s in every.items()}


def pictures_of(clips: dict[str, Tensor]) -> Tensor:
    return to_picture(torch.stack([fit_clip(clip) for clip in clips.values()]))


def make_golden() -> None:
    side_by_side = torch.cat(list(pictures_of(signals())), dim=1)
    Image.fromarray(side_by_side.numpy()).save(GOLDEN, optimize=True)


def tone(hertz: float, n: int = WINDOW) -> Tensor:
    return torch.sin(2 * torch.pi * hertz * torch.arange(n) / RATE)


def max_grey_difference(a: Tensor, b: Tensor) -> int:
    return int((a.int() - b.int()).abs().max())


# Frozen


def test_golden_pictures() -> None:
    golden = torch.from_numpy(np.array(Image.open(GOLDEN)))  # (64, 64 * n)
    clips = signals()
    assert golden.shape == (64, 64 * len(clips))
    for name, found, expected in zip(clips, pictures_of(clips), golden.split(64, 1), strict=True):
        assert torch.equal(found, expected), name


def test_pictures_of_all_recordings(source: PairedDataset, offline_source: PairedDataset) -> None:
    for each in (source, offline_source):
        pictures = each.recordings.pictures
        assert hashlib.sha256(pictures.numpy().tobytes()).hexdigest() == PICTURES[each.name]


def test_pictures_are_those_of_the_clips(
    source: PairedDataset, offline_source: PairedDataset
) -> None:
    for each in (source, offline_source):
        some = slice(7, None, 97)
        clips, pictures = each.recordings.clips[some], each.recordings.pictures[some]
        assert torch.equal(to_picture(clips), pictures)


def test_profile() -> None:
    assert dataclasses.asdict(MEL64) == {
        "name": "mel64",
        "sample_rate": 8000,
        "n_samples": 8192,
        "n_fft": 512,
        "hop": 128,
        "n_frames": 64,
        "n_mels": 64,
        "f_min": 60.0,
        "f_max": 4000.0,
        "rms": 0.1,
        "db_min": -45.0,
        "db_max": 35.0,
    }


# The definition, written a second time with numpy


def by_definition(clip: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The picture before rounding."""
    padded = np.pad(clip, 256, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    frames = np.stack([padded[128 * i : 128 * i + 512] * window for i in range(65)])
    power = np.abs(np.fft.rfft(frames))[:64] ** 2  # (64, 257), the last frame left out

    def mel(f: float) -> float:
        return 2595 * math.log10(1 + f / 700)

    edges = 700 * (10 ** (np.linspace(mel(60), mel(4000), 66) / 2595) - 1)
    hertz = np.arange(257) * RATE / 512
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bands = np.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)).clip(0)
    decibel = 10 * np.log10((bands @ power.T).clip(1e-12))
    return ((decibel + 45) / 80).clip(0, 1)[::-1] * 255


@pytest.mark.parametrize("name", ["chirp", "vibrato", "clicks", "hiss", "long"])
def test_definition(name: str) -> None:
    clip = fit_clip(signals()[name])
    found = to_picture(clip).double().numpy()
    # Filters are stored as float32: a hundredth of a grey level, or what rounding makes of it.
    assert np.abs(found - by_definition(clip.double().numpy())).max() < 0.51


def test_a_tone_lights_its_row() -> None:
    frequencies = (150.0, 440.0, 1000.0, 2000.0, 3500.0)
    low, high = (2595 * math.log10(1 + f / 700) for f in (60, 4000))
    edges = torch.linspace(low, high, 66)
    rows = []
    for hertz in frequencies:
        picture = to_picture(fit_clip(tone(hertz)))
        brightest = picture[:, 2:-2].argmax(0)
        assert int(brightest.max() - brightest.min()) == 0
        rows.append(int(brightest[0]))
        band = int((edges[1:-1] - 2595 * math.log10(1 + hertz / 700)).abs().argmin())
        assert abs(rows[-1] - (63 - band)) <= 1
    assert rows == sorted(rows, reverse=True)  # the higher the tone, the higher its row
    assert rows[0] > 55 and rows[-1] < 8


def test_time_runs_to_the_right() -> None:
    for at in (1024, 4096, 7168):
        clip = torch.zeros(WINDOW)
        clip[at] = 1
        columns = to_picture(clip).double().mean(0)
        assert int(columns.argmax()) == at // 128
        assert columns[: at // 128 - 2].sum() == columns[at // 128 + 3 :].sum() == 0


def test_silence_is_black() -> None:
    for clip in (torch.zeros(3000), torch.zeros(WINDOW), torch.zeros(20_000)):
        assert fit_clip(clip).abs().max() == 0
        assert to_picture(fit_clip(clip)).max() == 0
    assert to_sound(torch.zeros(64, 64, dtype=torch.uint8)).abs().max() == 0


@pytest.mark.parametrize("constant", [0.1, 1 / 3, -232.0, 1e6])
@pytest.mark.parametrize("n", [1, 100, 5000, 9000, 20_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_is_silence(constant: float, n: int, dtype: torch.dtype) -> None:
    clip = fit_clip(torch.full((n,), constant, dtype=dtype))
    assert clip.abs().max() < 1e-6  # not what rounding leaves of it, at full level
    assert to_picture(clip).max() == 0


# The window


def test_a_short_word_is_centred() -> None:
    for n in (1, 2, 999, 1000, WINDOW - 1, WINDOW):
        clip = fit_clip(torch.arange(1, n + 1) * (-1.0) ** torch.arange(n) + 0.5)
        sounding = clip.nonzero().squeeze(1)
        if n == 1:
            assert len(sounding) == 0  # one sample is a constant
            continue
        before, after = int(sounding[0]), WINDOW - 1 - int(sounding[-1])
        assert len(sounding) == n and before == (WINDOW - n) // 2 and 0 <= after - before <= 1


def test_level_is_that_of_the_word_not_of_the_window() -> None:
    for n in (300, 3000, WINDOW, 20_000):
        clip = fit_clip(7 * tone(500, n))
        word = clip[(WINDOW - n) // 2 :][:n] if n < WINDOW else clip
        assert math.isclose(word.square().mean().sqrt(), 0.1, rel_tol=1e-3)


@pytest.mark.parametrize("at", [0, 1, 5000, 11_808])
def test_a_long_clip_is_cropped_to_its_loudest_window(at: int) -> None:
    long = torch.tensor(list(islice(noise(3), 20_000))) * 0.01
    long[at : at + WINDOW] *= 50
    long -= long.mean()
    expected = long.double()[at : at + WINDOW]
    expected = expected * 0.1 / expected.square().mean().sqrt()
    assert (fit_clip(long) - expected).abs().max() < 1e-4


def test_dc_and_level_leave_the_picture_as_it_is() -> None:
    for name, samples in signals().items():
        picture = to_picture(fit_clip(samples))
        assert torch.equal(to_picture(fit_clip(samples.double() / 2**15)), picture), name
        assert torch.equal(to_picture(fit_clip(samples.double() * -3)), picture), name
        assert torch.equal(to_picture(fit_clip(samples.double() + 1000)), picture), name


# Any clip

clips = st.builds(
    lambda n, seed, amplitude, offset: (
        amplitude * (torch.tensor(list(islice(noise(seed), n)), dtype=torch.float64) + offset)
    ),
    st.one_of(st.integers(2, 200), st.integers(WINDOW - 2, WINDOW + 2), st.integers(2, 20_000)),
    st.integers(0, 2**32 - 1),
    st.floats(1e-6, 1e6),
    st.floats(-100, 100),
)
some = settings(max_examples=30, deadline=None, derandomize=True, database=None)


@some
@given(clips, st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_any_clip(samples: Tensor, scale: float, offset: float) -> None:
    clip = fit_clip(samples)
    assert (clip.shape, clip.dtype) == ((WINDOW,), torch.float32)
    assert clip.isfinite().all()
    n = min(len(samples), WINDOW)
    assert math.isclose(clip.double().square().sum(), n * 0.1**2, rel_tol=1e-5)
    picture = to_picture(clip)
    assert (picture.shape, picture.dtype) == ((64, 64), torch.uint8)
    other = to_picture(fit_clip(scale * (samples + offset * samples.abs().max())))
    assert max_grey_difference(picture, other) <= 1


@some
@given(st.lists(st.integers(1, 3), max_size=3), st.integers(0, 2**32 - 1))
def test_any_batch(shape: list[int], seed: int) -> None:
    n = math.prod(shape)
    rows = torch.tensor(list(islice(noise(seed), n * 50))).reshape(n, 50)
    single = [fit_clip(row) for row in rows]
    batch = to_picture(torch.stack(single).reshape(*shape, WINDOW))
    assert batch.shape == (*shape, 64, 64)
    assert torch.equal(batch.reshape(n, 64, 64), torch.stack([to_picture(c) for c in single]))
    sounds = to_sound(batch, n_iter=2)
    assert (sounds.shape, sounds.dtype) == ((*shape, WINDOW), torch.float32)
    alone = torch.stack([to_sound(p, n_iter=2) for p in batch.reshape(n, 64, 64)])
    assert torch.equal(sounds.reshape(n, WINDOW), alone)


def test_more_clips_than_fit_in_one_chunk() -> None:
    clips = torch.stack([fit_clip(tone(100 + 10 * i, 500)) for i in range(130)])
    batch = to_picture(clips)
    assert torch.equal(batch[127:], to_picture(clips[127:]))


# Back to sound


def test_sound_of_a_picture_is_repeatable() -> None:
    picture = to_picture(fit_clip(signals()["vibrato"]))
    torch.manual_seed(0)
    first = to_sound(picture)
    torch.manual_seed(1)
    assert torch.equal(first, to_sound(picture))
    assert to_sound(torch.full((64, 64), 255, dtype=torch.uint8)).isfinite().all()


def test_round_trip_of_speech(source: PairedDataset, offline_source: PairedDataset) -> None:
    """Mean distance of picture -> sound -> picture, as a share of the grey range."""
    for each in (source, offline_source):
        pictures = each.recordings.pictures[::120]
        again = to_picture(to_sound(pictures))
        error = (again.double() - pictures.double()).abs() / 255
        # Measured on MNIST-FSDD and offline: 0.0054 and 0.0057; the worst one 0.007 and 0.009.
        assert error.mean() < 0.008
        assert error.mean((1, 2)).max() < 0.02
        assert error[pictures > 0].mean() < 0.016  # where there is sound: 0.010 and 0.012
        others = (pictures.roll(1, 0).double() - pictures.double()).abs() / 255
        assert error.mean() < others.mean() / 10  # which are 0.093 and 0.118


def test_round_trip_gets_better_with_every_round() -> None:
    picture = to_picture(fit_clip(signals()["vibrato"]))
    errors = [
        float((to_picture(to_sound(picture, n_iter=n)).double() - picture.double()).abs().mean())
        for n in (0, 8, 32)
    ]
    assert errors[0] > errors[1] > errors[2]


# Bad input


@pytest.mark.parametrize(
    "clip",
    [
        torch.zeros(0),
        torch.zeros(()),
        torch.zeros(2, WINDOW),
        torch.tensor([0.0, math.nan]),
        torch.tensor([0.0, math.inf]),
    ],
    ids=["empty", "no row", "two channels", "nan", "inf"],
)
def test_bad_clip(clip: Tensor) -> None:
    with pytest.raises(ValueError, match="clip"):
        fit_clip(clip)


@pytest.mark.parametrize(
    "clips",
    [
        torch.zeros(()),
        torch.zeros(0, WINDOW),
        torch.zeros(WINDOW - 1),
        torch.zeros(2, WINDOW // 2),
        torch.full((WINDOW,), math.nan),
    ],
    ids=["no row", "none", "short", "as many samples in all", "nan"],
)
def test_bad_clips(clips: Tensor) -> None:
    with pytest.raises(ValueError, match="clip"):
        to_picture(clips)


@pytest.mark.parametrize(
    "pictures",
    [
        torch.zeros(64, dtype=torch.uint8),
        torch.zeros(0, 64, 64, dtype=torch.uint8),
        torch.zeros(64, 128, dtype=torch.uint8),
        torch.zeros(64, 64),
    ],
    ids=["no picture", "none", "wide", "float"],
)
def test_bad_pictures(pictures: Tensor) -> None:
    with pytest.raises(ValueError, match="pictures are uint8 of 64 x 64"):
        to_sound(pictures)


if __name__ == "__main__":
    make_golden()
