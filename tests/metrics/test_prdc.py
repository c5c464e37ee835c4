from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from prdc import compute_prdc
from torch import Tensor

from metrics.prdc import PRDC, prdc, within_group_coverage


def cloud(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + shift


def four(result: PRDC) -> dict[str, float]:
    return {name: getattr(result, name) for name in ("precision", "recall", "density", "coverage")}


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("chunk", [17, 1000])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.5, 0.3), (1.5, 4.0)])
def test_agrees_with_the_prdc_package(
    k: int, chunk: int, scale: float, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics.prdc._CHUNK", chunk)
    real, fake = cloud(150, 4, 0).double(), cloud(120, 4, 1, scale, shift).double()
    theirs = compute_prdc(real.numpy(), fake.numpy(), k)
    assert four(prdc(real, fake, k)) == pytest.approx(theirs, abs=1e-12)


def test_agrees_with_the_prdc_package_on_copies_and_repeats() -> None:
    real = cloud(100, 4, 0).double() + 10
    for fake in (real, real[:1].repeat(50, 1), real[:5].repeat(10, 1)):
        theirs = compute_prdc(real.numpy(), fake.numpy(), 5)
        assert four(prdc(real, fake, 5)) == pytest.approx(theirs, abs=1e-12)


def test_a_collapsed_cloud_is_precise_and_recalls_and_covers_little() -> None:
    real = cloud(500, 8, 0)
    collapsed = prdc(real, cloud(500, 8, 1, 0.05))
    assert collapsed.precision > 0.95
    assert collapsed.recall < 0.05
    assert collapsed.coverage < 0.25
    assert collapsed.density > 1.5


def test_a_wide_cloud_recalls_and_is_not_precise() -> None:
    wide = prdc(cloud(500, 8, 0), cloud(500, 8, 1, 3))
    assert wide.recall > 0.9
    assert wide.precision < 0.1


def test_roles_swap_with_the_sets() -> None:
    x, y = cloud(200, 5, 0), cloud(180, 5, 1, 0.7)
    there, back = prdc(x, y), prdc(y, x)
    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_floor_of_two_equal_gaussians() -> None:
    # Equal laws do not score 1 in precision and recall: a real-real floor is to be printed.
    floor = prdc(cloud(2000, 64, 0), cloud(2000, 64, 1))
    assert floor.precision == pytest.approx(0.7, abs=0.05)
    assert floor.recall == pytest.approx(0.7, abs=0.05)
    assert floor.density == pytest.approx(1, abs=0.15)
    # Coverage has a floor in closed form: 1 - 1/2^k (Naeem 2020).
    assert floor.coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_coverage_of_equal_laws_depends_on_k_as_published() -> None:
    for k in (1, 2, 3):
        found = prdc(cloud(3000, 6, 0), cloud(3000, 6, 1), k).coverage
        assert found == pytest.approx(1 - 2**-k, abs=0.025)


def test_bad_input_is_refused() -> None:
    x = cloud(10, 4, 0)
    broken = x.clone()
    broken[0, 0] = np.inf
    for real, fake, k in ((x, x[:5], 5), (x, x[:, :3], 5), (x, broken, 5), (x, x, 0)):
        with pytest.raises(ValueError):
            prdc(real, fake, k)


def two_groups(shift: float = 20.0) -> tuple[Tensor, Tensor]:
    """(200, 3) reals in two clouds far apart, and their groups."""
    group = torch.arange(200) % 2
    return cloud(200, 3, 0) + shift * group[:, None], group


def test_coverage_within_groups_is_the_mean_of_each_alone() -> None:
    real, group = two_groups(shift=1.0)
    fake = cloud(120, 3, 1, 0.6)
    of = torch.arange(120) % 3 % 2  # not as many of each
    alone = [prdc(real[group == g], fake[of == g]).coverage for g in (0, 1)]
    assert within_group_coverage(real, group, fake, of) == pytest.approx(sum(alone) / 2)


def test_fakes_of_the_wrong_group_cover_nothing_within_groups() -> None:
    real, group = two_groups()
    fake = cloud(200, 3, 2) + 20 * group[:, None]
    assert within_group_coverage(real, group, fake, group) > 0.9
    assert within_group_coverage(real, group, fake, 1 - group) == 0
    assert prdc(real, fake).coverage > 0.9  # blind to it


def test_one_image_for_each_group_covers_little_within_groups() -> None:
    real, group = two_groups()
    fake = real[:2][group] + cloud(200, 3, 3, 1e-3)
    assert within_group_coverage(real, group, fake, group) < 0.2


def test_small_groups_are_left_out_of_the_coverage_within_groups() -> None:
    real, group = two_groups()
    few = torch.cat((group[:194], torch.full((6,), 2)))
    few[-1] = 0  # group 2 has five
    assert math.isfinite(within_group_coverage(real, few, real, few))
    assert math.isnan(within_group_coverage(real[:4], group[:4], real[:4], group[:4]))
