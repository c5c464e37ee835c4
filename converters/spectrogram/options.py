"""What options of a spectrogram can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from converters.header import ConverterError
from converters.spectrogram.axis import AXES
from converters.spectrogram.companding import RANGES
from converters.spectrogram.pixels import PLANES

if TYPE_CHECKING:
    from converters.spectrogram.converter import Spectrogram

__all__ = ["check"]

MAX_OVERLAP = 32  # windows over a sample


def check(options: Spectrogram) -> None:
    """Raises ConverterError: an option out of range, or options that do not go together."""
    for name, among in (("profile", PLANES), ("axis", AXES), ("range", RANGES)):
        if getattr(options, name) not in among:
            raise ConverterError(
                f"{name} is {getattr(options, name)!r}: take one of {', '.join(among)}"
            )
    bounds = {
        "n_fft": (0, 32768), "hop": (0, 16384), "rows": (0, 1 << 16), "f_min": (1e-3, 1e6),
        "exponent": (0.05, 1.0), "floor": (10.0, 300.0), "tile": (1, 1 << 16),
        "sample_rate": (1, 2**31 - 1),
    }  # fmt: skip
    for name, (least, most) in bounds.items():
        if not least <= getattr(options, name) <= most:
            value = getattr(options, name)
            raise ConverterError(f"{name} is {value}: not from {least} to {most}")
    hop = options.hop or options.n_fft // 8
    if hop and (
        options.n_fft < 16
        or options.n_fft % 2
        or options.n_fft % hop
        or not 2 <= options.n_fft // hop <= MAX_OVERLAP
    ):
        raise ConverterError(
            f"n_fft {options.n_fft} with hop {options.hop}: n_fft must be even, 16 or "
            f"more, and the hop's multiple by 2 to {MAX_OVERLAP}"
        )
    if options.residual and not (
        options.profile in ("colour", "16+8", "16+16")
        and options.axis == "linear"
        and options.rows in (0, options.n_fft // 2 + 1)
    ):
        raise ConverterError(
            "a residual needs a profile with phase, and a linear axis with a row for each bin"
        )
