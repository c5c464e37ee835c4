"""A picture of what went in and what came out: waveforms and spectrograms, or the picture."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import EngFormatter

from common.files import replacing
from conversion.files import opened
from converters import ConverterError, ConverterWarning, Picture, Sound

__all__ = ["draw"]

COLUMNS = 1000  # of a drawing: what is longer is looked at in so many places
WINDOW = 0.04  # s, of a spectrum
RANGE = 90  # dB that are shown below the loudest
MOST_CHANNELS = 2  # that are drawn, the first ones
MOST_NARROW = 2  # sides of a picture that keeps its shape
MOST_PIXELS = 1_000_000  # of a picture that is drawn


def draw(source: Path, output: Path, target: Path) -> None:
    """Writes the drawing as a PNG; of tiles it shows the first."""
    figure = Figure(figsize=(13, 6), dpi=100, layout="constrained")
    halves = figure.add_gridspec(1, 2)
    _draw_file(figure, halves[0], source, "in")
    _draw_file(figure, halves[1], output, "out")
    with warnings.catch_warnings(), replacing(target) as temporary:
        warnings.simplefilter("ignore")  # letters in a name that the font lacks
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_file(figure: Figure, place: SubplotSpec, path: Path, role: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConverterWarning)  # were told when it was converted
            content = opened(path)
    except ConverterError:  # a file that was packed byte by byte
        axis = figure.add_subplot(place)
        axis.set_axis_off()
        axis.text(0.5, 0.5, "neither a sound nor a picture", ha="center", va="center")
        axis.set_title(f"{role}: {path.name}", parse_math=False)
        return
    if isinstance(content, Picture):
        _draw_picture(figure.add_subplot(place), content, f"{role}: {path.name}")
        return
    n_rows = min(content.format.n_channels, MOST_CHANNELS)
    rows = place.subgridspec(2 * n_rows, 1, height_ratios=(1, 2) * n_rows)
    waves: list[Axes] = []
    for i in range(n_rows):
        waves.append(figure.add_subplot(rows[2 * i], sharex=waves[0] if waves else None))
    spectra = [figure.add_subplot(rows[2 * i + 1], sharex=waves[0]) for i in range(n_rows)]
    _draw_sound(waves, spectra, content, f"{role}: {path.name}")


def _draw_picture(axis: Axes, picture: Picture, title: str) -> None:
    format = picture.format
    step = math.ceil(math.sqrt(format.width * format.height / MOST_PIXELS))
    pixels = picture.pixels[::step, ::step] / (2**format.bits - 1)
    extent = (0, format.width, format.height, 0)
    narrow = max(format.width, format.height) > MOST_NARROW * min(format.width, format.height)
    axis.imshow(
        pixels, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest",
        aspect="auto" if narrow else "equal",
    )  # fmt: skip
    axis.set(xlabel="column (pixels)", ylabel="row (pixels)")
    stretched = ", stretched" if narrow else ""
    axis.set_title(f"{title}\n{format.width} x {format.height} pixels{stretched}", parse_math=False)


def _draw_sound(waves: list[Axes], below: list[Axes], sound: Sound, title: str) -> None:
    format = sound.format
    seconds = format.n_samples / format.sample_rate
    channels = "1 channel" if format.n_channels == 1 else f"{format.n_channels} channels"
    waves[0].set_title(
        f"{title}\n{seconds:.3f} s, {format.sample_rate:,} Hz, {channels}",
        parse_math=False,
    )
    if not format.n_samples:
        for axis in (*waves, *below):
            axis.set_axis_off()
        waves[0].text(0.5, 0.5, "no samples", ha="center", va="center")
        return
    low, high, spectra = _looked_at(sound)
    time, top = np.linspace(0, seconds, len(low)), max(float(spectra.max()), -60.0)
    for i, (wave, axis) in enumerate(zip(waves, below, strict=True)):
        wave.fill_between(time, low[:, i], high[:, i], color="#0072B2", linewidth=0.3)
        wave.set(ylabel="level" if len(waves) == 1 else f"channel {i + 1}", xlim=(0, seconds))
        wave.tick_params(labelbottom=False)
        wave.grid(alpha=0.25)
        image = axis.imshow(
            spectra[:, i], aspect="auto", origin="lower", cmap="magma", vmin=top - RANGE, vmax=top,
            extent=(0, seconds, 0, format.sample_rate / 2), interpolation="nearest",
        )  # fmt: skip
        axis.yaxis.set_major_formatter(EngFormatter(unit="Hz"))
        axis.set(ylabel="frequency")
        axis.tick_params(labelbottom=axis is below[-1])
    below[-1].set(xlabel="time (s)")
    below[0].figure.colorbar(image, ax=below, label="dB of full scale")


def _looked_at(sound: Sound) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lowest and highest value (n, c) of each column and channel, and spectra (f, c, n) in dB of
    full scale.

    Of the channels that are drawn. One pass, whatever the length.
    """
    format = sound.format
    n_fft = 2 ** max(4, round(math.log2(WINDOW * format.sample_rate)))
    window = np.hanning(n_fft + 1)[:-1, None]
    low, high, spectra = [], [], []
    latest = np.zeros((n_fft, min(format.n_channels, MOST_CHANNELS)))
    for block in sound.floats(math.ceil(format.n_samples / COLUMNS)):
        block = np.nan_to_num(block[:, :MOST_CHANNELS])
        low.append(block.min(0))
        high.append(block.max(0))
        latest = np.concatenate([latest, block])[-n_fft:]
        spectra.append(np.abs(np.fft.rfft(latest * window, axis=0)) * 2 / window.sum())
    level = 20 * np.log10(np.maximum(np.stack(spectra, axis=-1), 1e-10))
    return np.array(low), np.array(high), level
