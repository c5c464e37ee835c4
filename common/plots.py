"""Pictures of results, drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

__all__ = [
    "COLORS",
    "confusion",
    "contact_sheet",
    "png",
    "rows_of_kinds",
    "sample_grid",
    "side_by_side",
]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe & Ito 2008

Kind = Literal["image", "sound"]

matplotlib.rcParams["text.parse_math"] = False  # names come from files, with any sign in them


def sample_grid(
    conditions: Tensor, partners: Tensor, draws: Tensor, row_labels: Sequence[str], given: Kind
) -> Figure:
    """One row for each condition: itself, a real partner, draws that differ in noise.

    Args:
        conditions: r pictures, uint8.
        partners: r pictures, real targets of the condition's digit.
        draws: r rows of k pictures.
        row_labels: r short names.
        given: what the conditions are; the others are the other kind.
    """
    r, k = draws.shape[:2]
    drawn: Kind = "image" if given == "sound" else "sound"
    titles = [given, "real", *(f"draw {i + 1}" for i in range(k))]
    rows = [[conditions[i], partners[i], *draws[i]] for i in range(r)]
    kinds = [[given, *[drawn] * (k + 1)]] * r
    figure = _picture_table(rows, kinds, row_labels, titles, 0.8, (0.8, 0.7), fontsize=9)
    figure.supxlabel(
        "sounds: log-mel pictures, time to the right, pitch upwards; "
        f"draws: same {given}, other noise",
        fontsize=8,
    )
    return figure


def confusion(matrix: Tensor, classes: Sequence[str]) -> Figure:
    """Shares of each row in per cent.

    Args:
        matrix: (n, n) counts; row: requested class, column: class predicted.
        classes: n names.
    """
    share = 100 * matrix.double().cpu() / matrix.sum(1, keepdim=True).clamp(min=1).cpu()
    n = len(share)
    figure = Figure(figsize=(6.4, 5.6), dpi=120, layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(share.numpy(), cmap="cividis", vmin=0, vmax=100)
    for i in range(n):
        for j in range(n):
            if share[i, j] >= 0.05:
                text = f"{share[i, j]:.1f}" if share[i, j] < 99.95 else "100"
                color = "white" if share[i, j] < 55 else "black"
                axis.text(j, i, text, ha="center", va="center", fontsize=8, color=color)
    noun = "digit" if classes == [*map(str, range(10))] else "class"
    axis.set_xticks(range(n), classes, rotation=0 if max(map(len, classes)) < 4 else 45)
    axis.set_yticks(range(n), classes)
    axis.set(xlabel=f"{noun} predicted by the judges", ylabel=f"requested {noun}")
    figure.colorbar(image, label=f"% of the {noun}'s samples")
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    # No version in it, so that the same picture is the same file.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _show(
    axis: Axes,
    picture: Tensor,
    kind: Kind,
    extent: tuple[float, float, float, float] | None = None,
) -> None:
    """An image (h, w) in gray or (3, h, w) in its colours, a log-mel picture in a colour map; no
    ticks, no frame."""
    pixels = picture.cpu().numpy()
    if pixels.ndim == 3:
        pixels = pixels.transpose(1, 2, 0)
    cmap = "magma" if kind == "sound" else "gray"
    axis.imshow(pixels, cmap=cmap, vmin=0, vmax=255, extent=extent)
    axis.set(xticks=[], yticks=[])
    for edge in axis.spines.values():
        edge.set_visible(False)


def _tight() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)


def side_by_side(
    rows: Mapping[str, Tensor], titles: Sequence[str], kind: Kind = "image", given: str = ""
) -> Figure:
    """Rows of pictures under common column titles; the picture at the head of the README.

    Args:
        rows: by name, k pictures each, uint8.
        titles: k names of the columns.
        kind: of the pictures.
        given: the name of a row of the other kind.
    """
    other: Kind = "image" if kind == "sound" else "sound"
    return rows_of_kinds(
        {name: (other if name == given else kind, row) for name, row in rows.items()}, titles
    )


def rows_of_kinds(rows: Mapping[str, tuple[Kind, Tensor]], titles: Sequence[str]) -> Figure:
    """Rows of images and of sounds under common column titles.

    Args:
        rows: by name, what they are, and k pictures, uint8.
        titles: k names of the columns.
    """
    kinds = [[kind] * len(titles) for kind, _ in rows.values()]
    pictures = [row for _, row in rows.values()]
    return _picture_table(pictures, kinds, [*rows], titles, 0.95, (0.8, 0.4), fontsize=10)


def _picture_table(
    rows: Sequence[Iterable[Tensor]],
    kinds: Sequence[Sequence[Kind]],
    names: Sequence[str],
    titles: Sequence[str],
    cell: float,
    margin: tuple[float, float],
    fontsize: float,
) -> Figure:
    """Pictures in cells of so many inches; on one axis, as each further one costs time."""
    n, k, top = len(rows), len(titles), 0.3
    # No layout engine: those measure the labels too small, and cut them off.
    left = max(margin[0], 0.25 + fontsize / 120 * max(map(len, names), default=0))
    width, height = left + cell * k + 0.05, cell * n + margin[1]
    figure = Figure(figsize=(width, height), dpi=120)
    bottom = (height - top - cell * n) / height
    axis = figure.add_axes((left / width, bottom, cell * k / width, cell * n / height))
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            _show(axis, image, kinds[i][j], extent=(j - 0.48, j + 0.48, i + 0.48, i - 0.48))
    axis.set(xlim=(-0.5, k - 0.5), ylim=(n - 0.5, -0.5))
    axis.set_xticks(range(k), titles, fontsize=fontsize)
    axis.set_yticks(range(n), names, fontsize=fontsize)
    axis.tick_params(length=0, labeltop=True, labelbottom=False)
    return figure


def contact_sheet(
    images: Tensor,
    clips: Tensor,
    pictures: Tensor,
    labels: Sequence[Sequence[tuple[str, str, str]]],
) -> Figure:
    """A few examples in each row: image, waveform and log-mel picture, each under its own label.

    Args:
        images: (r, k, *image) uint8.
        clips: (r, k, n).
        pictures: (r, k, 64, 64) uint8.
        labels: r rows of k triples: the titles of the three.
    """
    r, k = images.shape[:2]
    figure = Figure(figsize=(3.7 * k, 1.08 * r + 0.4), dpi=110, layout=_tight())
    axes = figure.subplots(r, 3 * k, squeeze=False, width_ratios=[1, 1.8, 1] * k)
    peak = 1.05 * float(clips.abs().max())
    for i in range(r):
        for j in range(k):
            image, wave, picture = axes[i][3 * j : 3 * j + 3]
            _show(image, images[i, j], "image")
            _show(picture, pictures[i, j], "sound")
            wave.plot(clips[i, j].numpy(), color=COLORS[0], linewidth=0.4)
            wave.set(xlim=(0, clips.shape[-1]), ylim=(-peak, peak))
            for axis, label in zip((image, wave, picture), labels[i][j], strict=True):
                axis.set_title(label, fontsize=8, pad=2)
                axis.set(xticks=[], yticks=[])
            for edge in wave.spines.values():
                edge.set_color("#999999")
    figure.supxlabel(
        "image and its class; waveform and its speaker; log-mel picture (time to the right, pitch"
        " upwards) and its split",
        fontsize=8,
    )
    return figure
