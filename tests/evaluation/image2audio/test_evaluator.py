"""The evaluator of speech on planted data, in which every confusion gives another number."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from converters.sound_as import REPRESENTATIONS
from datasets import Part
from evaluation import cache, outputs
from evaluation.candidates import Candidate
from evaluation.estimates import Estimate, estimate_mean
from evaluation.image2audio import evaluator as module
from evaluation.image2audio import players
from evaluation.image2audio.evaluator import SpeechEvaluator, draws_metrics
from evaluation.image2audio.scorecard import BETTER, SpeechFeatures, folds
from tests.evaluation.planted import SPEAKERS, planted_dataset

LEVEL = (40, 120, 60)  # of the features in each split
SHOWN: Any = module._Shown  # another stands in for it in some tests


def judge(which: str) -> Any:
    """Reads its own pixel; its features are of the lower half."""

    def call(x: Tensor, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        digit = x[:, 1, "ab".index(which)].long() % 10
        features = x[:, 32:36].float().mean(2) * (1 if which == "a" else 7)
        return features, torch.nn.functional.one_hot(digit, 10).float()

    class Planted(SimpleNamespace):
        __call__ = staticmethod(call)

    return Planted(sha256=which * 64, network=SimpleNamespace(to=lambda **_: None))


def speech(a: Tensor, b: Tensor, seed: int, level: float = 40) -> Tensor:
    """(n, 64, 64) uint8 that judge A hears as `a`, judge B as `b`."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 99, (len(a), 64, 64), generator=generator, dtype=torch.uint8)
    x[:, 32:36] = (level + 9 * torch.randn(len(a), 4, 1, generator=generator)).byte()
    x[:, 1, 0], x[:, 1, 1] = a.byte(), b.byte()
    return x


def draw(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
    """By the image alone. Judge A mishears every fourth, judge B digit 3."""
    shown = c[:, 0, 0].long()
    assert torch.equal(shown, digit)  # what a baseline is told is of the image
    a = torch.where(torch.arange(len(c)) % 4 == 0, (shown + 1) % 10, shown)
    b = torch.where(shown == 3, 5, shown)
    seed = int(torch.randint(2**31, (), generator=generator))
    return speech(a, b, seed)


@pytest.fixture(scope="module")
def heard() -> list[Tensor]:
    return []


@pytest.fixture(scope="module")
def planted(heard: list[Tensor]) -> Any:
    dataset = planted_dataset()
    recordings = dataset.recordings
    for index, digit in enumerate(recordings.digit):
        split = int(recordings.official[index])
        one = speech(digit[None], digit[None], index, level=LEVEL[split])
        recordings.pictures[index, 1:] = one[0, 1:]

    def to_sound(pictures: Tensor) -> Tensor:
        if pictures.ndim == 2:
            return to_sound(pictures[None])[0]
        heard.append(pictures)
        t, noise = torch.arange(8192) / 8000, pictures[:, 40, :2].float()[..., None]
        clips = 0.2 * torch.sin(2 * torch.pi * (100 + noise[:, 0]) * t)  # 100 to 200 Hz
        clips[:, 4000:] *= torch.arange(4192) < 30 * noise[:, 1]  # 0.5 to 0.9 s
        clips[:, :2] = pictures[:, 1, :2] / 255
        clips[::5, 100:] = 1.0  # clipped
        return clips

    def to_picture(clips: Tensor) -> Tensor:
        """Of its 7 judge B hears 8."""
        x = torch.zeros(len(clips), 64, 64, dtype=torch.uint8)
        x[:, 1, :2] = (clips[:, :2] * 255).round().byte()
        x[:, 1, 1] += x[:, 1, 1] == 7
        return x

    def load(name: str, which: str, device: object, kind: str) -> Any:
        assert kind == "sound"
        return judge(which)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluation.base.judge_of", load)
        usual = SimpleNamespace(to_sound=to_sound)
        patch.setitem(REPRESENTATIONS, "mel64", usual)
        patch.setattr(module, "to_picture", to_picture)
        yield SpeechEvaluator(dataset, "official", torch.device("cpu"))


@pytest.fixture(scope="module")
def card(
    planted: SpeechEvaluator, heard: list[Tensor], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("speech")
    made = planted.evaluate(Candidate("planted", False, draw), out)
    assert (out / module.PLAYERS).read_text().count("<audio") == 10 * (1 + module.N_DRAWS)
    for name in (outputs.GRID, outputs.CONFUSION, outputs.NEIGHBORS):
        assert (out / name).exists()
    stored = json.loads((out / outputs.NAME).read_text())
    assert stored["metrics"]["accuracy"]["value"] == made["metrics"]["accuracy"]["value"]
    return made


@pytest.fixture
def samples_alone(planted: SpeechEvaluator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pictures and no classifier of the samples, which take seconds."""
    monkeypatch.setattr(module, "classification_accuracy", lambda *_: torch.ones(30))
    for name in ("outputs.write", "write_atomically", "_neighbors"):
        monkeypatch.setattr(f"evaluation.image2audio.evaluator.{name}", lambda *_: None)
    nothing = SimpleNamespace(grid=lambda: None, page=lambda _: "")
    monkeypatch.setattr(module, "_Shown", SimpleNamespace(of=lambda *_: nothing))
    yield
    vars(planted).pop("usefulness_of_real", None)


def value(card: dict[str, Any], name: str) -> float:
    return float(card["metrics"][name]["value"])


def test_each_image_is_drawn_for_once_and_judged_by_both(card: dict[str, Any]) -> None:
    assert card["fingerprint"]["n"] == 200 and card["fingerprint"]["protocol"] == "image2audio-2"
    assert value(card, "accuracy_judge_a") == pytest.approx(0.75)
    assert value(card, "accuracy_judge_b") == pytest.approx(0.9)
    assert value(card, "accuracy") == pytest.approx(0.825)
    assert card["by_digit"]["3"]["value"] == pytest.approx(0.375)
    # Each stands for itself in the intervals.
    by_a, one = torch.arange(200) % 4 != 0, torch.arange(20)
    right = (by_a.double() + (torch.arange(200) // 20 != 3)) / 2
    every = estimate_mean(right, torch.arange(200), torch.arange(200) // 20)
    of_two = estimate_mean(right[40:60], one, 0 * one)
    assert card["metrics"]["accuracy"] == every._replace(real=1.0)._asdict()
    assert card["by_digit"]["2"] == of_two._asdict()
    assert card["by_recording"] == {}  # each image is one of its own
    matrix = torch.tensor(card["confusion"])
    assert (matrix.sum(1) == 40).all() and matrix[3, 5] == 20
    assert card["metrics"]["accuracy"]["real"] == 1


def test_what_cannot_be_measured_is_left_out_and_said(
    card: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Three recordings of a digit, and forty images that are drawn for twice."""
    names = {"coverage_within_digit", "precision_within_digit", "image_share"}
    assert {*card["left_out"]} == names and not names & card["metrics"].keys()
    assert card["metrics"].keys() | names <= {*BETTER}
    outputs.show(card)
    said = capsys.readouterr().out
    assert "left out  coverage_within_digit: no digit has more than 5 test recordings" in said
    assert "nan" not in said


def test_what_is_heard_are_sets_of_the_size_of_the_recordings(
    card: dict[str, Any], planted: SpeechEvaluator, heard: list[Tensor]
) -> None:
    samples = next(each for each in heard if len(each) == 90)
    drawn = draw(planted.test.images, planted.test.image_digit, planted.generator("noise"))
    rows = folds(planted.test.image_digit, planted.test.sound_digit)[:3].flatten()
    assert torch.equal(samples, drawn[rows]) and len(rows.unique()) == 90
    digit = planted.test.image_digit[rows]
    by_a, by_b = drawn[rows, 1, 0] == digit, (drawn[rows, 1, 1] == digit) & (digit != 7)
    right = (by_a.double() + by_b.double()) / 2
    assert value(card, "accuracy_heard") == pytest.approx(right.mean().item())
    assert right.mean() < 0.8 < value(card, "accuracy")  # of the pictures themselves
    assert value(card, "clipped") == pytest.approx(0.2, abs=0.01) and value(card, "silent") == 0


def test_the_real_side_is_of_its_parts(planted: SpeechEvaluator) -> None:
    real = planted.real
    for features, part, digit in (
        (real.test, planted.test, real.test_digit),
        (real.train, planted.train, real.train_digit),
        (real.held_out, planted.validation, real.held_out_digit),
    ):
        assert torch.equal(features.features, part.sounds[:, 32:36].float().mean(2))
        assert torch.equal(digit, part.sound_digit) and torch.equal(features.digit_a, digit)
    assert torch.equal(real.train_speaker, planted.train.speaker)
    for heard, part in ((real.heard, planted.test), (real.held_out_heard, planted.validation)):
        assert torch.equal(heard.digit_a, part.sound_digit)
        assert torch.equal(heard.digit_b, part.sound_digit + (part.sound_digit == 7))
        whole = torch.arange(30) % 5 != 0  # what is not clipped
        pitch, length = part.sounds[:, 40, :2].double()[whole].T
        assert heard.pitch[whole].tolist() == pytest.approx((100 + pitch).tolist(), rel=0.04)
        seconds = 0.5 + 30 * length / 8000
        assert heard.seconds[whole].tolist() == pytest.approx(seconds.tolist(), abs=0.06)
    assert real.metrics["accuracy_heard"] == pytest.approx(0.95) != real.metrics["accuracy"]
    assert len({len(each.features) for each in (real.test, real.train)}) == 2
    assert (real.held_out.features.mean() - real.test.features.mean()).abs() > 30


@pytest.mark.usefixtures("samples_alone")
def test_a_classifier_learns_from_as_many_samples_as_there_are_recordings(
    planted: SpeechEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensor, ...]] = []

    def classify(*parts: Tensor) -> Tensor:
        seen.append(parts)
        return torch.arange(30) < 3 * len(seen)

    monkeypatch.setattr(module, "classification_accuracy", classify)
    vars(planted).pop("usefulness_of_real", None)
    digit = planted.test.image_digit
    samples = draw(planted.test.images, digit, torch.Generator())
    found = planted.usefulness(samples, digit)
    assert found.value == 0.1 and found.real == 0.2
    rows = folds(digit, planted.test.sound_digit)[:2].flatten()
    assert torch.equal(seen[0][0], samples[rows]) and torch.equal(seen[0][1], digit[rows])
    assert torch.equal(seen[1][0], planted.train.sounds)
    assert torch.equal(seen[1][1], planted.train.sound_digit)
    for parts in seen:
        assert parts[2] is planted.test.sounds and parts[3] is planted.test.sound_digit
    wanted = draw(planted.test.images, digit, planted.generator("noise"))
    card = planted.evaluate(Candidate("x", False, draw), Path("nowhere"))
    assert card["metrics"]["cas"]["value"] == 0.3 and card["metrics"]["cas"]["real"] == 0.2
    assert torch.equal(seen[2][0], wanted[rows]) and torch.equal(seen[2][1], digit[rows])
    vars(planted).pop("usefulness_of_real")


def test_where_images_are_few_a_classifier_learns_from_as_few_recordings(
    planted: SpeechEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensor, ...]] = []

    def classify(*parts: Tensor) -> Tensor:
        seen.append(parts)
        return torch.ones(30)

    monkeypatch.setattr(module, "classification_accuracy", classify)
    few, test = SpeechEvaluator(planted.dataset, "official", torch.device("cpu")), planted.test
    at = (torch.arange(200) % 20 < 3).nonzero()[:, 0]  # three of each digit, as of recordings
    digit = test.image_digit[at]
    few.test = dataclasses.replace(test, images=test.images[at], image_digit=digit)
    few.usefulness(draw(few.test.images, digit, torch.Generator()), digit)
    for parts in seen:
        assert parts[1].bincount().tolist() == [3] * 10
    assert torch.equal(seen[1][0][:, 0, 0].long(), seen[1][1])
    assert (seen[1][0][:, 0, 2] == 0).all()  # of training


@pytest.mark.usefixtures("samples_alone")
def test_it_is_drawn_for_test_images_and_again_for_some_with_other_noise(
    planted: SpeechEvaluator,
) -> None:
    images, digit, calls = planted.test.images, planted.test.image_digit, []

    def listen(c: Tensor, wanted: Tensor, generator: torch.Generator) -> Tensor:
        calls.append((c, wanted, torch.rand((), generator=generator).item()))
        return draw(c, wanted, generator)

    cards = [planted.evaluate(Candidate(n, False, listen), Path("nowhere")) for n in "xy"]
    (first, again), noise = calls[:2], [each[2] for each in calls]
    assert noise[:2] == noise[2:] and noise[0] != noise[1]  # the same for all candidates
    assert torch.equal(first[0], images) and torch.equal(first[1], digit)
    at = torch.cat([(images == each).flatten(1).all(1).nonzero()[0] for each in again[0]])
    assert len(at.unique()) == 40 and torch.equal(again[1], digit[at])
    assert at.tolist() == at.sort().values.tolist() and len(at.diff().unique()) > 5
    for name in ("accuracy", "diversity_given_image"):
        assert value(cards[0], name) == value(cards[1], name)

    def features(purpose: str, c: Tensor, wanted: Tensor) -> SpeechFeatures:
        generator = planted.generator(purpose)
        torch.rand((), generator=generator)
        return planted.features_of(draw(c, wanted, generator))

    first_drawn = features("noise", images, digit)
    drawn = first_drawn.at(at), features("noise again", images[at], digit[at])
    wanted = draws_metrics(*drawn, planted.real, digit[at])["diversity_given_image"]
    assert cards[0]["metrics"]["diversity_given_image"] == wanted._asdict()
    assert wanted.value > 0.5


@pytest.mark.usefixtures("samples_alone")
@pytest.mark.parametrize(("source", "copied"), [("train", 1.0), ("validation", 0.0)])
def test_copies_are_of_training_recordings(
    source: str, copied: float, planted: SpeechEvaluator
) -> None:
    part: Part = getattr(planted, source)

    def copy(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        rows = [(part.sound_digit == d).nonzero()[:, 0] for d in digit]
        return torch.stack([part.sounds[r[i % len(r)]] for i, r in enumerate(rows)])

    card = planted.evaluate(Candidate("copies", True, copy), Path("nowhere"))
    assert value(card, "copied") == pytest.approx(copied, abs=0.03)


@pytest.mark.usefixtures("samples_alone")
def test_a_candidate_is_asked_of_training_and_test_data(
    planted: SpeechEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def asked(candidate: Candidate, *given: Any) -> dict[str, Any]:
        seen.extend(given)
        return {"partner_rank": Estimate(0.25)}

    monkeypatch.setattr(Candidate, "extra_metrics", asked)
    card = planted.evaluate(Candidate("x", False, draw), Path("nowhere"))
    assert seen[0] is planted.train and seen[1] is planted.test
    assert value(card, "partner_rank") == 0.25


@pytest.mark.skipif(sys.platform != "linux", reason="memory can be reset there alone")
@pytest.mark.usefixtures("samples_alone")
def test_the_memory_of_a_candidate_is_not_that_of_an_earlier_one(planted: SpeechEvaluator) -> None:
    def wasteful(c: Tensor, digit: Tensor, generator: torch.Generator) -> Tensor:
        torch.ones(400 * 2**20, dtype=torch.uint8)
        return draw(c, digit, generator)

    wasted, saved = (
        planted.evaluate(Candidate("x", False, each), Path("nowhere"))["cost"]["peak_memory_bytes"]
        for each in (wasteful, draw)
    )
    assert wasted > saved + 300 * 2**20


def test_pictures_and_players_are_of_test_data(
    planted: SpeechEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[Any, ...]] = []
    monkeypatch.setattr(module, "sample_grid", lambda *given, **_: shown.append(given))
    monkeypatch.setattr(players, "render", lambda *given: shown.append(given))
    monkeypatch.setattr(players, "picture", lambda image: image)
    monkeypatch.setattr(players, "sound", lambda *given: given)
    made = SHOWN.of(Candidate("x", False, draw), planted)
    made.grid()
    made.page("title")
    images, spoken, draws, labels = shown[0][:4]
    digits = list(range(10))
    assert images[:, 0, 0].tolist() == spoken[:, 0, 0].tolist() == digits
    assert (spoken[:, 0, 2] == 2).all()  # of the test split
    assert all((planted.test.images == each).flatten(1).all(1).any() for each in images)
    speakers = [SPEAKERS[s] for s in spoken[:, 0, 1].tolist()]
    assert {*speakers} == {*SPEAKERS}
    assert labels == [f"{d}, real: {name}" for d, name in enumerate(speakers)]
    assert draws.shape == (10, module.N_DRAWS, 64, 64)
    assert draws[:, 1:, 1, 0].tolist() == [[d] * 3 for d in digits]  # judge A mishears the first
    title, rows = shown[1]
    assert title == "title" and [row["speaker"] for row in rows] == speakers
    for digit, row in enumerate(rows):
        assert f"{row['digit']}" == f"{digit}" and torch.equal(row["image"], images[digit])
        (first, real, _), *others = row["sounds"]
        assert first.startswith("real") and torch.equal(real, spoken[digit])
        assert [name for name, *_ in others] == ["draw 1", "draw 2", "draw 3", "draw 4"]
        assert torch.equal(torch.stack([each for _, each, _ in others]), draws[digit])
        for _, picture, clip in row["sounds"]:
            assert torch.equal((255 * clip[:2]).round(), picture[1, :2].float())


def test_other_pictures_of_sound_are_judged_by_what_is_heard_of_them(
    planted: SpeechEvaluator,
    card: dict[str, Any],
    samples_alone: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A negative: what is heard of it is what is heard of the usual picture of it."""
    usual: Any = REPRESENTATIONS["mel64"]
    seen: list[Tensor] = []

    def encode(clips: Tensor) -> Tensor:
        return 255 - pictures_of[len(clips)]

    pictures_of = {len(each.clips): each.sounds for each in (planted.train, planted.test)}
    said: list[Tensor] = []

    def to_sound(pictures: Tensor) -> Tensor:
        said.append(255 - pictures)
        return usual.to_sound(said[-1])

    other = SimpleNamespace(to_sound=to_sound, to_picture=encode)
    monkeypatch.setitem(REPRESENTATIONS, "other", other)
    monkeypatch.setattr(module, "to_mel64", lambda x, kind: 255 - x if kind == "other" else x)
    monkeypatch.setattr(planted, "sound_as", "other")
    real = module.to_picture

    def picture(clips: Tensor) -> Tensor:
        """Of all draws at once as what they sound like; of those that are heard, as ever."""
        return said[-1] if len(clips) == len(said[-1]) else real(clips)

    monkeypatch.setattr(module, "to_picture", picture)

    class Negative(Candidate):
        def extra_metrics(self, train: Part, test: Part, *_: Any) -> dict[str, Estimate]:
            seen.extend((train.sounds, test.sounds))
            return {}

    negative = Negative("planted", False, lambda *given: 255 - draw(*given))
    found = planted.evaluate(negative, Path("nowhere"))
    # The classifier is another here, and which clip is clipped hangs on its place among all.
    names = {*found["metrics"]} - {"cas", "clipped", "level_db", "w1_pitch", "w1_seconds"}
    assert {"accuracy", "accuracy_heard", "diversity_given_image"} <= names
    assert found["metrics"]["clipped"]["value"] > 0.1
    assert {name: found["metrics"][name] for name in names} == {
        name: card["metrics"][name] for name in names
    }
    for each, native in zip((planted.train, planted.test), seen, strict=True):
        assert torch.equal(native, 255 - each.sounds)


def test_a_sample_stands_above_its_nearest_training_recording(
    planted: SpeechEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(module, "side_by_side", lambda *given, **_: shown.extend(given))
    samples, digits = torch.zeros(200, 64, 64, dtype=torch.uint8), list(range(10))
    first = [int((planted.test.image_digit == d).nonzero()[0, 0]) for d in digits]
    samples[first] = planted.train.sounds[torch.arange(10) * 6 + 1]  # the second of each digit
    samples[first, 0, 60] = 9
    module._neighbors(samples, planted)
    rows, titles = shown[:2]
    assert titles == [f"{d}" for d in digits]
    sample, nearest = rows.values()
    assert torch.equal(sample, samples[first])
    assert torch.equal(nearest, planted.train.sounds[torch.arange(10) * 6 + 1])


def test_two_draws_stand_against_two_recordings_of_the_digit(planted: SpeechEvaluator) -> None:
    real = planted.real
    generator = torch.Generator().manual_seed(0)
    digit = torch.arange(2000) % 10
    one, other = (torch.randn(2000, 4, generator=generator) for _ in range(2))
    nothing = torch.empty(2000, 0)
    found = draws_metrics(
        SpeechFeatures(one, digit, digit, nothing), SpeechFeatures(other, digit, digit, nothing),
        real, digit,
    )  # fmt: skip
    # Recordings that are sorted by speaker, whose own are alike: 1 by any two of a digit.
    of_digit, of_speaker = torch.arange(10).repeat_interleave(60), torch.arange(600) // 20
    level = 3 * torch.randn(30, 4, generator=generator)[of_speaker]
    features = level + 0.1 * torch.randn(600, 4, generator=generator)
    recordings = SpeechFeatures(features, of_digit, of_digit, torch.empty(600, 0))
    several = dataclasses.replace(real, test=recordings, test_digit=of_digit)
    one, other = (features[of_digit * 60 + torch.randint(60, (600,), generator=generator)]
                  for _ in range(2))  # fmt: skip
    alike = [SpeechFeatures(x, of_digit, of_digit, nothing) for x in (one, other)]
    given = draws_metrics(alike[0], alike[1], several, of_digit)
    assert given["diversity_given_image"].value == pytest.approx(1, abs=0.1)
    assert abs(found["image_share"].value) < 0.1
    same = SpeechFeatures(one, digit, digit, nothing)
    again = draws_metrics(same, same, real, digit)
    assert again["diversity_given_image"].value == 0 and "image_share" not in again


def test_what_real_recordings_score_is_kept(
    planted: SpeechEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    first, again = (
        SpeechEvaluator(planted.dataset, "official", torch.device("cpu")) for _ in range(2)
    )
    first.remember()
    with monkeypatch.context() as patch:
        for owner, name in ((SpeechEvaluator, "hear"), (module, "classification_accuracy")):
            patch.setattr(owner, name, lambda *_: pytest.fail("computed again"))
        again.remember()
        assert again.usefulness_of_real == first.usefulness_of_real
        assert again.real.metrics == pytest.approx(first.real.metrics, rel=0)
    assert torch.equal(again.real.copying_ratio, first.real.copying_ratio)
    for name, one in vars(first.real).items():
        other = getattr(again.real, name)
        if dataclasses.is_dataclass(one):
            for field, value in vars(one).items():
                assert torch.equal(value, getattr(other, field)), (name, field)
        elif torch.is_tensor(one):
            assert torch.equal(one, other), name
