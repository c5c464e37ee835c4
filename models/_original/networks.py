"""The networks of ImageFromAudio, layer by layer.

Reimplemented after github.com/ZeroMeOut/ImageFromAudio. Images are 28x28 in [0, 1], DCGAN's are
64x64 in [-1, 1]; batch normalization keeps running statistics, which samples are drawn with.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models._base import Logs

__all__ = [
    "ConvEncoder",
    "DCGANCritic",
    "DCGANGenerator",
    "DotDecoder",
    "PairDiscriminator",
    "ResidualUNet",
    "initialize",
    "resize",
]


def initialize(model: nn.Module) -> None:
    """Weights ~ N(0, 0.02), those of batch normalization too: centred on 0 there, not 1.

    Linear layers, biases and instance normalization keep torch's defaults, as there.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)


def resize(images: Tensor, size: int) -> Tensor:
    """(b, channels, height, width) -> (b, channels, size, size), bilinear with antialiasing."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


class ConvEncoder(nn.Module):
    """Audio image, perhaps with channels of noise -> mu, logvar."""

    def __init__(self, n_in: int, z_dim: int, width: int):
        super().__init__()
        self.convolutions = _shrink(n_in, 8 * width, width)
        self.out = nn.Linear(8 * width, 2 * z_dim)

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(b, n_in, 28, 28) -> mu, logvar (b, z_dim)."""
        h = self.convolutions(audio)  # (b, 8w, 1, 1)
        mu, logvar = self.out(h.flatten(1)).chunk(2, 1)
        return mu, logvar


class DotDecoder(nn.Module):
    """Latent -> image of which 100 pixels in a grid are written.

    The last layer has kernel 1, stride 3, no bias and no activation after it, so that all other
    pixels are exactly 0. The 100 are not bounded.
    """

    def __init__(self, z_dim: int, n_out: int, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(z_dim, 4 * width, 4, stride=2, bias=False),  # (b, 4w, 4, 4)
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),  # (b, 2w, 6, 6)
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 2, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),  # (b, w, 10, 10)
            nn.ReLU(),
            nn.ConvTranspose2d(width, n_out, 1, stride=3, bias=False),  # (b, n_out, 28, 28)
        )

    def forward(self, z: Tensor) -> Tensor:
        """(b, z_dim) -> (b, n_out, 28, 28)."""
        return self.layers(z[..., None, None])


class PairDiscriminator(nn.Module):
    """Image and audio image, stacked as channels -> logit. The source's sigmoid is in the loss."""

    def __init__(self, n_in: int, width: int):
        super().__init__()
        self.layers = _shrink(n_in, 1, width)

    def forward(self, x: Tensor, audio: Tensor) -> Tensor:
        """x, audio: (b, channels, 28, 28), n_in channels together -> (b,)."""
        logit = self.layers(torch.cat((x, audio), 1)).flatten()
        return logit.float()  # even under mixed precision: its loss is a logarithm

    def loss(self, real: Tensor, fake: Tensor, audio: Tensor) -> tuple[Tensor, Logs]:
        """Mean binary cross-entropy of real and fake images (b, n_x, 28, 28) of the same sounds."""
        # -log sigmoid(real), -log(1 - sigmoid(fake))
        loss_real = F.softplus(-self(real, audio)).mean()
        loss_fake = F.softplus(self(fake, audio)).mean()
        loss = (loss_real + loss_fake) / 2
        return loss, {"real": loss_real.detach(), "fake": loss_fake.detach()}


def _shrink(n_in: int, n_out: int, width: int) -> nn.Sequential:
    """(b, n_in, 28, 28) -> (b, n_out, 1, 1)."""
    return nn.Sequential(
        nn.Conv2d(n_in, width, 2, stride=2, padding=1, bias=False),  # (b, w, 15, 15)
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 2, stride=2, padding=1, bias=False),  # (b, 2w, 8, 8)
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.Conv2d(2 * width, 4 * width, 2, stride=2, padding=1, bias=False),  # (b, 4w, 5, 5)
        nn.BatchNorm2d(4 * width),
        nn.ReLU(),
        nn.Conv2d(4 * width, n_out, 4, stride=2, bias=False),  # (b, n_out, 1, 1)
    )


class ResidualUNet(nn.Module):
    """Image -> image: Zhang, Liu & Wang, "Road Extraction by Deep Residual U-Net", 2017 (arXiv
    1711.10684), four levels of w, 2w, 4w and 8w channels, no activation after the last layer.
    """

    def __init__(self, n_in: int, n_out: int, width: int):
        super().__init__()
        w = width
        self.stem = nn.Sequential(
            nn.Conv2d(n_in, w, 3, padding=1),
            nn.BatchNorm2d(w),
            nn.ReLU(),
            nn.Conv2d(w, w, 3, padding=1),
        )
        self.skip = nn.Conv2d(n_in, w, 3, padding=1)
        self.down = nn.ModuleList(
            [_Residual(w, 2 * w, 2), _Residual(2 * w, 4 * w, 2), _Residual(4 * w, 8 * w, 2)]
        )
        self.up = nn.ModuleList(
            [
                nn.ConvTranspose2d(8 * w, 8 * w, 3, stride=2, padding=1),
                nn.ConvTranspose2d(4 * w, 4 * w, 4, stride=2, padding=1),
                nn.ConvTranspose2d(2 * w, 2 * w, 4, stride=2, padding=1),
            ]
        )
        self.merge = nn.ModuleList(
            [_Residual(12 * w, 4 * w), _Residual(6 * w, 2 * w), _Residual(3 * w, w)]
        )
        self.out = nn.Conv2d(w, n_out, 1)

    def forward(self, audio: Tensor) -> Tensor:
        """(b, n_in, 28, 28) -> (b, n_out, 28, 28)."""
        h = self.stem(audio) + self.skip(audio)
        levels = []
        for down in self.down:
            levels.append(h)  # (b, w, 28, 28), (b, 2w, 14, 14), (b, 4w, 7, 7)
            h = down(h)
        for up, merge in zip(self.up, self.merge, strict=True):  # from (b, 8w, 4, 4)
            h = merge(torch.cat((up(h), levels.pop()), 1))
        return self.out(h)


class _Residual(nn.Module):
    """Two pre-activated convolutions beside a third."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(n_in),
            nn.ReLU(),
            nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1),
        )
        self.skip = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1), nn.BatchNorm2d(n_out)
        )

    def forward(self, h: Tensor) -> Tensor:
        return self.body(h) + self.skip(h)


class DCGANGenerator(nn.Module):
    """Noise -> image: Radford, Metz & Chintala, ICLR 2016 (arXiv 1511.06434)."""

    def __init__(self, z_dim: int, n_out: int, width: int):
        super().__init__()

        def block(n_in: int, n_out: int, stride: int, padding: int) -> nn.Sequential:
            return nn.Sequential(
                nn.ConvTranspose2d(n_in, n_out, 4, stride, padding, bias=False),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
            )

        self.layers = nn.Sequential(
            block(z_dim, 16 * width, 1, 0),  # (b, 16w, 4, 4)
            block(16 * width, 8 * width, 2, 1),  # (b, 8w, 8, 8)
            block(8 * width, 4 * width, 2, 1),  # (b, 4w, 16, 16)
            block(4 * width, 2 * width, 2, 1),  # (b, 2w, 32, 32)
            nn.ConvTranspose2d(2 * width, n_out, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """(b, z_dim) -> (b, n_out, 64, 64) in (-1, 1)."""
        return self.layers(z[..., None, None])


class DCGANCritic(nn.Module):
    """Image -> score. Instance normalisation: a gradient penalty is on each image alone."""

    def __init__(self, n_in: int, width: int):
        super().__init__()

        def block(n_in: int, n_out: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(n_in, n_out, 4, stride=2, padding=1, bias=False),
                nn.InstanceNorm2d(n_out, affine=True),
                nn.LeakyReLU(0.2),
            )

        self.layers = nn.Sequential(
            nn.Conv2d(n_in, width, 4, stride=2, padding=1, bias=False),  # (b, w, 32, 32)
            nn.LeakyReLU(0.2),
            block(width, 2 * width),  # (b, 2w, 16, 16)
            block(2 * width, 4 * width),  # (b, 4w, 8, 8)
            block(4 * width, 8 * width),  # (b, 8w, 4, 4)
            nn.Conv2d(8 * width, 1, 4, stride=2, bias=False),  # (b, 1, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, n_in, 64, 64) in [-1, 1] -> (b,)."""
        return self.layers(x).flatten()
