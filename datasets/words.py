"""Finds the spoken words in a recording by their energy, and brings one to the models' input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.ndimage
import scipy.signal
import torch
from torch import Tensor

from common.errors import InputError
from converters import Sound
from converters.mel64.converter import mono_samples
from converters.mel64.features import MEL64, fit_clip, to_picture
from converters.sound_files import read_sound

__all__ = ["Word", "extract_word", "find_words", "read_word"]

MAX_SECONDS = 600  # of a recording
MAX_WORD = 2.0  # s; the longest digit of FSDD that is not silence takes less

HIGH_PASS = 100.0  # Hz: below are mains hum, rumble and DC
FRAME, HOP = 0.025, 0.010  # s
FLOOR = 10  # percentile of the frames' energy that is taken for noise
STEADY = 6.0  # dB from the noise to the loudest, at least: less is no word
SHORT = 1.2  # s; in so short a recording there may be no noise alone, and the word sets the floor,
UNCERTAIN = 25.0  # dB under the loudest: then it is at most this
OVER_NOISE = 4.0  # dB over the noise at which a frame may belong to a word
UNDER_PEAK = 40.0  # dB under the loudest at which it may
SMOOTH = 0.05  # s, over which the level is averaged for that
CORE_OVER_NOISE = 8.0  # dB; a word has frames that are so loud,
CORE_UNDER_PEAK = 20.0  # dB,
CORE = 0.08  # s; for so long
CLICK = 0.09  # s; of what is shorter than half of it nothing remains
GAP = 0.14  # s, of smoothed frames: a pause of 0.19 s ends a word; stops, as in 'six', take 0.1
MARGIN = 0.03  # s, at both ends
SILENCE = -90.0  # dB of full scale: less than one step of 16 bits


def find_words(samples: np.ndarray, rate: int) -> list[tuple[int, int]]:
    """Where the words are: runs of frames louder than the noise, with pauses of 0.2 s or more.

    Independent of the level, of DC and of clicks. Clipped music or continuous speech is one long
    word, steady noise or a hum is none.

    Args:
        samples: (n,) in [-1, 1].
        rate: in Hz.

    Returns:
        (start, end) of each, in samples, in order.
    """
    level = _levels(np.asarray(samples, np.float64), rate)
    if not len(level):
        return []
    without_clicks = scipy.ndimage.median_filter(
        level, _frames(CLICK), mode="constant", cval=-np.inf
    )
    peak, noise = float(without_clicks.max()), float(np.percentile(level, FLOOR))
    if peak < max(SILENCE, noise + STEADY):
        return []
    if len(samples) < SHORT * rate:
        noise = min(noise, peak - UNCERTAIN)
    smooth = scipy.ndimage.uniform_filter1d(level, _frames(SMOOTH), mode="nearest")
    loud = smooth > max(noise + OVER_NOISE, peak - UNDER_PEAK)
    core = without_clicks > max(noise + CORE_OVER_NOISE, peak - CORE_UNDER_PEAK)
    words = []
    for first, last in _runs(loud, _frames(GAP)):
        if core[first:last].sum() >= _frames(CORE):
            start = int((first * HOP - MARGIN) * rate)
            end = int(((last - 1) * HOP + FRAME + MARGIN) * rate)
            words.append((max(start, 0), min(end, len(samples))))
    return words


@dataclass(frozen=True)
class Word:
    """One spoken word."""

    clip: Tensor
    """(8192,) float32 at 8 kHz, as training data are prepared (`fit_clip`)."""
    start: float
    """Where it was in the recording, in s."""
    seconds: float

    @property
    def picture(self) -> Tensor:
        """(64, 64) uint8: the log-mel picture by which the models see it."""
        return to_picture(self.clip)


def read_word(path: str | Path) -> Word:
    """The one word in a sound file of any format, rate, number of channels and length.

    Raises:
        ConverterError: not a sound file that can be read.
        InputError: there is no word in it, more than one, or one too long for a digit.
    """
    return extract_word(read_sound(Path(path)))


def extract_word(sound: Sound) -> Word:
    """As `read_word`, of a sound."""
    format, rate = sound.format, MEL64.sample_rate
    if format.n_samples > MAX_SECONDS * format.sample_rate:
        raise InputError(f"{sound.name}: longer than {MAX_SECONDS} s: give one spoken digit")
    samples = mono_samples(sound, rate)
    if samples.dtype.kind == "i":
        samples = samples / format.full_scale
    if not np.isfinite(samples).all():
        raise InputError(f"{sound.name}: holds samples that are not finite")
    words = find_words(samples, rate)
    if not words:
        raise InputError(f"{sound.name}: silence or steady noise, there is no word in it")
    if len(words) > 1:
        where = ", ".join(f"{start / rate:.1f}" for start, _ in words[:5])
        more = ", ..." if len(words) > 5 else ""
        raise InputError(
            f"{sound.name}: {len(words)} words with pauses between them (at {where}{more} s): "
            "give one digit in a file"
        )
    ((start, end),) = words
    if end - start > MAX_WORD * rate:
        raise InputError(
            f"{sound.name}: {(end - start) / rate:.1f} s without a pause, too long for one digit"
        )
    clip = fit_clip(torch.from_numpy(samples[start:end]))
    return Word(clip, start / rate, (end - start) / rate)


def _levels(samples: np.ndarray, rate: int) -> np.ndarray:
    """(n_frames,) power in dB of full scale, without what lies below 100 Hz."""
    size, hop = round(FRAME * rate), HOP * rate
    if len(samples) < size or rate < 4 * HIGH_PASS:
        return np.empty(0)
    sos = scipy.signal.butter(2, HIGH_PASS, "highpass", fs=rate, output="sos")
    # Its first state is that of the first sample for ever: a constant makes no step.
    state = scipy.signal.sosfilt_zi(sos) * samples[0]
    filtered, _ = scipy.signal.sosfilt(sos, samples, zi=state)
    energy = np.concatenate(([0.0], np.cumsum(filtered**2)))
    start = np.arange(int((len(samples) - size) / hop) + 1) * hop
    first = start.astype(np.int64)
    power = (energy[first + size] - energy[first]) / size
    return 10 * np.log10(np.maximum(power, 1e-20))


def _runs(mask: np.ndarray, gap: int) -> list[tuple[int, int]]:
    """Runs of true frames (first, last + 1); those with at most `gap` frames between are one."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    runs: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


def _frames(seconds: float) -> int:
    return round(seconds / HOP)
