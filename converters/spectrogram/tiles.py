"""A sound <-> the pixels of its tiles, one tile after the other."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from itertools import chain

import numpy as np

from converters.header import Header, SoundFormat
from converters.media import BLOCK, Picture, Sound, crc_of
from converters.spectrogram.axis import Axis
from converters.spectrogram.edits import phase_is_consistent, warn_tile_changed
from converters.spectrogram.layout import TileLayout
from converters.spectrogram.lossless import ResidualDecoder, SampleReader
from converters.spectrogram.reconstruction import reconstruct_spectra
from converters.spectrogram.residual import CHUNK, Residual
from converters.spectrogram.streams import rechunk, stream_samples, stream_spectra

__all__ = ["decode_tiles", "encode_tiles"]


Tile = tuple[np.ndarray, dict[bytes, bytes], str]


def encode_tiles(sound: Sound, layout: TileLayout, axis: Axis, residual: bool) -> Iterator[Tile]:
    """Of each tile the pixels, the private chunks, and of the last one the sound's SHA-256."""
    spectra = stream_spectra(sound, layout.n_fft, layout.hop)
    tiles = rechunk((layout.encode(axis.to_rows(each)) for each in spectra), layout.width, 1)
    if residual:
        yield from _add_residuals(tiles, sound, layout, axis)
    else:
        yield from ((pixels, {}, "") for pixels in tiles)


def _add_residuals(
    tiles: Iterator[np.ndarray], sound: Sound, layout: TileLayout, axis: Axis
) -> Iterator[Tile]:
    """Decodes what was encoded, and stores the difference."""
    pending: deque[np.ndarray] = deque()

    def polar() -> Iterator[np.ndarray]:
        for pixels in tiles:
            pending.append(pixels)
            yield from layout.decode(pixels)

    floats = _reconstruct(polar(), layout, axis, layout.encoding.has_phase)
    lossy_reader = SampleReader(floats, layout.n_channels)
    exact_reader = SampleReader(sound.blocks(BLOCK), layout.n_channels)
    sha256 = hashlib.sha256()
    for tile in range(layout.n_tiles):
        n = layout.n_samples_of(tile)
        lossy = lossy_reader.take(n)
        exact = exact_reader.take(n).astype(sound.format.dtype, copy=False)
        while not pending:  # a tile too narrow to complete a sample
            lossy_reader.pull()
        pixels = pending.popleft()
        sha256.update(np.ascontiguousarray(exact).tobytes())
        content = Residual.from_samples(pixels, lossy, exact, sound.format).to_bytes(sound.format)
        last = tile == layout.n_tiles - 1
        yield pixels, {CHUNK: content}, sha256.hexdigest() if last else ""


def decode_tiles(
    tiles: Iterator[tuple[Picture, Header]],
    layout: TileLayout,
    axis: Axis,
    format: SoundFormat,
    stretched: bool,
) -> Iterator[np.ndarray]:
    """Samples (n, n_channels) of the format's dtype, tile by tile.

    Args:
        stretched: whether phases are those of another duration.
    """
    residuals = ResidualDecoder(layout, format)
    has_phase = layout.encoding.has_phase  # in all tiles so far

    def polar() -> Iterator[np.ndarray]:
        nonlocal has_phase
        for tile, (picture, header) in enumerate(tiles):
            pixels = layout.crop(picture, header, tile)
            edited = header.crc != crc_of(picture.pixels)
            residuals.add(tile, picture, pixels, edited, header.sha256)
            if pixels is None:
                has_phase = False
                yield from layout.decode_resized(picture, header, tile)
                continue
            consistent = True
            if stretched and edited:
                consistent = not layout.encoding.has_phase
            elif edited:
                consistent = not layout.encoding.has_phase or phase_is_consistent(
                    pixels, layout, axis
                )
                warn_tile_changed(picture.name, tile, layout, consistent)
            has_phase &= consistent
            yield from layout.decode(pixels) if consistent else layout.decode_magnitude(pixels)

    rows = polar()
    first = [piece for piece in [next(rows, None)] if piece is not None]  # which sets `has_phase`
    yield from residuals.decode(_reconstruct(chain(first, rows), layout, axis, has_phase))


def _reconstruct(
    polar: Iterator[np.ndarray], layout: TileLayout, axis: Axis, has_phase: bool
) -> Iterator[np.ndarray]:
    """Blocks of magnitude and phase -> blocks of samples (n, n_channels) float64."""
    n_fft, hop = layout.n_fft, layout.hop
    return stream_samples(reconstruct_spectra(polar, axis, n_fft, hop, has_phase), n_fft, hop)
