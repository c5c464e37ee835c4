"""Bands of equal width, and tones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from converters import sound_as_bands
from converters.mel64.features import MEL64
from converters.sound_as import N_SAMPLES, REPRESENTATIONS
from converters.sound_as_bands import LINEAR_LEVEL, PITCHES, TONE_LEVEL
from tests.converters.sound_as.words import tone

LINEAR, TONES = REPRESENTATIONS["linear"], REPRESENTATIONS["tones"]
INNER = slice(3, -3)  # columns: where the tone ends there are other frequencies


def row_of(pitch: int) -> int:
    """Of a MIDI note."""
    return 63 - (pitch - 43)


def hertz_of(pitch: int) -> float:
    return 440 * 2 ** ((pitch - 69) / 12)


def drawn(row: int, brightness: int) -> Tensor:
    picture = torch.zeros(1, 64, 64, dtype=torch.uint8)
    picture[:, row] = brightness
    return picture


def test_linear_is_mel64_but_for_the_axis() -> None:
    frames = sound_as_bands.N_FFT, sound_as_bands.HOP, sound_as_bands.N_FRAMES
    assert frames == (MEL64.n_fft, MEL64.hop, MEL64.n_frames)
    assert (LINEAR_LEVEL.black, LINEAR_LEVEL.white) == (MEL64.db_min, MEL64.db_max)


def test_rows_of_linear_are_equally_wide() -> None:
    for band in range(2, 62):
        picture = LINEAR.to_picture(tone((band + 1) * 4000 / 65))[0].int()
        assert (picture[:, INNER].argmax(0) == 63 - band).all()


@pytest.mark.parametrize("pitch", range(48, 105, 4))
def test_rows_of_tones_are_semitones(pitch: int) -> None:
    assert abs(float(PITCHES[pitch - 43]) - hertz_of(pitch)) < 1e-9
    picture = TONES.to_picture(tone(hertz_of(pitch)))[0].int()
    assert (picture[:, INNER].argmax(0) == row_of(pitch)).all()


def test_brightness_of_a_tone_is_its_amplitude() -> None:
    for decibel in (-50, -20, -6):
        picture = TONES.to_picture(tone(hertz_of(95), amplitude=10 ** (decibel / 20)))[0]
        brightness = picture[row_of(95), INNER].double()
        assert (brightness - 255 * (decibel + 80) / 80).abs().max() < 4


def test_low_tones_are_sharper_than_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def width() -> float:  # rows within 20 dB of the brightest
        picture = TONES.to_picture(tone(hertz_of(55)))[0, :, INNER].double()
        return float((picture > picture.amax(0) - 255 * 20 / 80).sum(0).double().mean())

    sharp = width()
    unmix = sound_as_bands._unmix
    monkeypatch.setattr(sound_as_bands, "_unmix", lambda power, mixing, n: unmix(power, mixing, 0))
    assert sharp < 0.7 * width()


def test_a_row_of_tones_is_its_sine() -> None:
    """At its pitch and level, and its phase runs on through all frames."""
    for pitch in (45, 69, 100):
        sound = TONES.to_sound(drawn(row_of(pitch), 191))[0].double()
        turns = torch.arange(N_SAMPLES).double() * hertz_of(pitch) / 8000
        basis = torch.stack([(2 * torch.pi * turns).sin(), (2 * torch.pi * turns).cos()], 1)
        weight = torch.linalg.lstsq(basis, sound[:, None]).solution
        assert (sound - (basis @ weight)[:, 0]).abs().max() < 1e-6
        amplitude = float(TONE_LEVEL.amplitude(torch.tensor(191.0)))
        assert abs(float(weight.norm()) - amplitude) < 1e-6 and abs(amplitude - 0.1) < 0.001


def test_levels_of_tones_are_linear_between_frames() -> None:
    picture = drawn(row_of(90), 150)
    picture[:, row_of(90), 20:] = 200
    sound = TONES.to_sound(picture)[0]
    low, high = (float(TONE_LEVEL.amplitude(torch.tensor(b))) for b in (150.0, 200.0))
    # Frame 19 is at sample 19 * 128, frame 20 at 20 * 128.
    for first, level in ((18 * 128, low), (19 * 128 + 48, (low + high) / 2), (20 * 128, high)):
        rms = float(sound[first : first + 32].square().mean().sqrt())
        assert abs(rms * 2**0.5 / level - 1) < 0.1


def test_all_tones_at_once_have_a_low_peak() -> None:
    sound = TONES.to_sound(torch.full((1, 64, 64), 128, dtype=torch.uint8))
    assert sound.abs().max() / sound.square().mean().sqrt() < 4.5  # in phase: 11


@pytest.mark.parametrize("name", ["linear", "tones"])
def test_time_runs_to_the_right(name: str) -> None:
    for at in (1024, 4096, 7168):
        clips = torch.zeros(1, N_SAMPLES)
        clips[0, at] = 1
        columns = REPRESENTATIONS[name].to_picture(clips)[0].double().mean(0)
        assert int(columns.argmax()) == at // 128
        assert columns[: at // 128 - 2].sum() == columns[at // 128 + 3 :].sum() == 0


def test_sound_of_linear_begins_where_the_picture_does() -> None:
    clips = torch.zeros(1, N_SAMPLES)
    clips[0, 4096:4608] = tone(1000)[0, :512]
    sound = LINEAR.to_sound(LINEAR.to_picture(clips))[0]
    energy = sound.square().cumsum(0) / sound.square().sum()
    assert abs(int((energy > 0.5).int().argmax()) - (4096 + 256)) < 64
