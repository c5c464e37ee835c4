"""Matched filters: the power of each candidate tone in a window of samples."""

from __future__ import annotations

import numpy as np

__all__ = ["filter_power", "matched_filters", "separate_bands"]

N_PASSES = 2  # of deciding the tones of several bands again


def matched_filters(frequency: np.ndarray, length: int) -> np.ndarray:
    """(2, length, n) float32: for each tone an orthonormal pair that spans all of its phases.

    Args:
        frequency: (n,) in turns per sample.
    """
    filters = np.empty((2, length, len(frequency)), np.float32)
    for part in range(0, len(frequency), 256):  # bounds the memory
        own = slice(part, part + 256)
        angle = 2 * np.pi * np.arange(length)[:, None] * frequency[own]
        one, two = np.cos(angle), np.sin(angle)
        one /= np.linalg.norm(one, axis=0)
        two -= one * (one * two).sum(axis=0)
        two /= np.linalg.norm(two, axis=0)
        filters[0, :, own], filters[1, :, own] = one, two
    return filters


def filter_power(batch: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """(m, length) windows -> (m, n) power of each candidate; filters (2, length, n)."""
    return (batch @ filters[0]) ** 2 + (batch @ filters[1]) ** 2


def separate_bands(batch: np.ndarray, filters: np.ndarray, n_bands: int) -> np.ndarray:
    """(m, n_bands, 256) power of each candidate, without the tones of the other bands."""
    m, length = batch.shape
    fade = np.hanning(length + 2)[1:-1, None].astype(np.float32)  # for the first decision only
    power = filter_power(batch, filters * fade).reshape(m, n_bands, 256)
    first = 256 * np.arange(n_bands)
    for _ in range(N_PASSES):
        best = first + power.argmax(axis=2)  # (m, n_bands)
        tones = filters[:, :, best].transpose(2, 1, 3, 0)  # (m, length, n_bands, 2)
        tones = tones.reshape(m, length, 2 * n_bands)
        across = tones.transpose(0, 2, 1)
        weight = np.linalg.solve(across @ tones, across @ batch[:, :, None])  # least squares
        parts = (tones * weight.transpose(0, 2, 1)).reshape(m, length, n_bands, 2).sum(axis=3)
        rest = batch - parts.sum(axis=2)
        for band in range(n_bands):
            own = filters[:, :, first[band] : first[band] + 256]
            power[:, band] = filter_power(rest + parts[:, :, band], own)
    return power
