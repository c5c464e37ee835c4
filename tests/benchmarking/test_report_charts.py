"""The page's charts: points and intervals where they belong, colors by model, light and dark."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from benchmarking.charts import color_of
from benchmarking.report_charts import (
    INK,
    PAPER,
    Point,
    learning_curves,
    light_and_dark,
    loss_curves,
    trade_off,
)
from benchmarking.seeds import Interval
from tests.benchmarking.test_charts import curves

POINTS = [
    Point("cgan (reference)", "cgan", False, Interval(0.8, 0.75, 0.87), Interval(0.95, 0.94, 0.97)),
    Point("cgan (original)", "cgan", False, Interval(0.1), Interval(0.3, 0.2, 0.5)),
    Point("wgan (reference)", "wgan", False, Interval(0.7), Interval(0.93)),
    Point("class-mean", "class-mean", True, Interval(0.01), Interval(1.0)),
]


def test_points_lie_at_their_values_with_their_intervals() -> None:
    figure = trade_off({"a": POINTS, "b": POINTS[:1]}, "x name", "y name")
    every, close, _, _ = figure.axes
    assert [len(axis.containers) for axis in figure.axes] == [4, 2, 1, 1]
    found = [(bar[0].get_xdata()[0], bar[0].get_ydata()[0]) for bar in every.containers]
    assert found == [(point.x.value, point.y.value) for point in POINTS]
    segments = [bar.get_segments()[0] for bar in every.containers[0][2]]
    np.testing.assert_allclose(segments[0], [(0.75, 0.95), (0.87, 0.95)])
    np.testing.assert_allclose(segments[1], [(0.8, 0.94), (0.8, 0.97)])
    assert (every.get_xlabel(), every.get_ylabel(), every.get_title()) == ("x name", "y name", "a")
    assert close.get_title() == "above 50% and 90%"


def test_models_have_their_colors_and_baselines_are_hollow() -> None:
    figure = trade_off({"a": POINTS}, "x", "y")
    lines = [bar[0] for bar in figure.axes[0].containers]
    colors = [to_hex(line.get_color()).upper() for line in lines]
    assert colors[:3] == [color_of("cgan"), color_of("cgan"), color_of("wgan")]
    assert lines[0].get_marker() != lines[1].get_marker()
    hollow = [line.get_markerfacecolor() == "none" for line in lines]
    assert hollow == [False, False, False, True]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [point.label for point in POINTS]


def test_runs_of_one_label_look_alike() -> None:
    runs = [curves("cgan", label="a"), curves("cgan", label="a"), curves("wgan", label="b")]
    figure = learning_curves(runs)
    accuracy = figure.axes[0]
    assert accuracy.get_title() == "accuracy"
    assert accuracy.get_xlabel() == "training TFLOP"
    lines = accuracy.lines
    assert [np.asarray(line.get_xdata()).tolist() for line in lines] == [[1, 2, 3]] * 3
    looks = [(line.get_color(), line.get_marker()) for line in lines]
    assert looks[0] == looks[1] != looks[2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_each_phase_has_a_panel() -> None:
    figure = loss_curves([curves("cgan"), curves("wgan")])
    assert [axis.get_title() for axis in figure.axes] == [
        "discriminator", "generator", "align", ""
    ]  # fmt: skip
    assert [axis.axison for axis in figure.axes] == [True, True, True, False]


def test_a_dark_page_has_dark_figures() -> None:
    drawn: list[Figure] = []

    def draw() -> Figure:
        drawn.append(trade_off({"a": POINTS[3:]}, "x", "y"))
        return drawn[-1]

    light, dark = light_and_dark(draw)
    assert light != dark and light.startswith(b"\x89PNG") and dark.startswith(b"\x89PNG")
    colors = [to_hex(each.axes[0].containers[0][0].get_color()) for each in drawn]
    assert colors == ["#000000", INK]
    assert [to_hex(each.get_facecolor()) for each in drawn] == ["#ffffff", PAPER]
