"""Spectrograms that other programs made, as sounds."""

from converters.foreign.converter import CONVERTER, PRESETS, Foreign

__all__ = ["CONVERTER", "PRESETS", "Foreign"]
