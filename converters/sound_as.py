"""A spoken word as a picture, in six ways, to find out from which of them a model learns best.

Each is of one shape and 8 bits, made of a clip of `converters.mel64.features.fit_clip`, and any
picture of that shape, so also what a model draws, is a sound again.

    mel64       level of mel bands            phases are reconstructed
    linear      level of equal bands          phases are reconstructed
    complex     level and phase in color      38 dB SNR
    tones       level of semitones            phases are those of 64 sines
    planes      high bytes above low bytes    exact to 16 bits
    packed-rgb  bytes in R, G, B              exact to 16 bits

They are how models hear and speak (`--sound-as`), and no kind of converter of files.
"""

from __future__ import annotations

from torch import Tensor

from converters.mel64 import features
from converters.sound_as_bands import (
    BANDS_SHAPE,
    decode_linear,
    decode_tones,
    encode_linear,
    encode_tones,
)
from converters.sound_as_base import N_SAMPLES, Representation
from converters.sound_as_bytes import (
    PACKED_SHAPE,
    PLANES_SHAPE,
    decode_packed,
    decode_planes,
    encode_packed,
    encode_planes,
)
from converters.sound_as_color import COLOR_SHAPE, decode_color, encode_color

__all__ = ["MEL64", "N_SAMPLES", "REPRESENTATIONS", "Representation", "to_mel64"]


MEL64 = "mel64"  # how models hear and speak where nothing else is said


def _encode_mel64(clips: Tensor) -> Tensor:
    return features.to_picture(clips).unsqueeze(1)


def _decode_mel64(pictures: Tensor) -> Tensor:
    return features.to_sound(pictures.squeeze(1))


_ALL = (
    Representation(MEL64, (1, 64, 64), _encode_mel64, _decode_mel64),
    Representation("linear", BANDS_SHAPE, encode_linear, decode_linear),
    Representation("complex", COLOR_SHAPE, encode_color, decode_color),
    Representation("tones", BANDS_SHAPE, encode_tones, decode_tones),
    Representation("planes", PLANES_SHAPE, encode_planes, decode_planes),
    Representation("packed-rgb", PACKED_SHAPE, encode_packed, decode_packed),
)

REPRESENTATIONS: dict[str, Representation] = {each.name: each for each in _ALL}


def to_mel64(pictures: Tensor, sound_as: str) -> Tensor:
    """What is heard of pictures of any kind, as mel64 shows it: pictures of it stay as they are.

    Args:
        pictures: (n, ...) uint8, of `REPRESENTATIONS[sound_as]`.

    Returns:
        (n, 64, 64) uint8, on the same device.
    """
    if sound_as == MEL64:
        return pictures
    clips = REPRESENTATIONS[sound_as].to_sound(pictures)
    return features.to_picture(clips.cpu()).to(pictures.device)
