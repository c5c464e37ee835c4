"""The comparing picture: colors, styles, scales and the smoother; that nothing is cut off."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

import models
from benchmarking.charts import COSTS, PHASE_STYLES, Curves, color_of, comparison, smooth

STEPS = list(range(200))


def curves(
    model: str, scale: float = 1.0, label: str = "", more: Mapping[str, Any] | None = None
) -> Curves:
    """A run with a warm start, two phases and three validations."""
    rng = np.random.default_rng(0)
    losses = {
        f"loss/{phase}": (STEPS, [*(scale * (1 + rng.random(200)))])
        for phase in ("align", "discriminator", "generator")
    }
    at = [50, 100, 150]
    scalars = losses | {
        "validation/accuracy": (at, [0.1, 0.5, 0.9]),
        "validation/coverage": (at, [0.3, 0.4, 0.6]),
        "validation/coverage_within_digit": (at, [0.2, 0.3, 0.5]),
        "validation/fd_judge_1000": (at, [300.0, 20.0, 4.0]),
        "progress/training_flops": (at, [1e12, 2e12, 3e12]),
        "progress/training_seconds": (at, [10.0, 20.0, 30.0]),
    }
    return Curves(label or model, model, scalars | {**(more or {})})


def axis_of(figure: Figure, name: str) -> Any:
    return next(a for a in figure.axes if name in (a.get_title(), a.get_ylabel()))


def lines_of(figure: Figure, name: str) -> dict[str, Any]:
    """The smoothed lines of a panel, by color."""
    lines = axis_of(figure, name).lines
    return {to_hex(line.get_color()).upper(): line for line in lines if line.get_linewidth() > 1}


def test_a_model_has_its_color_whatever_stands_beside_it() -> None:
    assert len({color_of(name) for name in models.names()}) == len(models.names())
    before = {name: color_of(name) for name in models.names()}
    alone = comparison([curves("wgan")])
    beside = comparison([curves("aaa"), curves("cgan"), curves("wgan")])
    for figure, panel in itertools.product((alone, beside), ("accuracy", "loss: generator")):
        assert color_of("wgan") in lines_of(figure, panel)
    assert before == {name: color_of(name) for name in models.names()}


def test_two_runs_of_a_model_differ_in_their_marker_alone() -> None:
    first, second = curves("cgan", label="cgan, seed 0"), curves("cgan", label="cgan, seed 1")
    lines = axis_of(comparison([first, second]), "accuracy").lines
    assert [line.get_marker() for line in lines] == ["o", "s"]
    assert len({line.get_color() for line in lines}) == 1


def test_a_phase_has_one_style_in_all_models() -> None:
    figure = comparison([curves("cgan"), curves("cvae")])
    patterns: list[str] = []
    for phase in ("align", "discriminator", "generator"):
        lines = lines_of(figure, f"loss: {phase}").values()
        found = {str(line._dash_pattern[1]) for line in lines}
        assert (len(lines), len(found)) == (2, 1)
        patterns += found
    assert len({*patterns}) == 3
    assert len({*PHASE_STYLES.values()}) == len(PHASE_STYLES)


def test_validation_stands_against_flops_steps_and_seconds() -> None:
    figure = comparison([curves("cgan")])
    x = [np.asarray(axis.lines[0].get_xdata()).tolist() for axis in figure.axes[:9]]
    assert x == [[1, 2, 3]] * 3 + [[50, 100, 150]] * 3 + [[10, 20, 30]] * 3
    assert axis_of(figure, "Frechet distance\n(n = 1,000)").get_yscale() == "log"
    assert len(figure.legends) == 1
    assert not any(axis.get_legend() for axis in figure.axes)


def test_what_a_run_did_not_log_is_missing_from_its_panel_alone() -> None:
    old = curves("cvae", more={tag: ((), ()) for tag in COSTS if "seconds" in tag})
    figure = comparison([curves("cgan"), old])
    assert [len(axis.lines) for axis in figure.axes[:9]] == [2] * 6 + [1] * 3
    alone = comparison([old]).axes[:9]
    assert [len(axis.texts) for axis in alone] == [0] * 6 + [1] * 3
    assert alone[6].texts[0].get_text() == "not logged"


def test_panels_of_a_row_and_of_a_column_share_their_axes() -> None:
    """Also where one run has less than another."""
    short = {t: (s[:1], v[:1]) for t, (s, v) in curves("cgan").scalars.items() if "coverage" in t}
    late = curves("cgan", more=short | {"progress/training_seconds": ([150], [30.0])})
    figure = comparison([late])
    figure.draw_without_rendering()
    x, y = ([getattr(a, f"get_{w}lim")() for a in figure.axes[:9]] for w in "xy")
    for i in range(3):
        assert len({*x[3 * i : 3 * i + 3]}) == len({*y[i:9:3]}) == 1
        assert x[3 * i][1] > np.max(figure.axes[3 * i].lines[0].get_xdata())  # no marker is cut


def test_older_runs_show_coverage_of_all_digits() -> None:
    old = curves("cgan")
    scalars = {t: s for t, s in old.scalars.items() if "within" not in t}
    assert axis_of(comparison([Curves("a", "cgan", scalars)]), "coverage\nof all digits")
    both = comparison([Curves("a", "cgan", scalars), curves("cvae")])
    assert len(axis_of(both, "coverage\nwithin a digit").lines) == 1


@pytest.mark.parametrize(
    ("scale", "offset", "expected"), [(1, 0, "linear"), (120, 0, "log"), (120, -5, "symlog")]
)
def test_losses_of_other_scales_are_all_seen(scale: float, offset: float, expected: str) -> None:
    other = curves("wgan")
    shifted = {t: (s, [v + offset for v in y]) for t, (s, y) in other.scalars.items()}
    figure = comparison([curves("cvae", scale), Curves("wgan", "wgan", shifted)])
    axis = axis_of(figure, "loss: generator")
    assert axis.get_yscale() == expected
    low, high = axis.get_ylim()
    for line in lines_of(figure, "loss: generator").values():
        y = np.asarray(line.get_ydata())
        assert ((low < y) & (y < high)).mean() > 0.95


def test_outliers_do_not_set_the_axis() -> None:
    run = curves("cgan")
    run.scalars["loss/generator"][1][0] = 1e6  # type: ignore[index]
    assert axis_of(comparison([run]), "loss: generator").get_ylim()[1] < 3


def test_the_smoother_is_centered() -> None:
    line = 3.0 - 0.5 * np.arange(100)
    assert smooth([*line], 6) == pytest.approx(line)  # at both ends, too
    edge = smooth([0.0] * 100 + [1.0] * 100, 5)
    assert (edge[99] + edge[100]) / 2 == pytest.approx(0.5)
    assert edge + edge[::-1] == pytest.approx(np.ones(200))


def test_the_smoother_smooths_and_leaves_gaps_out() -> None:
    noise = np.random.default_rng(0).normal(size=1000)
    assert smooth([*noise], 10).std() < 0.25
    gaps = np.arange(50.0)
    gaps[[0, 7, 8, 49]] = np.nan
    assert smooth([*gaps], 3) == pytest.approx(np.arange(50.0))
    assert smooth([1.0, np.nan, 3.0], 0.05)[[0, 2]] == pytest.approx([1, 3])
    assert smooth([2.0], 0.02) == pytest.approx([2])


@pytest.mark.parametrize("n", [1, 9])
def test_nothing_is_cut_off_and_text_is_legible_at_850_pixels(n: int) -> None:
    names = [f"{model}, speaker-held-out, seed {i}" for i, model in enumerate(("cgan", "x") * n)]
    runs = [curves(name.split(",")[0], 10.0**i, name) for i, name in enumerate(names[:n])]
    figure = comparison(runs)
    figure.draw_without_rendering()
    needed = figure.get_tightbbox()  # in inches
    assert 0 <= needed.x0 < needed.x1 <= figure.get_figwidth()
    assert 0 <= needed.y0 < needed.y1 <= figure.get_figheight()
    texts = [t for t in figure.findobj(lambda artist: isinstance(artist, Text)) if _text(t)]
    assert {f"loss: {phase}" for phase in ("align", "generator")} < {*map(_text, texts)}
    pixels = 850 / figure.get_figwidth() / 72  # of a point
    assert min(float(t.get_fontsize()) * pixels for t in texts if isinstance(t, Text)) >= 12
    width = axis_of(figure, "accuracy").get_window_extent().width
    assert width > 0.2 * figure.bbox.width


def _text(artist: object) -> str:
    return artist.get_text().strip() if isinstance(artist, Text) else ""
