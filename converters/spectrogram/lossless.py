"""Lossless decoding: samples of tiles, one after the other, with their residuals added."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from converters.header import ConverterError, SoundFormat
from converters.media import Picture, Sound, rounded_blocks, warn
from converters.spectrogram.layout import TileLayout
from converters.spectrogram.residual import CHUNK, Residual, round_samples

__all__ = ["ResidualDecoder", "SampleReader", "as_integers"]

LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")


def as_integers(sound: Sound) -> Sound:
    """The sound, whose samples are integers; those of MP3 and OGG files are rounded to 24 bits.

    Raises:
        ConverterError: the samples are floats of another file.
    """
    format = sound.format
    if format.dtype.kind == "i":
        return sound
    if format.subtype not in LOSSY:
        raise ConverterError(
            f"{sound.name}: a residual makes only whole numbers exact (PCM_16, PCM_24 ...), "
            f"not {format.subtype}; pack keeps such samples"
        )
    warn(
        f"{sound.name}: {format.container} is lossy: exact are its decoded samples, rounded to 24 "
        "bits"
    )
    whole = dataclasses.replace(format, subtype="PCM_24", container="WAV")
    return dataclasses.replace(
        sound, format=whole, blocks=lambda n: rounded_blocks(sound, whole, 24, sound.name, n)
    )


class SampleReader:
    """Reads blocks of (n, n_channels) in blocks of other lengths."""

    def __init__(self, blocks: Iterator[np.ndarray], n_channels: int) -> None:
        self._blocks = blocks
        self._held = np.empty((0, n_channels))

    def pull(self) -> bool:
        """Reads one block; False at the end."""
        block = next(self._blocks, None)
        if block is not None:
            self._held = np.concatenate([self._held, block]) if len(self._held) else block
        return block is not None

    def take(self, n: int) -> np.ndarray:
        """(n, n_channels), or as many as there are."""
        while len(self._held) < n and self.pull():
            pass
        taken, self._held = self._held[:n], self._held[n:]
        return taken


@dataclass
class ResidualDecoder:
    """Applies the residual of each tile to those of its samples whose pixels are unchanged."""

    layout: TileLayout
    format: SoundFormat
    _tail: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    """Whether the last overlap - 1 columns are unchanged."""
    _tiles: dict[int, tuple[Residual | None, np.ndarray]] = field(default_factory=dict)
    """Residual, and of each sample whether it applies."""
    _all_unchanged: bool = True
    _sha256: str = ""
    _name: str = ""

    def add(
        self, tile: int, picture: Picture, pixels: np.ndarray | None, edited: bool, sha256: str
    ) -> None:
        """The next tile; pixels are without barcode, None where the picture was resized."""
        self._sha256, self._name = sha256, picture.name
        n = self.layout.n_samples_of(tile)
        residual = None
        unchanged: np.ndarray = np.zeros(self.layout.width_of(tile), bool)
        if pixels is not None and CHUNK in picture.chunks and self.format.dtype.kind == "i":
            try:
                residual = Residual.from_bytes(picture.chunks[CHUNK], n, self.format.n_channels)
                unchanged = residual.unchanged_columns(pixels)
                if not edited and not unchanged.all():
                    warn(f"{picture.name}: its residual is damaged: not all samples are exact")
            except ConverterError as error:
                warn(f"{picture.name}: {error}; it is left out")
        self._all_unchanged &= bool(unchanged.all())
        columns = np.concatenate([self._tail, unchanged])
        overlap = self.layout.n_fft // self.layout.hop
        self._tail = columns[max(len(columns) - overlap + 1, 0) :]
        hops: np.ndarray = np.empty(0, bool)
        if len(columns) >= overlap:  # a sample depends on all columns over it
            windows = np.lib.stride_tricks.sliding_window_view(columns, overlap)
            hops = np.all(windows, axis=1)
        self._tiles[tile] = residual, hops.repeat(self.layout.hop)[:n]

    def decode(self, floats: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """The samples of all tiles, which are to be added while floats are read.

        Raises:
            ConverterError: at the end: nothing was changed, yet these are not the samples.
        """
        reader = SampleReader(floats, self.format.n_channels)
        found = hashlib.sha256()
        for tile in range(self.layout.n_tiles):
            lossy = reader.take(self.layout.n_samples_of(tile))
            if not len(lossy):
                continue
            residual, unchanged = self._tiles.pop(tile)
            samples = round_samples(lossy, self.format)
            if residual is not None:
                exact = residual.apply(lossy, self.format)
                samples = np.where(unchanged[:, None], exact, samples)
            found.update(samples.tobytes())
            yield samples
        if self._all_unchanged and self._sha256 not in ("", found.hexdigest()):
            raise ConverterError(
                f"{self._name}: not the samples that were encoded (SHA-256), although no pixel was "
                "changed: a residual or header is damaged; take another copy of it"
            )
