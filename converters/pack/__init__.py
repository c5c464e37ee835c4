"""Samples, or whole files, as pixels."""

from converters.pack.converter import CONVERTER, PRESETS, Pack

__all__ = ["CONVERTER", "PRESETS", "Pack"]
