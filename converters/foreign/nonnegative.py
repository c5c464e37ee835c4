"""Magnitudes of bins from those of wider bands."""

from __future__ import annotations

import numpy as np

__all__ = ["solve_nonnegative"]

ROUNDS = 60


def solve_nonnegative(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """x >= 0 with matrix @ x near rows, in the sense of least squares.

    Lee & Seung, "Algorithms for non-negative matrix factorization" (2001): multiplicative updates.

    Args:
        matrix: (n_rows, n_bins), >= 0.
        rows: (n_rows, n_columns), >= 0.

    Returns:
        (n_bins, n_columns) float32.
    """
    matrix, rows = matrix.astype(np.float32), rows.astype(np.float32)
    target = matrix.T @ rows
    floor = np.float32(1e-12) * max(float(target.max(initial=0)), 1e-12)
    x = target / np.maximum(matrix.sum(0)[:, None] ** 2, 1e-6)
    for _ in range(ROUNDS):
        x *= target / np.maximum(matrix.T @ (matrix @ x), floor)
    return x
