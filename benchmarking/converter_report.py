"""Rows of round trips -> results/converters.md and its charts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarking.channels import PICTURE_CHANNELS, SOUND_CHANNELS
from benchmarking.round_trips import NO_CHANNEL, Row
from common import files, markdown
from common.errors import InputError
from common.files import write_atomically
from common.plots import png

__all__ = ["FIGURES", "ROWS", "TABLE", "read_rows", "write"]

ROWS, TABLE, FIGURES = "converters.csv", "converters.md", "figures"

# Of the systems that this project replaces, measured before it began.
SOURCE_SYSTEMS = Path(__file__).parent / "source_systems.csv"
FORMAT = "synesthesia-converters-2"  # in every row
KEY = ("kind", "preset", "signal", "channel")
TEXTS = (*KEY, "format", "code", "header", "warned", "refused")
TRUTH_VALUES = ("exact", "same_format")


def write(out: Path) -> None:
    """The table and the charts, from the rows in `out`.

    Raises:
        InputError: there are no rows, or they are of an older format.
    """
    rows = read_rows(out)
    write_atomically(out / FIGURES / "converters-sound.png", png(_sound_chart(rows)))
    write_atomically(out / FIGURES / "converters-channels.png", png(_channel_chart(rows)))
    write_atomically(out / TABLE, _markdown(rows).encode())


def read_rows(out: Path) -> list[Row]:
    """The rows of `round_trips` as they were before they were written; empty cells are left out.

    Raises:
        InputError: there are none, or they are of an older format.
    """
    path = out / ROWS
    texts = files.read_rows(path)
    if not texts:
        raise InputError(f"no rows in {path}: run `python benchmark.py converters` first")
    if any(row.get("format") != FORMAT for row in texts):
        raise InputError(
            f"{path} has rows of another format than {FORMAT}: "
            "run `python benchmark.py converters` again"
        )
    return [
        {name: _value(name, text) for name, text in row.items() if text or name in KEY}
        for row in texts
    ]


def _value(name: str, text: str) -> Any:
    if name in TEXTS:
        return text
    return text == "True" if name in TRUTH_VALUES else float(text)


def _markdown(rows: Sequence[Row]) -> str:
    plain = [row for row in rows if row["channel"] == NO_CHANNEL]
    hours = [row for row in plain if row["signal"].startswith("an hour")]
    sounds = [row for row in plain if "bits_per_sample" in row and row not in hours]
    pictures = [row for row in plain if "exact_pixels" in row]
    phaseless = {_name(row) for row in sounds if row.get("snr_db", 0) < 10}
    refused = [row for row in plain if "refused" in row]
    foreign = [row for row in plain if row["kind"] == "foreign"]
    codes = sorted({row["code"] for row in rows if "code" in row})
    parts = [
        "<!-- Made by `python benchmark.py converters`. Do not edit. -->\n# Converters\n",
        f"Commit `{', '.join(codes)}`. Every file is written, read back and decoded by its own "
        f"header. Rows: [{ROWS}]({ROWS}).\n",
        "## Sound -> picture -> sound\n",
        _table(sounds, SOUND_COLUMNS),
        "\n*SNR*: of the samples. *SC*: spectral convergence, the error of magnitudes alone, in "
        "the transform that the picture shows. *LSD*: log-spectral distance. *bits*: of the PNG "
        "files, a sample. *x real time*: seconds of sound in a second. *memory*: growth of the "
        "process over all test signals.\n",
        f"![Quality against size]({FIGURES}/converters-sound.png)\n",
        "## Picture -> sound -> picture\n",
        _table(pictures, PICTURE_COLUMNS),
        "\n## Robustness to channels: pictures as sounds\n",
        "Exact pixels of a gray 100 x 100 photograph in %.\n",
        _channels(rows, SOUND_CHANNELS, _pixels),
        f"\n![Exact pixels by channel]({FIGURES}/converters-channels.png)\n",
        "## Robustness to channels: sounds as pictures\n",
        "SNR of speech in dB (SC where a converter does not keep the phase). *warned*: the "
        "decoder warned. *refused*: it gave an error and no sound.\n",
        _channels(rows, PICTURE_CHANNELS, lambda row: _decibels(row, _name(row) in phaseless)),
    ]
    if hours:
        parts += ["\n## An hour of 48 kHz stereo\n", _table(hours, HOUR_COLUMNS)]
    if foreign:
        parts += [
            "\n## Spectrograms of other programs\n",
            "Five seconds, drawn by the published definitions, decoded; the level is fitted, as "
            "the pictures do not hold it. Riffusion's end at 10 kHz; autotel's clip what is raised "
            "above white, and hold little of the first and last 700 samples.\n",
            _table(foreign, FOREIGN_COLUMNS),
        ]
    if refused:
        parts += ["\n## Refused without a channel\n"]
        parts += [f"- {_name(row)}, {row['signal']}: {row['refused']}" for row in refused]
    before = files.read_rows(SOURCE_SYSTEMS)
    parts += ["\n## The systems before\n\nOn other speech and music.\n"]
    parts += [markdown.table(list(before[0]), [list(row.values()) for row in before]), ""]
    return "\n".join(parts)


Column = tuple[str, Callable[[Row], str]]


def _name(row: Row) -> str:
    return f"{row['kind']} {row['preset']}"


def _number(key: str, form: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        value = row.get(key)
        if value is None:
            return ""
        return ("exact" if value > 0 else "-inf") if math.isinf(value) else form.format(value)

    return cell


def _share(row: Row) -> str:
    return f"{row['exact_pixels']:.2%}".rstrip("%").rstrip("0").rstrip(".")


SOUND_COLUMNS: list[Column] = [
    ("converter", _name),
    ("sound", lambda row: row["signal"]),
    ("samples", lambda row: "exact" if row["exact"] else "close"),
    ("SNR dB", _number("snr_db", "{:.1f}")),
    ("SC dB", _number("spectral_convergence_db", "{:.1f}")),
    ("LSD dB", _number("log_spectral_distance_db", "{:.2f}")),
    ("bits", _number("bits_per_sample", "{:.1f}")),
    ("s / megapixel", _number("seconds_per_megapixel", "{:.1f}")),
    ("encode x real time", _number("encode_x_real_time", "{:,.0f}")),
    ("decode x real time", _number("decode_x_real_time", "{:,.0f}")),
    ("memory MiB", _number("memory_mib", "{:,.0f}")),
]
PICTURE_COLUMNS: list[Column] = [
    ("converter", _name),
    ("picture", lambda row: row["signal"]),
    ("exact pixels %", _share),
    ("PSNR dB", _number("psnr_db", "{:.1f}")),
    ("SSIM", _number("ssim", "{:.3f}")),
    ("seconds of sound", _number("seconds", "{:.1f}")),
    ("encode s", _number("encode_seconds", "{:.2f}")),
    ("decode s", _number("decode_seconds", "{:.2f}")),
    ("memory MiB", _number("memory_mib", "{:,.0f}")),
]
FOREIGN_COLUMNS: list[Column] = [
    ("program", lambda row: row["preset"]),
    ("sound", lambda row: row["signal"]),
    ("SC dB", _number("spectral_convergence_db", "{:.1f}")),
    ("SNR dB", _number("snr_db", "{:.1f}")),
    ("decode x real time", _number("decode_x_real_time", "{:,.1f}")),
]
HOUR_COLUMNS: list[Column] = [
    ("converter", _name),
    ("samples", lambda row: "exact" if row["exact"] else "close"),
    ("SNR dB", _number("snr_db", "{:.1f}")),
    ("bits", _number("bits_per_sample", "{:.1f}")),
    ("encode x real time", _number("encode_x_real_time", "{:,.1f}")),
    ("decode x real time", _number("decode_x_real_time", "{:,.1f}")),
    ("process MiB", _number("process_memory_mib", "{:,.0f}")),
]


def _table(rows: Iterable[Row], columns: Sequence[Column]) -> str:
    lines = [[cell(row) for _, cell in columns] for row in rows]
    return markdown.table([title for title, _ in columns], lines)


def _channels(rows: Sequence[Row], channels: Iterable[str], cell: Callable[[Row], str]) -> str:
    names = list(channels)
    received: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["channel"] in names:
            received.setdefault(_name(row), {})[row["channel"]] = row
    lines = [[name, *(cell(row[c]) for c in names)] for name, row in received.items()]
    return markdown.table(["converter", *names], lines)


def _pixels(row: Row) -> str:
    if "refused" in row:
        return "refused"
    return _share(row) if "exact_pixels" in row else "another size"


def _decibels(row: Row, phaseless: bool) -> str:
    if "refused" in row:
        return "refused"
    if "snr_db" not in row:
        return "another length"
    warned = ", warned" if row.get("warned") else ""
    if phaseless:
        return f"SC {row['spectral_convergence_db']:.1f}{warned}"
    return ("exact" if row["exact"] else f"{row['snr_db']:.1f}") + warned


def _sound_chart(rows: Sequence[Row]) -> Figure:
    """What a bit buys: spectral convergence and SNR against bits per sample, for each sound."""
    figure = Figure(figsize=(11, 4.5), dpi=100, layout="constrained")
    axes: Any = figure.subplots(1, 2)
    needed = {"bits_per_sample", "snr_db", "spectral_convergence_db"}
    plain = [row for row in rows if row["channel"] == NO_CHANNEL and needed <= row.keys()]
    names = list(dict.fromkeys(map(_name, plain)))
    best = 120.0  # where exact stands
    for axis, key, label in (
        (axes[0], "snr_db", "SNR / dB"),
        (axes[1], "spectral_convergence_db", "spectral convergence / dB"),
    ):
        sign = 1 if key == "snr_db" else -1
        for i, name in enumerate(names):
            points = [
                (row["bits_per_sample"], sign * min(sign * row[key], best))
                for row in plain
                if _name(row) == name
            ]
            axis.plot(
                *zip(*points, strict=True), "osD^v<>pPX*hd"[i % 13], color=f"C{i % 10}", label=name
            )
        axis.set(xlabel="bits per sample", ylabel=label)
        axis.axhline(sign * best, color="0.7", zorder=0)
        axis.annotate(
            "exact",
            (0.02, sign * best),
            (0, -12),
            color="0.4",
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
        )
        axis.grid(alpha=0.3)
    axes[1].invert_yaxis()
    axes[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    return figure


def _channel_chart(rows: Sequence[Row]) -> Figure:
    """Share of exact pixels: a row for each converter, a column for each channel."""
    found = {(_name(r), r["channel"]): r for r in rows if r["channel"] in SOUND_CHANNELS}
    names, channels = list(dict.fromkeys(n for n, _ in found)), list(SOUND_CHANNELS)
    figure = Figure(
        figsize=(1.0 * len(channels) + 2, 0.5 * len(names) + 2), dpi=100, layout="constrained"
    )
    axis = figure.subplots()
    shares = [[found[n, c].get("exact_pixels", 0.0) for c in channels] for n in names]
    image = axis.imshow(shares, vmin=0, vmax=1, cmap="cividis", aspect="auto")
    axis.set_xticks(range(len(channels)), channels, rotation=40, ha="right")
    axis.set_yticks(range(len(names)), names)
    for y, name in enumerate(names):
        for x, channel in enumerate(channels):
            row = found[name, channel]
            text = "refused" if "refused" in row else _pixels(row)
            color = "black" if shares[y][x] > 0.5 else "white"
            axis.text(x, y, text, ha="center", va="center", fontsize=8, color=color)
    figure.colorbar(image, label="exact pixels", fraction=0.03)
    return figure
