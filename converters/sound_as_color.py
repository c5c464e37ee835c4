"""Sound as level and phase in color: `complex`. No phase has to be reconstructed.

64 x 64 pixels have room for 4,096 complex numbers, which are the 8,192 samples again: a spectrum
without redundancy. A short-time Fourier transform of that size cannot be inverted but from frames
that do not overlap, whose edges click where a picture is not exact. The modified discrete cosine
transform has smooth frames that overlap and is orthonormal nevertheless, so that an error in a
picture is as large in the sound. Two successive frames of it, 64 samples apart, are a quarter turn
apart in the middle of each band: real and imaginary part of a pixel.

Malvar, "Lapped transforms for efficient transform/subband coding" (1990); Princen & Bradley (1986).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from converters.sound_as_base import Decibels

__all__ = ["COLOR_SHAPE", "decode_color", "encode_color"]

COLOR_SHAPE = (3, 64, 64)
N_BANDS = 64  # of 62.5 Hz
HOP = 64  # of the cosine transform; a pixel is two of them
LEVEL = Decibels(black=-65, white=15)  # of a pair of coefficients; FSDD has 14 dB at most


def encode_color(clips: Tensor) -> Tensor:
    """Brightness is level, hue is phase: red, green, blue at 0, 1/3 and 2/3 of a turn.

    Each color is a cosine of the phase around half the level. So there is no jump where the phase
    wraps, nor a kink as in the hues of `converters.spectrogram`, and in the dark, where a phase
    means nothing, there is no contrast. A steady tone in the middle of a band has one hue.

    Args:
        clips: (k, 8192) float64, taken as periodic.

    Returns:
        (k, 3, 64, 64) uint8, the highest band on top.
    """
    wrapped = torch.cat((clips, clips[:, :HOP]), 1)
    frames = wrapped.unfold(1, 3 * HOP, 2 * HOP)  # (k, 64, 192)
    pairs = frames.to(torch.complex128) @ _atoms().conj()  # (k, 64 pairs of frames, bands)
    pairs = (pairs * _signs()).mT.unsqueeze(1)  # (k, 1, bands, pairs of frames)
    level = LEVEL.brightness(pairs.abs())
    rgb = level / 2 * (1 + torch.cos(pairs.angle() - _hues()))
    return rgb.round().to(torch.uint8).flip(-2)


def decode_color(pictures: Tensor) -> Tensor:
    """Of any picture: (k, 3, 64, 64) uint8 -> (k, 8192) float64. The phase of grey is 0."""
    red, green, blue = pictures.double().flip(-2).unbind(1)
    level = ((red + green + blue) / 1.5).clamp_max(255)
    phase = torch.atan2((green - blue) * 0.75**0.5, red - (green + blue) / 2)
    pairs = torch.polar(LEVEL.amplitude(level), phase).mT * _signs()
    frames = (pairs @ _atoms().mT).real  # (k, 64, 192)
    hops, tails = frames.split((2 * HOP, HOP), -1)
    clips = hops.clone()
    clips[..., :HOP] += tails.roll(1, 1)  # the tail of the last frame lies on the first one
    return clips.flatten(1)


@cache
def _atoms() -> Tensor:
    """(192, 64) complex128: two orthonormal atoms of the transform in each column."""
    n, band = torch.arange(2 * HOP, dtype=torch.float64) + 0.5, torch.arange(N_BANDS) + 0.5
    window = (torch.pi * n / (2 * HOP)).sin()
    cosines = (torch.pi / HOP * torch.outer(n + HOP / 2, band)).cos()
    atoms = (2 / HOP) ** 0.5 * window[:, None] * cosines  # (128, 64)
    # By these signs a phase that rises turns the hue the same way in all bands.
    turned = atoms * torch.tensor([1.0, -1.0]).repeat(N_BANDS // 2)
    rest = torch.zeros(HOP, N_BANDS, dtype=torch.float64)
    return torch.complex(torch.cat((atoms, rest)), torch.cat((rest, turned)))


def _signs() -> Tensor:
    """(64, 1): the middle of a band makes a whole number and a half of turns in a pixel."""
    return torch.tensor([1.0, -1.0]).double().repeat(COLOR_SHAPE[2] // 2)[:, None]


def _hues() -> Tensor:
    """(3, 1, 1): the phases of red, green and blue."""
    return 2 * torch.pi / 3 * torch.arange(3).double()[:, None, None]
