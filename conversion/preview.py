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

from conversion.files import opened
from converters import ConverterError, ConverterWarning, Picture, Sound
from converters._files import replacing

__all__ = ["draw"]

COLUMNS = 1000  # of a drawing: what is longer is looked at in so many places
WINDOW = 0.04  # s, of a spectrum
RANGE = 90  # dB that are shown below the loudest
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
    rows = place.subgridspec(2, 1, height_ratios=(1, 2))
    above = figure.add_subplot(rows[0])
    below = figure.add_subplot(rows[1], sharex=above)
    _draw_sound(above, below, content, f"{role}: {path.name}")


def _draw_picture(axis: Axes, picture: Picture, title: str) -> None:
    format = picture.format
    step = math.ceil(math.sqrt(format.width * format.height / MOST_PIXELS))
    pixels = picture.pixels[::step, ::step] / (2**format.bits - 1)
    extent = (0, format.width, format.height, 0)
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest")
    axis.set(xlabel="column (pixels)", ylabel="row (pixels)")
    axis.set_title(f"{title}\n{format.width} x {format.height} pixels", parse_math=False)


def _draw_sound(above: Axes, below: Axes, sound: Sound, title: str) -> None:
    format = sound.format
    seconds = format.n_samples / format.sample_rate
    channels = "1 channel" if format.n_channels == 1 else f"{format.n_channels} channels"
    above.set_title(
        f"{title}\n{seconds:.3f} s, {format.sample_rate:,} Hz, {channels}",
        parse_math=False,
    )
    if not format.n_samples:
        above.text(0.5, 0.5, "no samples", ha="center", va="center", transform=above.transAxes)
        below.set_axis_off()
        return
    low, high, spectra = _looked_at(sound)
    time = np.linspace(0, seconds, len(low))
    above.fill_between(time, low, high, color="#0072B2", linewidth=0.3)
    above.set(ylabel="level (of full scale)", xlim=(0, seconds))
    above.tick_params(labelbottom=False)
    above.grid(alpha=0.25)
    top = max(float(spectra.max()), -60.0)
    image = below.imshow(
        spectra, aspect="auto", origin="lower", cmap="magma", vmin=top - RANGE, vmax=top,
        extent=(0, seconds, 0, format.sample_rate / 2), interpolation="nearest",
    )  # fmt: skip
    below.yaxis.set_major_formatter(EngFormatter(unit="Hz"))
    below.set(xlabel="time (s)", ylabel="frequency")
    below.figure.colorbar(image, ax=below, label="dB of full scale")


def _looked_at(sound: Sound) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lowest and highest value (n,) of each column, and its spectrum (f, n) in dB of full scale.

    All channels together. One pass, whatever the length.
    """
    format = sound.format
    n_fft = 2 ** max(4, round(math.log2(WINDOW * format.sample_rate)))
    window = np.hanning(n_fft + 1)[:-1]
    low, high, spectra = [], [], []
    latest = np.zeros(n_fft)
    for block in sound.floats(math.ceil(format.n_samples / COLUMNS)):
        block = np.nan_to_num(block)
        low.append(block.min())
        high.append(block.max())
        latest = np.concatenate([latest, block.mean(1)])[-n_fft:]
        spectra.append(np.abs(np.fft.rfft(latest * window)) * 2 / window.sum())
    level = 20 * np.log10(np.maximum(np.stack(spectra, axis=1), 1e-10))
    return np.array(low), np.array(high), level
