"""What a run logs: every scalar in `metrics.jsonl`, and the same, with pictures, in TensorBoard."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from common.errors import InputError
from converters.mel64.features import MEL64
from models import Phase
from training.run import Run

__all__ = ["NAME", "RunLog", "Scalars", "read_scalars"]

NAME = "metrics.jsonl"
Scalars = dict[str, tuple[list[int], list[float]]]  # tag: (steps, values)


def read_scalars(folder: Path) -> Scalars:
    """The scalars of a run, by tag.

    Raises:
        InputError: there is no log, or a line of it is damaged.
    """
    path, found, number = folder / NAME, Scalars(), 0
    try:
        with path.open() as file:
            for number, line in enumerate(file, 1):  # noqa: B007 (named in the error)
                entry = json.loads(line)
                steps, values = found.setdefault(entry["tag"], ([], []))
                steps.append(int(entry["step"]))
                values.append(math.nan if entry["value"] is None else float(entry["value"]))
    except FileNotFoundError:
        raise InputError(f"{folder} has no {NAME}: give the folder of a run") from None
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: line {number} is damaged: is the run still going on?") from None
    return found


def _order_events(folder: Path) -> None:
    """TensorBoard reads event files by the time in their names, and hides what a later one covers:
    if the clock was set back since the last session, its files are named earlier."""
    files = {int(p.name.split(".")[3]): p for p in folder.glob("events.out.tfevents.*")}
    ahead = max(files, default=0) - int(time.time()) + 1
    if ahead > 0:
        for stamp, path in files.items():
            path.rename(path.with_name(path.name.replace(str(stamp), f"{stamp - ahead:010d}", 1)))


class RunLog:
    """Writes a run's log into its folder.

    Tags: `loss/PHASE`, `grad_norm/PHASE`, `loss_terms/PHASE/TERM`, `validation/METRIC`,
    `speed/...`; in TensorBoard also `samples` and `condition/N`.

    A checkpoint holds `position()`, the size of `metrics.jsonl` when it was written; a resumed run
    continues from there, so that no line is lost, doubled or torn, whenever it was killed.

    Args:
        step: where a resumed run continues.
        position: the size of the log at that step, in bytes; what lies behind it is cut off.
    """

    def __init__(
        self, folder: Path, run: Run, phases: Iterable[Phase], step: int = 0, position: int = 0
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = (folder / NAME).open("a+b")
        self.file.truncate(min(position, self.file.seek(0, os.SEEK_END)))
        _order_events(folder)
        self.writer = SummaryWriter(str(folder), purge_step=step + 1 if step else 0)
        names = [phase.name for phase in phases]
        self.writer.add_custom_scalars(
            {
                "losses side by side": {
                    "losses": ["Multiline", [r"^loss/.*"]],
                    "gradient norms": ["Multiline", [r"^grad_norm/.*"]],
                    "validation": ["Multiline", [r"^validation/.*"]],
                }
                | {f"terms: {n}": ["Multiline", [rf"^loss_terms/{n}/.*"]] for n in names},
            }
        )
        if step == 0:
            self._hyperparameters(run)

    def _hyperparameters(self, run: Run) -> None:
        """Into the run's own writer: `add_hparams` would open a second run beside it."""
        settings: dict[str, bool | str | float | int] = {
            "model": run.model, "preset": run.preset, "data": run.data, "split": run.split,
            "pairing": run.pairing, "seed": run.seed,
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
        self.file.write("".join(lines).encode())
        self.file.flush()

    def figure(self, step: int, tag: str, figure: Figure) -> None:
        self.writer.add_figure(tag, figure, step)

    def sounds(self, clips: Tensor, digits: Iterable[int]) -> None:
        """(n, 8192) clips of the grid's conditions, once."""
        for digit, clip in zip(digits, clips, strict=True):
            loud = clip / clip.abs().max().clamp_min(1e-6) * 0.9
            self.writer.add_audio(
                f"condition/{digit}", loud.unsqueeze(0), 0, sample_rate=MEL64.sample_rate
            )

    def position(self) -> int:
        """The size of `metrics.jsonl`, which is on the disk up to there."""
        os.fsync(self.file.fileno())
        return self.file.tell()

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.file.close()
        self.writer.close()
