"""The figures of a bridge's way back, of known bridges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import datasets
from common.errors import InputError
from common.files import read_rows
from evaluation import inversion
from models import LatentBridge
from tests.training.runs import arguments, call
from training import checkpoint, validation


class Known(LatentBridge):
    """z of a sound: its first four cells. An image shows them, and its projection is off by
    `turn`; a sound of z has the level of its first cell everywhere."""

    def __init__(self, turn: float) -> None:
        config: Any = type("Config", (), {"inversion_steps": 7, "inversion_restarts": 3})()
        super().__init__(datasets.spec("audio2image"), config)
        self.turn = turn

    def phases(self) -> Any:
        raise NotImplementedError

    def encode(self, sound: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return sound[:, 0, 0, :4]

    def project(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return image[:, 0, 0, :4] * torch.tensor([1.0, 1.0, 1.0, self.turn])

    def draw_image(self, z: Tensor) -> Tensor:
        image = torch.zeros(len(z), 1, 28, 28)
        image[:, 0, 0, :4] = z
        return image

    def draw_sound(self, z: Tensor) -> Tensor:
        return z.mean(1)[:, None, None, None].expand(-1, 1, 64, 64)


def test_the_way_back_of_a_known_bridge() -> None:
    sounds = torch.full((6, 64, 64), 51, dtype=torch.uint8)  # 0.2
    sounds[:, 0, :4] = 102  # 0.4
    sounds[:3, 63, 63] = 153  # 0.6, in one half alone
    images = torch.zeros(5, 28, 28, dtype=torch.uint8)
    images[:, 0, :4], images[:, 5, 5] = 255, 255
    found = inversion.inversion(Known(turn=0.0), sounds, images)
    assert found.keys() == inversion.ABOUT.keys()
    assert found["latent_cosine"] == pytest.approx(3 / (4 * 3) ** 0.5)
    assert found["image_error"] == pytest.approx(0.4 / 784)
    assert found["real_image_error"] == pytest.approx(2 / 784)  # the last unit, and what is no z
    cells = 64 * 64
    # z has 0.4 everywhere; found, a mean of 0.3; the mean picture 0.4 where halves differ.
    assert found["autoencoder_error"] == pytest.approx(0.2 * (cells - 4) / cells, rel=1e-4)
    back = (0.1 * (cells - 5) + 0.1 * 4 + 0.2) / cells
    assert found["mean_error"] == pytest.approx(0.2 / cells, rel=1e-4)
    assert found["speech_error"] == pytest.approx(back, rel=1e-4)
    assert found["speech_ratio"] == pytest.approx(
        found["speech_error"] / found["autoencoder_error"]
    )
    assert found["steps"] == 21 and found["seconds"] > 0
    assert inversion.inversion(Known(turn=1.0), sounds, images)["latent_cosine"] == pytest.approx(1)


def test_what_no_file_can_hold_does_not_come_back() -> None:
    """A bridge that hides its latent in a thousandth of a pixel."""

    class Hidden(Known):
        def draw_image(self, z: Tensor) -> Tensor:
            return super().draw_image(1e-3 * z)

        def project(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
            return 1e3 * super().project(image)

    sounds = torch.randint(0, 256, (6, 64, 64), dtype=torch.uint8)
    images = torch.zeros(5, 28, 28, dtype=torch.uint8)
    found = inversion.inversion(Hidden(turn=1.0), sounds, images)
    assert found["latent_cosine"] < 0.1


def test_a_run_has_a_row(
    offline_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(validation, "N_SAMPLES", 60)
    monkeypatch.setattr(inversion, "N_IMAGES", 20)
    run = tmp_path / "run"
    given = ("--warm-start", "1e-5", "--steps", "1", "--inversion-steps", "2")
    done = call(*arguments(offline_dir, run, "bridge", *given))
    assert done.code == 0, done.err
    line = ["x", "--checkpoint", str(run), "--data-dir", str(offline_dir), "--out", str(tmp_path)]
    for _ in range(2):  # replaced, not doubled
        monkeypatch.setattr("sys.argv", line)
        inversion.main()
    (row,) = read_rows(tmp_path / inversion.NAME)
    assert (row["model"], row["step"], row["steps"]) == ("bridge", "1", "4")
    assert "latent_cosine" in capsys.readouterr().out

    with pytest.raises(InputError, match="with labels warm-start"):
        replace(checkpoint.load(run).run, labels="warm-start").other_way()

    done = call(*arguments(offline_dir, tmp_path / "other", "cvae", "--steps", "1"))
    monkeypatch.setattr("sys.argv", [*line[:2], str(tmp_path / "other"), *line[3:]])
    with pytest.raises(SystemExit):
        inversion.main()
    assert "'cvae' has no latent to project into" in capsys.readouterr().err
