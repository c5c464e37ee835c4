"""The evaluator on planted data, in which every confusion gives another number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from datasets import Part
from datasets.base import Images, PairedDataset, Recordings
from evaluation import evaluator as module
from evaluation.candidates import Candidate
from evaluation.evaluator import Evaluator, evaluate
from metrics.frechet import frechet_distance
from metrics.prdc import prdc, within_group_coverage

N_OF_SPLIT = (60, 30, 20)  # images of a digit in training, validation, test
LEVEL = (100, 160, 110)  # of their features, so that each set is elsewhere
SPEAKERS = ("ann", "bob", "cid")


def image(a: Tensor, b: Tensor, features: Tensor) -> Tensor:
    """(n, 28, 28) uint8 that judge A reads as `a`, judge B as `b`, with (n, 4) features."""
    x = torch.zeros(len(a), 28, 28, dtype=torch.uint8)
    x[:, 0, 0], x[:, 0, 1] = a.to(torch.uint8), b.to(torch.uint8)
    x[:, 10:14, 8:20] = features.round().clamp(1, 255).to(torch.uint8)[:, :, None]
    return x


def judge(which: str) -> SimpleNamespace:
    """Reads its own pixel; its features are its own."""

    def call(x: Tensor, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        digit = x[:, 0, "ab".index(which)].long() % 10  # changed sounds hold any byte
        logits = torch.nn.functional.one_hot(digit, 10).float()
        features = x[:, 10:14, 8].float()
        return (features if which == "a" else features.flip(1) * 7), logits

    class Planted(SimpleNamespace):
        __call__ = staticmethod(call)

    network = SimpleNamespace(to=lambda **_: None)
    return Planted(sha256=which * 64, network=network)


@pytest.fixture(scope="module")
def dataset() -> PairedDataset:
    generator = torch.Generator().manual_seed(0)
    digit = torch.cat([torch.arange(10).repeat(n) for n in N_OF_SPLIT])
    split = torch.cat([torch.full((10 * n,), s) for s, n in enumerate(N_OF_SPLIT)])
    level = torch.tensor(LEVEL)[split].float()[:, None]
    features = level + 8 * torch.randn(len(digit), 4, generator=generator)
    images = Images(image(digit, digit, features), digit, split)
    # Two recordings for training and one each to validate and test, of each speaker and digit.
    rows = [(d, s, p) for d in range(10) for s in range(3) for p in (0, 0, 1, 2)]
    spoken, speaker, official = torch.tensor(rows).T
    pictures = torch.zeros(len(rows), 64, 64, dtype=torch.uint8)
    for k, column in enumerate((spoken, speaker, official)):
        pictures[:, 0, k] = column
    recordings = Recordings(
        clips=0.1 * torch.randn(len(rows), 8192, generator=generator), pictures=pictures,
        digit=spoken, speaker=speaker, speakers=SPEAKERS,
        names=tuple(map(str, range(len(rows)))), hashes=tuple(map(str, range(len(rows)))),
        official=official,
    )  # fmt: skip
    return PairedDataset("planted", images, recordings, "f" * 64)


def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """By the sound alone. Judge A misreads speaker 1, judge B digit 3; features are elsewhere."""
    spoken, speaker = c[:, 0, 0].long(), c[:, 0, 1]
    a = torch.where(speaker == 1, (spoken + 1) % 10, spoken)
    b = torch.where(spoken == 3, (spoken + 2) % 10, spoken)
    return image(a, b, 112 + 4 * torch.randn(len(c), 4, generator=generator))


@pytest.fixture(scope="module")
def planted(dataset: PairedDataset) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_judge", lambda name, which, device="cpu": judge(which))
        patch.setattr("evaluation.condition_probes.MAX_N", 20)
        for name in ("_grid", "_neighbors", "outputs.write"):  # pictures take seconds
            patch.setattr(f"evaluation.evaluator.{name}", lambda *_: None)
        yield Evaluator(dataset, "official", torch.device("cpu"))


@pytest.fixture(scope="module")
def card(planted: Evaluator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    candidate = Candidate("planted", False, draw)
    return evaluate(candidate, planted, tmp_path_factory.mktemp("planted"))


def value(card: dict[str, Any], name: str) -> float:
    return float(card["metrics"][name]["value"])


def test_the_parts_are_those_of_the_split(planted: Evaluator) -> None:
    for each, split, n in zip(
        (planted.train, planted.validation, planted.test), range(3), N_OF_SPLIT, strict=True
    ):
        assert len(each.x) == 10 * n and (each.c[:, 0, 2] == split).all()
        assert each.x[:, 10:14, 8].float().mean().item() == pytest.approx(LEVEL[split], abs=2)


def test_a_sample_is_of_its_recording(card: dict[str, Any], planted: Evaluator) -> None:
    test, recording = planted.test, planted.recording
    assert torch.equal(test.c_digit[recording], test.x_digit)
    drawn = 2 * recording.bincount(minlength=30)
    assert card["by_recording"]["drawn"] == drawn.tolist()
    misread = (test.c_speaker == 1).long() + (test.c_digit == 3).long()
    correct = drawn * (2 - misread) // 2
    assert card["by_recording"]["correct"] == correct.tolist()
    assert card["by_recording"]["digit"] == test.c_digit.tolist()


def test_each_judge_reads_for_itself(card: dict[str, Any], planted: Evaluator) -> None:
    speaker = planted.test.c_speaker[planted.recording]
    a = (speaker != 1).double().mean().item()
    assert 0.5 < a < 0.8
    assert value(card, "accuracy_judge_a") == pytest.approx(a)
    assert value(card, "accuracy_judge_b") == pytest.approx(0.9)
    assert value(card, "accuracy") == pytest.approx((a + 0.9) / 2)
    three = planted.test.x_digit == 3
    differ = ((speaker == 1) | three).double().mean().item()
    assert value(card, "judges_disagree") == pytest.approx(differ)


def test_strata_are_those_of_the_recording(card: dict[str, Any], planted: Evaluator) -> None:
    speaker, digit = planted.test.c_speaker[planted.recording], planted.test.x_digit
    right = 1 - ((speaker == 1).double() + (digit == 3).double()) / 2
    for i, name in enumerate(SPEAKERS):
        wanted = right[speaker == i].mean().item()
        assert card["by_speaker"][name]["value"] == pytest.approx(wanted)
    for d in range(10):
        wanted = right[digit == d].mean().item()
        assert card["by_digit"][str(d)]["value"] == pytest.approx(wanted)
    matrix = torch.tensor(card["confusion"])
    assert (matrix.sum(1) == 40).all()  # rows are the wanted digits, twice 20 judgements
    assert matrix[3, 5] == 20 and matrix[0, 1] == (speaker[digit == 0] == 1).sum()


def test_distances_are_from_the_test_images_in_judge_a(
    card: dict[str, Any], planted: Evaluator
) -> None:
    test = planted.test
    real = test.x[:, 10:14, 8].float()
    fake = draw(test.c[planted.recording], test.x_digit, planted.generator("noise"))
    features = fake[:, 10:14, 8].float()
    found = prdc(real, features, 5)
    names = ("precision", "recall", "density", "coverage")
    assert len({round(getattr(found, name), 3) for name in names}) == 4
    for name in names:
        assert value(card, f"{name}_judge_200") == pytest.approx(getattr(found, name))
    assert value(card, "fd_judge_200") == pytest.approx(frechet_distance(real, features))
    within = within_group_coverage(real, test.x_digit, features, test.x_digit)
    assert value(card, "coverage_within_digit_judge_200") == pytest.approx(within)
    # The floor is of training images: ten levels of gray from the test images, not fifty.
    assert 4 * 9**2 < card["metrics"]["fd_judge_200"]["real"] < 4 * 13**2
    assert card["metrics"]["accuracy"]["real"] == 1


@pytest.mark.parametrize(("source", "copied"), [("train", 1.0), ("validation", 0.0)])
def test_copies_are_of_training_images(
    source: str, copied: float, planted: Evaluator, tmp_path: Path
) -> None:
    part: Part = getattr(planted, source)

    def copy(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        rows = [(part.x_digit == d).nonzero()[:, 0] for d in digit]
        return torch.stack([part.x[r[i % len(r)]] for i, r in enumerate(rows)])

    card = evaluate(Candidate("copies", True, copy), planted, tmp_path)
    assert value(card, "copied") == pytest.approx(copied, abs=0.02)
    assert "obeys_shifted" not in card["metrics"]  # it is given the digit
    assert "accuracy" in card["metrics"]


def test_noise_is_the_same_for_all(planted: Evaluator, tmp_path: Path) -> None:
    seen: list[list[float]] = []

    def listen(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        seen[-1].append(torch.rand((), generator=generator).item())
        return draw(c, digit, generator)

    for name in ("first", "second"):
        seen.append([])
        evaluate(Candidate(name, False, listen), planted, tmp_path / name)
    assert seen[0] == seen[1] and len({*seen[0]}) > 2


def test_other_splits_have_other_parts(dataset: PairedDataset, planted: Evaluator) -> None:
    other = Evaluator(dataset, "speaker:bob", torch.device("cpu"))
    assert set(other.test.c_speaker.tolist()) == {1}
    assert set(other.validation.c_speaker.tolist()) == {2}
    assert set(other.train.c_speaker.tolist()) == {0}
    assert other.fingerprint()["split_sha256"] != planted.fingerprint()["split_sha256"]
    changed = replace(dataset, fingerprint="0" * 64)
    assert Evaluator(changed, "official", torch.device("cpu")).fingerprint()["data_sha256"] == (
        "0" * 64
    )
