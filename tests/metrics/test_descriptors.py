from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor

from metrics.descriptors import Descriptor, fit_descriptor
from metrics.frechet import frechet_distance


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Real digits, (1797, 8, 8) uint8."""
    x = torch.from_numpy(load_digits().images)
    return (x * 255 / 16).round().to(torch.uint8)


@pytest.fixture(scope="module")
def descriptor(images: Tensor) -> Descriptor:
    return fit_descriptor(images[:1000], 20)


def test_agrees_with_scikit_learn(images: Tensor, descriptor: Descriptor) -> None:
    pixels = (images.flatten(1) / 255).double().numpy()
    theirs = PCA(20, whiten=True, svd_solver="full").fit(pixels[:1000]).transform(pixels[1000:])
    expected = torch.from_numpy(theirs)
    found = descriptor(images[1000:]).double()
    sign = (found * expected).sum(0).sign()
    torch.testing.assert_close(found * sign, expected, atol=1e-4, rtol=1e-4)


def test_white_over_the_images_of_the_fit(images: Tensor, descriptor: Descriptor) -> None:
    x = descriptor(images[:1000])
    assert x.dtype == torch.float32
    assert x.shape == (1000, 20)
    torch.testing.assert_close(x.mean(0), torch.zeros(20), atol=1e-4, rtol=0)
    torch.testing.assert_close(x.T.cov(), torch.eye(20), atol=1e-3, rtol=0)


def test_a_function_of_the_training_images_alone(images: Tensor, descriptor: Descriptor) -> None:
    again = fit_descriptor(images[:1000].clone(), 20)
    assert torch.equal(again.projection, descriptor.projection)
    backwards = fit_descriptor(images[:1000].flip(0), 20)
    torch.testing.assert_close(backwards.projection, descriptor.projection, atol=1e-3, rtol=1e-3)
    other = fit_descriptor(images[500:1500], 20)
    assert not torch.allclose(other.projection, descriptor.projection, atol=1e-2)
    for j, weight in enumerate(descriptor.projection.abs().argmax(0)):
        assert descriptor.projection[weight, j] > 0


def test_an_image_has_the_same_features_in_any_company(
    images: Tensor, descriptor: Descriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = descriptor(images[:30])
    monkeypatch.setattr("metrics.descriptors._CHUNK", 7)
    torch.testing.assert_close(descriptor(images[:30]), together)
    refit = fit_descriptor(images[:1000], 20)
    torch.testing.assert_close(refit.projection, descriptor.projection, atol=1e-3, rtol=1e-3)
    assert descriptor(images[:0]).shape == (0, 20)


def test_directions_in_which_images_do_not_differ_are_left_out(images: Tensor) -> None:
    # Some pixels of these are black in every image.
    descriptor = fit_descriptor(images, 64)
    assert 50 < descriptor.projection.shape[1] < 64
    assert descriptor(images).isfinite().all()
    assert descriptor(images).abs().max() < 50
    assert fit_descriptor(images[:3], 64).projection.shape[1] == 2


def test_losing_modes_costs_more_than_slight_grain(images: Tensor, descriptor: Descriptor) -> None:
    real, rest = images[:900], images[900:]
    thickness = rest.float().mean((1, 2))
    thickest = rest[thickness > thickness.median()].repeat(2, 1, 1)[: len(rest)]
    noise = 10 * torch.randn(rest.shape, generator=torch.Generator().manual_seed(0))
    grain = (rest + noise).clamp(0, 255).round().to(torch.uint8)
    floor, lost, grainy = (
        frechet_distance(descriptor(real), descriptor(x)) for x in (rest, thickest, grain)
    )
    assert lost - floor > 3 * (grainy - floor)
    means = rest.float().mean(0).round().to(torch.uint8).expand(len(rest), -1, -1)
    assert frechet_distance(descriptor(real), descriptor(means)) > 5 * lost


def test_bad_input_is_refused(images: Tensor, descriptor: Descriptor) -> None:
    for broken in (images.float(), images[0], images[:, :4]):
        with pytest.raises(ValueError):
            descriptor(broken)
    with pytest.raises(ValueError, match="at least 2"):
        fit_descriptor(images[:1])
    with pytest.raises(ValueError, match="all images are equal"):
        fit_descriptor(images[:1].repeat(5, 1, 1))
