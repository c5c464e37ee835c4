"""Pictures of results, drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

__all__ = ["confusion", "png", "sample_grid"]


def sample_grid(
    conditions: Tensor, partners: Tensor, draws: Tensor, row_labels: Sequence[str]
) -> Figure:
    """One row for each condition: its spectrogram, a real image, draws that differ in noise.

    Args:
        conditions: (r, 64, 64) uint8.
        partners: (r, 28, 28) uint8, real images of the condition's digit.
        draws: (r, k, 28, 28) uint8.
        row_labels: r short names.
    """
    r, k = draws.shape[:2]
    titles = ["sound", "real", *(f"draw {i + 1}" for i in range(k))]
    figure = Figure(figsize=(0.8 * (k + 2) + 1.1, 0.8 * r + 0.7), dpi=120, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    axes = figure.subplots(r, k + 2, squeeze=False)
    for i, row in enumerate(axes):
        images = [conditions[i], partners[i], *draws[i]]
        for j, (axis, image) in enumerate(zip(row, images, strict=True)):
            colours = "magma" if j == 0 else "gray"
            axis.imshow(image.cpu().numpy(), cmap=colours, vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            for edge in axis.spines.values():
                edge.set_visible(False)
            if i == 0:
                axis.set_title(titles[j], fontsize=9)
        row[0].set_ylabel(row_labels[i], fontsize=9, rotation=0, ha="right", va="center")
    figure.supxlabel(
        "sound: log-mel picture, time to the right, pitch upwards; draws: same sound, other noise",
        fontsize=8,
    )
    return figure


def confusion(matrix: Tensor) -> Figure:
    """Shares of each row in per cent.

    Args:
        matrix: (n, n) counts; row: digit asked for, column: digit read.
    """
    share = 100 * matrix.double().cpu() / matrix.sum(1, keepdim=True).clamp(min=1).cpu()
    n = len(share)
    figure = Figure(figsize=(6.4, 5.6), dpi=120, layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(share.numpy(), cmap="cividis", vmin=0, vmax=100)
    for i in range(n):
        for j in range(n):
            if share[i, j] >= 0.05:
                dark = share[i, j] < 55
                text = f"{share[i, j]:.1f}" if share[i, j] < 99.95 else "100"
                axis.text(
                    j, i, text, ha="center", va="center", fontsize=8,
                    color="white" if dark else "black",
                )  # fmt: skip
    axis.set(
        xticks=range(n),
        yticks=range(n),
        xlabel="digit that the judge reads",
        ylabel="digit that was asked for",
    )
    figure.colorbar(image, label="% of the digit's samples")
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    # No version in it, so that the same picture is the same file.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
