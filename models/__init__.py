"""The models: every module here without a leading underscore is one.

A model's author imports from here and from `datasets` alone.
"""

from __future__ import annotations

import importlib
import pkgutil

from common.errors import InputError, suggest
from models._base import Config, GenerativeModel, Logs, OptimizerConfig, Phase
from models._bridge import LatentBridge
from models._conditional import ConditionalConfig, ConditionalModel
from models._networks import (
    ConditionalPrior,
    ImageDecoder,
    ImageEncoder,
    ProjectionDiscriminator,
    SoundEncoder,
    gradient_penalty,
    kl_divergence,
    reparameterize,
    translate,
)

__all__ = [
    "ConditionalConfig",
    "ConditionalModel",
    "ConditionalPrior",
    "Config",
    "GenerativeModel",
    "ImageDecoder",
    "ImageEncoder",
    "LatentBridge",
    "Logs",
    "OptimizerConfig",
    "Phase",
    "ProjectionDiscriminator",
    "SoundEncoder",
    "gradient_penalty",
    "kl_divergence",
    "names",
    "presets",
    "reparameterize",
    "translate",
]


def names() -> tuple[str, ...]:
    """The models that there are, in alphabetical order."""
    return tuple(
        sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    )


def presets(name: str) -> dict[str, Config]:
    """The presets of a model, by name.

    Raises:
        InputError: there is no such model.
    """
    if name not in names():
        raise InputError(f"unknown model '{name}': {suggest(name, names())}")
    return importlib.import_module(f"models.{name}").PRESETS
