"""A sound as the pixels of its tiles, and back, one tile after the other."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from itertools import chain

import numpy as np

from converters.header import Header, SoundFormat
from converters.media import BLOCK, Picture, Sound, crc_of
from converters.spectrogram.axis import Axis
from converters.spectrogram.edits import keeps_phases, tell_tile
from converters.spectrogram.layout import Layout
from converters.spectrogram.lossless import Mender, Reader
from converters.spectrogram.reconstruction import spectra_shown
from converters.spectrogram.residual import CHUNK, Residual
from converters.spectrogram.streams import cut, samples_of, spectra_of

__all__ = ["decoded", "encoded"]


Tile = tuple[np.ndarray, dict[bytes, bytes], str]


def encoded(sound: Sound, layout: Layout, axis: Axis, residual: bool) -> Iterator[Tile]:
    """Of each tile the pixels, the private chunks, and of the last one the sound's SHA-256."""
    spectra = spectra_of(sound, layout.n_fft, layout.hop)
    tiles = cut((layout.pixels(axis.rows(each)) for each in spectra), layout.width, 1)
    if residual:
        yield from _with_residual(tiles, sound, layout, axis)
    else:
        yield from ((pixels, {}, "") for pixels in tiles)


def _with_residual(
    tiles: Iterator[np.ndarray], sound: Sound, layout: Layout, axis: Axis
) -> Iterator[Tile]:
    """Decodes what it encodes, and keeps the difference."""
    waiting: deque[np.ndarray] = deque()

    def polar() -> Iterator[np.ndarray]:
        for pixels in tiles:
            waiting.append(pixels)
            yield from layout.polar(pixels)

    floats = Reader(_floats(polar(), layout, axis, layout.planes.has_phase), layout.n_channels)
    samples = Reader(sound.blocks(BLOCK), layout.n_channels)
    sha256 = hashlib.sha256()
    for tile in range(layout.n_tiles):
        n = layout.n_samples_of(tile)
        lossy, exact = floats.take(n), samples.take(n).astype(sound.format.dtype, copy=False)
        while not waiting:  # a tile too narrow to make a sample whole
            floats.pull()
        pixels = waiting.popleft()
        sha256.update(np.ascontiguousarray(exact).tobytes())
        content = Residual.of(pixels, lossy, exact, sound.format).to_bytes(sound.format)
        last = tile == layout.n_tiles - 1
        yield pixels, {CHUNK: content}, sha256.hexdigest() if last else ""


def decoded(
    tiles: Iterator[tuple[Picture, Header]], layout: Layout, axis: Axis, format: SoundFormat
) -> Iterator[np.ndarray]:
    """Samples (n, n_channels) of the format's dtype, a tile at a time."""
    mender = Mender(layout, format)
    told = layout.planes.has_phase  # by the tiles so far

    def polar() -> Iterator[np.ndarray]:
        nonlocal told
        for tile, (picture, header) in enumerate(tiles):
            pixels = layout.cropped(picture, header, tile)
            mender.add(tile, picture, pixels, header.sha256)
            if pixels is None:
                told = False
                yield from layout.resized(picture, header, tile)
                continue
            keeps = True
            if header.crc != crc_of(picture.pixels):
                keeps = not layout.planes.has_phase or keeps_phases(pixels, layout, axis)
                tell_tile(picture.name, tile, layout, keeps)
            told &= keeps
            yield from layout.polar(pixels) if keeps else layout.phaseless(pixels)

    rows = polar()
    first = [piece for piece in [next(rows, None)] if piece is not None]  # `told` is known now
    yield from mender.samples(_floats(chain(first, rows), layout, axis, told))


def _floats(
    polar: Iterator[np.ndarray], layout: Layout, axis: Axis, has_phase: bool
) -> Iterator[np.ndarray]:
    n_fft, hop = layout.n_fft, layout.hop
    return samples_of(spectra_shown(polar, axis, n_fft, hop, has_phase), n_fft, hop)
