"""The table of models: groups of seeds, ranges, and differences."""

from __future__ import annotations

from benchmarking.tables import leaderboard

CORRECT = {"none": ("5 5 5 5", "5 5 3 5"), "warm-start": ("5 5 5 5", "5 5 5 5")}


def row(labels: str, seed: int, **values: str) -> dict[str, str]:
    correct = CORRECT[labels][seed]
    return {
        "model": "cgan", "preset": "reference", "pairing": "resampled", "labels": labels,
        "training_precision": "32-true", "seed": str(seed), "needs_label": "False",
        "code_trained": f"c{seed}", "code_evaluated": "e", "recording_drawn": "5 5 5 5",
        "recording_correct": correct,
        "recording_digit": "0 0 1 1", "accuracy": str(sum(map(int, correct.split())) / 20),
        "accuracy_low": "0.1", "accuracy_high": "0.9", "accuracy_real": "0.99", "fd": str(2 + seed),
        "fd_real": "0.5", "coverage": "0.8", "coverage_real": "0.95", "steps": "10",
        "training_flops": "2e12", "training_seconds": "3", "samples_per_second": "4",
    } | values  # fmt: skip


def lines_of(text: str) -> dict[str, list[str]]:
    cells = [[each.strip() for each in line.split("|")[1:-1]] for line in text.splitlines()]
    return {line[0]: line[1:] for line in cells if line}


def test_seeds_are_one_row_with_means_and_ranges() -> None:
    text = leaderboard([row("none", 1), row("warm-start", 0), row("none", 0)])
    lines = lines_of(text)
    titles = lines["model"]
    mine = dict(zip(titles, lines["cgan (reference)"], strict=True))
    assert (mine["seeds"], mine["commit"], mine["FD"]) == ("2", "`c0`, `c1`", "2.50 [2.00..3.00]")
    assert mine["accuracy %"].startswith("95.0 (") and "100.0)" in mine["accuracy %"]
    assert mine["training TFLOP"] == "2"
    theirs = dict(zip(titles, lines["cgan (reference), labels"], strict=True))
    assert (theirs["seeds"], theirs["accuracy %"]) == ("1", "100.0 (10.0..90.0)")


def test_differences_are_of_common_seeds() -> None:
    rows = [row(labels, seed) for labels in CORRECT for seed in (0, 1)]
    text = leaderboard(rows)
    assert "- cgan (reference): -5.00 (" in text and "2 seeds" in text
    assert "- cgan (reference): +0.00 (+0.00..+0.00), 1 seeds" in leaderboard([*rows[:2], rows[2]])
    assert "minus" not in leaderboard(rows[:2])
    other = [row("warm-start", seed, training_precision="bf16-mixed") for seed in (0, 1)]
    assert "minus" not in leaderboard([*rows[:2], *other])


def test_other_precision_is_another_row() -> None:
    rows = [row("none", 0), row("none", 0, training_precision="bf16-mixed")]
    found = [line for line in leaderboard(rows).splitlines() if line.startswith("| cgan")]
    assert {line.split("|")[3].strip() for line in found} == {"bf16", "fp32"}
