from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from metrics.attributes import Attributes, _mean_distance, stroke_attributes

N = 300  # of the real digits


class Change(NamedTuple):
    """What an attribute became, against what it was."""

    mean: float
    ratio: float  # median
    rank: float  # Spearman correlation, mean over digits


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, np.ndarray]:
    """Real strokes: scikit-learn's digits, enlarged to 28 x 28 with sharp edges."""
    small, digit = load_digits(return_X_y=True)
    x = torch.from_numpy(small[:N]).view(-1, 1, 8, 8) / 16
    x = F.interpolate(x, size=(20, 20), mode="bicubic", align_corners=False)
    x = F.pad((2 * x - 0.6).clamp(0, 1), (4, 4, 4, 4))[:, 0]
    return (x * 255).round().to(torch.uint8), digit[:N]


def changes(digits: tuple[Tensor, np.ndarray], changed: Tensor, of: Tensor) -> dict[str, Change]:
    _, digit = digits
    result = {}
    before, after = stroke_attributes(of), stroke_attributes(changed)
    for name, a, b in zip(Attributes._fields, before, after, strict=True):
        ranks = [spearmanr(a[digit == k], b[digit == k])[0] for k in range(10)]
        result[name] = Change((b - a).mean().item(), (b / a).median().item(), float(np.mean(ranks)))
    return result


def to_pixels(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x.clip(0, 255).round().astype(np.uint8))


def moved_edges(images: Tensor, ways: tuple[float, ...]) -> list[Tensor]:
    """For each way strokes whose edges lie that many pixels farther out, with soft edges."""
    fine = F.interpolate(images[:, None].float(), scale_factor=8, mode="bilinear")[:, 0] > 127
    out = np.stack(
        [
            ndimage.distance_transform_edt(~stroke) - ndimage.distance_transform_edt(stroke)
            for stroke in fine.numpy()
        ]
    ).reshape(-1, 28, 8, 28, 8)
    return [to_pixels(255 * (out <= 8 * way).mean((2, 4))) for way in ways]


def mapped(images: Tensor, matrix: list[list[float]]) -> Tensor:
    """Images whose pixel at (y, x) is the original's at `matrix` (y, x), from the middle."""
    m, middle = np.array(matrix), np.array([13.5, 13.5])
    each = [
        ndimage.affine_transform(i.astype(float), m, middle - m @ middle, order=1)
        for i in images.numpy()
    ]
    return to_pixels(np.stack(each))


def band(width: float, angle: float, length: float = 24) -> np.ndarray:
    """A band through the middle, drawn with soft edges; angle 0 lies flat."""
    at = (np.arange(28 * 8) + 0.5) / 8 - 14.1
    y, x = np.meshgrid(at, at, indexing="ij")
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle)
    across = across - x * math.sin(angle)
    inside = (abs(along) < length / 2) & (abs(across) < width / 2)
    return 255 * inside.reshape(28, 8, 28, 8).mean((1, 3))


@pytest.mark.parametrize("width", [2, 2.5, 3, 4])
def test_a_band_is_as_thick_as_it_is(width: float) -> None:
    bands = np.stack([band(width, a) for a in np.linspace(0, np.pi, 13)])
    found = stroke_attributes(to_pixels(bands)).thickness
    assert found.mean().item() == pytest.approx(width * (1 - width / (3 * 24)), abs=0.15)
    assert found.std().item() < 0.2


def test_a_band_leans_by_its_angle() -> None:
    # From the upright: dx / dy = tan, y downwards.
    angles = np.array([-30, -15, 0, 10, 20])
    bands = np.stack([band(2.5, np.pi / 2 - a) for a in np.radians(angles)])
    expected = np.tan(np.radians(angles))
    assert stroke_attributes(to_pixels(bands)).slant.numpy() == pytest.approx(expected, abs=0.02)


def test_leaning_to_the_right_is_negative() -> None:
    slash = torch.eye(28, dtype=torch.uint8).flip(1)[None] * 255  # as in "/"
    assert stroke_attributes(slash).slant.item() == pytest.approx(-1, abs=0.02)


def test_a_rectangle_is_as_wide_as_it_is_upright_or_sheared() -> None:
    upright = torch.zeros(1, 28, 28, dtype=torch.uint8)
    upright[:, 6:22, 8:20] = 255
    sheared = torch.stack([upright[0, y].roll(round(0.25 * (y - 13.5))) for y in range(28)])[None]
    for image, slant in ((upright, 0), (sheared, 0.25)):
        found = stroke_attributes(image)
        assert found.width.item() == pytest.approx(12, abs=0.15)
        assert found.slant.item() == pytest.approx(slant, abs=0.02)


def test_distances_are_exact() -> None:
    g = torch.Generator().manual_seed(0)
    stroke = torch.rand(5, 40, 30, generator=g) < 0.97
    stroke[:, [0, -1]] = False
    stroke[:, :, [0, -1]] = False
    for mask, found in zip(stroke, _mean_distance(stroke), strict=True):
        exact = ndimage.distance_transform_edt(mask.numpy())
        assert 3 * found.item() == pytest.approx(exact[mask.numpy()].mean() - 0.5, rel=1e-5)


def test_dilated_and_eroded_strokes(digits: tuple[Tensor, np.ndarray]) -> None:
    few = digits[0][:100], digits[1][:100]
    ways = (0.0, 0.25, 0.5)
    edges = dict(zip(ways, moved_edges(few[0], ways), strict=True))
    for before, after in ((0.0, 0.25), (0.0, 0.5), (0.5, 0.25), (0.5, 0.0)):
        way = after - before
        found = changes(few, edges[after], edges[before])
        assert found["thickness"].mean == pytest.approx(2 * way, rel=0.25)
        assert abs(found["slant"].mean) < 0.01
        assert abs(found["width"].mean) < 2 * abs(way)
        assert min(each.rank for each in found.values()) > 0.9


def test_thickness_rises_with_every_quarter_of_a_pixel(
    digits: tuple[Tensor, np.ndarray],
) -> None:
    edges = moved_edges(digits[0][:20], (-0.25, 0, 0.25, 0.5, 0.75))
    found = torch.stack([stroke_attributes(images).thickness for images in edges])
    assert (found.diff(dim=0) > 0).all()


@pytest.mark.parametrize("shear", [-0.3, 0.1, 0.3])
def test_sheared_digits(digits: tuple[Tensor, np.ndarray], shear: float) -> None:
    found = changes(digits, mapped(digits[0], [[1, 0], [-shear, 1]]), digits[0])
    assert found["slant"].mean == pytest.approx(shear, abs=0.01)
    assert found["slant"].rank > 0.98
    assert abs(found["thickness"].mean) < 0.2
    assert found["width"].ratio == pytest.approx(1, abs=0.02)


def test_widened_digits(digits: tuple[Tensor, np.ndarray]) -> None:
    found = changes(digits, mapped(digits[0], [[1, 0], [0, 1 / 1.2]]), digits[0])
    assert found["width"].ratio == pytest.approx(1.2, abs=0.02)
    assert found["width"].rank > 0.98
    assert 1 < found["thickness"].ratio < 1.15
    assert abs(found["slant"].mean) < 0.05


@pytest.mark.parametrize("sd", [25, 50])
def test_grain_changes_little(digits: tuple[Tensor, np.ndarray], sd: float) -> None:
    noise = np.random.default_rng(0).normal(0, sd, digits[0].shape)
    found = changes(digits, to_pixels(digits[0].numpy() + noise), digits[0])
    assert abs(found["thickness"].mean) < 0.1
    assert abs(found["slant"].mean) < 0.01
    assert abs(found["width"].mean) < 0.15
    assert min(each.rank for each in found.values()) > 0.95


def test_single_white_and_black_pixels_change_little(digits: tuple[Tensor, np.ndarray]) -> None:
    at = torch.rand(digits[0].shape, generator=torch.Generator().manual_seed(0))
    salt = changes(digits, digits[0].masked_fill(at < 0.01, 255), digits[0])
    assert abs(salt["thickness"].mean) < 0.05
    assert abs(salt["slant"].mean) < 0.01
    assert salt["width"].mean < 0.3
    pepper = changes(digits, digits[0].masked_fill(at < 0.02, 0), digits[0])
    assert -0.2 < pepper["thickness"].mean < 0
    assert min(each.rank for each in (*salt.values(), *pepper.values())) > 0.9


def test_a_blurred_stroke_is_thicker_and_leans_as_before(
    digits: tuple[Tensor, np.ndarray],
) -> None:
    blurred = np.stack([ndimage.gaussian_filter(i.astype(float), 1) for i in digits[0].numpy()])
    found = changes(digits, to_pixels(blurred), digits[0])
    assert 0.2 < found["thickness"].mean < 1
    assert abs(found["slant"].mean) < 0.02
    assert min(found["slant"].rank, found["width"].rank) > 0.97


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_brightness_changes_nothing(digits: tuple[Tensor, np.ndarray], share: float) -> None:
    found = changes(digits, to_pixels(digits[0].numpy() * share), digits[0])
    assert max(abs(each.mean) for each in found.values()) < 0.03
    assert min(each.rank for each in found.values()) > 0.99


def test_where_an_image_stands_changes_nothing(digits: tuple[Tensor, np.ndarray]) -> None:
    moved = digits[0].roll((2, 1), (1, 2))
    found = changes(digits, moved, digits[0])
    assert max(abs(each.mean) for each in found.values()) < 0.02
    edge = torch.zeros(2, 28, 28, dtype=torch.uint8)
    edge[0, 4:24, :3], edge[1, 4:24, 12:15] = 255, 255  # cut by nothing but the edge
    found_edge = stroke_attributes(edge)
    for each in found_edge:
        assert each[0].item() == pytest.approx(each[1].item(), abs=0.01)


def test_an_image_does_not_depend_on_its_neighbours(
    digits: tuple[Tensor, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.cat([digits[0][:20], torch.full((1, 28, 28), 255, dtype=torch.uint8)])
    together = stroke_attributes(images)
    monkeypatch.setattr("metrics.attributes._CHUNK", 1)
    for a, b in zip(together, stroke_attributes(images), strict=True):
        torch.testing.assert_close(a, b)


def test_an_empty_image_has_no_attributes() -> None:
    images = torch.zeros(2, 28, 28, dtype=torch.uint8)
    images[1, 5:20, 12:15] = 255
    for each in stroke_attributes(images):
        assert each.isnan().tolist() == [True, False]
    single = torch.zeros(1, 28, 28, dtype=torch.uint8)
    single[0, 3, 3] = 1
    assert all(each.isfinite().all() for each in stroke_attributes(single))
    assert [len(each) for each in stroke_attributes(images[:0])] == [0, 0, 0]


def test_bad_input_is_refused(digits: tuple[Tensor, np.ndarray]) -> None:
    for images in (digits[0].float(), digits[0][0], digits[0][:, None]):
        with pytest.raises(ValueError, match="uint8"):
            stroke_attributes(images)
