"""Rows of round trips -> results/converters.md, its CSV and its charts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarking.channels import PICTURE_CHANNELS, SOUND_CHANNELS
from benchmarking.round_trips import AS_IT_IS, Row
from common.files import write_atomically, write_rows
from common.plots import png
from training.run import code_version

__all__ = ["TABLE", "write"]

ROWS, TABLE, FIGURES = "converters.csv", "converters.md", "figures"

# Measured on the five systems that this project replaces, by running them, before it began.
SOURCE_SYSTEMS = {
    "tone converter": "as published it gives back a black image (PSNR 5.4 dB); mended, 46 % of the "
    "pixels are exact; 220 s to encode 10,000 pixels; 100 x 100 grey alone",
    "WAV bytes in RGB images": "lossless for 48 kHz 16-bit stereo without trailing silence alone; "
    "about 1 s for an image",
    "spectrogram converter": "log + phase: SNR 13.9 dB (speech), 21.7 dB (music); linear + phase: "
    "52.5 and 23.9 dB; without phase: spectral convergence -14 to -19 dB; a JPEG of a picture with "
    "phase: 0.05 dB; stereo is averaged",
}


def write(rows: Sequence[Row], out: Path) -> None:
    """Everything from the rows of `round_trips`."""
    write_rows(out / ROWS, rows)
    write_atomically(out / FIGURES / "converters-sound.png", png(_sound_chart(rows)))
    write_atomically(out / FIGURES / "converters-channels.png", png(_channel_chart(rows)))
    write_atomically(out / TABLE, _markdown(rows).encode())


def _markdown(rows: Sequence[Row]) -> str:
    plain = [row for row in rows if row["channel"] == AS_IT_IS]
    hours = [row for row in plain if row["material"].startswith("an hour")]
    sounds = [row for row in plain if "bits_per_sample" in row and row not in hours]
    pictures = [row for row in plain if "exact_pixels" in row]
    phaseless = {_name(row) for row in sounds if row.get("snr_db", 0) < 10}
    refused = [row for row in plain if "refused" in row]
    parts = [
        "<!-- Made by `python benchmark.py --converters`. Do not edit. -->\n# Converters\n",
        f"Commit `{code_version()}`. Every file is written, read back and decoded by what it says "
        f"of itself. Rows: [{ROWS}]({ROWS}).\n",
        "## Sound -> picture -> sound\n",
        _table(sounds, SOUND_COLUMNS),
        "\n*SNR*: of the samples. *SC*: spectral convergence, the error of magnitudes alone, in "
        "the transform that the picture shows. *LSD*: log-spectral distance. *bits*: of the PNG "
        "files, a sample. *x real time*: seconds of sound in a second. *memory*: what the process "
        "grew by over all materials.\n",
        f"![Quality against size]({FIGURES}/converters-sound.png)\n",
        "## Picture -> sound -> picture\n",
        _table(pictures, PICTURE_COLUMNS),
        "\n## Through the world: pictures that became sounds\n",
        "Exact pixels of a grey 100 x 100 photograph in %.\n",
        _channels(rows, SOUND_CHANNELS, _pixels),
        f"\n![Exact pixels by channel]({FIGURES}/converters-channels.png)\n",
        "## Through the world: sounds that became pictures\n",
        "SNR of speech in dB (SC where a converter does not keep the phase). *told*: the decoder "
        "warned. *refused*: it said why and gave nothing.\n",
        _channels(rows, PICTURE_CHANNELS, lambda row: _decibels(row, _name(row) in phaseless)),
    ]
    if hours:
        parts += ["\n## An hour of 48 kHz stereo\n", _table(hours, HOUR_COLUMNS)]
    if refused:
        parts += ["\n## Refused as they are\n"]
        parts += [f"- {_name(row)}, {row['material']}: {row['refused']}" for row in refused]
    before = [f"- {system}: {found}." for system, found in SOURCE_SYSTEMS.items()]
    title = "\n## The systems before\n\nOn other speech and music.\n"
    return "\n".join([*parts, title, *before, ""])


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
    ("sound", lambda row: row["material"]),
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
    ("picture", lambda row: row["material"]),
    ("exact pixels %", _share),
    ("PSNR dB", _number("psnr_db", "{:.1f}")),
    ("SSIM", _number("ssim", "{:.3f}")),
    ("seconds of sound", _number("seconds", "{:.1f}")),
    ("encode s", _number("encode_seconds", "{:.2f}")),
    ("decode s", _number("decode_seconds", "{:.2f}")),
    ("memory MiB", _number("memory_mib", "{:,.0f}")),
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
    lines = [[title for title, _ in columns], ["---"] * len(columns)]
    lines += [[cell(row) for _, cell in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _channels(rows: Sequence[Row], channels: Iterable[str], cell: Callable[[Row], str]) -> str:
    names = list(channels)
    travelled: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["channel"] in names:
            travelled.setdefault(_name(row), {})[row["channel"]] = row
    lines = [["converter", *names], ["---"] * (len(names) + 1)]
    lines += [[name, *(cell(row[c]) for c in names)] for name, row in travelled.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _pixels(row: Row) -> str:
    if "refused" in row:
        return "refused"
    return _share(row) if "exact_pixels" in row else "another size"


def _decibels(row: Row, phaseless: bool) -> str:
    if "refused" in row:
        return "refused"
    if "snr_db" not in row:
        return "another length"
    said = ", told" if row.get("warned") else ""
    if phaseless:
        return f"SC {row['spectral_convergence_db']:.1f}{said}"
    return ("exact" if row["exact"] else f"{row['snr_db']:.1f}") + said


def _sound_chart(rows: Sequence[Row]) -> Figure:
    """What a bit buys: spectral convergence and SNR against bits per sample, for each sound."""
    figure = Figure(figsize=(11, 4.5), dpi=100, layout="constrained")
    axes: Any = figure.subplots(1, 2)
    plain = [r for r in rows if r["channel"] == AS_IT_IS and "spectral_convergence_db" in r]
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
        axis.annotate("exact", (0.02, sign * best), (0, -12), color="0.4",
                      xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
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
            axis.text(
                x, y, text, ha="center", va="center", fontsize=8,
                color="black" if shares[y][x] > 0.5 else "white",
            )  # fmt: skip
    figure.colorbar(image, label="exact pixels", fraction=0.03)
    return figure
