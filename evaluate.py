"""A checkpoint -> its scorecard and pictures. The only code that reads the test split."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import matplotlib.figure
import torch
from torch import Tensor
from tqdm import tqdm

import datasets
from common.command_line import parse
from common.errors import InputError, command
from common.files import ROOT
from common.plots import sample_grid
from converters.mel64.features import MEL64
from datasets.base import PairedDataset
from datasets.pairing import seed_of
from datasets.splits import part, recording_split
from evaluation import outputs
from evaluation.candidates import Candidate
from evaluation.scorecard import STAGES, JudgeOutputs, K, RealStatistics, by_group, pixels_of, score
from judges import load_judge
from metrics.accuracy import confusion_matrix
from training.checkpoint import find, load
from training.run import code_version

__all__ = ["Evaluator", "evaluate"]

PROTOCOL = "audio2image-2"
SEED = 0  # of conditions and noise: the same for all models
JUDGED = 100  # images in a batch
N_DRAWS = 8  # of one sound in the sample grid


class Evaluator:
    """What every subject of one source and split is measured with.

    Args:
        split: 'official' or 'speaker:NAME'.

    Raises:
        InputError: there is no such split, or no judge for this source.
    """

    def __init__(self, source: PairedDataset, split: str, device: torch.device) -> None:
        self.source, self.split, self.device = source, split, device
        self.train, self.validation, self.test = (
            part(source, split, name).to(device) for name in ("train", "validation", "test")
        )
        try:
            self.judges = tuple(load_judge(source.name, which, device) for which in "ab")
        except FileNotFoundError as error:
            raise InputError(
                f"no judge for the data '{source.name}': python -m judges --data {source.name}"
            ) from error
        for judge in self.judges:  # with small batches some times faster on a CPU
            judge.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recording = self._conditions()
        self._reality: RealStatistics | None = None

    @property
    def reality(self) -> RealStatistics:
        """Measured once, at the first use."""
        if self._reality is None:
            first, second = (
                self.judges[0](self.train.x[i], JUDGED)[0] for i in self._training_images()
            )
            self._reality = RealStatistics(
                digit=self.test.x_digit,
                test=self.views(self.test.x),
                train=first,
                train_again=second,
                train_pixels=pixels_of(self.train.x),
                held_out_pixels=pixels_of(self.validation.x),
            )
        return self._reality

    def views(self, images: Tensor) -> JudgeOutputs:
        """What the judges make of (n, 28, 28) uint8."""
        (features, logits), (_, logits_b) = (judge(images, JUDGED) for judge in self.judges)
        return JudgeOutputs(features, logits.argmax(1), logits_b.argmax(1), pixels_of(images))

    def generator(self, purpose: str) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed_of("evaluate", purpose, SEED))

    def _pools(self, digit: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, int]]:
        """For each digit the shuffled indices that have it, and its number of test images."""
        for d, n in enumerate(self.test.x_digit.bincount(minlength=10).tolist()):
            pool = (digit == d).nonzero().squeeze(1).cpu()
            yield pool[torch.randperm(len(pool), generator=generator)].to(self.device), n

    def _conditions(self) -> Tensor:
        """(n,) for each test image a random test recording of its digit; images are sorted."""
        generator = torch.Generator().manual_seed(seed_of("evaluate", "conditions", SEED))
        pools = self._pools(self.test.c_digit, generator)
        return torch.cat([p[torch.randint(len(p), (n,), generator=generator)] for p, n in pools])

    def _training_images(self) -> tuple[Tensor, Tensor]:
        """Two disjoint (n,) draws of training images, of the test images' digits."""
        generator = torch.Generator().manual_seed(seed_of("evaluate", "floors", SEED))
        pools = list(self._pools(self.train.x_digit, generator))
        return torch.cat([p[:n] for p, n in pools]), torch.cat([p[n : 2 * n] for p, n in pools])

    def fingerprint(self) -> dict[str, Any]:
        """Everything that a number depends on beside the subject."""
        indices = (recording_split(self.source, self.split), self.source.images.split)
        split = hashlib.sha256(b"".join(index.numpy().tobytes() for index in indices))
        return {
            "protocol": PROTOCOL,
            "data": self.source.name,
            "data_sha256": self.source.fingerprint,
            "split": self.split,
            "split_sha256": split.hexdigest(),
            "judge_a": self.judges[0].sha256,
            "judge_b": self.judges[1].sha256,
            "converter": dataclasses.asdict(MEL64),
            "code": code_version(),
            "n": len(self.recording),
            "n_recordings": len(self.test.c),
            "k": K,
            "seed": SEED,
            "device": self.device.type,
        }


@torch.no_grad()  # not inference_mode: some models optimise while they sample
def evaluate(
    subject: Candidate, evaluator: Evaluator, out: Path, json_path: Path | None = None
) -> dict[str, Any]:
    """Draws the samples, scores them and writes all files.

    Returns:
        What the JSON holds: subject, fingerprint, figures, by_digit, by_speaker, confusion, cost.
    """
    test, recording, digit = evaluator.test, evaluator.recording, evaluator.test.x_digit
    start = time.perf_counter()
    images = subject.draw(test.c[recording], digit, evaluator.generator("noise"))
    if evaluator.device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    cost = subject.cost(evaluator.train) | {"samples_per_second": len(images) / seconds}

    with tqdm(total=STAGES + 2, leave=False, disable=None) as bar:

        def tell(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        tell("judges on real images")
        reality = evaluator.reality
        tell("judges on samples")
        fake = evaluator.views(images)
        figures = score(fake, reality, recording, tell)
        figures |= subject.extra_metrics(evaluator.train, test, evaluator.generator("partners"))
        if subject.name == "real-data":  # its images are the held-out ones
            figures = {k: v for k, v in figures.items() if not k.startswith("nearest_held_out")}

    correct, voices = fake.read_a == digit, evaluator.source.recordings.speakers
    digits = by_group(correct, recording, digit, digit)
    speakers = by_group(correct, recording, digit, test.c_speaker[recording])
    card: dict[str, Any] = {
        "subject": subject.about(),
        "fingerprint": evaluator.fingerprint(),
        "figures": {name: figure._asdict() for name, figure in figures.items()},
        "by_digit": {str(d): f._asdict() for d, f in digits.items()},
        "by_speaker": {voices[s]: f._asdict() for s, f in speakers.items()},
        "confusion": confusion_matrix(fake.read_a, digit).tolist(),
        "cost": cost,
    }
    outputs.write(card, _grid(subject, evaluator), out, json_path or out / outputs.NAME)
    return card


def _grid(subject: Candidate, evaluator: Evaluator) -> matplotlib.figure.Figure:
    """One test recording of each digit, of changing speakers, with draws that differ in noise."""
    test, voices = evaluator.test, evaluator.source.recordings.speakers
    rows, partners = [], []
    for d in range(10):
        spoken = (test.c_digit == d).nonzero().squeeze(1)
        speakers = test.c_speaker[spoken].unique()
        wanted = speakers[d % len(speakers)]
        rows.append(spoken[test.c_speaker[spoken] == wanted][0])
        partners.append(test.x[test.x_digit == d][0])
    row = torch.stack(rows)
    c, digit = test.c[row], test.c_digit[row]
    draws = subject.draw(
        c.repeat_interleave(N_DRAWS, 0),
        digit.repeat_interleave(N_DRAWS),
        evaluator.generator("grid"),
    )
    names = [f"{d} by {voices[s]}" for d, s in enumerate(test.c_speaker[row].tolist())]
    return sample_grid(c, torch.stack(partners), draws.unflatten(0, (-1, N_DRAWS)), names)


@dataclass(frozen=True)
class Options:
    """What is scored: a checkpoint, or references."""

    checkpoint: Path | None = None
    """A run's folder or its checkpoint."""
    reference: tuple[Literal["real-data", "class-mean", "nearest-neighbour"], ...] = ()
    """real-data and class-mean are told the true digit; nearest-neighbour shows the training image
    of the training sound that is nearest."""
    data: datasets.Data | None = None
    """Of a reference; by default auto."""
    split: str | None = None
    """Of a reference: 'official' (by default) or 'speaker:NAME'."""
    data_dir: Path = field(default_factory=datasets.default_dir)
    """Where the data are."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to sample and score. auto: a GPU if there is one."""
    out: Path | None = None
    """Where JSON, pictures and TensorBoard entries go; by default the run's folder. Several
    references get a folder each in it."""
    json: Path | None = None
    """A file for the scorecard; by default in --out."""


def _checked(options: Options) -> Options:
    if (options.checkpoint is None) == (not options.reference):
        raise InputError("give --checkpoint PATH or --reference NAME, one of them (see --help)")
    if options.checkpoint and (options.data or options.split):
        raise InputError("--data and --split are of references: a checkpoint has its own")
    if options.json and len(options.reference) > 1:
        raise InputError("--json takes one subject: give one --reference, or leave it out")
    return options


def _device(name: str) -> torch.device:
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("no GPU that torch can use is here: give --device cpu")
    return torch.device("cuda" if name != "cpu" and available else "cpu")


def _from_checkpoint(options: Options) -> Iterator[tuple[Candidate, Evaluator, Path]]:
    assert options.checkpoint is not None
    device, path = _device(options.device), find(options.checkpoint)
    checkpoint = load(path, groups=("ema",))
    subject, run = Candidate.from_checkpoint(checkpoint, device), checkpoint.run
    source = datasets.load(run.data, options.data_dir)  # type: ignore[arg-type]
    if source.fingerprint != run.data_fingerprint:
        raise InputError(
            f"the data '{run.data}' here are not those of the checkpoint: their fingerprint is "
            f"{source.fingerprint[:12]}, the run's {run.data_fingerprint[:12]}"
        )
    yield subject, Evaluator(source, run.split, device), options.out or path.parent


def _from_references(options: Options) -> Iterator[tuple[Candidate, Evaluator, Path]]:
    split, device = options.split or "official", _device(options.device)
    source = datasets.load(options.data or "auto", options.data_dir)
    evaluator = Evaluator(source, split, device)
    folder = ROOT / "results" / "runs" / "reference" / f"{source.name}-{split.replace(':', '-')}"
    for name in options.reference:
        subject = Candidate.from_reference(name, evaluator.train, evaluator.validation)
        out = (options.out or folder) / name
        if options.out and len(options.reference) == 1:
            out = options.out
        yield subject, evaluator, out


@command
def main() -> None:
    options = _checked(parse(Options, None, sys.argv[1:], "evaluate.py"))
    subjects = _from_checkpoint(options) if options.checkpoint else _from_references(options)
    start = time.perf_counter()
    for subject, evaluator, out in subjects:
        json_path = options.json or out / outputs.NAME
        card = evaluate(subject, evaluator, out, json_path)
        outputs.show(card)
        found = subject.checkpoint
        if found and found.step <= found.run.config.get("warm_start", 0):
            print("it had not learnt to draw yet: its warm start is not over")
        for path in (json_path, out / outputs.GRID, out / outputs.CONFUSION):
            print(path)
        print(f"scored in {time.perf_counter() - start:.0f} s, loading included")
        start = time.perf_counter()
        print(f"next: tensorboard --logdir {out}")


if __name__ == "__main__":
    main()
