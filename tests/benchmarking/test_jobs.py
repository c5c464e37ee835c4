"""The commands that a row names are those that make it."""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any

import evaluate
import models
import train
from benchmarking.commands import commands_of
from benchmarking.rows import to_row
from common.command_line import parse
from tests.benchmarking.cards import baseline, card


def of_preset(model: str, preset: str = "reference", **settings: Any) -> dict[str, Any]:
    config = dataclasses.asdict(models.presets(model)[preset]) | settings
    return card(model, preset=preset, config=config, data="mnist-fsdd")


def parts(command: str) -> list[str]:
    python, *rest = shlex.split(command)
    assert python == "python"
    return rest


def test_a_row_names_its_training_and_its_scoring() -> None:
    made = of_preset("cvae", "original")
    made["candidate"]["run"] |= {"seed": 3, "pairing": "fixed-4", "labels": "warm-start",
                                 "split": "speaker:theo", "augment": "smoothed",
                                 "precision": "bf16-mixed"}  # fmt: skip
    made["fingerprint"]["split"] = "speaker:theo"
    made["cost"]["mark_tflop"] = 20.0
    training, scoring = map(parts, commands_of(to_row(made)))
    assert training[: training.index("60") + 1] == [
        *("train.py", "--model", "cvae", "--preset", "original", "--data", "mnist-fsdd"),
        *("--task", "audio2image", "--split", "speaker:theo", "--pairing", "fixed-4"),
        *("--labels", "warm-start"),
        *("--seed", "3", "--precision", "bf16-mixed", "--marks", "20", "60"),
    ]
    folder = "results/runs/cvae/original/mnist-fsdd-audio2image-speaker-theo-fixed-4-labels-"
    assert scoring == ["evaluate.py", "--checkpoint", f"{folder}warm-start/seed3/mark-20"]


def test_how_sounds_are_seen_is_named_where_it_is_unusual() -> None:
    for sound_as, augment, flags, of_folder in (
        ("tones", "clips", ["--sound-as", "tones"], "-as-tones"),
        ("mel64", "clips", ["--augment", "clips"], "-augment-clips"),
        ("mel64", "pictures", [], ""),
    ):
        made = of_preset("cvae")
        made["candidate"]["run"] |= {"sound_as": sound_as, "augment": augment}
        training, scoring = map(parts, commands_of(to_row(made)))
        between = training.index("none") + 1, training.index("--seed")
        assert training[slice(*between)] == flags
        assert f"labels-none{of_folder}/seed0" in scoring[2]


def test_every_setting_is_a_flag() -> None:
    """Not only what differs from the preset, which may have been another at the commit."""
    made = of_preset("cvae", lr=0.5, prior="standard", z_dim=9)
    training = parts(commands_of(to_row(made))[0])
    flags = training[training.index("60") + 1 :]
    wanted = dataclasses.asdict(models.presets("cvae")["reference"])
    wanted |= {"lr": 0.5, "prior": "standard", "z_dim": 9}
    assert dict(zip(flags[::2], flags[1::2], strict=True)) == {
        f"--{name.replace('_', '-')}": str(value) for name, value in wanted.items()
    }


def test_true_and_false_are_flags() -> None:
    made = card("cvae", config={"on": True, "learned_off": False})
    training = parts(commands_of(to_row(made))[0])
    assert {*training[-2:]} == {"--on", "--no-learned-off"}


def test_a_baseline_of_a_run_names_the_run() -> None:
    for preset in ("reference", "original"):
        made = of_preset("cvae", preset)
        made["candidate"] |= {"name": "lookup"}
        made["candidate"]["run"]["preset"] = ""
        training, scoring = map(parts, commands_of(to_row(made)))
        assert training[:5] == ["train.py", "--model", "cvae", "--preset", preset]
        assert scoring[1:] == [
            "--checkpoint",
            f"results/runs/cvae/{preset}/mnist-fsdd-audio2image-official-resampled-labels-none/"
            "seed0/mark-60",
            *("--baseline", "lookup"),
        ]


def test_a_baseline_names_its_data_and_split() -> None:
    row = to_row(baseline(split="speaker:theo", data="mnist-fsdd"))
    assert [*map(parts, commands_of(row))] == [
        [
            *("evaluate.py", "--baseline", "class-mean"),
            *("--data", "mnist-fsdd", "--split", "speaker:theo"),
        ]
    ]
    (of_speech,) = commands_of(to_row(baseline(protocol="image2audio-2")))
    assert "--baseline class-mean --task image2audio" in of_speech


def test_the_commands_are_understood() -> None:
    """By the parsers of the scripts; the settings of a model by its own."""
    training, scoring = map(parts, commands_of(to_row(of_preset("cvae"))))
    end = training.index("60") + 1
    given, settings = training[training.index("--data") : end], training[end:]
    assert parse(train.Options, None, given, "train.py").marks == (20.0, 60.0)
    preset = models.presets("cvae")["reference"]
    assert parse(type(preset), None, settings, "train.py") == preset
    assert parse(evaluate.Options, None, scoring[1:], "evaluate.py").checkpoint is not None
    (of_baseline,) = map(parts, commands_of(to_row(baseline(data="mnist-fsdd"))))
    parsed = parse(evaluate.Options, None, of_baseline[1:], "evaluate.py")
    assert parsed.baseline == ("class-mean",)


def test_what_a_name_may_hold_is_quoted() -> None:
    row = {**to_row(card()), "model": "a b; rm -rf /"}
    training, _ = commands_of(row)
    assert "'a b; rm -rf /'" in training
