"""What the pictures in `converters.sound_as` share: their interface, and brightness as level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["N_SAMPLES", "SAMPLE_RATE", "Decibels", "Representation"]

SAMPLE_RATE = 8000  # Hz
N_SAMPLES = 8192  # of a clip, as of `converters.mel64.features.MEL64`
CHUNK = 128  # clips or pictures at once; bounds the memory


@dataclass(frozen=True)
class Representation:
    """Clips as 8-bit pictures of one shape, and such pictures, of clips or not, as clips."""

    name: str
    shape: tuple[int, int, int]  # channels (1 or 3), height, width
    encode: Callable[[Tensor], Tensor]  # (k, 8192) float64, finite -> (k, *shape) uint8
    decode: Callable[[Tensor], Tensor]  # (k, *shape) uint8 -> (k, 8192)

    def to_picture(self, clips: Tensor) -> Tensor:
        """Pictures of clips. Deterministic; computed in float64 on the CPU.

        Args:
            clips: (n, 8192) float at 8 kHz, as `converters.mel64.features.fit_clip` gives them.

        Returns:
            (n, height, width) uint8 of one channel, else (n, channels, height, width), on the
            device of the clips.

        Raises:
            ValueError: there is no clip, one has another length, or one is not finite.
        """
        if clips.ndim != 2 or clips.shape[1] != N_SAMPLES or not len(clips):
            raise ValueError(f"clips are (n, {N_SAMPLES}), n >= 1, not {tuple(clips.shape)}")
        if not clips.isfinite().all():
            raise ValueError("a clip holds a value that is not finite")
        chunks = clips.cpu().split(CHUNK)
        pictures = torch.cat([self.encode(chunk.double()) for chunk in chunks])
        return pictures.reshape(-1, *self._shape).to(clips.device)

    def to_sound(self, pictures: Tensor) -> Tensor:
        """Clips of pictures. Deterministic; computed on the CPU.

        Args:
            pictures: (n, height, width) uint8 of one channel, else (n, channels, height, width).

        Returns:
            (n, 8192) float32, on the device of the pictures.

        Raises:
            ValueError: there is no picture, or one is of another size or type.
        """
        wrong_size = pictures.shape[1:] != self._shape or not len(pictures)
        if wrong_size or pictures.dtype != torch.uint8:
            wanted = ", ".join(map(str, ("n", *self._shape)))
            given = f"{tuple(pictures.shape)} {pictures.dtype}"
            raise ValueError(f"{self.name}: pictures are uint8 ({wanted}), n >= 1, not {given}")
        chunks = pictures.cpu().reshape(-1, *self.shape).split(CHUNK)
        return torch.cat([self.decode(chunk).float() for chunk in chunks]).to(pictures.device)

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.shape[1:] if self.shape[0] == 1 else self.shape


@dataclass(frozen=True)
class Decibels:
    """Amplitude <-> brightness, 0 to 255, on a fixed scale; black is silence."""

    black: float  # dB
    white: float

    def brightness(self, amplitude: Tensor) -> Tensor:
        """In [0, 255], not rounded."""
        decibel = 20 * amplitude.clamp_min(1e-30).log10()
        return ((decibel - self.black) / (self.white - self.black)).clamp(0, 1) * 255

    def amplitude(self, brightness: Tensor) -> Tensor:
        """The inverse of `brightness`, and 0 of what rounds to black."""
        decibel = self.black + brightness / 255 * (self.white - self.black)
        return (10 ** (decibel / 20)).where(brightness >= 0.5, 0.0)
