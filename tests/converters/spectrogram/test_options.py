"""Options out of range, and options that exclude each other."""

from __future__ import annotations

from typing import Any

import pytest

from converters import ConverterError
from converters.spectrogram import Spectrogram


@pytest.mark.parametrize(
    "options",
    [{"profile": "x"}, {"axis": "x"}, {"range": "x"}, {"n_fft": 15}, {"n_fft": 1 << 16}, {"hop": 3},
     {"hop": 2048}, {"hop": 16}, {"rows": -1}, {"exponent": -0.1}, {"floor": 0.0}, {"tile": -1},
     {"sample_rate": 0}, {"f_min": -1.0}, {"f_min": 900.0, "f_max": 800.0},
     {"residual": True, "axis": "log"},
     {"residual": True, "profile": "magnitude"}, {"f_min": float("nan")}, {"profile": "mel64"},
     {"duration": 1.0, "pixels_per_second": 9.0}, {"duration": -1.0},
     {"residual": True, "f_max": 800.0}],
    ids=str,
)  # fmt: skip
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ConverterError):
        Spectrogram(**options)
