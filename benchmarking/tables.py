"""The table of models: means over seeds, and what labels in the warm start would change."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from benchmarking.seeds import accuracy_difference, accuracy_of_seeds
from common import markdown

__all__ = ["FOOT", "HEAD", "label_of", "leaderboard"]

Row = Mapping[str, str]

HEAD = """<!-- Made by benchmark.py. Do not edit. -->
# Results

"""
FOOT = """
Every row: training runs that differ in their seed, scored by `evaluate.py` with judge A on the test
split. Values are means over seeds; (intervals) of 95 % resample test recordings, and for accuracy
seeds too; [ranges] are over seeds. *accuracy*: generated digits that the judge predicts as spoken;
*warm start*: test recordings whose digit the run's warm start recognizes (the nearest test image in
the space where it aligned pairs; with labels, its classifier), the ceiling of its row; *FD*, *KID*:
distances to test images in judge features (floor: training images, in the row of real data:
validation images); *coverage*: k = 5; *within digit*: with real and generated images of one digit
alone; *diversity*: of samples of a digit, *for one sound*: of two draws for one recording, real =
1; *sound's share*: of the variance within a digit, what the recording decides; *speaker*: how often
it can be named, within the digit, from all that the generating network gets. No run learns from
digit labels, but for the warm start of those marked *labels*. Rows marked * are given the true
digit.
"""
COLUMNS = (
    # title, metric, form, interval too
    ("accuracy %", "accuracy", "{:.1%}", True),
    ("judge B %", "accuracy_judge_b", "{:.1%}", False),
    ("warm start %", "recognition_accuracy", "{:.1%}", False),
    ("FD", "fd", "{:.2f}", True),
    ("KID", "kid", "{:.3f}", False),
    ("coverage", "coverage", "{:.3f}", True),
    ("within digit", "coverage_within_digit", "{:.3f}", False),
    ("diversity", "diversity_relative", "{:.2f}", False),
    ("for one sound", "diversity_given_sound", "{:.2f}", False),
    ("sound's share", "sound_share", "{:.2f}", False),
    ("speaker %", "speaker_probe", "{:.0%}", False),
)
COSTS = (
    ("parameters", "parameters", 1, "{:,.0f}"),
    ("steps", "steps", 1, "{:,.0f}"),
    ("training TFLOP", "training_flops", 1e-12, "{:,.0f}"),
    ("training s", "training_seconds", 1, "{:,.0f}"),
    ("samples/s", "samples_per_second", 1, "{:,.0f}"),
)
GROUP = ("model", "preset", "pairing", "labels", "training_precision")


def leaderboard(rows: Sequence[Row]) -> str:
    """By accuracy, `reference` presets first, then others, then the baselines."""

    def order(group: Sequence[Row]) -> tuple[int, str, float]:
        preset = group[0]["preset"]
        rank = {"reference": 0, "": 2}.get(preset, 1)
        return rank, preset, -_mean(group, "accuracy")

    groups = grouped(rows)
    lines = []
    for group in sorted(groups, key=order):
        commits = {row["code_trained"] or row["code_evaluated"] for row in group}
        lines.append(
            [
                label_of(group[0]) + ("*" if group[0]["needs_label"] == "True" else ""),
                str(len(group)) if group[0]["seed"] else "",
                {"32-true": "fp32", "bf16-mixed": "bf16"}.get(group[0]["training_precision"], ""),
                *(_cell(group, metric, form, wide) for _, metric, form, wide in COLUMNS),
                *(
                    form.format(_mean(group, name) * scale) if group[0].get(name) else ""
                    for _, name, scale, form in COSTS
                ),
                ", ".join(f"`{each}`" for each in sorted(commits)),
            ]
        )
    real = next((row for row in rows if row.get("accuracy_real")), rows[0])
    floor = f"Real test images: judge A {float(real['accuracy_real']):.2%}"
    floor += f"; FD of training images {float(real['fd_real']):.2f}"
    floor += f"; coverage of training images {float(real['coverage_real']):.3f}."
    titles = ("model", "seeds", "precision", *(title for title, *_ in (*COLUMNS, *COSTS)), "commit")
    parts = [markdown.table(titles, lines), floor, *differences(groups)]
    return "\n\n".join(parts)


def grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that differ in their seed alone, in the order of their seeds."""

    def key(row: Row) -> tuple[str, ...]:
        return tuple(row.get(name, "") for name in GROUP)

    rows = sorted(rows, key=lambda row: (key(row), int(row["seed"] or 0)))
    return [list(group) for _, group in itertools.groupby(rows, key)]


def differences(groups: Sequence[Sequence[Row]]) -> list[str]:
    """One paragraph on what labels in the warm start change, if both were run."""
    found = {tuple(group[0].get(name, "") for name in GROUP): group for group in groups}
    lines = []
    for (model, preset, pairing, labels, precision), group in found.items():
        other = found.get((model, preset, pairing, "warm-start", precision))
        if labels != "none" or other is None:
            continue
        seeds = {row["seed"] for row in group} & {row["seed"] for row in other}
        mine, theirs = ([r for r in rows if r["seed"] in seeds] for rows in (group, other))
        if seeds and all(row.get("recording_drawn") for row in (*mine, *theirs)):
            value, low, high = (100 * each for each in accuracy_difference(mine, theirs))
            lines.append(
                f"- {label_of(group[0])}: {value:+.2f} ({low:+.2f}..{high:+.2f}), "
                f"{len(seeds)} seeds"
            )
    if not lines:
        return []
    title = (
        "Accuracy without labels minus accuracy with labels in the warm start, in points, paired"
    )
    return [f"{title} by seed and recording:\n\n" + "\n".join(lines)]


def label_of(row: Row) -> str:
    """The name to show of all seeds."""
    label = row["model"] + (f" ({row['preset']})" if row["preset"] else "")
    if row["pairing"] not in ("", "resampled"):
        label += f", {row['pairing']}"
    return label + (", labels" if row["labels"] not in ("", "none") else "")


def _mean(group: Sequence[Row], name: str) -> float:
    return sum(float(row[name]) for row in group) / len(group)


def _cell(group: Sequence[Row], metric: str, form: str, wide: bool) -> str:
    if not all(row.get(metric) for row in group):
        return ""

    def show(value: float) -> str:
        return form.format(value).rstrip("%")

    text = show(_mean(group, metric))
    if not wide:
        return text
    if len(group) == 1:
        low, high = (group[0].get(f"{metric}_{end}") for end in ("low", "high"))
        return text + (f" ({show(float(low))}..{show(float(high))})" if low and high else "")
    if metric == "accuracy" and all(row.get("recording_drawn") for row in group):
        _, lowest, highest = accuracy_of_seeds(group)
        return f"{text} ({show(lowest)}..{show(highest)})"
    values = [float(row[metric]) for row in group]
    return f"{text} [{show(min(values))}..{show(max(values))}]"
