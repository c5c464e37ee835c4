"""What a run logs: every scalar in `metrics.jsonl`, and the same, with pictures, in TensorBoard.

Charts of runs that lie under one folder share their names, so that TensorBoard overlays them.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from common.errors import InputError
from common.files import write_atomically
from converters.mel64.features import MEL64
from models import Phase
from training.run import RUNS, Run

__all__ = ["NAME", "SOUNDS", "RunLog", "Scalars", "read_scalars", "write_sounds"]

NAME = "metrics.jsonl"
SOUNDS = "events.out.tfevents.0.sounds"
Scalars = dict[str, tuple[list[int], list[float]]]  # tag: (steps, values)


def read_scalars(folder: Path) -> Scalars:
    """The scalars of a run, by tag, also while it is going on.

    Raises:
        InputError: there is no log, or a line of it is damaged.
    """
    path, found, number = folder / NAME, Scalars(), 0
    try:
        with path.open() as file:
            for number, line in enumerate(file, 1):  # noqa: B007 (named in the error)
                if not line.endswith("\n"):
                    break  # it is just being written, or its writer was killed
                entry = json.loads(line)
                steps, values = found.setdefault(entry["tag"], ([], []))
                steps.append(int(entry["step"]))
                values.append(math.nan if entry["value"] is None else float(entry["value"]))
    except FileNotFoundError:
        raise InputError(f"{folder} has no {NAME}: give the folder of a run") from None
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: line {number} is damaged") from None
    return found


def _order_events(folder: Path) -> None:
    """TensorBoard reads event files by the time in their names, and hides what a later one covers:
    if the clock was set back since the last session, its files are named earlier."""
    files = {int(p.name.split(".")[3]): p for p in folder.glob("events.out.tfevents.*")}
    ahead = max(files, default=0) - int(time.time()) + 1
    if ahead > 0:
        for stamp, path in files.items():
            path.rename(path.with_name(path.name.replace(str(stamp), f"{stamp - ahead:010d}", 1)))


def _layout(phases: Iterable[str]) -> dict[str, dict[str, list[str | list[str]]]]:
    """TensorBoard's charts that overlay runs: what differs in scale does not share an axis.

    Models differ too: a CVAE's nats would flatten a GAN's losses, hence their logarithm.
    """

    def chart(*tags: str) -> list[str | list[str]]:
        return ["Multiline", [f"^{tag}$" for tag in tags]]

    return {
        "validation": {
            "accuracy": chart("validation/accuracy"),
            "coverage within a digit": chart("validation/coverage_within_digit"),
            "distance": chart(r"validation/fd_judge_\d+"),
            "accuracy of the warm start": chart("validation/recognition_accuracy"),
        },
        "losses, as sign(x) log10(1 + |x|)": {
            f"loss: {phase}": chart(f"log_loss/{phase}") for phase in phases
        },
        "gradient norms": {
            f"gradient norm: {phase}": chart(f"grad_norm/{phase}") for phase in phases
        },
        "terms of the losses": {
            f"terms: {phase}": chart(f"loss_terms/{phase}/.*") for phase in phases
        },
    }


def _signed_log(value: float) -> float:
    return math.copysign(math.log10(1 + abs(value)), value)


def write_sounds(folder: Path, run: Run, clips: Tensor) -> None:
    """The conditions of the sample grid as `condition/DIGIT`, once for all runs of these data and
    this split: in `sounds/` beside the runs of the same root, else in the run's own folder.

    Args:
        clips: (10, 8192), a clip of each digit.
    """
    folder = folder.resolve()
    root = RUNS if RUNS in folder.parents else folder
    if folder.parts[-4:] == run.folder().parts[-4:]:
        root = folder.parents[3]
    path = root / "sounds" / f"{run.data}-{run.split.replace(':', '-')}" / SOUNDS
    if path.exists():
        return
    with tempfile.TemporaryDirectory() as name:
        with SummaryWriter(name) as writer:
            _add_sounds(writer, "condition", clips, 0)
        (events,) = Path(name).iterdir()
        write_atomically(path, events.read_bytes())


def _add_sounds(writer: SummaryWriter, tag: str, clips: Tensor, step: int) -> None:
    """One of each digit, as loud as they can be."""
    for digit, clip in enumerate(clips):
        loud = clip / clip.abs().max().clamp_min(1e-6) * 0.9
        rate = MEL64.sample_rate
        writer.add_audio(f"{tag}/{digit}", loud.unsqueeze(0), step, sample_rate=rate)


class RunLog:
    """Writes a run's log into its folder.

    Tags: `loss/PHASE`, `grad_norm/PHASE`, `loss_terms/PHASE/TERM`, `speed/...`; at a validation
    `validation/METRIC`, `progress/training_flops` and `progress/training_seconds`. In TensorBoard
    also `samples` and `log_loss/PHASE`.

    A checkpoint holds `position()`, the size of `metrics.jsonl` when it was written; a resumed run
    continues from there, so that no line is lost, doubled or torn, whenever it was killed.

    Args:
        step: where a resumed run continues.
        position: the size of the log at that step, in bytes; what lies behind it is cut off.

    Attributes:
        is_short: the log was shorter than that: somebody removed lines, or all of it.
        last_validation: the step of the last validation in the log; -1: none.
    """

    def __init__(
        self, folder: Path, run: Run, phases: Iterable[Phase], step: int = 0, position: int = 0
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = (folder / NAME).open("a+b")
        self.is_short = self._cut(position)
        scalars = read_scalars(folder)
        steps = [s[-1] for tag, (s, _) in scalars.items() if tag.startswith("validation/")]
        self.last_validation = max(steps, default=-1)
        _order_events(folder)
        self.writer = SummaryWriter(str(folder), purge_step=step + 1 if step else 0)
        self.writer.add_custom_scalars(_layout([phase.name for phase in phases]))
        if step == 0:
            self._hyperparameters(run)

    def _cut(self, position: int) -> bool:
        """Cuts off what lies behind the position; whether the file ends before it."""
        is_short = self.file.seek(0, os.SEEK_END) < position
        if is_short:
            self.file.seek(0)
            position = self.file.read().rfind(b"\n") + 1  # a torn line goes, too
        self.file.truncate(position)
        return is_short

    def _hyperparameters(self, run: Run) -> None:
        """Into the run's own writer: `add_hparams` would open a second run beside it."""
        settings: dict[str, bool | str | float | int] = {
            "model": run.model, "preset": run.preset, "data": run.data, "task": run.task,
            "split": run.split, "pairing": run.pairing, "labels": run.labels,
            "sound_as": run.sound_as, "augment": run.augment, "seed": run.seed,
        }  # fmt: skip
        for key, value in run.config.items():
            settings[key] = value if isinstance(value, bool | str | float | int) else str(value)
        for summary in hparams(settings, {"validation/accuracy": 0}):
            self.writer._get_file_writer().add_summary(summary)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        lines = []
        for tag, value in values.items():
            finite = value if math.isfinite(value) else None  # JSON has no NaN
            lines.append(json.dumps({"step": step, "tag": tag, "value": finite}) + "\n")
            self.writer.add_scalar(tag, value, step)
            if tag.startswith("loss/"):
                self.writer.add_scalar(f"log_{tag}", _signed_log(value), step)
        self.file.write("".join(lines).encode())
        self.file.flush()

    def figure(self, step: int, tag: str, figure: Figure) -> None:
        self.writer.add_figure(tag, figure, step)

    def sounds(self, step: int, tag: str, clips: Tensor) -> None:
        """(10, n_samples), one of each digit."""
        _add_sounds(self.writer, tag, clips, step)

    def position(self) -> int:
        """The size of `metrics.jsonl`, which is on the disk up to there."""
        os.fsync(self.file.fileno())
        return os.fstat(self.file.fileno()).st_size

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.file.close()
        self.writer.close()
