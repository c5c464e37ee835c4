"""How other programs draw spectrograms: their pictures -> samples.

Parameters and definitions are those that the programs publish; each function takes the options of
`Foreign`. All levels are relative, as the pictures do not hold the absolute one.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from converters.foreign.nonnegative import solve_nonnegative
from converters.header import ConverterError
from converters.phase import sound_from_magnitude
from converters.progress import progress
from converters.stft import count_frames, istft, stft

__all__ = ["bands_above", "from_bands", "from_hue", "from_mel"]

ROUNDS = 96
PHASE_ROUNDS = 32  # for a part of the phases
FINER = 4  # points between bins at which bands are evaluated
MAX_CELLS = 1 << 24  # of bands at points between bins
MAX_BINS = 1 << 24  # of all frames, which are reconstructed together, in 120 bytes each
MIN_BINS, BINS_PER_PIXEL = 1 << 20, 256  # more are no work that a picture is worth
NEAR = 0.3  # bins: so far from a row its phase still holds
MIN_COVERAGE = 0.01  # of squared windows: where less is known samples are softer
QUIET = 0.01  # of brightness, where autotel's hue is no phase


class Options(Protocol):
    """Those of `Foreign` that are needed here; see there."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def f_min(self) -> float: ...
    @property
    def f_max(self) -> float: ...
    @property
    def step(self) -> float: ...
    @property
    def window(self) -> float: ...
    @property
    def axis(self) -> str: ...
    @property
    def bandwidth(self) -> float: ...
    @property
    def overlap(self) -> float: ...
    @property
    def floor(self) -> float: ...
    @property
    def boost(self) -> float: ...
    @property
    def hop(self) -> int: ...


def from_mel(amplitude: np.ndarray, options: Options) -> np.ndarray:
    """Riffusion: mel bands (HTK) of frames of `window` ms every `step` ms.

    Args:
        amplitude: (n_channels, n_bands, n_columns), lowest band first.

    Returns:
        (n_samples, n_channels) float, of any level.
    """
    rate = options.sample_rate
    hop = round(options.step * rate / 1000)
    if hop < 1:
        raise ConverterError(f"a step of {options.step:g} ms is less than a sample")
    overlap = max(2 * round(options.window * rate / 2000 / hop), 2)
    n_fft = hop * overlap
    _check_work(amplitude, n_fft, amplitude.shape[2] + 2 * overlap)
    bands = _at_bins(_mel_bands(amplitude.shape[1], n_fft, options), n_fft)
    n = max((amplitude.shape[2] - 1) * hop, 1)
    # The frame of column j has its middle at sample j * hop.
    before = overlap // 2 - 1
    after = count_frames(n, n_fft, hop) - before - amplitude.shape[2]
    padded = np.pad(amplitude, ((0, 0), (0, 0), (before, after)), mode="edge")
    return _search([solve_nonnegative(bands, each) for each in padded], n_fft, hop, n)


def from_bands(amplitude: np.ndarray, options: Options) -> np.ndarray:
    """krajj7: the envelopes of overlapping band-pass filters, `step` ms apart.

    Args:
        amplitude: (1, n_bands, n_columns), lowest band first.

    Returns:
        (n_samples, 1) float, of any level.
    """
    rate, n_bands = options.sample_rate, amplitude.shape[1]
    n_fft = 1 << round(np.log2(0.0929 * rate))
    hop = n_fft // 8
    n = max(round(amplitude.shape[2] * options.step * rate / 1000), 1)
    n_frames = count_frames(n, n_fft, hop)
    _check_work(amplitude, n_fft, n_frames)
    middle = (np.arange(n_frames) - n_fft // hop + 1) * hop + n_fft / 2
    column = middle / rate * 1000 / options.step - 0.5
    frames = np.stack([np.interp(column, np.arange(len(row)), row) for row in amplitude[0]])
    # A band adds powers; the strongest point of a bin counts, as bands may be narrower.
    gain = _band_gains(n_bands, n_fft, options) ** 2
    gain = np.pad(gain, ((0, 0), (FINER // 2, FINER // 2)))[:, : (n_fft // 2 + 1) * FINER]
    gain = gain.reshape(n_bands, -1, FINER).max(2)
    power = solve_nonnegative(gain, np.square(frames))
    return _search([np.sqrt(power)], n_fft, hop, n)


def from_hue(value: np.ndarray, hue: np.ndarray, options: Options) -> np.ndarray:
    """autotel: brightness is level in dB, raised above 1 kHz; hue is phase, red -180 degrees.

    Args:
        value: (n_rows, n_columns) in [0, 1], lowest frequency first.
        hue: of the same shape, in turns; NaN: unknown.

    Returns:
        (n_samples, 1) float, of any level.
    """
    n_fft, hop, rate = 2 * (len(value) - 1), options.hop, options.sample_rate
    margin = n_fft // hop - 1  # all frames over the first and last samples
    _check_work(value, n_fft, value.shape[1] + 2 * margin)
    bins = np.arange(n_fft // 2 + 1)
    hertz = np.linspace(0, rate / 2, len(value))
    if options.axis == "log":
        hertz = np.geomspace(options.f_min, rate / 2, len(value))
    boost = options.boost * np.log2(np.maximum(hertz / 1000, 1))
    decibel = (value - 1) * options.floor - boost[:, None]
    magnitude = np.where(value > 0, 10 ** (decibel / 20), 0)
    phase = 2 * np.pi * hue - np.pi
    phase = np.where(value < QUIET, np.nan, phase)
    if options.axis == "log":
        place = hertz * n_fft / rate
        row = np.interp(bins, place, np.arange(len(place)))
        nearest = np.rint(row).astype(int)
        distance = np.abs(place[nearest] - bins)
        columns = np.floor(row).astype(int), np.minimum(np.floor(row).astype(int) + 1, len(row) - 1)
        part = (row - columns[0])[:, None]
        magnitude = (1 - part) * magnitude[columns[0]] + part * magnitude[columns[1]]
        phase = np.where(distance[:, None] < NEAR, phase[nearest], np.nan)
        magnitude[bins < place[0] - 1] = 0
    magnitude, phase = (np.pad(each, ((0, 0), (margin, margin))) for each in (magnitude, phase))
    turns = bins[:, None] * np.arange(phase.shape[1]) * hop / n_fft % 1  # of steady tones
    unknown = np.isnan(phase)
    spectra = magnitude * np.exp(1j * np.where(unknown, 2 * np.pi * turns, phase))
    n = (phase.shape[1] - margin) * hop
    for _ in range(PHASE_ROUNDS if (unknown & (magnitude > 0)).any() else 0):
        consistent = stft(istft(spectra, n_fft, hop, n), n_fft, hop)[unknown]
        spectra[unknown] = magnitude[unknown] * np.exp(1j * np.angle(consistent))
    # Its first and last samples lie under fewer frames than others.
    squares = (np.sin(np.pi * np.arange(n_fft) / n_fft) ** 4).reshape(-1, hop)
    coverage = np.zeros((n // hop, hop))
    for i, square in enumerate(squares):
        coverage[i : i + value.shape[1]] += square
    coverage = (coverage / squares.sum(0)).ravel()
    return (istft(spectra, n_fft, hop, n) / np.maximum(coverage, MIN_COVERAGE))[:, None]


def _search(channels: list[np.ndarray], n_fft: int, hop: int, n: int) -> np.ndarray:
    with progress("phases", ROUNDS * len(channels)) as on_round:
        return np.stack(
            [sound_from_magnitude(each, n_fft, hop, n, ROUNDS, on_round) for each in channels], 1
        )


def _check_work(pixels: np.ndarray, n_fft: int, n_frames: int) -> None:
    n_bins = (n_fft // 2 + 1) * n_frames
    if n_bins > MAX_BINS:
        raise ConverterError(
            f"{pixels.shape[-1]} columns become {n_bins:,} bins, at most {MAX_BINS:,} fit: cut the "
            "picture into parts"
        )
    if n_bins > max(MIN_BINS, BINS_PER_PIXEL * pixels.size):
        raise ConverterError(f"{pixels.size} pixels do not hold {n_bins:,} bins")


def _points(n_bands: int, n_fft: int, options: Options) -> np.ndarray:
    """Frequencies in Hz, FINER to a bin, at which so many bands are evaluated."""
    if n_bands * FINER * n_fft // 2 > MAX_CELLS:
        raise ConverterError(
            f"{n_bands} rows are too many for frames of {n_fft} samples: take a lower sample rate "
            "or fewer rows"
        )
    return np.arange(FINER * n_fft // 2 + 1) * options.sample_rate / (FINER * n_fft)


def _mel_bands(n_bands: int, n_fft: int, options: Options) -> np.ndarray:
    """(n_bands, n_points): triangles of height 1 on the mel scale of HTK."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (options.f_min, options.f_max))
    corners = 700 * (10 ** (np.linspace(low, high, n_bands + 2) / 2595) - 1)
    below, center, above = (corners[i : n_bands + i, None] for i in range(3))
    hertz = _points(n_bands, n_fft, options)
    rise, fall = (hertz - below) / (center - below), (above - hertz) / (above - center)
    return np.minimum(rise, fall).clip(0)


def _band_gains(n_bands: int, n_fft: int, options: Options) -> np.ndarray:
    """(n_bands, n_points): Hann windows over frequency, in cents on a log axis, else in Hz."""
    hertz = _points(n_bands, n_fft, options)
    step = (1 - options.overlap) * options.bandwidth
    place, center = hertz, max(options.f_min - options.bandwidth / 2, 0) + options.bandwidth / 2
    if options.axis == "log":
        place = 1200 * np.log2(np.maximum(hertz, 1e-3))
        center = 1200 * np.log2(options.f_min)
    offset = (place - (center + np.arange(n_bands)[:, None] * step)) / options.bandwidth
    return np.where(np.abs(offset) < 0.5, 0.5 + 0.5 * np.cos(2 * np.pi * offset), 0)


def bands_above(n_bands: int, options: Options) -> int:
    """How many of krajj7's bands lie above all frequencies of the sound."""
    step, half = (1 - options.overlap) * options.bandwidth, options.bandwidth / 2
    if options.axis == "log":
        room = 1200 * np.log2(options.sample_rate / 2 / options.f_min) + half
    else:
        room = options.sample_rate / 2 - max(options.f_min - half, 0)
    return max(n_bands - 1 - int(room // step), 0)


def _at_bins(points: np.ndarray, n_fft: int) -> np.ndarray:
    """(n_bands, n_points) -> (n_bands, n_bins): as magnitudes between bins are interpolated."""
    n_bins = n_fft // 2 + 1
    found = np.zeros((len(points), n_bins))
    for i in range(-FINER + 1, FINER):
        weight = 1 - abs(i) / FINER
        index = np.arange(n_bins) * FINER + i
        inside = (index >= 0) & (index < points.shape[1])
        found[:, inside] += weight * points[:, index[inside]]
    return found / FINER
