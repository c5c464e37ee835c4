"""The validation of a run on images and sounds that are no pairs: what a latent bridge keeps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from common import plots
from converters.sound_as import MEL64, REPRESENTATIONS, to_mel64
from datasets import PairedDataset, from_pixels, part, to_pixels
from models import GenerativeModel, LatentBridge

__all__ = ["UnpairedValidation"]

N_SOUNDS = 100
N_SHOWN = 8
SEED = 20210927  # of the choice and of noise; the same for every run


class UnpairedValidation:
    """A fixed set of validation sounds and images, and the noise that they are drawn with."""

    speaks = True

    def __init__(self, dataset: PairedDataset, sound_as: str = MEL64) -> None:
        self.sound_as = sound_as
        held_out = part(dataset, "official", "validation").seen_as(sound_as)
        generator = torch.Generator().manual_seed(SEED)
        row = torch.randperm(len(held_out.sounds), generator=generator)[:N_SOUNDS]
        self.spoken, self.clips = held_out.sounds[row], held_out.clips[row][:N_SHOWN]
        row = torch.randperm(len(held_out.images), generator=generator)[:N_SHOWN]
        self.images = held_out.images[row]

    def metrics(self, model: GenerativeModel) -> dict[str, float]:
        """autoencoder_error: mean absolute error of pictures of sound that went to their latent and
        back; speech_error: of those that went to an image and back; latent_cosine: of their latent
        with the one that was found again."""
        bridge, said = _bridge(model), from_pixels(self.spoken).to(_device(model))
        z, found, _ = self._there_and_back(bridge, said)
        with torch.no_grad():
            kept, back = bridge.draw_sound(z), bridge.draw_sound(found)
        return {
            "autoencoder_error": (kept - said).abs().mean().item(),
            "speech_error": (back - said).abs().mean().item(),
            "latent_cosine": F.cosine_similarity(z, found).mean().item(),
        }

    def sounds(self, model: GenerativeModel) -> Tensor:
        """(k, n_samples) what is heard of the images."""
        said, _ = self._of_images(_bridge(model))
        return REPRESENTATIONS[self.sound_as].to_sound(said)

    def grid(self, model: GenerativeModel) -> Figure:
        """Sounds, their images, the sounds of these; images, their sounds, the images of these."""
        bridge = _bridge(model)
        spoken = self.spoken[:N_SHOWN]
        _, found, drawn = self._there_and_back(bridge, from_pixels(spoken).to(_device(model)))
        said, again = self._of_images(bridge)
        with torch.no_grad():
            back = to_pixels(bridge.draw_sound(found))
        k = min(len(spoken), len(self.images))
        rows: dict[str, tuple[plots.Kind, Tensor]] = {
            "sound": ("sound", self._shown(spoken)),
            "its image": ("image", to_pixels(drawn)),
            "its sound": ("sound", self._shown(back)),
            "image": ("image", self.images),
            "its sound ": ("sound", self._shown(said)),
            "its image ": ("image", again),
        }
        of_k: dict[str, tuple[plots.Kind, Tensor]] = {
            name: (kind, pictures[:k].cpu()) for name, (kind, pictures) in rows.items()
        }
        return plots.rows_of_kinds(of_k, [""] * k)

    @torch.no_grad()
    def _there_and_back(self, bridge: LatentBridge, said: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The latents of sounds, those of the images that are drawn of them, these images."""
        noise = torch.Generator(said.device).manual_seed(SEED)
        z = bridge.encode(said, noise)
        drawn = from_pixels(to_pixels(bridge.draw_image(z)))  # as a file would hold it
        return z, bridge.project(drawn, noise), drawn

    @torch.no_grad()
    def _of_images(self, bridge: LatentBridge) -> tuple[Tensor, Tensor]:
        """Pictures of the sounds of the images, and the images of these latents."""
        device = _device(bridge)
        z = bridge.project(
            from_pixels(self.images).to(device), torch.Generator(device).manual_seed(SEED)
        )
        return to_pixels(bridge.draw_sound(z)), to_pixels(bridge.draw_image(z))

    def _shown(self, pictures: Tensor) -> Tensor:
        return to_mel64(pictures, self.sound_as)


def _bridge(model: GenerativeModel) -> LatentBridge:
    assert isinstance(model, LatentBridge)
    return model


def _device(model: GenerativeModel) -> torch.device:
    return next(model.parameters()).device
