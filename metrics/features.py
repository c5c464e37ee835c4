"""The check of features that every metric makes."""

from __future__ import annotations

from torch import Tensor

__all__ = ["check_features"]


def check_features(n_min: int = 1, **features: Tensor) -> None:
    """Raises ValueError unless all are (n, d), floating, finite, of one d, with n >= n_min."""
    for name, x in features.items():
        if x.dim() != 2 or not x.is_floating_point():
            raise ValueError(f"{name}: floating (n, d) wanted, got {x.dtype} {tuple(x.shape)}")
        if len(x) < n_min:
            raise ValueError(f"{name}: at least {n_min} rows wanted, got {len(x)}")
        if not x.isfinite().all():
            raise ValueError(f"{name}: not finite")
    sizes = {name: x.shape[1] for name, x in features.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"features of different sizes: {sizes}")
