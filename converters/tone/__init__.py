"""Every pixel a tone."""

from converters.tone.converter import CONVERTER, PRESETS, Tone

__all__ = ["CONVERTER", "PRESETS", "Tone"]
