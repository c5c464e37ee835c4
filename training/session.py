"""One session at a run: trains, shows, keeps checkpoints, and goes on where another stopped."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from tqdm import tqdm

from common.errors import InputError
from common.files import remove_temporaries
from models._base import GenerativeModel
from training import checkpoint
from training.loop import Trainer
from training.run import Run
from training.run_log import TensorBoard
from training.validation import Validation

__all__ = ["Limits", "Session", "alone_in", "restore", "snapshot"]


@dataclass(frozen=True)
class Limits:
    """When a session ends, and when it looks up."""

    max_seconds: float | None  # of training, earlier sessions included
    checkpoint_every: int  # steps
    validate_every: int  # steps; 0: only at the end


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else trains in the folder meanwhile; a killed process leaves no lock behind.

    Raises:
        InputError: somebody does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"another training runs in {folder}: wait, or choose --out") from None


class Session:
    """One session at a run: trains, shows, and keeps checkpoints."""

    def __init__(
        self,
        trainer: Trainer,
        run: Run,
        folder: Path,
        seconds: float,
        validation: Validation,
        limits: Limits,
    ) -> None:
        self.trainer, self.run, self.folder = trainer, run, folder
        self.validation, self.limits = validation, limits
        self.before, self.start = seconds, time.perf_counter()
        self.first_step, self.validated = trainer.step, -1
        self.main = trainer.fabric.is_global_zero
        self.board: TensorBoard | None = None
        if self.main:
            remove_temporaries(folder / checkpoint.NAME)
            self.board = TensorBoard(folder, run, trainer.phases, trainer.step)
            trainer.on_logs = self.board.scalars
            if trainer.step == 0:
                self.board.sounds(validation.clips, range(10))

    @property
    def seconds(self) -> float:
        """Of training, earlier sessions included."""
        return self.before + time.perf_counter() - self.start

    def go(self, steps: int) -> int | None:
        """Trains to `steps`, to the time limit or to a signal; returns the signal."""
        trainer, limits = self.trainer, self.limits
        caught: list[int] = []
        handlers = {
            s: signal.signal(s, lambda number, frame: caught.append(number))
            for s in (signal.SIGINT, signal.SIGTERM)
        }
        bar = tqdm(
            total=steps, initial=trainer.step, unit="step", disable=not self.main,
            desc=f"{self.run.model} ({self.run.preset})", dynamic_ncols=True,
        )  # fmt: skip
        try:
            while trainer.step < steps and not self._must_stop(bool(caught)):
                trainer.advance()
                bar.update()
                self._show(bar)
                if trainer.step % limits.checkpoint_every == 0:
                    self.save()
                if limits.validate_every and trainer.step % limits.validate_every == 0:
                    self.validate()
            stopped = bool(caught)  # later signals find the run at its end
            self.save()
            if not stopped and trainer.step > self.first_step and self.validated != trainer.step:
                self.validate()
        finally:
            bar.close()
            if self.board:
                self.board.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return caught[0] if stopped else None

    def _must_stop(self, caught: bool) -> bool:
        """By a signal or the time limit; all processes at the same step."""
        limit, fabric = self.limits.max_seconds, self.trainer.fabric
        stop = caught or (limit is not None and self.seconds >= limit)
        if fabric.world_size == 1:
            return stop
        votes = fabric.all_reduce(torch.tensor(float(stop), device=fabric.device), reduce_op="sum")
        return bool(votes)

    def _show(self, bar: tqdm[Any]) -> None:
        if self.trainer.step % self.trainer.flush_every or not self.main:
            return
        pace = self.trainer.step - self.first_step
        shown = {k.removeprefix("loss/"): f"{v:.3g}" for k, v in self.trainer.latest.items()
                 if k.startswith("loss/")}  # fmt: skip
        speed = pace * self.trainer.batches.batch_size / (time.perf_counter() - self.start)
        left = ""
        if self.limits.max_seconds is not None:
            left = f", {max(self.limits.max_seconds - self.seconds, 0):.0f} s left at most"
        bar.set_postfix_str(
            ", ".join(f"{k} {v}" for k, v in shown.items()) + f", {speed:.0f} samples/s{left}"
        )
        if self.board:
            self.board.scalars(self.trainer.step - 1, {"speed/samples_per_second": speed})

    def save(self) -> None:
        """The whole state, put in place at once. Nothing that is not finite is ever saved."""
        self.trainer.flush()
        if self.main:
            state = snapshot(self.trainer, self.run, self.seconds)
            if bad := [k for k, v in state.tensors.items() if not v.isfinite().all()]:
                raise InputError(
                    f"{bad[0]} is not finite after step {self.trainer.step - 1}: training stopped "
                    "and the last good checkpoint is kept; try a lower learning rate"
                )
            checkpoint.write(self.folder / checkpoint.NAME, state)

    def validate(self) -> None:
        """Figures by judge B and a grid, on validation data alone."""
        self.validated = self.trainer.step
        with self.trainer.watch("validation"):
            self._validate()

    def _validate(self) -> None:
        if not self.board:
            return
        model: GenerativeModel = self.trainer.ema.model  # type: ignore[assignment]
        figures_of = self.validation.figures(model)
        self.board.scalars(self.trainer.step, {f"validation/{k}": v for k, v in figures_of.items()})
        self.board.figure(self.trainer.step, "samples", self.validation.grid(model))
        self.board.flush()
        tqdm.write(
            f"step {self.trainer.step}: validation "
            + ", ".join(f"{k} {v:.3f}" for k, v in figures_of.items())
        )


def snapshot(trainer: Trainer, run: Run, seconds: float) -> checkpoint.Checkpoint:
    """Everything that the rest of the run depends on."""
    groups = {"model": trainer.model.state_dict(), "ema": trainer.ema.model.state_dict()}
    tensors = {f"{g}.{k}": v for g, state in groups.items() for k, v in state.items()}
    for name, optimizer in trainer.optimizers.items():
        state = checkpoint.optimizer_tensors(name, optimizer)
        tensors |= {f"optimizer.{k}": v for k, v in state.items()}
    return checkpoint.Checkpoint(run, trainer.step, seconds, tensors)


def restore(trainer: Trainer, found: checkpoint.Checkpoint) -> float:
    """Puts a snapshot back into a new trainer; returns the seconds trained so far."""
    checkpoint.load_into(trainer.model, found.group("model"), "the checkpoint's model")
    checkpoint.load_into(trainer.ema.model, found.group("ema"), "the checkpoint's average")
    for name, optimizer in trainer.optimizers.items():
        checkpoint.load_optimizer(name, optimizer, found.group("optimizer"))
    if extra := found.tensors.keys() - snapshot(trainer, found.run, 0).tensors.keys():
        raise InputError(f"the checkpoint has too much: {min(extra)}; written by other code?")
    trainer.step = found.step
    return found.seconds
