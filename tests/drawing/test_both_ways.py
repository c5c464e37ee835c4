"""Images of sounds and sounds of images, by a bridge whose latent is known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from torch import Tensor

import datasets
from common.errors import command
from converters.sound_as import REPRESENTATIONS
from drawing import both_ways
from drawing.both_ways import Converter
from models import LatentBridge
from tests.training.runs import arguments, call

RATE, SIZE = 8000, 8192


class Known(LatentBridge):
    """z: the level of a sound's picture, and half of that of an image. A sound of z has one band,
    which is higher the larger z is; an image of z has its level everywhere."""

    def __init__(self) -> None:
        super().__init__(datasets.spec("audio2image"), None)  # type: ignore[arg-type]

    def phases(self) -> Any:
        raise NotImplementedError

    def encode(self, sound: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return sound.flatten(1).mean(1, keepdim=True)

    def project(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return 0.5 * image.flatten(1).mean(1, keepdim=True)

    def draw_image(self, z: Tensor) -> Tensor:
        return z[:, :, None, None].expand(-1, 1, 28, 28)

    def draw_sound(self, z: Tensor) -> Tensor:
        return torch.stack([band(float(each)) for each in z])


def band(z: float) -> Tensor:
    """A picture of sound whose one band tells z."""
    sound = torch.zeros(1, 64, 64)
    at = 60 - round(50 * z)
    sound[:, at : at + 3] = 0.9
    return sound


def loudest(samples: Tensor) -> int:
    """The band, from the top, of the most level."""
    picture = REPRESENTATIONS["mel64"].to_picture(samples[None])[0]
    return int(picture.double().mean(1).argmax())


@pytest.fixture
def converter() -> Converter:
    return Converter(Known(), "mel64", 0)


def tone(pitch: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * pitch * np.arange(SIZE) / RATE)).astype(np.float32)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.square(samples).mean()))


def test_a_sound_has_an_image_for_each_window(converter: Converter) -> None:
    pause, noise = np.zeros(SIZE, np.float32), np.random.default_rng(0).standard_normal(SIZE)
    samples = np.concatenate((tone(440), pause, 0.1 * noise.astype(np.float32)))
    images, back = converter.images_of(samples)
    assert images.shape == (3, 28, 28) and back.shape == (3 * SIZE,)
    assert not images[1].any() and not back[SIZE : 2 * SIZE].any()
    level = [int(image[0, 0]) for image in images]
    assert 0 < level[0] < level[2]  # noise fills its picture, a tone does not
    # As loud as they were.
    assert rms(back[:SIZE]) == pytest.approx(rms(tone(440)), rel=0.1)
    assert rms(back[2 * SIZE :]) == pytest.approx(0.1, rel=0.1)
    # Of the images alone: their level, halved, is heard.
    for i in (0, 2):
        wanted = 61 - round(50 * 0.5 * level[i] / 255)
        assert abs(loudest(torch.from_numpy(back[i * SIZE : (i + 1) * SIZE])) - wanted) <= 2


def test_an_image_has_a_sound_and_this_an_image(converter: Converter) -> None:
    images = torch.tensor([60, 200], dtype=torch.uint8)[:, None, None].expand(2, 28, 28)
    spoken, back = converter.sound_of(images)
    assert spoken.shape == (2, SIZE) and back.shape == (2, 28, 28)
    assert torch.allclose(spoken.square().mean(1), torch.ones(2), atol=1e-3)
    for i, level in enumerate((60, 200)):
        assert abs(loudest(spoken[i]) - (61 - round(50 * 0.5 * level / 255))) <= 2
    heard = REPRESENTATIONS["mel64"].to_picture(spoken).double().flatten(1).mean(1)
    assert torch.allclose(back[:, 0, 0].double(), heard, atol=1)  # of the sounds alone


def run(*given: str | Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["both_ways", *map(str, given)])
        try:
            command(both_ways.main)()
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            return stop.code
    return 0


@pytest.fixture(scope="module")
def bridge(offline_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bridge") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.Validation", lambda *given: None)
        more = ("--warm-start", "1e-5", "--steps", "1", "--inversion-steps", "1")
        assert call(*arguments(offline_dir, out, "bridge", *more)).code == 0
    return out


def test_files_in_files_out(
    bridge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, out = tmp_path / "given", tmp_path / "out"
    given.mkdir()
    soundfile.write(given / "a <b>.wav", np.concatenate((tone(300), tone(500))), RATE)
    Image.fromarray(np.full((30, 40, 3), 77, np.uint8)).save(given / "a <b>.png")
    assert run("--checkpoint", bridge, given, "--out", out) == 0
    names = {path.name for path in out.iterdir()}
    of_sound = {"a_b.heard.wav", "a_b.png", "a_b.back.wav"}
    assert names == {*of_sound, "a_b_2.seen.png", "a_b_2.wav", "a_b_2.back.png", "index.html"}
    assert Image.open(out / "a_b.png").size == (2 * 28, 28)
    assert soundfile.info(out / "a_b.back.wav").frames == 2 * SIZE
    assert Image.open(out / "a_b_2.seen.png").size == (28, 28)
    assert soundfile.info(out / "a_b_2.wav").frames == SIZE
    page = (out / both_ways.PAGE).read_text()
    assert all(name in page for name in names - {"index.html"}) and "<b>" not in page
    assert "--seed 1" in capsys.readouterr().out

    assert run("--checkpoint", bridge, given, "--out", out) == 2
    assert "is not empty" in capsys.readouterr().err
    (given / "broken.png").write_bytes(b"\x89PNG")
    assert run("--checkpoint", bridge, given, "--out", tmp_path / "new") == 2
    assert "broken.png" in capsys.readouterr().err and not [*(tmp_path / "new").iterdir()]
    assert run("--checkpoint", bridge, tmp_path / "nothing", "--out", tmp_path / "new") == 2
    assert "no such file" in capsys.readouterr().err


def test_a_model_of_one_way_is_refused(
    offline_dir: Path, tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert call(*arguments(offline_dir, out, "cvae", "--steps", "1")).code == 0
    assert run("--checkpoint", out, tmp_path) == 2
    assert "serves one way" in capsys.readouterr().err
