"""One picture that compares runs: validation against cost, and losses by phase.

A model has one color everywhere, a phase one line style, a second run of a color another marker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from common.plots import COLORS

__all__ = [
    "Curves", "color_of", "comparison", "draw_losses", "draw_metric", "finish", "looks_of",
    "metrics_of", "phases_of", "smooth",
]  # fmt: skip

Scalars = Mapping[str, tuple[Sequence[int], Sequence[float]]]  # tag: (steps, values)

# Fixed by name, so that a new model changes no color; others are black.
MODELS = ("cgan", "wgan", "cvae", "vaegan", "flow", "bridge")
MODEL_COLORS = dict(zip(MODELS, COLORS, strict=True))
# Dashes and gaps in line widths. Runs of one seed have the same warm start: a gap has room for the
# dots of three others.
PHASE_STYLES: dict[str, tuple[float, ...]] = {
    "classify": (1.5, 4.5), "encoder": (6, 1.5, 1.2, 1.5), "discriminator": (4, 1.5),
    "generator": (),
}  # fmt: skip
OTHER_STYLE = (6, 1, 1, 1, 1, 1)
MARKERS = "os^DvPX*"

WIDTH = 8.5  # inches: text is legible where the picture is shown 850 pixels wide
SMOOTHING = 60  # the smoother's width is this part of a curve
CAPTION = (
    f"validation data, judge B; losses smoothed over 1/{SMOOTHING} of a curve, pale: of every step"
)
METRICS = {
    "accuracy": "accuracy",
    "coverage_within_digit": "coverage\nwithin a digit",
    "coverage": "coverage\nof all digits",
    "fd_judge_": "Frechet distance",
}
COSTS = {  # tag, its unit, and what it stands for
    "progress/training_flops": (1e12, "training TFLOP"),
    "step": (1, "step"),
    "progress/training_seconds": (1, "seconds of training"),
}


@dataclass(frozen=True)
class Curves:
    """What is drawn of a run: its name in the legend, its model, and its log."""

    label: str
    model: str
    scalars: Scalars


def color_of(model: str) -> str:
    """The model's color in every picture."""
    return MODEL_COLORS.get(model, "#000000")


def smooth(values: Sequence[float], width: float) -> np.ndarray:
    """A centered smoother, (n,): a weighted line is fitted around each point, so that neither a
    trend nor an end is pulled aside. Values that are not finite are left out.

    Args:
        width: standard deviation of the weights (a Gaussian), in points.
    """
    y, radius = np.asarray(values, np.float64), math.ceil(3 * width)
    at = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (at / max(width, 1e-9)) ** 2)
    known = np.isfinite(y)
    y = np.where(known, y, 0)

    def moment(x: np.ndarray, power: int) -> np.ndarray:
        return np.convolve(x, (kernel * at**power)[::-1])[radius : radius + len(x)]

    weight, first, second = (moment(known.astype(float), power) for power in range(3))
    spread = weight * second - first**2
    with np.errstate(invalid="ignore", divide="ignore"):
        line = (second * moment(y, 0) - first * moment(y, 1)) / spread
        mean = moment(y, 0) / weight
    return np.where(spread > 1e-9 * weight**2, line, mean)


def comparison(runs: Sequence[Curves]) -> Figure:
    """Validation metrics against FLOPs, steps and seconds; losses by phase; one legend.

    What a run did not log is missing from its panel alone.

    Args:
        runs: validated on the same data.
    """
    metrics, phases = metrics_of(runs), phases_of(runs)
    columns = 2 if len(phases) in (1, 2, 4) else 3
    loss_rows = -(-len(phases) // columns)
    names = [run.label if len(run.label) <= 70 else f"...{run.label[-67:]}" for run in runs]
    per_row = max(min(len(runs), 4, 95 // (8 + max(map(len, names)))), 1)
    heights = [1.75] * len(metrics) + [2.0] * loss_rows
    size = (WIDTH, sum(heights) + 0.6 + 0.2 * -(-len(runs) // per_row))
    figure = Figure(figsize=size, dpi=200)
    figure.set_layout_engine("constrained", w_pad=0.05, h_pad=0.04, wspace=0.02, hspace=0.05)
    grid = figure.add_gridspec(len(heights), 6, height_ratios=heights)
    looks = looks_of(runs)
    panels: dict[tuple[int, int], Axes] = {}  # of one row and column share their axes

    for j, (cost, (unit, cost_name)) in enumerate(COSTS.items()):
        ends: list[float] = []
        for i, (tag, name) in enumerate(metrics.items()):
            axis = figure.add_subplot(
                grid[i, 2 * j : 2 * j + 2],
                sharex=panels[0, j] if i else None,
                sharey=panels[i, 0] if j else None,
            )
            panels[i, j] = axis
            ends += draw_metric(axis, runs, looks, tag, cost, unit)
            last = i == len(metrics) - 1
            axis.set_ylabel(name if j == 0 else "", fontsize=10)
            axis.set_xlabel(cost_name if last else "", fontsize=10)
            axis.tick_params(which="both", labelleft=j == 0, labelbottom=last and bool(ends))
        if ends:
            _limit_costs(panels[0, j], ends)
    span = 6 // columns
    for i, phase in enumerate(phases):
        row, column = divmod(i, columns)
        axis = figure.add_subplot(grid[len(metrics) + row, span * column : span * (column + 1)])
        draw_losses(axis, runs, looks, phase)
        axis.set_title(f"loss: {phase}", fontsize=10)
        if i >= len(phases) - columns:
            axis.set_xlabel("step", fontsize=10)

    handles = [
        Line2D([], [], color=color, marker=marker, markersize=5, label=name)
        for name, (color, marker) in zip(names, looks, strict=True)
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=per_row, fontsize=10, frameon=False
    )
    figure.supxlabel(CAPTION, fontsize=9)
    return figure


def metrics_of(runs: Sequence[Curves]) -> dict[str, str]:
    """The tags that are drawn, and their names. Runs without coverage within a digit are older: if
    all are, what they have stands in its place."""
    found = {
        tag: name + (f"\n(n = {int(tag.rpartition('_')[2]):,})" if "fd_" in tag else "")
        for start, name in METRICS.items()
        for tag in sorted({tag for run in runs for tag in run.scalars})
        if tag == f"validation/{start}" or (start[-1] == "_" and f"validation/{start}" in tag)
    }
    if "validation/coverage_within_digit" in found:
        found.pop("validation/coverage", None)
    return found


def phases_of(runs: Sequence[Curves]) -> list[str]:
    tags = {tag for run in runs for tag in run.scalars if tag.startswith("loss/")}
    found = sorted(tag.removeprefix("loss/") for tag in tags)
    return sorted(found, key=[*PHASE_STYLES, *found].index)


def looks_of(runs: Sequence[Curves]) -> list[tuple[str, str]]:
    """Color and marker of each run."""
    colors = [color_of(run.model) for run in runs]
    return [(c, MARKERS[colors[:i].count(c) % len(MARKERS)]) for i, c in enumerate(colors)]


def draw_metric(
    axis: Axes, runs: Sequence[Curves], looks: Sequence[tuple[str, str]], tag: str, cost: str,
    unit: float,
) -> list[float]:  # fmt: skip
    """Draws a panel; returns the cost at which each run ends in it."""
    ends = []
    for run, (color, marker) in zip(runs, looks, strict=True):
        steps, values = run.scalars.get(tag, ((), ()))
        at = dict(zip(*run.scalars.get(cost, ((), ())), strict=True))
        points = [
            (at.get(step, np.nan) / unit if cost != "step" else step, value)
            for step, value in zip(steps, values, strict=True)
        ]
        points = [point for point in points if np.isfinite(point).all()]
        if points:
            x, y = zip(*points, strict=True)
            axis.plot(x, y, color=color, marker=marker, markersize=3.5, linewidth=1.4)
            ends.append(x[-1])
    if not ends:
        axis.text(0.5, 0.5, "not logged", ha="center", va="center", transform=axis.transAxes)
    if "fd_" in tag:
        set_log(axis)
    else:
        axis.set_ylim(-0.03, 1.03)
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    finish(axis)
    return ends


def _limit_costs(axis: Axes, ends: Sequence[float]) -> None:
    if max(ends) > 20 * min(ends):  # a short run beside a long one
        axis.set_xscale("log")
    else:
        axis.set_xlim(0, 1.04 * max(ends))
        axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))


def draw_losses(
    axis: Axes, runs: Sequence[Curves], looks: Sequence[tuple[str, str]], phase: str
) -> None:
    extents, dashes = [], PHASE_STYLES.get(phase, OTHER_STYLE)
    for i, (run, (color, marker)) in enumerate(zip(runs, looks, strict=True)):
        steps, values = run.scalars.get(f"loss/{phase}", ((), ()))
        if not np.isfinite(values).any():
            continue
        curve = smooth(values, len(values) / SMOOTHING)
        extents.append(_extent(np.asarray(values), curve))
        axis.plot(steps, values, color=color, alpha=0.15, linewidth=0.4)
        # The first run of a color needs no marker.
        axis.plot(
            steps, curve, color=color, linewidth=1.5,
            linestyle=(i * dashes[0], dashes) if dashes else "-",
            marker="" if marker == MARKERS[0] else marker, markersize=4, markevery=0.2,
        )  # fmt: skip
    if extents:
        _scale(axis, *zip(*extents, strict=True))
    axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    finish(axis)


def _extent(values: np.ndarray, curve: np.ndarray) -> tuple[float, float, float]:
    """Lowest, highest and usual absolute value; neither a few outliers nor what they do to the
    smoothed curve counts."""
    values, curve = values[np.isfinite(values)], curve[np.isfinite(curve)]
    raw, smoothed = (np.quantile(each, (0.01, 0.99)) for each in (values, curve))
    usual = float(np.median(np.abs(curve)))
    return max(raw[0], smoothed[0]), min(raw[1], smoothed[1]), usual


def _scale(
    axis: Axes, lows: Sequence[float], highs: Sequence[float], sizes: Sequence[float]
) -> None:
    """A linear axis, or a logarithmic one where the curves are of different scales."""
    low, high = min(lows), max(highs)
    if low > 0 and high > 20 * low:
        set_log(axis)
    elif min(sizes) > 0 and max(sizes) > 10 * min(sizes):
        axis.set_yscale("symlog", linthresh=10 ** round(math.log10(2 * min(sizes))))
        axis.yaxis.set_major_formatter("{x:g}")
    transform = axis.yaxis.get_transform()
    bottom, top = transform.transform([low, high])
    margin = 0.08 * (top - bottom) or 1.0
    axis.set_ylim(*transform.inverted().transform([bottom - margin, top + margin]))


def set_log(axis: Axes) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def finish(axis: Axes) -> None:
    axis.grid(alpha=0.25)
    axis.tick_params(labelsize=9)
    for edge in ("top", "right"):
        axis.spines[edge].set_visible(False)
