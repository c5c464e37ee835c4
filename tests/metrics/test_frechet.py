from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from metrics.frechet import frechet_distance


def cloud(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=g) / d**0.5
    return scale * torch.randn(n, d, generator=g) @ mix + shift


def with_moments(mean: Tensor, covariance: Tensor, n: int = 200) -> Tensor:
    """Samples whose own mean and covariance are exactly these."""
    x = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(0)).double()
    x = torch.linalg.qr(x - x.mean(0)).Q * (n - 1) ** 0.5
    return x @ torch.linalg.cholesky(covariance).T + mean


def test_agrees_with_torch_fidelity() -> None:
    real, fake = cloud(400, 16, 0), cloud(300, 16, 1, 1.3, 0.2)
    a, b = (fid_features_to_statistics(x.double()) for x in (real, fake))
    theirs = fid_statistics_to_metric(a, b, False)["frechet_inception_distance"]
    assert frechet_distance(real, fake) == pytest.approx(theirs, rel=1e-8)


def test_gaussians_that_commute_in_closed_form() -> None:
    s, t = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 4.0, 1.0]).double()
    mean = torch.tensor([1.0, -2.0, 0.5]).double()
    real, fake = with_moments(mean * 0, s.diag()), with_moments(mean, t.diag())
    expected = mean.square().sum() + (s.sqrt() - t.sqrt()).square().sum()
    assert frechet_distance(real, fake) == pytest.approx(expected.item(), rel=1e-10)


def test_gaussians_that_do_not_commute_in_closed_form() -> None:
    # For 2 x 2: tr sqrt(A B) = sqrt(tr(A B) + 2 sqrt(det(A B))).
    a = torch.tensor([[2.0, 0.9], [0.9, 1.0]]).double()
    b = torch.tensor([[1.0, -0.5], [-0.5, 3.0]]).double()
    zero = torch.zeros(2).double()
    root = ((a @ b).trace() + 2 * torch.linalg.det(a @ b).sqrt()).sqrt()
    expected = a.trace() + b.trace() - 2 * root
    found = frechet_distance(with_moments(zero, a), with_moments(zero, b))
    assert found == pytest.approx(expected.item(), rel=1e-10)


@pytest.mark.parametrize(("n", "d"), [(500, 8), (30, 128), (2, 64)])
def test_equal_sets_are_at_zero_even_with_fewer_samples_than_dimensions(n: int, d: int) -> None:
    x = cloud(n, d, 0)
    assert frechet_distance(x, x) < 1e-11
    assert frechet_distance(x, x.flip(0)) < 1e-11


def test_a_shift_costs_its_square() -> None:
    x = cloud(40, 64, 0).double()
    shift = torch.linspace(-1, 2, 64).double()
    assert frechet_distance(x, x + shift) == pytest.approx(shift.square().sum().item(), rel=1e-9)


def test_symmetric_and_blind_to_rotation() -> None:
    x, y = cloud(60, 10, 0).double(), cloud(80, 10, 1, 1.5).double()
    turn = torch.linalg.qr(cloud(10, 10, 2).double()).Q
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(x @ turn, y @ turn), rel=1e-9)


def test_single_precision_input_far_from_zero() -> None:
    x, y = cloud(300, 20, 0), cloud(300, 20, 1)
    far = frechet_distance(x.double() + 1e4, y.double() + 1e4)
    assert far == pytest.approx(frechet_distance(x, y), rel=1e-6)


def test_bad_input_is_refused() -> None:
    x = cloud(10, 4, 0)
    broken = x.clone()
    broken[3, 1] = np.nan
    for real, fake in ((x, x[:1]), (x, x[:, :3]), (x, broken), (x[0], x), (x.long(), x)):
        with pytest.raises(ValueError):
            frechet_distance(real, fake)
