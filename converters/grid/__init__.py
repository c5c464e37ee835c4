"""A picture as a sound whose spectrogram is that picture."""

from converters.grid.converter import CONVERTER, PRESETS, Grid

__all__ = ["CONVERTER", "PRESETS", "Grid"]
