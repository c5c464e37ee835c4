"""A sound as a stream of spectra, and back, in memory that does not grow with its length.

Spectra are (n_channels, n_fft / 2 + 1, n_columns) complex128. Their phases are counted from the
middle of a frame, where those of neighbouring bins agree: a row of a picture may then mix bins.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from converters.header import ConverterError
from converters.media import Sound
from converters.stft import frames, istft, n_frames_of, overlap_add, stft

__all__ = [
    "at_once", "consistent", "cut", "from_first_sample", "n_columns_of", "samples_of", "spectra_of",
    "windows",
]  # fmt: skip

AT_ONCE = 1 << 19  # bins of all channels that are worked on at once
LOUDEST = 1e30  # of samples; the square of a magnitude is finite


def n_columns_of(n: int, n_fft: int, hop: int) -> int:
    """Spectra of a sound of n >= 0 samples."""
    return n_frames_of(n + hop, n_fft, hop) - 1


def at_once(n_channels: int, n_fft: int) -> int:
    """Columns that are worked on at once."""
    return min(max(AT_ONCE // (n_channels * n_fft // 2), 1), 256)


def spectra_of(sound: Sound, n_fft: int, hop: int) -> Iterator[np.ndarray]:
    """All spectra of a sound, some at a time.

    Raises:
        ConverterError: a sample is not finite, or beyond all measure.
    """
    n_channels = sound.format.n_channels
    silence = np.zeros((n_channels, n_fft - hop))
    sign = from_first_sample(n_fft)
    held = silence
    for block in sound.floats(at_once(n_channels, n_fft) * hop):
        if not (np.abs(block) <= LOUDEST).all():
            raise ConverterError(f"{sound.name}: holds samples that are no sound (not finite)")
        block = np.pad(block.T, ((0, 0), (0, -len(block) % hop)))
        held = np.concatenate([held, block], 1)
        yield frames(held, n_fft, hop) * sign
        held = held[:, held.shape[1] - (n_fft - hop) :]
    yield frames(np.concatenate([held, silence], 1), n_fft, hop) * sign


def samples_of(spectra: Iterator[np.ndarray], n_fft: int, hop: int) -> Iterator[np.ndarray]:
    """Spectra, some at a time -> samples (n, n_channels), as soon as they are whole."""
    overlap = n_fft // hop
    sign = from_first_sample(n_fft)
    held: np.ndarray | None = None
    for new in spectra:
        held = new * sign if held is None else np.concatenate([held, new * sign], -1)
        if held.shape[-1] >= overlap:
            yield overlap_add(held, n_fft, hop).T
            held = held[..., held.shape[-1] - overlap + 1 :]


def consistent(spectra: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """The spectra of the sound that is nearest to given ones."""
    n = (spectra.shape[-1] - n_fft // hop + 1) * hop
    sign = from_first_sample(n_fft)
    return stft(istft(spectra * sign, n_fft, hop, n), n_fft, hop) * sign


def cut(pieces: Iterator[np.ndarray], width: int, axis: int) -> Iterator[np.ndarray]:
    """The same, in pieces of `width` along an axis; the last one may be smaller."""
    return (piece for piece, _ in windows(pieces, width, 0, axis))


def windows(
    pieces: Iterator[np.ndarray], width: int, margin: int, axis: int
) -> Iterator[tuple[np.ndarray, slice]]:
    """Pieces of `width` with up to `margin` of what is before and after, and where each begins
    and ends within its margins."""
    held: np.ndarray | None = None
    start = 0  # of the next piece in what is held
    for new in chain(pieces, [None]):
        if new is not None:
            held = new if held is None else np.concatenate([held, new], axis)
        if held is None:
            return
        # All that is held, at the end; else what has its margin.
        ready = held.shape[axis] - (0 if new is None else width + margin - 1)
        while start < ready:
            first, stop = max(start - margin, 0), min(start + width, held.shape[axis])
            yield _part(held, axis, first, stop + margin), slice(start - first, stop - first)
            start = stop
        past = max(start - margin, 0)
        held, start = _part(held, axis, past, None), start - past


def _part(array: np.ndarray, axis: int, start: int, stop: int | None) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def from_first_sample(n_fft: int) -> np.ndarray:
    """(n_fft / 2 + 1, 1): turns phases from the first sample to the middle of a frame, and back."""
    return 1.0 - 2.0 * (np.arange(n_fft // 2 + 1)[:, None] % 2)
