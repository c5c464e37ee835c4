"""Architecture shared by the reference models. No layer keeps running statistics."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from common.errors import InputError

__all__ = [
    "ConditionalPrior",
    "ImageDecoder",
    "ImageEmbedder",
    "ImageEncoder",
    "ProjectionDiscriminator",
    "SoundEncoder",
    "gradient_penalty",
    "kl_divergence",
    "reparameterize",
    "translate",
]


class SoundEncoder(nn.Module):
    """Log-mel picture -> embedding. A small ResNet that averages over time, not over frequency."""

    def __init__(self, c_shape: tuple[int, int, int], embedding_dim: int, width: int):
        super().__init__()
        channels, height, _ = c_shape
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 5, stride=2, padding=2, bias=False),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            _ResidualDown(width, 2 * width),
            _ResidualDown(2 * width, 4 * width),
            _ResidualDown(4 * width, 4 * width),
        )
        self.out = nn.Linear(4 * width * (height // 16), embedding_dim)
        self.norm = nn.LayerNorm(embedding_dim, elementwise_affine=False)

    def forward(self, c: Tensor) -> Tensor:  # (b, channels, height, width) in [0, 1]
        h = self.layers(2 * c - 0.4)  # (b, 4w, height / 16, width / 16), input about zero mean
        return self.norm(self.out(h.mean(3).flatten(1)))  # (b, embedding_dim)


class _ResidualDown(nn.Module):
    """Halves height and width."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False),
            nn.GroupNorm(8, n_out),
            nn.SiLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            nn.GroupNorm(8, n_out),
        )
        self.skip = nn.Conv2d(n_in, n_out, 1, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        # The mean of each 2 x 2 cells, thrice as fast as avg_pool2d on a CPU.
        half = F.interpolate(h, scale_factor=0.5, mode="bilinear")
        return F.silu(self.body(h) + self.skip(half))


def _widths(x_shape: tuple[int, int, int], width: int) -> list[int]:
    """Channels at full size, half, a quarter ...: as many halvings as leave at most 8 pixels.

    4 `width` at the smallest size and half as many at each larger one, so that large images cost
    little more than small ones.

    Raises:
        InputError: the image cannot be halved so often.
    """
    n = max((max(x_shape[1:]) - 1).bit_length() - 3, 0)
    if any(size % 2**n for size in x_shape[1:]):
        raise InputError(f"images of {x_shape[2]} x {x_shape[1]} cannot be halved {n} times")
    return [max(4 * width >> (n - i), 8) for i in range(n + 1)]


class ImageDecoder(nn.Module):
    """(latent, embedded condition) -> image in (0, 1); its input scales and shifts each block."""

    def __init__(self, x_shape: tuple[int, int, int], z_dim: int, cond_dim: int, width: int):
        super().__init__()
        channels, height, columns = x_shape
        widths = _widths(x_shape, width)[::-1]
        size = 2 ** (len(widths) - 1)
        self.base = (widths[0], height // size, columns // size)
        s_dim = z_dim + cond_dim
        self.project = nn.Linear(s_dim, self.base[0] * self.base[1] * self.base[2])
        self.blocks = nn.ModuleList(
            _ModulatedUp(n_in, n_out, s_dim) for n_in, n_out in itertools.pairwise(widths)
        )
        self.out = nn.Sequential(
            nn.GroupNorm(8, widths[-1]), nn.SiLU(), nn.Conv2d(widths[-1], channels, 3, padding=1)
        )

    def forward(self, z: Tensor, cond: Tensor) -> Tensor:
        """z: (b, z_dim), cond: (b, cond_dim) -> logits of pixels (b, *x_shape)."""
        s = torch.cat((z, cond), 1)
        h = self.project(s).unflatten(1, self.base)  # (b, 4w, 7, 7) of 28 x 28
        for block in self.blocks:
            h = block(h, s)  # (b, 2w, 14, 14), (b, w, 28, 28)
        return self.out(h)


class _ModulatedUp(nn.Module):
    """Doubles height and width."""

    def __init__(self, n_in: int, n_out: int, s_dim: int):
        super().__init__()
        self.norm = nn.GroupNorm(8, n_in, affine=False)
        self.modulate = nn.Linear(s_dim, 2 * n_in)
        self.up = nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1)

    def forward(self, h: Tensor, s: Tensor) -> Tensor:
        scale, shift = self.modulate(s)[..., None, None].chunk(2, 1)
        return self.up(F.silu(self.norm(h) * (1 + scale) + shift))


def _plain(layer: nn.Module) -> nn.Module:
    return layer


class ImageEncoder(nn.Module):
    """Image -> feature vector: the body of discriminators, critics and recognition networks.

    Args:
        wrap: put around every layer with weights, e.g. spectral normalisation.
    """

    def __init__(
        self,
        x_shape: tuple[int, int, int],
        features: int,
        width: int,
        wrap: Callable[[nn.Module], nn.Module] = _plain,
    ):
        super().__init__()
        channels, height, columns = x_shape
        widths = [channels, *_widths(x_shape, width)[:-1]]
        size, last = 2 ** (len(widths) - 1), 4 * width
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(widths):
            layers += [wrap(nn.Conv2d(n_in, n_out, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        layers += [wrap(nn.Conv2d(widths[-1], last, 3, padding=1)), nn.LeakyReLU(0.2)]
        self.convolutions = nn.Sequential(*layers)
        self.out = wrap(nn.Linear(last * (height // size) * (columns // size), features))

    def forward(self, x: Tensor) -> Tensor:  # (b, *x_shape) in [0, 1]
        h = self.convolve(x)  # (b, 4w, 7, 7) of 28 x 28
        return F.leaky_relu(self.out(h.flatten(1)), 0.2)  # (b, features)

    def convolve(self, x: Tensor) -> Tensor:
        """The last features that still have a place in the image: (b, 4w, 7, 7) of 28 x 28."""
        return self.convolutions(2 * x - 1)


class ImageEmbedder(nn.Module):
    """Image -> embedding, for the alignment."""

    def __init__(self, shape: tuple[int, int, int], embedding_dim: int, width: int = 16):
        super().__init__()
        self.body = ImageEncoder(shape, 4 * width, width)
        self.out = nn.Linear(4 * width, embedding_dim)

    def forward(self, x: Tensor) -> Tensor:  # (b, *shape) in [0, 1] -> (b, embedding_dim)
        return self.out(self.body(x))


class ConditionalPrior(nn.Module):
    """p(z | c): Gaussian, of independent units; begins as N(0, 1). Not `learned`: stays so."""

    def __init__(self, cond_dim: int, z_dim: int, learned: bool):
        super().__init__()
        self.z_dim = z_dim
        self.out = nn.Linear(cond_dim, 2 * z_dim) if learned else None
        if self.out is not None:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def forward(self, cond: Tensor) -> tuple[Tensor, Tensor]:
        """(b, cond_dim) -> mu, logvar (b, z_dim)."""
        if self.out is None:
            zeros = cond.new_zeros(len(cond), self.z_dim)
            return zeros, zeros
        mu, logvar = self.out(cond).chunk(2, 1)
        return mu, logvar

    def sample(self, cond: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(b, cond_dim) -> z (b, z_dim)."""
        mu, logvar = self(cond)
        return mu + (0.5 * logvar).exp() * torch.randn(
            mu.shape, generator=generator, device=cond.device
        )


class ProjectionDiscriminator(nn.Module):
    """f(x, e) = psi(phi(x)) + e^T V phi(x) (Miyato & Koyama, "cGANs with Projection
    Discriminator", ICLR 2018, eq. 3).

    Args:
        normalize: spectrally (Miyato et al., ICLR 2018); a critic under a gradient penalty is not.
    """

    def __init__(
        self,
        x_shape: tuple[int, int, int],
        cond_dim: int,
        width: int,
        normalize: bool = True,
    ):
        super().__init__()
        features = 4 * width
        wrap = spectral_norm if normalize else _plain
        self.phi = ImageEncoder(x_shape, features, width, wrap)
        self.psi = wrap(nn.Linear(features, 1))
        self.project = wrap(nn.Linear(cond_dim, features, bias=False))

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """x: (b, *x_shape), cond: (b, cond_dim) -> logits (b,)."""
        phi = self.phi(x)
        return self.psi(phi).squeeze(1) + (phi * self.project(cond)).sum(1)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """E (|grad f(x_hat)|_2 - 1)^2, x_hat uniform between pairs of real and fake (Gulrajani et al.,
    "Improved Training of Wasserstein GANs", NeurIPS 2017, algorithm 1).

    Args:
        critic: (b, ...) -> scores (b,), of each row alone.
        real, fake: (b, channels, height, width).
    """
    eps = torch.rand(len(real), 1, 1, 1, device=real.device)
    x_hat = (eps * real + (1 - eps) * fake).requires_grad_()
    with torch.enable_grad():
        score = critic(x_hat).sum()
    (gradient,) = torch.autograd.grad(score, x_hat, create_graph=True)
    # float32 even under mixed precision: squares of small gradients vanish in bfloat16.
    return (gradient.float().flatten(1).norm(dim=1) - 1).square().mean()


def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:
    """z ~ N(mu, exp(logvar)) (Kingma & Welling 2014, section 2.4)."""
    return mu + (0.5 * logvar).exp() * torch.randn_like(mu)


def kl_divergence(mu: Tensor, logvar: Tensor, prior: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """KL(N(mu, exp(logvar)) || prior) in nats, of each unit.

    Args:
        prior: its mu and logvar; N(0, 1) without it (Kingma & Welling 2014, app. B).
    """
    if prior is None:
        return 0.5 * (mu.square() + logvar.exp() - logvar - 1)
    prior_mu, prior_logvar = prior
    distance = (mu - prior_mu).square() * (-prior_logvar).exp()
    return 0.5 * (distance + (logvar - prior_logvar).exp() - logvar + prior_logvar - 1)


def translate(x: Tensor, max_shift: int) -> Tensor:
    """Moves each image by up to `max_shift` pixels in both directions, zeros come in (DiffAugment).

    Differentiable; the noise comes from torch's global generator.
    """
    if max_shift == 0:
        return x
    b, _, height, width = x.shape
    padded = F.pad(x, (max_shift, max_shift, max_shift, max_shift))
    dy, dx = torch.randint(0, 2 * max_shift + 1, (2, b, 1), device=x.device)
    rows = torch.arange(height, device=x.device) + dy  # (b, height)
    columns = torch.arange(width, device=x.device) + dx  # (b, width)
    image = torch.arange(b, device=x.device).view(b, 1, 1)
    return padded[image, :, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)
