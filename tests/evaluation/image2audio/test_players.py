"""A page that plays sounds, from itself alone."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from converters.mel64.features import to_picture
from evaluation.image2audio import players


def test_a_page_holds_what_it_plays() -> None:
    t = torch.arange(8192) / 8000
    clip = 0.1 * torch.sin(2 * torch.pi * 440 * t)
    shown = to_picture(clip)
    image = torch.randint(256, (28, 28), dtype=torch.uint8)
    row = {"digit": "7", "speaker": "<ann>", "image": players.picture(image),
           "sounds": [players.sound(name, shown, clip) for name in ("real", "draw 1")]}  # fmt: skip
    page = players.render("<b>cgan", [row])
    assert "<b>cgan" not in page and "&lt;b&gt;cgan" in page
    assert "<ann>" not in page and page.count("&lt;ann&gt;, real") == 2
    assert re.findall(r'(?:src|href)="(?!data:)', page) == [] and "<script" not in page
    assert page.count("<audio") == 2 and 'alt="an image of 7"' in page
    heard, rate = soundfile.read(io.BytesIO(_data(page, "audio/wav")))
    assert (
        rate == 8000 and len(heard) == 8192 and np.abs(heard).max() == pytest.approx(0.9, abs=0.01)
    )
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * 8000 / 8192 == pytest.approx(440, abs=30)
    again = np.asarray(Image.open(io.BytesIO(_data(page, "image/png"))))
    assert np.array_equal(again, image.numpy())


def test_silence_stays_silent() -> None:
    found = players.sound("x", torch.zeros(64, 64, dtype=torch.uint8), torch.zeros(8192))
    clip, _ = soundfile.read(io.BytesIO(base64.b64decode(found["sound"].partition(",")[2])))
    assert np.abs(clip).max() == 0


def _data(page: str, kind: str) -> bytes:
    found = re.search(rf"data:{kind};base64,([A-Za-z0-9+/=]+)", page)
    assert found
    return base64.b64decode(found[1])
