"""What a picture shows of each bin -> spectra that a sound can have.

What is shown is `polar`, (2, n_channels, n_rows, n_columns): magnitude, and phase in radians, NaN
where the picture has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from converters.phase import sound_of_magnitude
from converters.spectrogram.axis import Axis
from converters.spectrogram.streams import at_once, consistent, from_first_sample, windows
from converters.stft import stft

__all__ = ["inconsistency", "spectra_shown"]

ROUNDS = 32  # where phases are missing
SEARCH = 640  # rounds where there are none, over the overlap: the same work for a second of sound
AT_ONCE = 2  # channels
REFINEMENTS = 3  # of rows that are not bins: 34, 45, 53, 58 dB of speech on a logarithmic axis
PHASELESS = 1 << 21  # bins of all channels that get their phases together


def spectra_shown(
    polar: Iterator[np.ndarray], axis: Axis, n_fft: int, hop: int, has_phase: bool
) -> Iterator[np.ndarray]:
    """Polar rows, some columns at a time -> spectra (n_channels, n_bins, n_columns).

    Stored phases are kept. Missing ones are found by Griffin and Lim's algorithm (1984) among the
    stored ones, or where there is none, by PGHI and fast Griffin-Lim. Work is done in blocks with
    margins, so that the result is the same however the columns come in pieces.
    """
    margin = 4 * n_fft // hop
    first = next(polar, None)
    if first is None:
        return
    n_channels = first.shape[1]
    width = at_once(n_channels, n_fft)
    if not has_phase:
        width = min(max(PHASELESS // (n_channels * n_fft // 2), margin), 2048)
    for window, inner in windows(_and(first, polar), width, margin, 3):
        magnitude, phase = window
        sounding = magnitude > 0
        known = sounding & ~np.isnan(phase)
        if axis.exact and (known == sounding).all():
            yield _complex(*window[..., inner])
        elif known.any():
            yield _settled(magnitude, phase, sounding & ~known, axis, n_fft, hop)[..., inner]
        else:
            yield _phaseless(axis.bins(magnitude).clip(0), n_fft, hop)[..., inner]


def inconsistency(polar: np.ndarray, axis: Axis, n_fft: int, hop: int) -> np.ndarray:
    """How far columns are from any sound's, (n,) in dB: of those that tell phases, without the
    first and last ones, which need their neighbours."""
    magnitude, phase = polar
    known = (magnitude > 0) & ~np.isnan(phase)
    rows = np.where(known, _complex(magnitude, phase), 0)
    apart = known * np.abs(axis.rows(_consistent(axis.bins(rows), n_fft, hop)) - rows)
    inner = slice(n_fft // hop - 1, max(rows.shape[-1] - n_fft // hop + 1, 0))
    apart, whole = (np.linalg.norm(each, axis=(0, 1))[inner] for each in (apart, rows))
    told = whole > 0
    return 20 * np.log10(np.maximum(apart[told] / whole[told], 1e-9))


def _settled(
    magnitude: np.ndarray,
    phase: np.ndarray,
    unknown: np.ndarray,
    axis: Axis,
    n_fft: int,
    hop: int,
) -> np.ndarray:
    """Spectra of a sound whose rows are these: each round mends what its sound's rows lack."""
    rows = _complex(magnitude, phase)
    spectra = axis.bins(rows)
    for _ in range(ROUNDS if unknown.any() else REFINEMENTS):
        seen = axis.rows(_consistent(spectra, n_fft, hop))
        rows[unknown] = magnitude[unknown] * _unit(seen[unknown])
        spectra = rows if axis.exact else spectra + axis.bins(rows - seen)
    return spectra


def _phaseless(magnitude: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """(n_channels, n_bins, n_columns) -> spectra of these magnitudes."""
    n_columns = magnitude.shape[-1]
    overlap = n_fft // hop
    padded = _wide(magnitude, overlap)
    n = (padded.shape[-1] - overlap + 1) * hop

    def search(one: np.ndarray) -> np.ndarray:
        sound = sound_of_magnitude(one, n_fft, hop, n, SEARCH // overlap)
        return _unit(stft(sound, n_fft, hop))[:, :n_columns]

    with ThreadPoolExecutor(AT_ONCE) as threads:  # few: bounds the memory
        spectra = np.stack([*threads.map(search, padded)])
    return spectra * from_first_sample(n_fft) * magnitude


def _consistent(spectra: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    n_columns = spectra.shape[-1]
    return consistent(_wide(spectra, n_fft // hop), n_fft, hop)[..., :n_columns]


def _wide(columns: np.ndarray, least: int) -> np.ndarray:
    """With silence behind, if there are fewer columns than lie over a sample."""
    missing = max(least - columns.shape[-1], 0)
    return np.pad(columns, [(0, 0)] * (columns.ndim - 1) + [(0, missing)]) if missing else columns


def _complex(magnitude: np.ndarray, phase: np.ndarray) -> np.ndarray:
    phase = np.nan_to_num(phase)
    return magnitude * np.cos(phase) + 1j * (magnitude * np.sin(phase))


def _unit(z: np.ndarray) -> np.ndarray:
    size = np.abs(z)
    # A quotient by less than the smallest normal number can overflow.
    return np.divide(z, size, where=size > np.finfo(size.dtype).tiny, out=np.ones_like(z))


def _and(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest
