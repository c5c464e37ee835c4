"""How well a property can be named from features: what they still hold of it."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from metrics.features import check_features

__all__ = ["FOLDS", "probe_accuracy"]

FOLDS = 4
STRENGTH = 10.0  # inverse of the penalty: leaks are to be found


def probe_accuracy(features: Tensor, target: Tensor, digit: Tensor) -> float:
    """Share of held-out rows whose target a linear probe names, one probe for each digit.

    Multinomial logistic regression on features scaled to unit variance within the digit, so that a
    small leak counts as much as a large one (Alain & Bengio, "Understanding intermediate layers
    using linear classifier probes", 2016), cross-validated in folds that are balanced by target.
    Chance is the share of the most frequent target.

    Args:
        features: (n, d) floating.
        target: (n,) int64, what is to be named; each value at least FOLDS times in each digit.
        digit: (n,) int64.

    Raises:
        ValueError: other shapes, values that are not finite, or too few rows.
    """
    # Here: it takes a second to load, and most commands never probe.
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_features(features=features)
    if not target.shape == digit.shape == features.shape[:1]:
        raise ValueError("a target and a digit for each row wanted")
    x, y, d = (each.cpu().double().numpy() for each in (features, target, digit))
    found = np.zeros(len(x), bool)
    for each in np.unique(d):
        rows = d == each
        if np.unique(y[rows], return_counts=True)[1].min() < FOLDS:
            raise ValueError(f"fewer than {FOLDS} rows of a target in digit {each:g}")
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=2000))
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        found[rows] = cross_val_predict(probe, x[rows], y[rows], cv=folds) == y[rows]
    return float(found.mean())
