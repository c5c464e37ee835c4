from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_kid import kid_features_to_metric

from metrics import kid
from metrics.kid import kernel_distance


def cloud(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def by_definition(x: Tensor, y: Tensor) -> float:
    """Three full matrices; the diagonals of two left out."""
    x, y = x.double(), y.double()
    xx, yy, xy = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    xx.fill_diagonal_(0), yy.fill_diagonal_(0)
    n, m = xy.shape
    return float(xx.sum() / (n * (n - 1)) + yy.sum() / (m * (m - 1)) - 2 * xy.mean())


def test_agrees_with_torch_fidelity_on_one_full_subset() -> None:
    real, fake = cloud(200, 16, 0), cloud(200, 16, 1, 1.3, 0.2)
    theirs = kid_features_to_metric(
        real.double(), fake.double(), kid_subsets=1, kid_subset_size=200, verbose=False
    )
    found = kernel_distance(real, fake)
    assert found == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)


@pytest.mark.parametrize("chunk", [1, 7, 30, 1000])
def test_agrees_with_the_definition_for_any_chunk(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kid, "_CHUNK", chunk)
    x, y = cloud(30, 5, 0), cloud(21, 5, 1, 1.4)
    assert kernel_distance(x, y) == pytest.approx(by_definition(x, y), rel=1e-10)


def test_unbiased_for_equal_laws() -> None:
    # With the diagonals left in, the mean would be some 0.3, forty standard errors away.
    values = torch.tensor(
        [kernel_distance(cloud(20, 8, i), cloud(25, 8, -i)) for i in range(1, 400)]
    )
    error = values.std() / len(values) ** 0.5
    assert values.mean().abs() < 3 * error
    assert error < 0.01
    assert 0.3 < (values < 0).float().mean() < 0.8


def test_unbiased_for_unequal_laws() -> None:
    # E k(x, y) for centred Gaussians with variances s, t: 1 + 3 s t / d.
    d, s, t = 8, 1.0, 2.25
    expected = 3 / d * (s**2 + t**2 - 2 * s * t)
    values = torch.tensor(
        [kernel_distance(cloud(30, d, i), cloud(30, d, -i, t**0.5)) for i in range(1, 400)]
    )
    assert (values.mean() - expected).abs() < 3 * values.std() / len(values) ** 0.5


def test_grows_with_the_shift_and_is_symmetric() -> None:
    x = cloud(500, 16, 0)
    values = [kernel_distance(x, cloud(400, 16, 1, shift=shift)) for shift in (0, 0.2, 0.5, 1)]
    assert values == sorted(values)
    assert abs(values[0]) < values[1] / 2
    y = cloud(400, 16, 1, shift=0.5)
    assert kernel_distance(x, y) == pytest.approx(kernel_distance(y, x), rel=1e-9)


def test_bad_input_is_refused() -> None:
    x = cloud(10, 4, 0)
    for real, fake in ((x, x[:1]), (x, x[:, :3]), (x, x / 0)):
        with pytest.raises(ValueError):
            kernel_distance(real, fake)
