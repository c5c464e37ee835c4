"""A sound as a stream of spectra, and back, in memory that does not grow with its length.

Spectra are (n_channels, n_fft / 2 + 1, n_columns) complex128. Their phases are counted from the
middle of a frame, where those of neighboring bins agree: a row of a picture may then mix bins.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from converters.header import ConverterError
from converters.media import Sound
from converters.stft import count_frames, frames, istft, overlap_add, stft

__all__ = [
    "columns_per_block",
    "count_columns",
    "nearest_consistent",
    "overlapping_windows",
    "phase_shift",
    "rechunk",
    "stream_samples",
    "stream_spectra",
]

BINS_PER_BLOCK = 1 << 19  # of all channels, processed together
MAX_SAMPLE = 1e30  # the square of a magnitude stays finite


def count_columns(n: int, n_fft: int, hop: int) -> int:
    """Spectra of a sound of n >= 0 samples."""
    return count_frames(n + hop, n_fft, hop) - 1


def columns_per_block(n_channels: int, n_fft: int) -> int:
    """Columns that are processed together."""
    return min(max(BINS_PER_BLOCK // (n_channels * n_fft // 2), 1), 256)


def stream_spectra(sound: Sound, n_fft: int, hop: int) -> Iterator[np.ndarray]:
    """All spectra of a sound, block by block.

    Raises:
        ConverterError: a sample is not finite, or too large.
    """
    n_channels = sound.format.n_channels
    silence = np.zeros((n_channels, n_fft - hop))
    sign = phase_shift(n_fft)
    held = silence
    for block in sound.floats(columns_per_block(n_channels, n_fft) * hop):
        if not (np.abs(block) <= MAX_SAMPLE).all():
            raise ConverterError(f"{sound.name}: holds samples that are no sound (not finite)")
        block = np.pad(block.T, ((0, 0), (0, -len(block) % hop)))
        held = np.concatenate([held, block], 1)
        yield frames(held, n_fft, hop) * sign
        held = held[:, held.shape[1] - (n_fft - hop) :]
    yield frames(np.concatenate([held, silence], 1), n_fft, hop) * sign


def stream_samples(spectra: Iterator[np.ndarray], n_fft: int, hop: int) -> Iterator[np.ndarray]:
    """Blocks of spectra -> blocks of samples (n, n_channels), each as soon as it is complete."""
    overlap = n_fft // hop
    sign = phase_shift(n_fft)
    held: np.ndarray | None = None
    for new in spectra:
        held = new * sign if held is None else np.concatenate([held, new * sign], -1)
        if held.shape[-1] >= overlap:
            yield overlap_add(held, n_fft, hop).T
            held = held[..., held.shape[-1] - overlap + 1 :]


def nearest_consistent(spectra: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """The spectra of the sound that is nearest to given ones."""
    n = (spectra.shape[-1] - n_fft // hop + 1) * hop
    sign = phase_shift(n_fft)
    return stft(istft(spectra * sign, n_fft, hop, n), n_fft, hop) * sign


def rechunk(pieces: Iterator[np.ndarray], width: int, axis: int) -> Iterator[np.ndarray]:
    """The same values in pieces of `width` along an axis; the last one may be smaller."""
    return (piece for piece, _ in overlapping_windows(pieces, width, 0, axis))


def overlapping_windows(
    pieces: Iterator[np.ndarray], width: int, margin: int, axis: int
) -> Iterator[tuple[np.ndarray, slice]]:
    """Pieces of `width` with up to `margin` of context on both sides, and the slice of each that
    leaves the context out."""
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
            window = _slice(held, axis, first, stop + margin)
            yield window, slice(start - first, stop - first)
            start = stop
        past = max(start - margin, 0)
        held, start = _slice(held, axis, past, None), start - past


def _slice(array: np.ndarray, axis: int, start: int, stop: int | None) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def phase_shift(n_fft: int) -> np.ndarray:
    """(n_fft / 2 + 1, 1): shifts the origin of phases from the first sample of a frame to its
    middle, and back."""
    return 1.0 - 2.0 * (np.arange(n_fft // 2 + 1)[:, None] % 2)
