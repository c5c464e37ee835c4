"""The header in the pixels comes back, also of blurred ones."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from converters import Header, Picture
from converters.header import SoundFormat
from converters.spectrogram.barcode import add_barcode, read_barcode
from tests.converters.spectrogram.tools import many


@many
@given(st.integers(1, 600), st.sampled_from(["u1", "u2", "rgb"]), st.integers(0, 99))
def test_barcodes(width: int, pixels: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (20, width, 3) if pixels == "rgb" else (20, width)
    dtype = np.uint16 if pixels == "u2" else np.uint8
    plain = rng.integers(0, np.iinfo(dtype).max, shape, dtype)
    format = SoundFormat(8000, 1, 99)
    header = Header("spectrogram", "sound", {"n_fft": 64}, format, tile=seed, n_tiles=100)
    barred = add_barcode(plain, header)
    assert (barred[:20] == plain).all()
    blurred = barred.astype(np.float64) + rng.normal(0, np.iinfo(dtype).max / 12, barred.shape)
    blurred = blurred.clip(0, np.iinfo(dtype).max).astype(dtype)
    for picture in (Picture(barred), Picture(blurred)):
        found = read_barcode(picture)
        assert found is not None
        assert picture.edited is False  # it has no header beside it
        assert dataclasses.replace(found, crc=0) == header
    assert not Picture(barred, read_barcode(Picture(barred))).edited
    assert Picture(blurred, read_barcode(Picture(blurred))).edited
    assert read_barcode(Picture(plain)) is None


def test_a_widened_barcode_is_read() -> None:
    header = Header("spectrogram", "sound", {"n_fft": 64}, SoundFormat(8000, 1, 99))
    for width in (100, 300, 711):
        rng = np.random.default_rng(width)
        barred = add_barcode(rng.integers(0, 255, (20, width), np.uint8), header)
        narrow = round(0.75 * width) if width > 256 else width + 3  # blocks of 2 or 1 pixels
        for wide in (narrow, round(1.1 * width), 2 * width, 3 * width + 7):
            scaled = np.asarray(Image.fromarray(barred).resize((wide, len(barred))))
            found = read_barcode(Picture(scaled))
            assert found is not None and dataclasses.replace(found, crc=0) == header
