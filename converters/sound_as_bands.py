"""Sound as the level of 64 bands or tones in 64 frames: `linear` and `tones`. Phases are lost.

Frames, their number and, for `linear`, levels are those of `converters.mel64.features.MEL64`.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
import torchaudio.functional as AF
from torch import Tensor

from converters.phase import sound_from_magnitude
from converters.sound_as_base import N_SAMPLES, SAMPLE_RATE, Decibels

__all__ = [
    "BANDS_SHAPE", "LINEAR_LEVEL", "PITCHES", "decode_linear", "decode_tones", "encode_linear",
    "encode_tones",
]  # fmt: skip

BANDS_SHAPE = (1, 64, 64)
N_FFT, HOP, N_FRAMES = 512, 128, 64  # a Hann window; frame t is centered at sample t * HOP
N_BINS = N_FFT // 2 + 1

LINEAR_LEVEL = Decibels(black=-45, white=35)  # of the power in a band
TONE_LEVEL = Decibels(black=-80, white=0)  # of the amplitude of a sine; FSDD has -7 dB at most

PITCHES = 440 * 2 ** ((torch.arange(43, 107).double() - 69) / 12)  # Hz: the semitones G2 to A#7


def encode_linear(clips: Tensor) -> Tensor:
    """As the picture of mel64, but for the axis: 64 bands equally wide, from 0 to 4 kHz.

    So what differs between models of the two is due to the axis. A transform of 128 samples would
    have 64 bins by itself, but its frames, of 16 ms at every 16 ms, leave out what lies between
    them: its round trip is 1.5 times as far from the mel picture of a recording.

    Args:
        clips: (k, 8192) float64.

    Returns:
        (k, 1, 64, 64) uint8, the highest band on top.
    """
    power = _linear_bands() @ _power(clips)
    return _to_pixels(LINEAR_LEVEL.brightness(power.sqrt()))


def decode_linear(pictures: Tensor) -> Tensor:
    """As of mel64: bands to bins by Richardson and Lucy, phases by reconstruction; (k, 8192)."""
    power = LINEAR_LEVEL.amplitude(_from_pixels(pictures)).square()
    magnitude = _unmix(power, _linear_bands(), 20).sqrt()
    # Of the frames over any sample, a picture leaves out the first and the last two.
    every = F.pad(magnitude, (1, 2)).numpy()
    return torch.from_numpy(sound_from_magnitude(every, N_FFT, HOP, N_SAMPLES, 32))


def encode_tones(clips: Tensor) -> Tensor:
    """A row for each semitone: brightness is the amplitude of its sine.

    The power of a frame is explained as that of tones. Below 500 Hz, where semitones are closer
    than a frame can resolve, this makes them sharper than the frame's spectrum is.

    Args:
        clips: (k, 8192) float64.

    Returns:
        (k, 1, 64, 64) uint8, the highest pitch on top.
    """
    # With more rounds a picture is sharper, but farther from the picture of its own sound.
    power = _unmix(_power(clips), _tone_spectra(), 5)
    return _to_pixels(TONE_LEVEL.brightness(power.sqrt()))


def decode_tones(pictures: Tensor) -> Tensor:
    """The sum of 64 sines whose phases run on, levels linear between frames; (k, 8192)."""
    amplitude = TONE_LEVEL.amplitude(_from_pixels(pictures)).permute(2, 0, 1)  # (frame, k, pitch)
    following = torch.cat((amplitude[1:], amplitude[-1:]))
    fade = torch.arange(HOP).double() / HOP
    clips = (amplitude @ _sines()) * (1 - fade) + (following @ _sines()) * fade  # (frame, k, HOP)
    return clips.transpose(0, 1).flatten(1)


def _power(clips: Tensor) -> Tensor:
    """(k, 8192) -> (k, n_bins, 64): of the first 64 of 65 centered frames."""
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    spectrum = torch.stft(clips, N_FFT, HOP, window=window, return_complex=True)
    return spectrum[..., :N_FRAMES].abs().square()


def _to_pixels(brightness: Tensor) -> Tensor:
    return brightness.round().to(torch.uint8).flip(-2).unsqueeze(1)


def _from_pixels(pictures: Tensor) -> Tensor:
    return pictures.squeeze(1).flip(-2).double()


def _unmix(power: Tensor, mixing: Tensor, n_iter: int) -> Tensor:
    """Non-negative x with `mixing` @ x near `power`, as smooth as few rounds leave it.

    Richardson (1972) and Lucy (1974): EM for Poisson counts, so that errors are relative.

    Args:
        power: (k, m, n_frames).
        mixing: (m, n), >= 0.

    Returns:
        (k, n, n_frames).
    """
    back = (mixing / mixing.sum(0).clamp_min(1e-30)).T  # (n, m)
    x = back @ power / mixing.sum(1).mean()
    for _ in range(n_iter):
        x = x * (back @ (power / (mixing @ x).clamp_min(1e-30)))
    return x


@cache
def _linear_bands() -> Tensor:
    """(64, n_bins) float64: triangles."""
    return AF.linear_fbanks(N_BINS, 0.0, SAMPLE_RATE / 2, 64, SAMPLE_RATE).double().T


@cache
def _tone_spectra() -> Tensor:
    """(n_bins, 64): the mean power of sines of amplitude 1 between the neighbors of each pitch."""
    frequency = torch.arange(60, 4001).double()  # Hz
    semitones = 12 * (frequency[:, None] / PITCHES).log2()
    share = (1 - semitones.abs()).clamp_min(0)  # (n, 64)
    turns = torch.outer(frequency / SAMPLE_RATE, torch.arange(N_FFT).double())
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    spectra = torch.fft.fft(torch.polar(window / 2, 2 * torch.pi * turns))  # (n, N_FFT)
    return spectra[:, :N_BINS].abs().square().T @ (share / share.sum(0))


@cache
def _sines() -> Tensor:
    """(n_frames, 64, HOP). The phases are Schroeder's (1970), which make a low peak."""
    turns = torch.outer(PITCHES / SAMPLE_RATE, torch.arange(N_SAMPLES).double())
    first = torch.arange(64).double().square() / 128
    sines = (2 * torch.pi * (turns + first[:, None])).sin()
    return sines.reshape(64, N_FRAMES, HOP).transpose(0, 1).contiguous()
