"""The evaluator on planted data, in which every confusion gives another number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from datasets import PairedDataset, Part
from evaluation import cache
from evaluation import evaluator as module
from evaluation.candidates import Candidate
from evaluation.conditioning import STRIDE
from evaluation.evaluator import ImageEvaluator
from evaluation.scorecard import copying, pool_pixels
from metrics.attributes import stroke_attributes
from metrics.cost import peak_memory
from metrics.diversity import diversity_of_draws
from metrics.frechet import frechet_distance
from metrics.kid import kernel_distance
from metrics.prdc import prdc, within_group_coverage
from metrics.wasserstein import wasserstein_by_group
from tests.evaluation.planted import LEVEL, N_OF_SPLIT, SPEAKERS, draw, judge, planted_dataset

PICTURES: dict[str, Any] = {"grid": module._grid, "neighbors": module._neighbors}
# Others stand in for them in the fixture.


@pytest.fixture(scope="module")
def dataset() -> PairedDataset:
    return planted_dataset()


@pytest.fixture(scope="module")
def planted(dataset: PairedDataset) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluation.base.judge_of", lambda name, which, device, kind: judge(which))
        patch.setattr("evaluation.condition_probes.MAX_N", 20)
        for name in ("_grid", "_neighbors", "outputs.write"):  # pictures take seconds
            patch.setattr(f"evaluation.evaluator.{name}", lambda *_: None)
        yield ImageEvaluator(dataset, "official", torch.device("cpu"))


@pytest.fixture(scope="module")
def card(planted: ImageEvaluator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    candidate = Candidate("planted", False, draw)
    return planted.evaluate(candidate, tmp_path_factory.mktemp("planted"))


def value(card: dict[str, Any], name: str) -> float:
    return float(card["metrics"][name]["value"])


def test_the_parts_are_those_of_the_split(planted: ImageEvaluator) -> None:
    for each, split, n in zip(
        (planted.train, planted.validation, planted.test), range(3), N_OF_SPLIT, strict=True
    ):
        assert len(each.images) == 10 * n and (each.sounds[:, 0, 2] == split).all()
        assert each.images[:, 10:14, 8].float().mean().item() == pytest.approx(LEVEL[split], abs=2)


def test_a_sample_is_of_its_recording(card: dict[str, Any], planted: ImageEvaluator) -> None:
    test, recording = planted.test, planted.recording
    assert torch.equal(test.sound_digit[recording], test.image_digit)
    drawn = 2 * recording.bincount(minlength=30)
    assert card["by_recording"]["drawn"] == drawn.tolist()
    misread = (test.speaker == 1).long() + (test.sound_digit == 3).long()
    correct = drawn * (2 - misread) // 2
    assert card["by_recording"]["correct"] == correct.tolist()
    assert card["by_recording"]["digit"] == test.sound_digit.tolist()


def test_each_judge_reads_for_itself(card: dict[str, Any], planted: ImageEvaluator) -> None:
    speaker = planted.test.speaker[planted.recording]
    a = (speaker != 1).double().mean().item()
    assert 0.5 < a < 0.8
    assert value(card, "accuracy_judge_a") == pytest.approx(a)
    assert value(card, "accuracy_judge_b") == pytest.approx(0.9)
    assert value(card, "accuracy") == pytest.approx((a + 0.9) / 2)
    three = planted.test.image_digit == 3
    differ = ((speaker == 1) | three).double().mean().item()
    assert value(card, "judges_disagree") == pytest.approx(differ)


def test_strata_are_those_of_the_recording(card: dict[str, Any], planted: ImageEvaluator) -> None:
    speaker, digit = planted.test.speaker[planted.recording], planted.test.image_digit
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
    card: dict[str, Any], planted: ImageEvaluator
) -> None:
    test = planted.test
    real = test.images[:, 10:14, 8].float()
    fake = draw(test.sounds[planted.recording], test.image_digit, planted.generator("noise"))
    features = fake[:, 10:14, 8].float()
    found = prdc(real, features, 5)
    names = ("precision", "recall", "density", "coverage")
    assert len({round(getattr(found, name), 3) for name in names}) == 4
    for name in names:
        assert value(card, f"{name}_judge_200") == pytest.approx(getattr(found, name))
    assert value(card, "fd_judge_200") == pytest.approx(frechet_distance(real, features))
    within = within_group_coverage(real, test.image_digit, features, test.image_digit)
    assert value(card, "coverage_within_digit_judge_200") == pytest.approx(within)
    # The floor is of training images: ten levels of gray from the test images, not fifty.
    assert 4 * 9**2 < card["metrics"]["fd_judge_200"]["real"] < 4 * 13**2
    assert card["metrics"]["accuracy"]["real"] == 1


@pytest.mark.parametrize(("source", "copied"), [("train", 1.0), ("validation", 0.0)])
def test_copies_are_of_training_images(
    source: str, copied: float, planted: ImageEvaluator, tmp_path: Path
) -> None:
    part: Part = getattr(planted, source)

    def copy(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        rows = [(part.image_digit == d).nonzero()[:, 0] for d in digit]
        return torch.stack([part.images[r[i % len(r)]] for i, r in enumerate(rows)])

    card = planted.evaluate(Candidate("copies", True, copy), tmp_path)
    assert value(card, "copied") == pytest.approx(copied, abs=0.02)
    assert "obeys_shifted" not in card["metrics"]  # it is given the digit
    assert "accuracy" in card["metrics"]


def test_noise_is_the_same_for_all(planted: ImageEvaluator, tmp_path: Path) -> None:
    seen: list[list[float]] = []

    def listen(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        seen[-1].append(torch.rand((), generator=generator).item())
        return draw(c, digit, generator)

    for name in ("first", "second"):
        seen.append([])
        planted.evaluate(Candidate(name, False, listen), tmp_path / name)
    assert seen[0] == seen[1] and len({*seen[0]}) > 2


def test_other_splits_have_other_parts(dataset: PairedDataset, planted: ImageEvaluator) -> None:
    other = ImageEvaluator(dataset, "speaker:bob", torch.device("cpu"))
    assert set(other.test.speaker.tolist()) == {1}
    assert set(other.validation.speaker.tolist()) == {2}
    assert set(other.train.speaker.tolist()) == {0}
    assert other.fingerprint()["split_sha256"] != planted.fingerprint()["split_sha256"]
    changed = replace(dataset, fingerprint="0" * 64)
    assert ImageEvaluator(changed, "official", torch.device("cpu")).fingerprint()[
        "data_sha256"
    ] == ("0" * 64)


def test_the_real_side_is_of_training_images(planted: ImageEvaluator) -> None:
    real, train = planted.real, planted.train
    of = train.images[:, 10:14, 8].float()
    rows = [
        [(of == each).all(1).nonzero()[0, 0].item() for each in side]
        for side in (real.train, real.train_other)
    ]
    assert not {*rows[0]} & {*rows[1]} and len({*rows[0]}) == len({*rows[1]}) == len(real.digit)
    assert all(torch.equal(train.image_digit[side], real.digit) for side in rows)
    thickness = torch.stack(stroke_attributes(train.images[rows[0]]), 1)
    assert torch.equal(real.train_attributes, thickness)
    assert torch.allclose(real.train_components, planted.descriptor(train.images[rows[0]]))
    assert torch.equal(real.test.features, planted.test.images[:, 10:14, 8].float())
    assert torch.allclose(planted.descriptor(train.images).mean(0), torch.zeros(()), atol=1e-3)
    assert planted.descriptor(planted.test.images).mean(0).abs().max() > 0.1
    assert torch.equal(real.train_pixels, pool_pixels(train.images))
    assert torch.equal(real.held_out_pixels, pool_pixels(planted.validation.images))


def test_real_images_score_by_their_own_kind(planted: ImageEvaluator) -> None:
    real = planted.real
    assert real.metrics["fd"] == pytest.approx(frechet_distance(real.test.features, real.train))
    assert real.train_metrics == {
        "fd": frechet_distance(real.train, real.train_other),
        "kid": kernel_distance(real.train, real.train_other),
    }
    assert len({real.metrics["fd"], *real.train_metrics.values()}) == 3
    pca = frechet_distance(real.test.components, real.train_components)
    assert real.metrics["fd_pca"] == pytest.approx(pca) and pca > 0
    for i, name in enumerate(("thickness", "slant", "width")):
        distance = wasserstein_by_group(
            real.test.attributes[:, i], real.digit, real.train_attributes[:, i], real.digit,
            in_deviations=True,
        )  # fmt: skip
        assert real.metrics[f"w1_{name}"] == pytest.approx(distance.mean().item())
    # The floor of copying is of validation images: 50 levels further, they are no copies.
    assert real.copying.row.shape == (len(planted.validation.images),)
    assert real.copying.distance.min() > 0


def test_draws_are_compared_with_draws_for_the_same_sounds(
    card: dict[str, Any], planted: ImageEvaluator
) -> None:
    test, real = planted.test, planted.real
    c, digit = test.sounds[planted.recording], test.image_digit
    first = draw(c, digit, planted.generator("noise"))[::STRIDE]
    again = draw(c[::STRIDE], digit[::STRIDE], planted.generator("noise again"))
    a, b = (x[:, 10:14, 8].float() for x in (first, again))
    assert not torch.equal(a, b)
    wanted = diversity_of_draws(a, b) / diversity_of_draws(real.test.features, real.train)
    assert value(card, "diversity_given_sound") == pytest.approx(wanted)


def test_a_classifier_learns_from_the_samples_and_is_tested_on_test_images(
    planted: ImageEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensor, ...]] = []

    def classify(*parts: Tensor) -> Tensor:
        seen.append(parts)
        return torch.arange(len(parts[3])) < 7 * len(seen)

    monkeypatch.setattr(module, "classification_accuracy", classify)
    vars(planted).pop("usefulness_of_real", None)
    samples = draw(
        planted.test.sounds[planted.recording], planted.test.image_digit, torch.Generator()
    )
    found = planted.usefulness(samples)
    assert torch.equal(seen[0][0], samples) and found.value == 7 / 200 and found.real == 14 / 200
    card = planted.evaluate(Candidate("planted", False, draw), tmp_path)
    wanted = draw(
        planted.test.sounds[planted.recording], planted.test.image_digit, planted.generator("noise")
    )
    assert torch.equal(seen[2][0], wanted) and card["metrics"]["cas"]["value"] == 21 / 200
    levels = [parts[0][:, 10:14, 8].float().mean().item() for parts in seen]
    assert levels[1] == pytest.approx(LEVEL[0], abs=2)
    for parts in seen[:2]:
        assert torch.equal(parts[1], planted.test.image_digit)
        assert parts[2] is planted.test.images and parts[3] is planted.test.image_digit
    vars(planted).pop("usefulness_of_real")


def test_what_is_told_the_digit_has_intervals_over_samples(
    card: dict[str, Any], planted: ImageEvaluator, tmp_path: Path
) -> None:
    told = planted.evaluate(Candidate("told", True, draw), tmp_path)
    heard, as_told = (each["metrics"]["accuracy"] for each in (card, told))
    assert heard["value"] == as_told["value"]
    # What a recording decides for all of its samples is less certain.
    assert as_told["high"] - as_told["low"] < 0.8 * (heard["high"] - heard["low"])


def test_probes_are_of_their_parts(
    planted: ImageEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def listen(name: str) -> Any:
        def note(*arguments: Any) -> dict[str, Any]:
            seen[name] = arguments
            return {}

        return note

    for name in ("condition_probes", "speaker_probe"):
        monkeypatch.setattr(module, name, listen(name))
    monkeypatch.setattr(Candidate, "extra_metrics", listen("extra_metrics"))
    planted.evaluate(Candidate("x", False, draw), tmp_path)
    assert seen["condition_probes"][:2] == (draw, planted.test)
    noise = seen["condition_probes"][3]
    assert torch.equal(torch.rand(3, generator=noise()), torch.rand(3, generator=noise()))
    assert seen["speaker_probe"][1] is planted.train
    assert seen["extra_metrics"][1] is planted.train and seen["extra_metrics"][2] is planted.test


def test_speed_is_of_all_samples(
    planted: ImageEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(perf_counter=iter((10.0, 14.0)).__next__)
    monkeypatch.setattr("evaluation.base.time", clock)
    card = planted.evaluate(Candidate("x", False, draw), tmp_path)
    assert card["cost"]["samples_per_second"] == 200 / 4


def test_memory_is_that_of_drawing_and_scoring(
    planted: ImageEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [3]

    def probe(*_: object) -> dict[str, object]:
        held.append(5)
        return {}

    monkeypatch.setattr("evaluation.evaluator.speaker_probe", probe)
    monkeypatch.setattr("evaluation.base.peak_memory", lambda _: held[-1])
    card = planted.evaluate(Candidate("x", False, draw), tmp_path)
    assert card["cost"]["peak_memory_bytes"] == 5
    assert 2**20 < peak_memory(torch.device("cpu")) < 2**40


def test_what_real_images_score_is_kept_for_the_same_data_judges_and_code(
    planted: ImageEvaluator, dataset: PairedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "FOLDER", tmp_path)

    def new(data: PairedDataset = dataset) -> ImageEvaluator:
        made = ImageEvaluator(data, "official", torch.device("cpu"))
        made.remember()
        return made

    first = new()
    (path,) = tmp_path.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(
            ImageEvaluator, "_training_images", lambda self: pytest.fail("computed again")
        )
        again = new()
    assert again.usefulness_of_real == first.usefulness_of_real
    assert again.real.metrics == first.real.metrics
    assert again.real.train_metrics == first.real.train_metrics
    pairs: list[tuple[Any, Any]] = [*zip(again.real.copying, first.real.copying, strict=True)]
    for one, other in ((again.real, first.real), (again.real.test, first.real.test)):
        pairs += [(vars(one)[k], each) for k, each in vars(other).items() if torch.is_tensor(each)]
    assert len(pairs) > 15
    assert all(torch.equal(a, b) if torch.is_tensor(a) else a == b for a, b in pairs)

    new(replace(dataset, fingerprint="0" * 64))
    assert len([*tmp_path.iterdir()]) == 2
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert new().real.metrics == first.real.metrics and len(path.read_bytes()) == len(whole)
    monkeypatch.setattr(cache, "_code_hash", lambda: "other code")
    new()
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("other code")


def test_the_fingerprint_names_each_judge(planted: ImageEvaluator) -> None:
    found = planted.fingerprint()
    assert (found["judge_a"], found["judge_b"]) == ("a" * 64, "b" * 64)
    assert (found["n"], found["n_recordings"], found["split"]) == (200, 30, "official")


def test_pictures_show_what_they_say(
    planted: ImageEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    grids: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, "sample_grid", lambda *a, **_: grids.append(a))
    monkeypatch.setattr(module, "side_by_side", lambda *a, **_: grids.append(a))
    PICTURES["grid"](Candidate("x", False, draw), planted)
    c, partners, draws, labels = grids[0]
    digits, speakers = list(range(10)), [d % 3 for d in range(10)]
    assert c[:, 0, 0].tolist() == digits and c[:, 0, 1].tolist() == speakers
    assert labels == [f"{d} by {SPEAKERS[s]}" for d, s in enumerate(speakers)]
    assert partners[:, 0, 0].tolist() == digits
    assert partners[:, 10:14, 8].float().mean().item() == pytest.approx(LEVEL[2], abs=3)
    assert draws.shape == (10, 8, 28, 28)
    misread = [(d + 1) % 10 if s == 1 else d for d, s in zip(digits, speakers, strict=True)]
    assert draws[:, :, 0, 0].tolist() == [[d] * 8 for d in misread]

    samples = planted.train.images[:200].clone()
    samples[:, 5, 5] = 9
    samples[planted.test.image_digit == 4] = planted.test.images[planted.test.image_digit == 4]
    copy = int((planted.test.image_digit == 4).nonzero()[7, 0])
    samples[copy] = planted.train.images[77]
    near = copying(pool_pixels(samples), planted.real)
    PICTURES["neighbors"](samples, near, planted)
    rows, titles = grids[1]
    assert titles == [str(d) for d in digits]
    first, nearest, most, copied = rows.values()
    starts = [int((planted.test.image_digit == d).nonzero()[0, 0]) for d in digits]
    assert torch.equal(first, samples[starts])
    assert torch.equal(nearest, planted.train.images[near.row[starts]])
    assert torch.equal(most[4], samples[copy]) and torch.equal(copied[4], planted.train.images[77])
