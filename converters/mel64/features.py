"""Sound <-> log-mel picture, the same interpretation both ways, on tensors.

A picture is 8-bit grey, (64, 64): columns are time, rows are mel bands with the highest on top,
brightness is power in decibel over a fixed range. Models see sound by the profile `MEL64`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torchaudio.functional as AF
from torch import Tensor

from converters.phase import sound_from_magnitude
from converters.stft import count_frames

__all__ = ["MEL64", "Profile", "fit_clip", "to_picture", "to_sound"]


@dataclass(frozen=True)
class Profile:
    """Every number that the meaning of a picture depends on."""

    name: str
    sample_rate: int  # Hz
    n_samples: int  # length of the window
    n_fft: int  # also the length of the Hann window
    hop: int
    n_frames: int  # the first of the n_samples / hop + 1 centered frames
    n_mels: int
    f_min: float  # Hz
    f_max: float  # Hz
    rms: float  # level of a clip, over its unpadded samples
    db_min: float  # black
    db_max: float  # white


MEL64 = Profile(
    name="mel64",
    sample_rate=8000,
    n_samples=8192,
    n_fft=512,
    hop=128,
    n_frames=64,
    n_mels=64,
    f_min=60.0,
    f_max=4000.0,
    rms=0.1,
    db_min=-45.0,
    db_max=35.0,
)


def fit_clip(samples: Tensor, profile: Profile = MEL64) -> Tensor:
    """One mono clip of any length -> the profile's window.

    DC is removed; a longer clip is cropped to its loudest window; the RMS of the remainder is
    normalized; a shorter clip is centered between zeros. Silence stays silence.

    Args:
        samples: (n,), n >= 1, finite.

    Returns:
        (n_samples,) float32.

    Raises:
        ValueError: the clip is empty, not one-dimensional, or holds a value that is not finite.
    """
    if samples.ndim != 1 or samples.numel() == 0:
        raise ValueError(f"a clip is a non-empty row of samples, not {tuple(samples.shape)}")
    clip = samples.double()
    if not clip.isfinite().all():
        raise ValueError("a clip holds a value that is not finite")
    silence = 1e-12 * clip.abs().max()  # or less is what rounding leaves of a constant
    clip = clip - clip.mean()
    if len(clip) > profile.n_samples:
        energy = torch.nn.functional.pad(clip.square().cumsum(0), (1, 0))
        start = int((energy[profile.n_samples :] - energy[: -profile.n_samples]).argmax())
        clip = clip[start : start + profile.n_samples]
    level = clip.square().mean().sqrt()
    if level > silence:
        clip = clip * (profile.rms / level)
    window = torch.zeros(profile.n_samples)
    start = (profile.n_samples - len(clip)) // 2
    window[start : start + len(clip)] = clip.float()
    return window


def to_picture(clips: Tensor, profile: Profile = MEL64) -> Tensor:
    """Clips of the profile's window -> pictures.

    Computed in float64, so that a picture is the same to the bit on every machine.

    Args:
        clips: (..., n_samples), as `fit_clip` gives them.

    Returns:
        (..., n_mels, n_frames) uint8.

    Raises:
        ValueError: there is no clip, one has another length, or one is not finite.
    """
    if clips.shape[-1:] != (profile.n_samples,) or not clips.numel():
        raise ValueError(f"clips have {profile.n_samples} samples each, not {tuple(clips.shape)}")
    if not clips.isfinite().all():
        raise ValueError("a clip holds a value that is not finite")
    rows = clips.reshape(-1, profile.n_samples).split(128)  # bounds the memory
    pictures = torch.cat([_to_pictures(chunk, profile) for chunk in rows])
    return pictures.reshape(*clips.shape[:-1], profile.n_mels, profile.n_frames)


def _to_pictures(clips: Tensor, profile: Profile) -> Tensor:
    spectrum = torch.stft(
        clips.double(),
        profile.n_fft,
        profile.hop,
        window=_window(profile),
        center=True,
        return_complex=True,
    )  # (n, n_fft / 2 + 1, n_frames + 1)
    power = spectrum[..., : profile.n_frames].abs().square()
    mel = _mel_bands(profile).T @ power  # (n, n_mels, n_frames)
    decibel = 10 * mel.clamp_min(1e-12).log10()
    grey = (decibel - profile.db_min) / (profile.db_max - profile.db_min)
    return (grey.clamp(0, 1) * 255).round().to(torch.uint8).flip(-2)


def to_sound(pictures: Tensor, profile: Profile = MEL64, n_iter: int = 32) -> Tensor:
    """Pictures -> clips whose picture is close to the given one.

    The mel bands are inverted by Richardson and Lucy's iteration, the phase is reconstructed by
    `sound_from_magnitude`. Deterministic.

    Args:
        pictures: (..., n_mels, n_frames) uint8.
        n_iter: rounds of phase reconstruction.

    Returns:
        (..., n_samples) float32.

    Raises:
        ValueError: there is no picture, or one is of another size or type.
    """
    size = (profile.n_mels, profile.n_frames)
    if pictures.shape[-2:] != size or pictures.dtype != torch.uint8 or not pictures.numel():
        given = f"{tuple(pictures.shape)} {pictures.dtype}"
        raise ValueError(f"pictures are uint8 of {size[0]} x {size[1]}, not {given}")
    rows = pictures.reshape(-1, *size).split(128)  # bounds the memory
    clips = np.concatenate([_to_clips(chunk, profile, n_iter) for chunk in rows])
    shape = (*pictures.shape[:-2], profile.n_samples)
    return torch.from_numpy(clips).reshape(shape).to(pictures.device)


def _to_clips(pictures: Tensor, profile: Profile, n_iter: int) -> np.ndarray:
    grey = pictures.flip(-2).cpu().double().numpy() / 255
    decibel = profile.db_min + grey * (profile.db_max - profile.db_min)
    mel = np.where(grey > 0, 10 ** (decibel / 10), 0.0)
    magnitude = np.sqrt(_invert_bands(mel, _mel_bands(profile).numpy()))  # (n, bins, n_frames)
    # Frame t of a picture is centered at sample t * hop. Frames before the first and after the
    # last one overlap the clip too, which a picture leaves out.
    n_fft, hop, n = profile.n_fft, profile.hop, profile.n_samples
    before = n_fft // hop // 2 - 1
    after = count_frames(n, n_fft, hop) - before - profile.n_frames
    magnitude = np.pad(magnitude, ((0, 0), (0, 0), (before, after)))
    return sound_from_magnitude(magnitude, n_fft, hop, n, n_iter)


def _invert_bands(mel: np.ndarray, bands: np.ndarray, n_iter: int = 20) -> np.ndarray:
    """The power in each bin from that in each band: non-negative, and as smooth as the bands allow.

    Richardson (1972) and Lucy (1974): EM for Poisson counts, so that errors are relative and quiet
    parts are reconstructed as well. With the pseudo-inverse the error of speech is twice as large,
    with non-negative least squares three times.

    Args:
        mel: (n, n_mels, n_frames).
        bands: (n_bins, n_mels).

    Returns:
        (n, n_bins, n_frames).
    """
    weight = bands.sum(1, keepdims=True)
    share = np.divide(bands, weight, where=weight > 0, out=np.zeros_like(bands))
    power = share @ (mel / bands.sum(0)[:, None])  # exact for a flat spectrum
    for _ in range(n_iter):
        power *= share @ (mel / np.maximum(bands.T @ power, 1e-30))
    return power


@cache
def _window(profile: Profile) -> Tensor:
    return torch.hann_window(profile.n_fft, dtype=torch.float64)


@cache
def _mel_bands(profile: Profile) -> Tensor:
    """(n_fft / 2 + 1, n_mels) float64: triangles, HTK mel scale."""
    return AF.melscale_fbanks(
        profile.n_fft // 2 + 1,
        profile.f_min,
        profile.f_max,
        profile.n_mels,
        profile.sample_rate,
    ).double()
