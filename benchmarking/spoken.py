"""Ten recordings that are in no data set, through draw.py: which digits the models read right.

python -m benchmarking.spoken --checkpoint RUN [RUN ...]

espeak-ng says the digits, in voices and at rates that no training data have; the files differ in
format, rate, channels, level, noise and the silence around the word.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from common.command_line import parse
from common.errors import InputError, command
from common.files import ROOT, read_rows
from common.markdown import table
from common.processes import run_script
from datasets.offline import synthesize

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RATE = 22050  # Hz, of espeak-ng


@dataclass(frozen=True)
class Options:
    """Speaks ten digits with espeak-ng, draws them with draw.py, and counts what was read right."""

    checkpoint: tuple[Path, ...]
    """Runs' folders or checkpoints."""
    out: Path = ROOT / "results" / "drawings" / "spoken"
    """A new folder for the recordings and what is made of them."""
    draws: int = 8
    """Images that each model draws for each recording."""


@dataclass(frozen=True)
class Recording:
    """How a digit is spoken and recorded."""

    voice: str
    words_per_minute: int
    suffix: str
    rate: int  # Hz
    note: str
    subtype: str | None = None
    n_channels: int = 1
    silence: float = 0.0  # s, on both sides
    gain: float = 1.0
    noise: float | None = None  # dB under the word
    dc: float = 0.0
    click: float = 0.0

    def samples(self, speech: np.ndarray) -> np.ndarray:
        """(n, n_channels) in [-1, 1]."""
        sound = soxr.resample(speech / 32768, RATE, self.rate)
        margin = round(self.silence * self.rate)
        padded = np.pad(sound, margin)
        if self.noise is not None:
            level = sound.std() * 10 ** (-self.noise / 20)
            padded = padded + np.random.default_rng(0).normal(0, level, len(padded))
        padded[margin // 2 : margin // 2 + 20] += self.click
        return np.repeat(np.clip(self.gain * padded + self.dc, -1, 1)[:, None], self.n_channels, 1)


RECORDINGS = (
    Recording("en-us+f2", 120, "wav", RATE, "slow, trimmed"),
    Recording("en-gb-scotland+m6", 190, "flac", 44100, "fast", silence=0.5),
    Recording("en-029+max", 150, "mp3", 44100, "MP3", silence=0.5),
    Recording("en-gb-x-rp+zac", 140, "ogg", 32000, "OGG", silence=1.0),
    Recording("en+victor", 170, "wav", 48000, "stereo, 3 s of silence around",
              n_channels=2, silence=3.0),
    Recording("en-us-nyc+quincy", 150, "wav", 8000, "8 kHz, 8 bits", "PCM_U8", silence=0.5),
    Recording("en-us+paul", 130, "wav", 16000, "very quiet (1 %)", silence=0.5, gain=0.01),
    Recording("en-gb-x-gbcwmd+miguel", 160, "wav", RATE, "noise at 20 dB", silence=1.0, noise=20),
    Recording("en+f5", 180, "wav", 44100, "DC and a click", silence=1.0, dc=0.1, click=0.5),
    Recording("en-us+benjamin", 110, "aiff", 96000, "AIFF, 24 bits, 96 kHz", "PCM_24", silence=2.0),
)  # fmt: skip


def record(folder: Path) -> Iterator[Path]:
    """Makes the ten files."""
    lines = [
        (each.voice, word, each.words_per_minute, 50, 50)
        for word, each in zip(WORDS, RECORDINGS, strict=True)
    ]
    folder.mkdir(parents=True)
    for word, each, speech in zip(WORDS, RECORDINGS, synthesize(lines), strict=True):
        path = folder / f"{word}.{each.suffix}"
        soundfile.write(path, each.samples(speech), each.rate, each.subtype)
        yield path


@command
def main() -> None:
    options = parse(Options, None, sys.argv[1:], "python -m benchmarking.spoken")
    if options.out.exists():
        raise InputError(f"{options.out} exists: give another --out")
    files = [str(path) for path in record(options.out / "recordings")]
    given = ["--checkpoint", *map(str, options.checkpoint), "-n", str(options.draws)]
    run_script("draw.py", [*given, "--device", "cpu", "--out", str(options.out), *files])
    rows = read_rows(options.out / "readings.csv")
    read = {(Path(row["sound"]).stem, row["model"]): row for row in rows}
    models = list(dict.fromkeys(row["model"] for row in rows))
    right = dict.fromkeys(models, 0)
    lines = []
    for digit, (word, each) in enumerate(zip(WORDS, RECORDINGS, strict=True)):
        cells = []
        for model in models:
            row = read.get((word, model))
            right[model] += row is not None and row["digit"] == str(digit)
            share = f"{row['digit']} ({float(row['share']):.0%})" if row else "not drawn"
            cells.append(share)
        what = f"{each.suffix}, {each.note}"
        lines.append([word, each.voice, str(each.words_per_minute), what, *cells])
    print(table(["said", "voice", "words/min", "file", *models], lines))
    for model in models:
        print(f"{model}: {right[model]} of {len(RECORDINGS)} read right")


if __name__ == "__main__":
    main()
