"""The command draw.py, with a small untrained run."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from common.files import read_rows
from converters.mel64.features import to_picture
from datasets import from_pixels, seed_of, to_pixels
from datasets.words import read_word
from drawing import outputs
from judges import load_judge
from tests.drawing.conftest import RATE, Call, write_run
from training.checkpoint import NAME, load, load_model, write


def pixels(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image))


def test_a_folder_is_drawn(call: Call, run: Path, sounds: Path, tmp_path: Path) -> None:
    done = call("--checkpoint", run, sounds, "-n", "3", "--seed", "7")
    assert (done.code, done.err) == (0, ""), done.err
    out = tmp_path / "drawings" / "001"
    assert pixels(out / "drawing.png").shape[1] > 400
    words, kinds = ("eight", "five", "six"), ("cgan.1", "cgan.2", "cgan.3", "log-mel")
    expected = {f"{word}.{kind}.png" for word in words for kind in kinds}
    assert {path.name for path in (out / "images").iterdir()} == expected

    word = read_word(sounds / "five.wav")
    assert torch.equal(pixels(out / "images" / "five.log-mel.png"), to_picture(word.clip))
    generator = torch.Generator().manual_seed(seed_of("draw", 7))
    model = load_model(run)
    c = from_pixels(word.picture[None])
    drawn = to_pixels(model.sample(c.expand(3, -1, -1, -1), generator))
    for i in range(3):
        assert torch.equal(pixels(out / "images" / f"five.cgan.{i + 1}.png"), drawn[i])
    digits = load_judge("offline", "a")(drawn)[1].argmax(1).bincount()
    row = {row["sound"]: row for row in read_rows(out / "readings.csv")}[str(sounds / "five.wav")]
    assert int(row["digit"]) == int(digits.argmax())
    assert float(row["share"]) == pytest.approx(float(digits.max()) / 3, abs=1e-4)
    assert float(row["start"]) == pytest.approx(1, abs=0.1)
    assert f"cgan draws {row['digit']}" in done.out
    for line in ("drawing.png", "images", "readings.csv"):
        assert str(out / line) in done.out


def test_again_with_the_next_command(call: Call, run: Path, sounds: Path, tmp_path: Path) -> None:
    """Into another folder; other noise gives other draws, the same noise the same."""
    words = ["--checkpoint", str(run), str(sounds / "six.mp3"), "-n", "2"]
    done = call(*words)
    following = done.out.splitlines()[-1].removeprefix("next:").partition("#")[0]
    assert shlex.split(following)[:2] == ["python", "draw.py"]
    assert call(*shlex.split(following)[2:]).code == call(*words).code == 0
    images = [tmp_path / "drawings" / f"00{i}" / "images" / "six.cgan.1.png" for i in (1, 2, 3)]
    first, other, same = map(pixels, images)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_model_with_labels_draws(call: Call, sounds: Path, tmp_path: Path) -> None:
    labelled = write_run(tmp_path / "labelled", labels="warm-start")
    done = call("--checkpoint", labelled, sounds / "five.wav", "-n", "2")
    assert done.code == 0, done.err


def test_models_side_by_side(call: Call, run: Path, sounds: Path, tmp_path: Path) -> None:
    original = write_run(tmp_path / "original", "original")
    done = call("--checkpoint", run, original, sounds / "five.wav", "-n", "1")
    assert (done.code, done.err) == (0, "")
    rows = read_rows(tmp_path / "drawings" / "001" / "readings.csv")
    assert [row["model"] for row in rows] == ["cgan (reference)", "cgan (original)"]
    images = tmp_path / "drawings" / "001" / "images"
    assert (images / "five.cgan_original.1.png").exists()


def test_names_and_flags_in_any_order(call: Call, run: Path, sounds: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", seed=1)
    done = call(sounds / "five.wav", "--checkpoint", run, other, "-n", "1", sounds / "six.mp3")
    assert (done.code, done.err) == (0, "")
    rows = read_rows(tmp_path / "drawings" / "001" / "readings.csv")
    found = [(Path(row["sound"]).name, row["model"]) for row in rows]
    assert found == [
        (name, model)
        for name in ("five.wav", "six.mp3")
        for model in ("cgan (seed 0)", "cgan (seed 1)")
    ]


def test_what_is_not_one_word_does_not_stop_the_others(
    call: Call, run: Path, speech: dict[str, np.ndarray], tmp_path: Path
) -> None:
    pause = np.zeros(RATE // 2)
    five, six = speech["five"], speech["six"]
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "three.wav", np.concatenate([five, pause, six, pause, five]), RATE)
    soundfile.write(tmp_path / "good.ogg", np.stack([five, five], 1), RATE)
    (tmp_path / "bad.wav").write_bytes(b"RIFF, not really")
    (tmp_path / "empty").mkdir()
    names = ["silence.wav", "three.wav", "good.ogg", "bad.wav", "goood.ogg", "empty"]
    done = call("--checkpoint", run, *(tmp_path / name for name in names), "-n", "1")
    assert done.code == 2
    errors = done.err.splitlines()
    assert all(line.startswith("error: ") and str(tmp_path) in line for line in errors)
    says = ["goood.ogg", "good.ogg?", "no sound files", "no word", "3 words", "not a sound file"]
    assert len(errors) == 5 and all(any(text in line for line in errors) for text in says), errors
    assert [row["sound"] for row in read_rows(tmp_path / "drawings" / "001" / "readings.csv")] == [
        str(tmp_path / "good.ogg")
    ]


def test_nothing_to_draw_makes_nothing(call: Call, run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    done = call("--checkpoint", run, tmp_path / "silence.wav")
    assert (done.code, done.out) == (2, "")
    assert not list((tmp_path / "drawings").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes")
def test_names_of_files_are_safe(
    call: Call, run: Path, speech: dict[str, np.ndarray], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = {
        b"a..b.wav": "a_b", b"a b.wav": "a_b_2", b"a_b.wav": "a_b_3", b"$(rm)\n.wav": "rm",
        b"\xff\xfe.wav": "sound", b"-n.wav": "n", "fünf.wav".encode(): "funf",
        b"x" * 200 + b".wav": "x" * 60,
    }  # fmt: skip
    soundfile.write(tmp_path / "five.wav", speech["five"], RATE)
    for name in names:
        shutil.copyfile(tmp_path / "five.wav", os.path.join(os.fsencode(folder), name))
    done = call("--checkpoint", run, folder, "-n", "1", "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    made = {path.name for path in (tmp_path / "out" / "images").glob("*.cgan.1.png")}
    assert {name.removesuffix(".cgan.1.png") for name in made} == {*names.values()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["five.wav", "in", "out"]


def test_a_locale_that_cannot_write_the_name(
    call: Call, run: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sounds / "fünf.wav"
    (sounds / "five.wav").rename(path)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    done = call("--checkpoint", run, path, "-n", "1", "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    sys.stdout.flush()
    assert rb"f\xfcnf.wav: a word" in written.getvalue()


def test_more_than_a_picture_holds(
    call: Call, run: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "ROWS", 2)
    done = call("--checkpoint", run, sounds, "-n", "1", "--out", tmp_path / "out")
    assert done.code == 0
    made = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert made == {"drawing.png", "drawing-2.png"}
    assert len(list((tmp_path / "out" / "images").iterdir())) == 6


def test_bad_arguments(call: Call, run: Path, sounds: Path, tmp_path: Path) -> None:
    five = sounds / "five.wav"
    (tmp_path / "file").write_text("")
    (tmp_path / "old" / "images").mkdir(parents=True)
    sound_model = write_run(tmp_path / "sounds-of", task="image2audio")
    cases: list[tuple[str, list[str | Path]]] = [
        ("--checkpoint is missing", [five]),
        ("no sound", ["--checkpoint", run]),
        ("no checkpoint at", ["--checkpoint", tmp_path, five]),
        ("which draws no images", ["--checkpoint", sound_model, five]),
        ("not a safetensors file", ["--checkpoint", five, five]),
        ("-n must be", ["--checkpoint", run, five, "-n", "0"]),
        ("--seed must be", ["--checkpoint", run, five, "--seed", "-1"]),
        ("give another --out", ["--checkpoint", run, five, "--out", tmp_path / "old"]),
        ("give another --out", ["--checkpoint", run, five, "--out", tmp_path / "file"]),
        ("--draw", ["--checkpoint", run, five, "--draw", "3"]),
    ]
    for says, arguments in cases:
        done = call(*arguments)
        assert done.code == 2 and done.out == "", (says, done)
        assert says in done.err and done.err.count("\n") == 1, (says, done)
        assert done.err.startswith("error: ")
    if not torch.cuda.is_available():
        assert "has none" in call("--checkpoint", run, five, "--device", "cuda").err


def test_a_run_that_diverged(call: Call, run: Path, sounds: Path, tmp_path: Path) -> None:
    found = load(run)
    broken = {key: torch.full_like(t, torch.nan) for key, t in found.tensors.items()}
    write(tmp_path / "broken" / NAME, replace(found, tensors=broken))
    done = call("--checkpoint", tmp_path / "broken", sounds)
    assert done.code == 2 and "not finite" in done.err and done.err.count("\n") == 1
    assert not list((tmp_path / "drawings").iterdir())


def test_an_untrained_generator_is_said_so(call: Call, sounds: Path, tmp_path: Path) -> None:
    young = write_run(tmp_path / "young")
    write(young / NAME, replace(load(young), step=10))
    done = call("--checkpoint", young, sounds / "five.wav", "-n", "1")
    assert done.code == 0 and "not trained yet" in done.err
