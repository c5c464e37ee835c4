"""Samples from tiles one after the other, with what their residuals add."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from converters.header import ConverterError, SoundFormat
from converters.media import ConverterWarning, Picture
from converters.spectrogram.layout import Layout
from converters.spectrogram.residual import CHUNK, Residual, rounded

__all__ = ["Mender", "Reader"]


class Reader:
    """Pieces of (n, n_channels), read in other pieces."""

    def __init__(self, pieces: Iterator[np.ndarray], n_channels: int) -> None:
        self._pieces = pieces
        self._held = np.empty((0, n_channels))

    def pull(self) -> bool:
        """Reads one piece; False at the end."""
        piece = next(self._pieces, None)
        if piece is not None:
            self._held = np.concatenate([self._held, piece]) if len(self._held) else piece
        return piece is not None

    def take(self, n: int) -> np.ndarray:
        """(n, n_channels), or as many as there are."""
        while len(self._held) < n and self.pull():
            pass
        taken, self._held = self._held[:n], self._held[n:]
        return taken


@dataclass
class Mender:
    """Knows of each tile which of its samples are untouched and what they lack."""

    layout: Layout
    format: SoundFormat
    _tail: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    """Whether the last overlap - 1 columns are untouched."""
    _tiles: dict[int, tuple[Residual | None, np.ndarray]] = field(default_factory=dict)
    """Residual, and of each sample whether it is to be used."""
    _all: bool = True
    _sha256: str = ""
    _name: str = ""

    def add(self, tile: int, picture: Picture, pixels: np.ndarray | None, sha256: str) -> None:
        """The next tile; pixels are without strip, None where they are not its own any more."""
        self._sha256, self._name = sha256, picture.name
        n = self.layout.n_samples_of(tile)
        residual = None
        untouched: np.ndarray = np.zeros(self.layout.width_of(tile), bool)
        if pixels is not None and CHUNK in picture.chunks and self.format.dtype.kind == "i":
            try:
                residual = Residual.from_bytes(picture.chunks[CHUNK], n, self.format.n_channels)
                untouched = residual.untouched(pixels)
            except ConverterError as error:
                warnings.warn(f"{picture.name}: {error}; it is left out", ConverterWarning, 2)
        self._all &= bool(untouched.all())
        columns = np.concatenate([self._tail, untouched])
        overlap = self.layout.n_fft // self.layout.hop
        self._tail = columns[max(len(columns) - overlap + 1, 0) :]
        whole: np.ndarray = np.empty(0, bool)
        if len(columns) >= overlap:  # a sample needs all columns that it lies under
            windows = np.lib.stride_tricks.sliding_window_view(columns, overlap)
            whole = np.all(windows, axis=1)
        self._tiles[tile] = residual, whole.repeat(self.layout.hop)[:n]

    def samples(self, floats: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """The samples of all tiles. Reading floats makes tiles known by `add`.

        Raises:
            ConverterError: at the end: nothing was edited, yet these are not the samples.
        """
        reader = Reader(floats, self.format.n_channels)
        found = hashlib.sha256()
        for tile in range(self.layout.n_tiles):
            part = reader.take(self.layout.n_samples_of(tile))
            if not len(part):
                continue
            residual, untouched = self._tiles.pop(tile)
            samples = rounded(part, self.format)
            if residual is not None:
                exact = residual.applied(part, self.format)
                samples = np.where(untouched[:, None], exact, samples)
            found.update(samples.tobytes())
            yield samples
        if self._all and self._sha256 not in ("", found.hexdigest()):
            raise ConverterError(
                f"{self._name}: not the samples that were encoded (SHA-256), although no pixel was "
                "changed: a residual or header is damaged; take another copy of it"
            )
