"""Runs of a bridge on images and sounds that are no pairs, and what is validated of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import datasets
from datasets import PairedDataset, part
from datasets.examples import write_art, write_speech
from models import LatentBridge
from tests.training.runs import call, error_line
from training import checkpoint
from training.run_log import read_scalars
from training.unpaired import UnpairedValidation

SMALL = (
    *("--width", "8", "--encoder-width", "8", "--batch-size", "8", "--device", "cpu"),
    *("--inversion-steps", "1", "--marks", "0.01"),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("unpaired")
    return write_art(root / "art", 12, 32), write_speech(root / "speech", 12)


@pytest.fixture(scope="module")
def dataset(folders: tuple[Path, Path]) -> PairedDataset:
    return datasets.load(size=16, images=folders[0], sounds=folders[1])


class Known(LatentBridge):
    """z of a sound: its first cell and 1; that of an image is off by `turn`. A sound of z has the
    level of its first unit everywhere."""

    def __init__(self, dataset: PairedDataset, turn: float) -> None:
        super().__init__(dataset.spec("audio2image"), None)  # type: ignore[arg-type]
        self.turn, self.weight = turn, torch.nn.Parameter(torch.zeros(1))

    def phases(self) -> Any:
        raise NotImplementedError

    def encode(self, sound: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.stack((sound[:, 0, 0, 0], torch.ones(len(sound))), 1)

    def project(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return image[:, 0, 0, :2] * torch.tensor([self.turn, 1.0])

    def draw_image(self, z: Tensor) -> Tensor:
        image = torch.zeros(len(z), 3, 16, 16)
        image[:, 0, 0, :2] = z
        return image

    def draw_sound(self, z: Tensor) -> Tensor:
        return z[:, :1, None, None].expand(-1, 1, 64, 64)


def test_figures_of_a_known_bridge(dataset: PairedDataset) -> None:
    validation = UnpairedValidation(dataset)
    held_out = part(dataset, "official", "validation").sounds / 255
    assert len(validation.spoken) == len(held_out)
    first = held_out[:, 0, 0]
    found = validation.metrics(Known(dataset, turn=0.0))
    kept = (held_out - first[:, None, None]).abs().mean().item()
    assert found["autoencoder_error"] == pytest.approx(kept, rel=1e-5)
    assert found["speech_error"] == pytest.approx(held_out.mean().item(), rel=1e-5)
    cosine = (1 / (1 + first.square()).sqrt()).mean().item()
    assert found["latent_cosine"] == pytest.approx(cosine, rel=1e-5)
    assert validation.metrics(Known(dataset, turn=1.0))["latent_cosine"] == pytest.approx(1)


def test_the_grid_goes_both_ways(dataset: PairedDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, Any] = {}
    monkeypatch.setattr("common.plots.rows_of_kinds", lambda rows, titles: shown.update(rows))
    validation, model = UnpairedValidation(dataset), Known(dataset, turn=0.5)
    validation.grid(model)
    kinds = [kind for kind, _ in shown.values()]
    assert kinds == ["sound", "image", "sound", "image", "sound", "image"]
    given, drawn, back, image, said, again = [pictures for _, pictures in shown.values()]
    level = given[:, 0, 0].float()
    assert torch.equal(drawn[:, 0, 0, 0].float(), level)
    assert torch.allclose(back[:, 5, 5].float(), 0.5 * level, atol=1)
    half = 0.5 * image[:, 0, 0, 0].float()
    assert torch.allclose(said[:, 5, 5].float(), half, atol=1)
    assert torch.allclose(again[:, 0, 0, 0].float(), half, atol=1)
    heard = validation.sounds(model)
    assert heard.shape == (len(image), 8192)


@pytest.mark.parametrize("preset", ["reference", pytest.param("original", marks=pytest.mark.slow)])
def test_a_bridge_is_trained_on_them(
    preset: str, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    art, speech = folders
    given = ["--model", "bridge", "--preset", preset, "--images", art, "--sounds", speech]
    small = SMALL if preset == "reference" else ("--width", "8", "--batch-size", "8")
    line = [*map(str, given), "--size", "16", *small, "--out", str(tmp_path)]
    done = call(*line, "--steps", "2")
    assert done.code == 0, done.err
    assert "no pairs" in done.err
    assert f"drawing.both_ways --checkpoint {tmp_path}" in done.out
    run = checkpoint.load(tmp_path).run
    assert (run.data, run.n_digits, run.x_shape) == ("folder-art-speech", 1, (3, 16, 16))
    logged = read_scalars(tmp_path)
    named = {"autoencoder_error", "speech_error", "latent_cosine"}
    assert {f"validation/{name}" for name in named} <= logged.keys()
    if preset == "reference":
        assert run.config["warm_start"] == 0
        assert not any("align" in tag for tag in logged)


def test_what_cannot_be_trained_is_said_so(folders: tuple[Path, Path]) -> None:
    given = ["--images", str(folders[0]), "--sounds", str(folders[1])]
    assert "--model bridge" in error_line(call("--model", "cgan", *given))
    bridge = ("--model", "bridge", *given)
    for more in (("--labels", "cascade"), ("--pairing", "fixed-1"), ("--split", "speaker:x")):
        assert "--images and --sounds have no" in error_line(call(*bridge, *more))
    assert "no --data" in error_line(call(*bridge, "--data", "offline"))
    assert "together" in error_line(call("--model", "bridge", *given[2:]))
