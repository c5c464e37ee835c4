"""The labelled picture: a row for each sound, models side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from common.plots import COLORS

__all__ = ["picture"]

TITLE = {"ha": "center", "va": "bottom", "fontsize": 9}
READING = {"ha": "center", "va": "center", "fontsize": 9}


def picture(
    sounds: Tensor,
    names: Sequence[str],
    draws: Mapping[str, Tensor],
    readings: Mapping[str, Sequence[str]],
) -> Figure:
    """One row for each sound; for each model what it reads and what it draws, side by side.

    Args:
        sounds: (r, 64, 64) uint8, log-mel pictures.
        names: r names of the sounds.
        draws: by the name of the model, (r, k, 28, 28) uint8.
        readings: by the same, r short texts.
    """
    k, gap, text = len(next(iter(draws.values()))[0]), 0.35, 0.9  # in cells, as wide as an image
    n_rows, group = len(names), text + k
    titles = {name: _wrap(name, group) for name in draws}
    header = 0.3 + 0.2 * max(title.count("\n") + 1 for title in titles.values())
    width = 1 + len(draws) * (gap + group)
    note = _wrap(
        "sound: log-mel picture, time to the right, pitch upwards. Beside it the digit that a "
        "classifier of digits reads in most draws, and in how many; then the draws.",
        width,
    )
    labels = [_shorten(name) for name in names]
    size = (
        0.8 * width + 0.08 * max(map(len, labels)) + 0.2,
        0.8 * (n_rows + header) + 0.25 + 0.15 * note.count("\n"),
    )
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    axis = figure.subplots()

    def show(images: Tensor, x: float) -> None:
        """Rows and columns of images, from this place to the right."""
        cmap = "magma" if images.shape[-1] == 64 else "gray"
        size = images.shape[-1]
        gaps = F.pad(images.double(), [size // 28] * 4, value=torch.nan)
        tiles = torch.cat(list(torch.cat(list(gaps), 1).unbind(0)), 1)
        extent = (x, x + images.shape[1], n_rows, 0)
        axis.imshow(tiles.numpy(), cmap=cmap, vmin=0, vmax=255, extent=extent)

    show(sounds.unsqueeze(1), 0)
    axis.text(0.5, -0.1, "sound", TITLE)
    for i, (name, images) in enumerate(draws.items()):
        x, color = 1 + gap + i * (gap + group), COLORS[i % len(COLORS)]
        axis.plot([x, x + group], [-0.05, -0.05], color=color, linewidth=1.5)
        axis.text(x + group / 2, -0.1, titles[name], TITLE, parse_math=False)
        show(images, x + text)
        for y, reading in enumerate(readings[name]):
            axis.text(x + text / 2, y + 0.5, reading, READING, color=color)
    axis.set(xlim=(0, width), ylim=(n_rows, -header), aspect="equal", xticks=[])
    axis.set_yticks([y + 0.5 for y in range(n_rows)])
    axis.set_yticklabels(labels, fontsize=9, parse_math=False)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    figure.supxlabel(note, fontsize=8)
    return figure


def _wrap(text: str, cells: float) -> str:
    """In lines that fit over so many images of a width of 0.8 inches."""
    return textwrap.fill(text, max(int(cells * 11), 12))


def _shorten(text: str, n: int = 24) -> str:
    """The start and the end of a name."""
    return text if len(text) <= n else f"{text[: n - 11]}...{text[-8:]}"
