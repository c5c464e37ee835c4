"""Sounds as spectrograms, and pictures as if they were spectrograms."""

from converters.spectrogram.converter import CONVERTER, PRESETS, Spectrogram

__all__ = ["CONVERTER", "PRESETS", "Spectrogram"]
