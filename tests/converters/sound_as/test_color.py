"""Level and phase in color."""

from __future__ import annotations

import torch
from torch import Tensor

from converters.sound_as import N_SAMPLES, REPRESENTATIONS
from converters.sound_as_color import LEVEL
from tests.converters.sound_as.words import snr, tone, word, words

COLOR = REPRESENTATIONS["complex"]
BAND = 62.5  # Hz
MIDDLE = slice(8, -8)  # columns: the sound is taken as periodic, which a tone may not be


def of_tone(band: int, **options: float) -> Tensor:
    """(3, 48): the colors of the band in the middle of which a tone is."""
    picture = COLOR.to_picture(tone((band + 0.5) * BAND, **options))[0]
    return picture[:, 63 - band, MIDDLE].int()


def test_a_tone_lights_its_band() -> None:
    for band in (3, 20, 51):
        picture = COLOR.to_picture(tone((band + 0.5) * BAND))[0, ..., MIDDLE].double().sum(0)
        assert (picture.argmax(0) == 63 - band).all()
        near = (torch.arange(64) - (63 - band)).abs() <= 2
        assert picture[near].amin(0).min() > picture[~near].max()


def test_a_steady_tone_has_one_hue() -> None:
    for band in range(1, 63):
        colors = of_tone(band)
        assert (colors - colors[:, :1]).abs().max() <= 1


def test_hue_is_phase() -> None:
    """By a third of a turn red becomes green, green blue; in every band the same way round."""
    for band in (4, 5, 30, 41):
        first, second, third = (of_tone(band, turns=k / 3) for k in range(3))
        assert (first.roll(1, 0) - second).abs().max() <= 1
        assert (second.roll(1, 0) - third).abs().max() <= 1


def test_no_jump_at_the_wrap() -> None:
    turns = torch.arange(0, 1.01, 0.01).tolist()
    colors = torch.stack([of_tone(20, turns=each)[:, 0] for each in turns])
    assert colors.diff(dim=0).abs().max() <= 8  # of 255, by a hundredth of a turn
    assert (colors.amax(0) - colors.amin(0)).min() > 150
    assert (colors.sum(1) - colors[0].sum()).abs().max() <= 3  # brightness is level alone


def test_brightness_is_level() -> None:
    levels = [float(of_tone(20, amplitude=a).double().sum(0).mean() / 1.5) for a in (0.05, 0.1)]
    assert abs(levels[1] - levels[0] - 255 * 6.02 / (LEVEL.white - LEVEL.black)) < 1
    # The square of a level is the energy of 128 samples, less what is in the next bands.
    energy = torch.tensor(128 * 0.1**2 / 2)
    assert -3 < levels[1] - 255 * (10 * energy.log10() - LEVEL.black) / 80 <= 0


def test_in_the_dark_is_no_contrast() -> None:
    noise = torch.randn(1, N_SAMPLES, generator=torch.Generator().manual_seed(0))
    pictures = [COLOR.to_picture(level * noise) for level in (1e-1, 1e-2, 1e-3, 1e-4)]
    contrast = [float(picture.double().std()) for picture in pictures]
    assert contrast == sorted(contrast, reverse=True) and contrast[-1] < contrast[0] / 5


def test_errors_in_a_picture_stay_where_they_are() -> None:
    picture = COLOR.to_picture(word(0)[None])
    spoiled = picture.clone()
    spoiled[..., 30] = 200
    error = COLOR.to_sound(spoiled) - COLOR.to_sound(picture)
    changed = error[0].nonzero().squeeze(1)
    assert (int(changed[0]), int(changed[-1])) >= (30 * 128, 0)
    assert changed[-1] < 30 * 128 + 192


def test_the_ends_are_kept() -> None:
    """A sound that fills the window, unlike most words."""
    noise = 0.1 * torch.randn(2, N_SAMPLES, generator=torch.Generator().manual_seed(0))
    again = COLOR.to_sound(COLOR.to_picture(noise))
    for ends in (slice(0, 128), slice(-128, None)):
        assert snr(noise[:, ends], again[:, ends]).min() > 33


def test_level_does_not_depend_on_hue() -> None:
    """A model that is unsure of a hue draws grey; the level remains."""
    picture = COLOR.to_picture(words(1)).double()
    grey = picture.mean(1, keepdim=True).expand_as(picture).round().to(torch.uint8)
    levels = [COLOR.to_sound(each).square().mean() for each in (picture.to(torch.uint8), grey)]
    assert 0.8 < levels[1] / levels[0] < 1.25


def test_no_color_is_above_the_highest_level() -> None:
    """Of white the three colors would be twice that, 10,000 times as loud."""
    white, half = (torch.full((1, 3, 64, 64), grey, dtype=torch.uint8) for grey in (255, 128))
    assert torch.equal(COLOR.to_sound(white), COLOR.to_sound(half))
