"""TensorBoard: the same tags for every model, losses side by side, grids and sounds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from converters.mel64.features import MEL64
from models._base import Phase
from training.run import Run

__all__ = ["TensorBoard"]


class TensorBoard:
    """Writes a run's events into its folder.

    Tags: `loss/PHASE`, `grad_norm/PHASE`, `loss_terms/PHASE/TERM`, `validation/METRIC`,
    `speed/...`, `samples`, `condition/N`.

    Args:
        step: where a resumed run goes on; later events of earlier sessions are hidden.
    """

    def __init__(self, folder: Path, run: Run, phases: Iterable[Phase], step: int = 0) -> None:
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
            self._hyper_parameters(run)

    def _hyper_parameters(self, run: Run) -> None:
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
        for tag, value in values.items():
            self.writer.add_scalar(tag, value, step)

    def figure(self, step: int, tag: str, figure: Figure) -> None:
        self.writer.add_figure(tag, figure, step)

    def sounds(self, clips: Tensor, digits: Iterable[int]) -> None:
        """(n, 8192) clips of the grid's conditions, once."""
        for digit, clip in zip(digits, clips, strict=True):
            loud = clip / clip.abs().max().clamp_min(1e-6) * 0.9
            self.writer.add_audio(
                f"condition/{digit}", loud.unsqueeze(0), 0, sample_rate=MEL64.sample_rate
            )

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()
