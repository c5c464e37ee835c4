"""A feature space that no labels shaped: whitened principal components of pixels.

For the Frechet distance beside that in a judge's features. A classifier's features keep what parts
the digits and amplify what confuses it: in judge A's the grain of a pen costs far more than the
loss of half of the modes. Principal components are Turk & Pentland, "Eigenfaces for recognition"
(1991); whitened, every one of the directions in which training images differ most counts the same.

Protocol: fitted once on all training images, no others and no labels; 64 components, 86 % of the
variance of MNIST. Real against real beside every value, at equal n.

Frechet distance of 10,000 validation images of MNIST, changed, from 10,000 training images, less
that of the unchanged, in units of the mean of the three halves:

    ==========================  =======  =======  ===============
    samples                     judge A  judge B  this descriptor
    ==========================  =======  =======  ===============
    unchanged, before that         0.40     0.21             0.14
    the thickest half              0.27     0.93             0.35
    the thinnest half              0.50     0.56             0.63
    the most slanted half          2.24     1.50             2.02
    50 images a digit              0.87     0.65             1.12
    turned by 10 degrees            3.7      1.5              1.2
    noise, sd 10 of 255            0.59     0.47             0.04
    noise, sd 25 of 255            48.4      8.6             0.21
    blurred, sd 1 pixel            29.2      3.0              5.4
    moved by 2 pixels               3.9      2.3              6.3
    one image a digit              42.8     30.3             32.7
    class means                   142.6     50.9             21.2
    ==========================  =======  =======  ===============

Pitfalls:
    - It is nearly blind to grain, which lies in other directions than the 64. The judges see it:
      never one space alone.
    - Use the Frechet distance alone. Every whitened point is far from every other and the mean is
      near to all, which rewards class means and blur: class means have a coverage of 0.23 (judge A:
      0.001; one image a digit 0.007), noise of sd 25 more than real images (0.977, 0.967), and the
      kernel distance of class means (0.044) is that of the most slanted half (0.047).
    - Pixels move with strokes: a shift of 2 pixels costs six times the loss of half of the modes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Descriptor", "fit_descriptor"]

_CHUNK = 1000  # images at a time
_MIN_VARIANCE = 1e-9  # of pixels in [0, 1]: a direction with less is rounding


@dataclass(frozen=True)
class Descriptor:
    """Fixed features of images, of mean 0 and covariance 1 over the images of the fit."""

    mean: Tensor  # (p,) float32, of pixels in [0, 1]
    projection: Tensor  # (p, d) float32

    def __call__(self, images: Tensor) -> Tensor:
        """(n, height, width) uint8 -> (n, d) float32.

        Raises:
            ValueError: another type, or another size than the images of the fit.
        """
        _check(images)
        p = len(self.mean)
        if images.shape[1] * images.shape[2] != p:
            raise ValueError(f"images of {p} pixels wanted, got {tuple(images.shape[1:])}")
        return torch.cat([(_pixels(x) - self.mean) @ self.projection for x in images.split(_CHUNK)])

    def to(self, device: torch.device | str) -> Descriptor:
        return Descriptor(self.mean.to(device), self.projection.to(device))


def fit_descriptor(images: Tensor, n_components: int = 64) -> Descriptor:
    """The principal components of training images, each divided by its standard deviation.

    Fewer than `n_components` where the images have fewer directions. A component's sign is that
    which makes its largest weight positive. The order of the images does not matter.

    Args:
        images: (n, height, width) uint8, n >= 2.

    Raises:
        ValueError: another type or shape, or images that are all equal.
    """
    _check(images)
    if len(images) < 2:
        raise ValueError("at least 2 images wanted")
    chunks = images.split(_CHUNK)
    mean = torch.stack([_pixels(x).double().sum(0) for x in chunks]).sum(0) / len(images)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=images.device)
    for x in chunks:
        centered = _pixels(x).double() - mean
        covariance.addmm_(centered.T, centered, alpha=1 / (len(images) - 1))
    variance, directions = torch.linalg.eigh(covariance)
    variance, directions = variance.flip(0)[:n_components], directions.flip(1)[:, :n_components]
    kept = variance > _MIN_VARIANCE
    if not kept.any():
        raise ValueError("all images are equal")
    variance, directions = variance[kept], directions[:, kept]
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    projection = directions * largest.sign() / variance.sqrt()
    return Descriptor(mean.float(), projection.float())


def _pixels(images: Tensor) -> Tensor:
    return images.flatten(1).float() / 255


def _check(images: Tensor) -> None:
    if images.dim() != 3 or images.dtype != torch.uint8:
        raise ValueError(f"uint8 (n, h, w) wanted, got {images.dtype} {tuple(images.shape)}")
