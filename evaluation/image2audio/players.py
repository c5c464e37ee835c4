"""A page that plays what a model says, beside the pictures of it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import soundfile
from PIL import Image
from torch import Tensor

from converters.mel64.features import MEL64

__all__ = ["picture", "render", "sound"]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
  color-scheme: light dark; }
table { border-collapse: collapse; } td, th { padding: .4rem .6rem; text-align: left;
  vertical-align: top; } tr + tr { border-top: 1px solid #8886; }
img { image-rendering: pixelated; width: 6rem; display: block; } audio { width: 10rem; }
"""


def picture(image: Tensor) -> str:
    """An image, uint8, as a URL that holds it."""
    raw, pixels = io.BytesIO(), image.cpu().numpy()
    Image.fromarray(pixels if pixels.ndim == 2 else pixels.transpose(1, 2, 0)).save(raw, "PNG")
    return f"data:image/png;base64,{base64.b64encode(raw.getvalue()).decode()}"


def sound(name: str, shown: Tensor, clip: Tensor) -> dict[str, str]:
    """A clip, as loud as it can be, with its picture, (64, 64) uint8."""
    samples = clip.cpu().numpy()
    loud = 0.9 * samples / max(float(np.abs(samples).max()), 1e-6)
    raw = io.BytesIO()
    soundfile.write(raw, loud, MEL64.sample_rate, subtype="PCM_16", format="WAV")
    url = f"data:audio/wav;base64,{base64.b64encode(raw.getvalue()).decode()}"
    return {"name": name, "picture": picture(shown), "sound": url}


def render(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The page; it needs nothing from outside.

    Args:
        rows: of a digit each, its speaker, its image and its sounds.
    """
    title = html.escape(title)
    lines = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: speech</title>',
        f"<style>{STYLE}</style><h1>What {title} says</h1>",
        "<p>Left: a test image and, for comparison, a real recording of the same class, sent "
        "through the converter as the draws are. Right of it: speech that was drawn for the image "
        "with different noise. Pictures: time to the right, pitch upwards.</p><table>",
    ]
    for row in rows:
        digit = html.escape(row["digit"])
        cells = [_image(digit, row["image"])]
        for each in row["sounds"]:
            real = each["name"].startswith("real")
            name = f"{row['speaker']}, {each['name']}" if real else each["name"]
            cells.append(_player(html.escape(name.removeprefix(", ")), digit, each))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</table></html>"]) + "\n"


def _image(digit: str, url: str) -> str:
    return f'<th scope="row"><img src="{url}" alt="an image of {digit}"></th>'


def _player(name: str, digit: str, shown: Mapping[str, str]) -> str:
    audio = f'<audio controls preload="none" aria-label="{digit}: {name}" src="{shown["sound"]}">'
    return f'<td>{name}<img src="{shown["picture"]}" alt="">{audio}</audio></td>'
