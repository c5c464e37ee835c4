"""Sound as its samples, byte by byte: `planes` and `packed-rgb`. Lossless for 16-bit samples.

A clip is 16-bit PCM whose full scale is 2: FSDD's recordings for training and validation, at an RMS
of 0.1, have a peak of 1.77 at most. Rounding to steps of 2^-14 is noise 75 dB below that RMS. What
is louder than 1.992 is clipped in both, as `planes` has silence in the middle of both its bytes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from converters.sound_as_base import N_SAMPLES

__all__ = [
    "FULL_SCALE", "MAX_SAMPLE", "PACKED_SHAPE", "PLANES_SHAPE", "decode_packed", "decode_planes",
    "encode_packed", "encode_planes",
]  # fmt: skip

FULL_SCALE = 2.0  # the amplitude of 32,768 steps
MAX_SAMPLE = 32767 - 128
MIDDLE = 32768 + 128  # silence in `planes`: the middle of the high byte and of the low one

PLANES_SHAPE = (1, 128, 128)  # 64 rows of 128 samples, two bytes each
PACKED_SHAPE = (3, 80, 80)  # the smallest square that holds 16,384 bytes and can be halved 4 times


def encode_planes(clips: Tensor) -> Tensor:
    """High bytes above low bytes; neighboring samples are neighboring pixels.

    Brightness rises with the sample, and silence is mid-grey in both planes, so that quiet noise
    neither changes the high byte nor wraps the low one.

    Args:
        clips: (k, 8192) float64.

    Returns:
        (k, 1, 128, 128) uint8.
    """
    words = _to_pcm(clips) + MIDDLE
    planes = torch.stack((words >> 8, words & 255), 1)  # (k, 2, 8192)
    return planes.to(torch.uint8).reshape(-1, *PLANES_SHAPE)


def decode_planes(pictures: Tensor) -> Tensor:
    """The inverse of `encode_planes`: (k, 8192) float32."""
    high, low = pictures.int().reshape(len(pictures), 2, -1).unbind(1)
    return _from_pcm((high << 8) + low - MIDDLE)


def encode_packed(clips: Tensor) -> Tensor:
    """The bytes of a WAV file (low byte first, two's complement) in R, G, B, row by row.

    As the source project's fourth system writes them ("Resonance"). The last bytes are 0. The
    sides, 80 pixels, are a multiple of 16 for networks that halve a picture four times.

    Args:
        clips: (k, 8192) float64.

    Returns:
        (k, 3, 80, 80) uint8.
    """
    words = _to_pcm(clips)
    content = torch.stack((words & 255, words >> 8 & 255), -1).flatten(1)  # (k, 16384)
    channels, height, width = PACKED_SHAPE
    content = F.pad(content, (0, channels * height * width - content.shape[1]))
    pixels = content.to(torch.uint8).reshape(-1, height, width, channels)
    return pixels.movedim(-1, 1).contiguous()


def decode_packed(pictures: Tensor) -> Tensor:
    """The inverse of `encode_packed`: (k, 8192) float32."""
    content = pictures.int().movedim(1, -1).flatten(1)[:, : 2 * N_SAMPLES]
    low, high = content.unflatten(1, (-1, 2)).unbind(-1)
    return _from_pcm(((high ^ 128) << 8) + low - 32768)


def _to_pcm(clips: Tensor) -> Tensor:
    return (clips * (32768 / FULL_SCALE)).round().clamp(-MAX_SAMPLE, MAX_SAMPLE).int()


def _from_pcm(samples: Tensor) -> Tensor:
    return samples.float() * (FULL_SCALE / 32768)
