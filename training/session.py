"""One session of a run: trains, logs, validates, saves checkpoints, and resumes earlier ones."""

from __future__ import annotations

import dataclasses
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from common.errors import InputError
from common.files import remove_temporaries
from common.progress import Progress
from models import GenerativeModel
from training import checkpoint
from training.loop import Trainer
from training.run import Run
from training.run_log import NAME as LOG
from training.run_log import RunLog, write_sounds
from training.schedule import TERA, Schedule
from training.unpaired import UnpairedValidation
from training.validation import Validation

__all__ = ["Intervals", "Session", "mark_folder", "restore", "snapshot"]


# Beyond them nothing useful was ever trained; the largest of all presets are about 20 and 1e4.
MAX_WEIGHT, MAX_LOSS = 1e3, 1e7


@dataclass(frozen=True)
class Intervals:
    """Steps between what a session does beside training."""

    checkpoint: int
    validation: int  # 0: only at marks and at the end


def mark_folder(folder: Path, mark: float) -> Path:
    """Where a run keeps itself as it was at a mark, in TFLOP."""
    return folder / f"mark-{mark:g}"


class Session:
    """One session of a run.

    Args:
        trainer: new, or as `restore` left it.
        schedule: that of the trainer.
        found: the checkpoint that it was restored from.
        validation: None: no validation.
    """

    def __init__(
        self,
        trainer: Trainer,
        schedule: Schedule,
        run: Run,
        folder: Path,
        found: checkpoint.Checkpoint | None,
        validation: Validation | UnpairedValidation | None,
        intervals: Intervals,
    ) -> None:
        self.trainer, self.schedule, self.run, self.folder = trainer, schedule, run, folder
        self.validation, self.intervals = validation, intervals
        self.main = trainer.fabric.is_global_zero
        self.marks: dict[int, list[float]] = {}  # by their step
        for mark in run.marks:
            self.marks.setdefault(schedule.steps(mark * TERA), []).append(mark)
        self.before, self.start = found.seconds if found else 0.0, time.perf_counter()
        self.first_step, self.validated = trainer.step, -1
        self.log: RunLog | None = None
        if self.main:
            remove_temporaries(folder)
            position = found.log_position if found else 0
            phases = [window.phase for window in schedule.windows]
            self.log = RunLog(folder, run, phases, trainer.step, position)
            self.validated = self.log.last_validation
            if self.log.is_short:
                tqdm.write(f"warning: {folder / LOG} had lost lines: it is continued as it is")
                self.save()  # so that the next session finds this log
            trainer.on_logs = self.log.scalars
            trainer.intact = self.intact
            if validation:
                if not validation.speaks:
                    write_sounds(folder, run, validation.clips)
                elif trainer.step == 0:
                    self.log.sounds(0, "real", validation.clips)

    @property
    def seconds(self) -> float:
        """Of training, earlier sessions included."""
        return self.before + time.perf_counter() - self.start

    def go(self, steps: int) -> int | None:
        """Trains to `steps` or to a signal; returns the signal."""
        trainer, intervals = self.trainer, self.intervals
        caught: list[int] = []
        handlers = {
            s: signal.signal(s, lambda number, frame: caught.append(number))
            for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        label = f"{self.run.model} ({self.run.preset})"
        progress = Progress(label, steps, trainer.step, shown=self.main)
        try:
            while trainer.step < steps and not self._must_stop(bool(caught)):
                trainer.advance()
                progress.update()
                self._show(progress)
                marks = self.marks.get(trainer.step, [])
                # Validated first: a checkpoint holds all that was logged up to its step.
                due = intervals.validation and trainer.step % intervals.validation == 0
                if marks or due:
                    self.validate()
                # Kept before it is saved: a run that resumes from there is past the mark.
                for mark in marks:
                    self._keep(mark)
                if marks or trainer.step % intervals.checkpoint == 0:
                    self.save()
            stopped = bool(caught)  # later signals find the run at its end
            if not stopped and self.validated != trainer.step:
                self.validate()
            self.save()
        finally:
            progress.close()
            if self.log:
                self.log.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return caught[0] if stopped else None

    def _must_stop(self, caught: bool) -> bool:
        """By a signal; all processes at the same step."""
        fabric = self.trainer.fabric
        if fabric.world_size == 1:
            return caught
        vote = torch.tensor(float(caught), device=fabric.device)
        votes = fabric.all_reduce(vote, reduce_op="sum")
        return bool(votes)

    def _show(self, progress: Progress) -> None:
        if self.trainer.step % self.trainer.flush_every or not self.main:
            return
        pace = self.trainer.step - self.first_step
        shown = {k.removeprefix("loss/"): f"{v:.3g}" for k, v in self.trainer.latest.items()
                 if k.startswith("loss/")}  # fmt: skip
        speed = pace * self.trainer.batches.batch_size / (time.perf_counter() - self.start)
        spent = self.schedule.until(self.trainer.step) / TERA
        losses = ", ".join(f"{k} {v}" for k, v in shown.items())
        about = [f"{spent:.1f} TFLOP", losses, f"{speed:.0f} samples/s"]
        progress.annotate(", ".join(filter(None, about)))
        if self.log:
            self.log.scalars(self.trainer.step - 1, {"speed/samples_per_second": speed})

    def _keep(self, mark: float) -> None:
        """The average at a mark, in a folder of its own."""
        if self.main:
            self.trainer.flush()
            state = snapshot(self.trainer, self.run, self.seconds, 0)
            average = {k: v for k, v in state.tensors.items() if k.startswith("ema.")}
            kept = dataclasses.replace(state, tensors=average)
            checkpoint.write(mark_folder(self.folder, mark) / checkpoint.NAME, kept)

    def save(self) -> None:
        """Writes the whole state atomically. Nothing that is not finite is ever saved."""
        self.trainer.flush()
        if self.log:
            state = snapshot(self.trainer, self.run, self.seconds, self.log.position())
            if bad := [k for k, v in state.tensors.items() if not v.isfinite().all()]:
                raise InputError(
                    f"{bad[0]} is not finite after step {self.trainer.step - 1}: training stopped"
                    f"{self.intact()}; try a lower learning rate"
                )
            checkpoint.write(self.folder / checkpoint.NAME, state)

    def intact(self) -> str:
        """What remains of a run that stopped by an error, for its message."""
        there = (self.folder / checkpoint.NAME).exists()
        return ", the last good checkpoint is intact" if there else ", nothing was saved"

    def divergence(self) -> str | None:
        """What shows that the run diverged, if something does."""
        weights = max(float(p.abs().max()) for p in self.trainer.ema.model.parameters())
        if weights > MAX_WEIGHT:
            return f"weights of up to {weights:.3g}"
        losses = {k: v for k, v in self.trainer.latest.items() if k.startswith("loss/")}
        return next((f"{k} is {v:.3g}" for k, v in losses.items() if abs(v) > MAX_LOSS), None)

    def validate(self) -> None:
        """Metrics by judge B and a grid, on validation data alone."""
        self.validated = self.trainer.step
        with self.trainer.watch("validation"):
            self._validate()

    def _validate(self) -> None:
        if not self.log or not self.validation:
            return
        model: GenerativeModel = self.trainer.ema.model  # type: ignore[assignment]
        self.trainer.flush()  # lines of the log stand in the order of their steps
        spent = {
            "progress/training_flops": float(self.schedule.until(self.trainer.step)),
            "progress/training_seconds": self.seconds,
        }
        metrics = self.validation.metrics(model)
        logged = {f"validation/{k}": v for k, v in metrics.items()}
        self.log.scalars(self.trainer.step, spent | logged)
        self.log.figure(self.trainer.step, "samples", self.validation.grid(model))
        if self.validation.speaks:
            self.log.sounds(self.trainer.step, "samples", self.validation.sounds(model))
        self.log.flush()
        tqdm.write(
            f"step {self.trainer.step}: validation "
            + ", ".join(f"{k} {v:.3f}" for k, v in metrics.items())
        )


def snapshot(
    trainer: Trainer, run: Run, seconds: float, log_position: int
) -> checkpoint.Checkpoint:
    """Everything that the rest of the run depends on."""
    groups = {"model": trainer.model.state_dict(), "ema": trainer.ema.model.state_dict()}
    tensors = {f"{g}.{k}": v for g, state in groups.items() for k, v in state.items()}
    for name, optimizer in trainer.optimizers.items():
        state = checkpoint.optimizer_tensors(name, optimizer)
        tensors |= {f"optimizer.{k}": v for k, v in state.items()}
    return checkpoint.Checkpoint(run, trainer.step, seconds, log_position, tensors)


def restore(trainer: Trainer, found: checkpoint.Checkpoint) -> None:
    """Puts a snapshot back into a new trainer.

    Raises:
        InputError: it does not fit.
    """
    checkpoint.load_into(trainer.model, found.group("model"), "the checkpoint's model")
    checkpoint.load_into(trainer.ema.model, found.group("ema"), "the checkpoint's average")
    for name, optimizer in trainer.optimizers.items():
        checkpoint.load_optimizer(name, optimizer, found.group("optimizer"))
    if extra := found.tensors.keys() - snapshot(trainer, found.run, 0, 0).tensors.keys():
        raise InputError(
            f"the checkpoint does not match: {min(extra)} is unexpected; written by other code?"
        )
    trainer.step = found.step
