"""Draws input and output side by side: waveform and spectrogram of a sound, or the picture."""

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
from conversion.files import read_file
from conversion.messages import printable
from converters import ConverterError, ConverterWarning, Picture, Sound
from converters.stft import frames

__all__ = ["draw"]

COLUMNS = 1000  # of a spectrogram; of a longer sound, as many frames are drawn
WINDOW = 0.04  # s, of a frame
RANGE = 90  # dB below the loudest bin that are shown
MAX_CHANNELS = 2  # the first ones are drawn
MAX_ASPECT = 2  # long side to short side of a picture that is drawn undistorted
MAX_PIXELS = 1_000_000  # of a picture that is drawn


def draw(source: Path, output: Path, target: Path) -> None:
    """Writes the drawing as a PNG.

    Args:
        source: the input, or the first tile of it.
        output: what was made of it, or the first tile of that.
        target: the drawing.
    """
    figure = Figure(figsize=(13, 6), dpi=100, layout="constrained")
    halves = figure.add_gridspec(1, 2)
    _draw_file(figure, halves[0], source, "in")
    _draw_file(figure, halves[1], output, "out")
    with warnings.catch_warnings(), replacing(target) as temporary:
        warnings.simplefilter("ignore")  # characters of a name that the font lacks
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_file(figure: Figure, place: SubplotSpec, path: Path, role: str) -> None:
    title = f"{role}: {printable(path.name)}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConverterWarning)  # reported before
            content = read_file(path)
    except ConverterError:  # a file that was packed byte by byte
        axis = figure.add_subplot(place)
        axis.set_axis_off()
        axis.text(0.5, 0.5, "neither a sound nor a picture", ha="center", va="center")
        axis.set_title(title, parse_math=False)
        return
    if isinstance(content, Picture):
        _draw_picture(figure.add_subplot(place), content, title)
        return
    n_rows = min(content.format.n_channels, MAX_CHANNELS)
    rows = place.subgridspec(2 * n_rows, 1, height_ratios=(1, 2) * n_rows)
    waves: list[Axes] = []
    for i in range(n_rows):
        waves.append(figure.add_subplot(rows[2 * i], sharex=waves[0] if waves else None))
    spectra = [figure.add_subplot(rows[2 * i + 1], sharex=waves[0]) for i in range(n_rows)]
    _draw_sound(waves, spectra, content, title)


def _draw_picture(axis: Axes, picture: Picture, title: str) -> None:
    format = picture.format
    step = math.ceil(math.sqrt(format.width * format.height / MAX_PIXELS))
    pixels = picture.pixels[::step, ::step] / (2**format.bits - 1)
    extent = (0, format.width, format.height, 0)
    narrow = max(format.width, format.height) > MAX_ASPECT * min(format.width, format.height)
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
    low, high, spectra = _summarize(sound)
    time, top = np.linspace(0, seconds, len(low)), max(float(spectra.max()), -60.0)
    for i, (wave, axis) in enumerate(zip(waves, below, strict=True)):
        wave.fill_between(time, low[:, i], high[:, i], color="#0072B2", linewidth=0.3)
        wave.set(ylabel="level" if len(waves) == 1 else f"channel {i + 1}", xlim=(0, seconds))
        wave.tick_params(labelbottom=False)
        wave.grid(alpha=0.25)
        image = axis.imshow(
            spectra[:, i].T, aspect="auto", origin="lower", interpolation="nearest",
            cmap="magma", vmin=top - RANGE, vmax=top,
            extent=(0, seconds, 0, format.sample_rate / 2),
        )  # fmt: skip
        axis.yaxis.set_major_formatter(EngFormatter(unit="Hz"))
        axis.set(ylabel="frequency")
        axis.tick_params(labelbottom=axis is below[-1])
    below[-1].set(xlabel="time (s)")
    below[0].figure.colorbar(image, ax=below, label="dB of full scale")


def _summarize(sound: Sound) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is drawn of a sound, in one pass and in memory that does not grow with its length.

    Returns:
        The lowest and the highest sample of each column (n, c), and the spectrum of the frame that
        ends with it (n, c, f) in dB of full scale.
    """
    format = sound.format
    n_fft = 2 ** max(4, round(math.log2(WINDOW * format.sample_rate)))
    low, high, spectra = [], [], []
    frame = np.zeros((n_fft, min(format.n_channels, MAX_CHANNELS)))
    for block in sound.floats(math.ceil(format.n_samples / COLUMNS)):
        block = np.nan_to_num(block[:, :MAX_CHANNELS])
        low.append(block.min(0))
        high.append(block.max(0))
        frame = np.concatenate([frame, block])[-n_fft:]
        spectra.append(np.abs(frames(frame.T, n_fft, n_fft // 2)[..., 0]))  # (c, f)
    # A full-scale sine has half of the window's sum, which is n_fft / 2.
    level = 20 * np.log10(np.maximum(np.array(spectra) * 4 / n_fft, 1e-10))
    return np.array(low), np.array(high), level
