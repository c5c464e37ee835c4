"""The charts of the report's page: the trade-off of two metrics, and curves of all runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from benchmarking.charts import (
    COSTS,
    MARKERS,
    WIDTH,
    Curves,
    color_of,
    draw_losses,
    draw_metric,
    finish,
    metrics_of,
    phases_of,
)
from benchmarking.seeds import Interval
from common.plots import png

__all__ = ["Point", "learning_curves", "light_and_dark", "loss_curves", "trade_off"]

BASELINE_MARKERS = "*PX<>hd"
CLOSE = (0.5, 0.9)  # what lies above on both axes is shown enlarged, too
INK, PAPER = "#e6e6e6", "#16191d"  # of the dark page
DARK: Any = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color", "grid.color"), INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), PAPER),
}


class Point(NamedTuple):
    """A model or a baseline in the plane of two metrics."""

    label: str
    model: str
    is_baseline: bool
    x: Interval
    y: Interval


def light_and_dark(draw: Callable[[], Figure]) -> tuple[bytes, bytes]:
    """The figure as PNG files, for a light and a dark page."""
    light = png(draw())
    with matplotlib.rc_context(DARK):
        return light, png(draw())


def trade_off(panels: Mapping[str, Sequence[Point]], x_name: str, y_name: str) -> Figure:
    """A row for each panel: all points with their intervals and, where some are far from the best,
    these enlarged.

    Args:
        panels: by title; both metrics are shares.
    """
    looks = _point_looks([point for points in panels.values() for point in points])
    near = {
        title: [p for p in points if p.x.value >= CLOSE[0] and p.y.value >= CLOSE[1]]
        for title, points in panels.items()
    }
    enlarged = any(1 < len(near[t]) < len(points) for t, points in panels.items())
    n_columns, n = 1 + enlarged, len(panels)
    legend_rows = -(-len(looks) // 3)
    figure = Figure(figsize=(WIDTH, 3.5 * n + 0.25 * legend_rows), dpi=160, layout="constrained")
    axes = figure.subplots(n, n_columns, squeeze=False)
    for row, (title, points) in zip(axes, panels.items(), strict=True):
        for axis, shown in zip(row, (points, near[title]), strict=False):
            _draw_points(axis, shown, looks)
            axis.set_xlabel(x_name, fontsize=10)
            corner = f"above {CLOSE[0]:.0%} and {CLOSE[1]:.0%}"
            axis.set_title(title if shown is points else corner, fontsize=10)
        row[0].set_ylabel(y_name, fontsize=10)
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="", markersize=8, label=label,
               markerfacecolor=color if filled else "none")
        for label, (color, marker, filled) in looks.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=10, frameon=False)
    return figure


def learning_curves(runs: Sequence[Curves]) -> Figure:
    """Validation metrics against training FLOPs, a line for each run; those of one label look
    alike."""
    metrics, looks = metrics_of(runs), _run_looks(runs)
    figure = Figure(figsize=(WIDTH, 3.6), dpi=160, layout="constrained")
    axes = figure.subplots(1, max(len(metrics), 1), squeeze=False)[0]
    cost, (unit, cost_name) = next(iter(COSTS.items()))
    for axis, (tag, name) in zip(axes, metrics.items(), strict=False):
        draw_metric(axis, runs, [looks[run.label] for run in runs], tag, cost, unit)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel(cost_name, fontsize=10)
    _add_legend(figure, looks)
    return figure


def loss_curves(runs: Sequence[Curves]) -> Figure:
    """The losses of each phase by step, one run of a label."""
    phases, looks = phases_of(runs), _run_looks(runs)
    n_columns = min(max(len(phases), 1), 2)
    n_rows = -(-max(len(phases), 1) // n_columns)
    figure = Figure(figsize=(WIDTH, 2.6 * n_rows + 0.6), dpi=160, layout="constrained")
    axes = [*figure.subplots(n_rows, n_columns, squeeze=False).flat]
    for axis, phase in zip(axes, phases, strict=False):
        draw_losses(axis, runs, [looks[run.label] for run in runs], phase)
        axis.set_title(phase, fontsize=10)
        axis.set_xlabel("step", fontsize=10)
    for axis in axes[len(phases) :]:
        axis.set_axis_off()
    _add_legend(figure, looks)
    return figure


def _point_looks(points: Sequence[Point]) -> dict[str, tuple[str, str, bool]]:
    """By label: color, marker, and whether it is filled. A model has its color; its further presets
    and tracks have other markers; baselines are in the color of the text."""
    looks: dict[str, tuple[str, str, bool]] = {}
    for point in points:
        if point.label in looks:
            continue
        color = matplotlib.rcParams["text.color"] if point.is_baseline else _ink(point.model)
        n = sum(each[0] == color for each in looks.values())
        markers = BASELINE_MARKERS if point.is_baseline else MARKERS
        looks[point.label] = color, markers[n % len(markers)], not point.is_baseline
    return looks


def _run_looks(runs: Sequence[Curves]) -> dict[str, tuple[str, str]]:
    looks: dict[str, tuple[str, str]] = {}
    for run in runs:
        color = _ink(run.model)
        n = sum(each[0] == color for each in looks.values())
        looks.setdefault(run.label, (color, MARKERS[n % len(MARKERS)]))
    return looks


def _ink(model: str) -> str:
    """The model's color; black is the color of the text."""
    color = color_of(model)
    return str(matplotlib.rcParams["text.color"]) if color == "#000000" else color


def _draw_points(
    axis: Axes, points: Sequence[Point], looks: Mapping[str, tuple[str, str, bool]]
) -> None:
    for point in points:
        color, marker, filled = looks[point.label]
        axis.errorbar(
            point.x.value, point.y.value, xerr=_errors(point.x), yerr=_errors(point.y),
            color=color, marker=marker, markersize=8, markerfacecolor=color if filled else "none",
            elinewidth=1.2, capsize=3, linestyle="",
        )  # fmt: skip
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.margins(0.08)
    finish(axis)


def _errors(value: Interval) -> list[list[float]] | None:
    if value.low is None or value.high is None:
        return None
    return [[max(value.value - value.low, 0.0)], [max(value.high - value.value, 0.0)]]


def _add_legend(figure: Figure, looks: Mapping[str, tuple[str, str]]) -> None:
    handles = [
        Line2D([], [], color=color, marker=marker, markersize=5, label=label)
        for label, (color, marker) in looks.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=10, frameon=False)
