"""The 64 x 64 log-mel pictures by which the models see sound.

The transform itself is in `converters.mel64.features`, which takes and gives tensors.
"""

from converters.mel64.converter import CONVERTER, PRESETS, Mel64

__all__ = ["CONVERTER", "PRESETS", "Mel64"]
