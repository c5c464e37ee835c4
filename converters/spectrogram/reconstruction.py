"""Phase reconstruction: the magnitudes and phases in a picture -> spectra that a sound can have.

Those in a picture are `polar`, (2, n_channels, n_rows, n_columns): magnitude, and phase in radians,
NaN where the picture has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

import numpy as np

from converters.phase import sound_from_magnitude
from converters.progress import progress
from converters.spectrogram.axis import Axis
from converters.spectrogram.streams import (
    columns_per_block,
    nearest_consistent,
    overlapping_windows,
    phase_shift,
)
from converters.stft import stft

__all__ = ["inconsistency", "reconstruct_spectra", "steady_phase"]

ROUNDS = 32  # where some phases are missing
PHASELESS_ROUNDS = 640  # where all are, divided by the overlap: equal work for a second of sound
N_THREADS = 2  # each works on one channel: few, which bounds the memory
GOLDEN = (5**0.5 - 1) / 2
REFINEMENTS = 3  # of rows that are not bins: 34, 45, 53, 58 dB of speech on a logarithmic axis
PHASELESS_BINS = 1 << 21  # of all channels, whose phases are reconstructed together


def reconstruct_spectra(
    polar: Iterator[np.ndarray], axis: Axis, n_fft: int, hop: int, has_phase: bool
) -> Iterator[np.ndarray]:
    """Blocks of polar rows -> blocks of spectra (n_channels, n_bins, n_columns).

    Stored phases are kept. Missing ones among them are those of steady tones; where rows are bins,
    they are adapted to their neighbors by Griffin and Lim's algorithm (1984). Where there are none,
    they are found by PGHI and fast Griffin-Lim. Blocks overlap, so that the result does not depend
    on where one ends.
    """
    margin = 4 * n_fft // hop
    first = next(polar, None)
    if first is None:
        return
    n_channels = first.shape[1]
    width = columns_per_block(n_channels, n_fft)
    if not has_phase:
        width = min(max(PHASELESS_BINS // (n_channels * n_fft // 2), margin), 2048)
    done = 0
    for window, inner in overlapping_windows(chain([first], polar), width, margin, 3):
        start, done = done - inner.start, done + inner.stop - inner.start
        magnitude, phase = window
        audible = magnitude > 0
        known = audible & ~np.isnan(phase)
        if axis.exact and (known == audible).all():
            yield _to_complex(*window[..., inner])
        elif has_phase:
            steady = steady_phase(axis, start, magnitude.shape[-1], n_fft, hop)
            phase = np.where(known, phase, steady)
            yield _iterate(magnitude, phase, audible & ~known, axis, n_fft, hop)[..., inner]
        else:
            yield _add_phases(axis.to_bins(magnitude).clip(0), n_fft, hop)[..., inner]


def inconsistency(polar: np.ndarray, axis: Axis, n_fft: int, hop: int) -> np.ndarray:
    """The distance of each column from the spectra of the nearest sound, (n,) in dB.

    Of columns with phases, without the first and last ones, which depend on their neighbors.
    """
    magnitude, phase = polar
    known = (magnitude > 0) & ~np.isnan(phase)
    rows = np.where(known, _to_complex(magnitude, phase), 0)
    error = known * np.abs(axis.to_rows(_project(axis.to_bins(rows), n_fft, hop)) - rows)
    inner = slice(n_fft // hop - 1, max(rows.shape[-1] - n_fft // hop + 1, 0))
    error, size = (np.linalg.norm(each, axis=(0, 1))[inner] for each in (error, rows))
    nonzero = size > 0
    return 20 * np.log10(np.maximum(error[nonzero] / size[nonzero], 1e-9))


def steady_phase(axis: Axis, start: int, n_columns: int, n_fft: int, hop: int) -> np.ndarray:
    """(n_rows, n_columns): of a tone at the frequency of each row, from column `start` on."""
    turns = axis.centers[:, None] * ((start + np.arange(n_columns)) * hop / n_fft)
    offset = np.arange(axis.n_rows)[:, None] * GOLDEN  # else many rows together are clicks
    return 2 * np.pi * ((turns + offset) % 1)


def _iterate(
    magnitude: np.ndarray,
    phase: np.ndarray,
    unknown: np.ndarray,
    axis: Axis,
    n_fft: int,
    hop: int,
) -> np.ndarray:
    """Spectra of a sound with these rows: each round projects on those of a sound, then sets the
    unknown phases, or corrects the spectra by the error of the rows."""
    if not axis.exact and unknown.any():
        tones = _tones(np.where(unknown, magnitude, 0), phase, axis, n_fft // 2 + 1)
        rest = np.where(unknown, 0, magnitude), phase, np.zeros_like(unknown)
        return tones + _iterate(*rest, axis, n_fft, hop)
    rows = _to_complex(magnitude, phase)
    spectra = axis.to_bins(rows)
    for _ in range(ROUNDS if unknown.any() else REFINEMENTS):
        projected = axis.to_rows(_project(spectra, n_fft, hop))
        rows[unknown] = magnitude[unknown] * _normalize(projected[unknown])
        spectra = rows if axis.exact else spectra + axis.to_bins(rows - projected)
    return spectra


def _tones(magnitude: np.ndarray, phase: np.ndarray, axis: Axis, n_bins: int) -> np.ndarray:
    """Spectra of a tone for each row, whose powers add up to these magnitudes."""
    assert axis.matrix is not None
    lobes = axis.lobes(n_bins)
    shown = (axis.matrix @ abs(lobes)) ** 2  # the power that each row shows of each tone
    power = np.stack([shown @ each for each in np.square(magnitude)])
    amplitude = np.square(magnitude) / np.sqrt(np.maximum(power, np.finfo(power.dtype).tiny))
    return np.stack([lobes @ each for each in _to_complex(amplitude, phase)])


def _add_phases(magnitude: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """(n_channels, n_bins, n_columns) -> spectra of these magnitudes."""
    n_columns = magnitude.shape[-1]
    overlap = n_fft // hop
    padded = _pad_columns(magnitude, overlap)
    n = (padded.shape[-1] - overlap + 1) * hop

    def search(channel: np.ndarray, on_round: Callable[[], object]) -> np.ndarray:
        sound = sound_from_magnitude(channel, n_fft, hop, n, n_rounds, on_round)
        return _normalize(stft(sound, n_fft, hop))[:, :n_columns]

    n_rounds = PHASELESS_ROUNDS // overlap
    with (
        progress("phases", len(padded) * n_rounds) as on_round,
        ThreadPoolExecutor(N_THREADS) as threads,
    ):
        spectra = np.stack([*threads.map(partial(search, on_round=on_round), padded)])
    return spectra * phase_shift(n_fft) * magnitude


def _project(spectra: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """The spectra of the nearest sound, of any number of columns."""
    n_columns = spectra.shape[-1]
    return nearest_consistent(_pad_columns(spectra, n_fft // hop), n_fft, hop)[..., :n_columns]


def _pad_columns(columns: np.ndarray, n_min: int) -> np.ndarray:
    """With silence behind, if there are fewer columns than lie over a sample."""
    missing = max(n_min - columns.shape[-1], 0)
    return np.pad(columns, [(0, 0)] * (columns.ndim - 1) + [(0, missing)]) if missing else columns


def _to_complex(magnitude: np.ndarray, phase: np.ndarray) -> np.ndarray:
    phase = np.nan_to_num(phase)
    return magnitude * np.cos(phase) + 1j * (magnitude * np.sin(phase))


def _normalize(z: np.ndarray) -> np.ndarray:
    """z / |z|; 1 where |z| is subnormal, as the quotient can overflow there."""
    size = np.abs(z)
    return np.divide(z, size, where=size > np.finfo(size.dtype).tiny, out=np.ones_like(z))
