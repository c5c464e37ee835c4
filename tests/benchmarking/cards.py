"""Scorecards for tests of what is made of them: every value differs from all others."""

from __future__ import annotations

import itertools
from typing import Any

from datasets import default_augment
from evaluation.tasks import task_of

METRICS = (
    *("accuracy", "accuracy_judge_a", "accuracy_judge_b", "judges_disagree", "copied", "cas"),
    *("fd_judge_10k", "kid_judge_10k", "precision_judge_10k", "recall_judge_10k"),
    *("density_judge_10k", "coverage_judge_10k", "coverage_within_digit_judge_10k"),
    *("diversity_relative", "diversity_given_sound", "sound_share", "speaker_probe"),
    *("recognition_accuracy", "speaker_effect", "obeys_other_digit", "obeys_noisy_20db"),
    *("obeys_noisy_10db", "obeys_noisy_0db", "obeys_shifted", "precision_within_digit_judge_10k"),
    *("fd_within_digit_judge_10k", "fd_pca", "w1_thickness", "w1_slant", "w1_width"),
    # Of image2audio alone; a card of every metric serves both.
    *("accuracy_heard", "speakers_relative", "w1_seconds", "w1_pitch", "level_db", "silent"),
    *("clipped", "diversity_given_image", "image_share"),
)
FINGERPRINT: dict[str, Any] = {
    "protocol": "audio2image-9", "data": "d", "data_sha256": "x", "split": "official",
    "split_sha256": "s", "judge_a": "a", "judge_b": "b", "converter": {"n_fft": 512},
    "code": "evaluated", "n": 10_000, "n_recordings": 20, "k": 5, "seed": 0, "device": "cpu",
}  # fmt: skip
SPEAKERS = ("ann", "bob")
N_RECORDINGS, DRAWN = 20, 50


def card(
    model: str = "cgan", seed: int = 0, split: str = "official", mark: float | None = 60.0,
    accuracy: float = 0.9, **changes: Any,
) -> dict[str, Any]:  # fmt: skip
    """A scorecard; `changes` are of its run, or of its fingerprint."""
    task = task_of(changes.get("protocol", FINGERPRINT["protocol"]))
    usual = default_augment(task, split, "mel64")
    run = {
        "model": model, "preset": "reference", "pairing": "resampled", "labels": "none",
        "sound_as": "mel64", "augment": usual, "precision": "32-true",
        "seed": seed, "marks": [20.0, 60.0], "code": f"trained{seed}", "config": {"lr": 0.1},
    }  # fmt: skip
    made = FINGERPRINT | {"split": split, "split_sha256": f"of {split}"}
    run |= {name: value for name, value in changes.items() if name in run}
    made |= {name: value for name, value in changes.items() if name not in run}
    # A tenth and a thousandth apart, so that no two values look alike at three digits.
    steps = (0.111 + 0.0137 * i + 0.00011 * seed for i in itertools.count())
    metrics = {}
    for name in METRICS:
        value = next(steps)
        metrics[name] = {
            "value": value, "low": value - 0.004, "high": value + 0.005, "real": value + 0.002,
        }  # fmt: skip
    right = [round(accuracy * DRAWN) + i % 5 - 2 for i in range(N_RECORDINGS)]
    share = sum(right) / (N_RECORDINGS * DRAWN)
    metrics["accuracy"] = {
        "value": share, "low": share - 0.021, "high": share + 0.022, "real": 0.9975,
    }  # fmt: skip
    names = [split.partition(":")[2]] if ":" in split else SPEAKERS
    return {
        "candidate": {"name": model, "needs_label": False, "run": run, "weights_sha256": "w"},
        "fingerprint": made,
        "metrics": metrics,
        "by_digit": {str(d): estimate(0.8 + d / 1000) for d in range(10)},
        "by_speaker": {name: estimate(share - 0.0123 * i) for i, name in enumerate(names)},
        "by_recording": {
            "drawn": [DRAWN] * N_RECORDINGS,
            "correct": right,
            "digit": [i % 10 for i in range(N_RECORDINGS)],
        },
        "confusion": [[91 if i == j else 1 for j in range(10)] for i in range(10)],
        "cost": {
            "steps": 1234, "training_seconds": 567.0, "samples_per_second": 8901.0,
            "parameters": 234567, "training_flops": (mark or 0) * 1e12 - 1e9, "mark_tflop": mark,
            "peak_memory_bytes": 3 << 20,
        },
    }  # fmt: skip


def baseline(
    name: str = "class-mean", split: str = "official", accuracy: float = 0.99, **changes: Any
) -> dict[str, Any]:
    """A scorecard of what was not trained, and is given the true digit."""
    made = card(name, split=split, mark=None, accuracy=accuracy, **changes)
    made["candidate"] |= {"needs_label": True, "run": None, "weights_sha256": None}
    made["cost"] |= {"steps": None, "training_seconds": None}
    for metric in ("parameters", "training_flops"):
        del made["cost"][metric]
    return made


def estimate(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "real": None}
