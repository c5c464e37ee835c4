"""The framing of a sound that carries a picture: chirp, header, chirp, body, chirp.

A chirp rises in frequency and is found by its matched filter. The distance between two chirps gives
the sample clock: a sound that was resampled, or played on a drifting clock, merely has another
sample rate. Each byte of the header is two tones, one for each half byte, 16 orthogonal tones each.
Framing and header are the same for all options, within 400 to 3600 Hz, so that they can be read
without any.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import find_peaks, oaconvolve

from converters.header import ConverterError, Header, SoundFormat
from converters.media import Picture, Sound
from converters.symbols import mono, reblock

__all__ = [
    "RATES", "Framing", "add_framing", "check_rate", "find_framed_header", "find_framing",
    "pcm16_sound", "refine_timing", "require_framing",
]  # fmt: skip

RATES = (8000, 192000)  # Hz: hold all tones of the framing; bound the memory
SILENCE = 0.05  # s, before and after: codecs and players damage the ends
CHIRP = 0.1  # s
CHIRP_BAND = (400.0, 3600.0)  # Hz
SYMBOL = 0.01  # s, one byte of the header
# Multiples of 50 Hz: every tone begins and ends at zero. Spaced by 1 / SYMBOL: orthogonal.
TONES = 450.0 + 100.0 * np.arange(32)  # Hz: the high half of a byte, then the low half
MAX_BYTES = 500  # of a header
MAX_DRIFT = 1500e-6
MIN_CORRELATION = 0.5  # with a chirp, where 1 is a clean one; noise as loud as it leaves 0.7
SEARCH = 15.0  # s that are searched at once


@dataclass(frozen=True)
class Framing:
    """Where the body of a sound is."""

    chirp: float
    """Where the chirp before the body begins, in samples."""
    rate: float
    """Samples of the sound in a second of the encoder."""
    header: Header | None = None
    """None: it was there but cannot be read."""

    @property
    def start(self) -> float:
        """Of the body, in samples."""
        return self.chirp + CHIRP * self.rate


def add_framing(
    header: Header, body: Callable[[], Iterable[np.ndarray]], n_body: int, rate: int, level: float
) -> Sound:
    """A 16-bit sound of one channel: the body with its framing.

    Args:
        body: returns pieces (n,) of samples in [-1, 1], together n_body.
        rate: Hz.
        level: peak of the framing, at most 1.
    """
    data = np.frombuffer(header.to_bytes(), np.uint8)
    assert len(data) <= MAX_BYTES
    start = SILENCE + 2 * CHIRP + len(data) * SYMBOL  # s, of the body
    n_before = int(np.ceil(start * rate))
    n_samples = n_before + n_body + int(np.ceil((CHIRP + SILENCE) * rate))

    def pieces() -> Iterator[np.ndarray]:
        time = np.arange(n_before) / rate
        chirps = _chirp(time - SILENCE).real + _chirp(time - start + CHIRP).real
        yield level * (chirps + _modulate(data, time - SILENCE - CHIRP))
        yield from body()
        time = np.arange(n_before + n_body, n_samples) / rate
        yield level * _chirp(time - start - n_body / rate).real

    return pcm16_sound(header, pieces, n_samples, rate)


def pcm16_sound(
    header: Header, pieces: Callable[[], Iterable[np.ndarray]], n_samples: int, rate: int
) -> Sound:
    """A 16-bit sound of one channel from pieces (n,) of samples in [-1, 1], n_samples in all."""

    def blocks(n: int) -> Iterator[np.ndarray]:
        for block in reblock(pieces(), n):
            yield np.rint(block * 32767).astype(np.int16)[:, None]

    return Sound(SoundFormat(rate, 1, n_samples), blocks, header)


def find_framing(sound: Sound, everywhere: bool) -> Framing | None:
    """The first framing with a readable header; else the first that looks like one.

    Args:
        everywhere: search all of the sound; else only its first SEARCH seconds.
    """
    rate = sound.format.sample_rate
    if not RATES[0] <= rate <= RATES[1]:
        return None
    n_search = int(SEARCH * rate)
    # Samples of the longest header with its chirps: searched again with the next stretch.
    n_overlap = int((2 * CHIRP + MAX_BYTES * SYMBOL) * (1 + MAX_DRIFT) * rate)
    unreadable, first = None, 0
    samples = np.empty(0)
    for block in reblock(mono(sound), n_search - n_overlap):
        samples = np.concatenate([samples[-n_overlap:], block])
        for framing in _framings(samples, rate):
            framing = dataclasses.replace(framing, chirp=first + framing.chirp)
            if framing.header is not None:
                return framing
            unreadable = unreadable or framing
        first += len(samples) - min(n_overlap, len(samples))
        if not everywhere and first + n_overlap >= n_search:
            break
    return unreadable


def require_framing(sound: Sound, kind: str) -> Framing:
    """Raises ConverterError: there is no framing anywhere in the sound."""
    check_rate(sound)
    framing = find_framing(sound, everywhere=True)
    if framing is None:
        raise ConverterError(
            f"{sound.name}: no sync chirp of a {kind} sound was found: it was not made by {kind} "
            "or is too damaged; to make a picture of any sound use spectrogram or pack"
        )
    return framing


def find_framed_header(source: Picture | Sound, kind: str) -> Header | None:
    """The header in the first SEARCH seconds of a sound, if it is of that kind."""
    framing = find_framing(source, everywhere=False) if isinstance(source, Sound) else None
    header = framing.header if framing else None
    return header if header and header.kind == kind else None


def check_rate(sound: Sound, f_max: float = 0.0) -> None:
    """Raises ConverterError: the sound's rate is too low for tones up to f_max, or too high."""
    rate, min_rate = sound.format.sample_rate, max(RATES[0], int(np.ceil(2.05 * f_max)))
    if not min_rate <= rate <= RATES[1]:
        raise ConverterError(
            f"{sound.name}: has a sample rate of {rate} Hz, but its tones need {min_rate} to "
            f"{RATES[1]} Hz"
        )


def refine_timing(sound: Sound, framing: Framing, seconds: float) -> Framing:
    """The framing with the rate measured up to its last chirp; unchanged where there is none.

    Args:
        seconds: duration of the body.
    """
    # Located again at the measured rate: at another rate a chirp seems a little later or earlier.
    chirp = _locate(sound, framing.chirp, framing.rate)
    last = _locate(sound, framing.chirp + (CHIRP + seconds) * framing.rate, framing.rate)
    if chirp is None or last is None:
        return framing
    return dataclasses.replace(framing, chirp=chirp, rate=(last - chirp) / (CHIRP + seconds))


def _locate(sound: Sound, expected: float, rate: float) -> float | None:
    """Where the chirp begins that is expected somewhere, half a chirp sooner or later."""
    start = max(0, int(expected - CHIRP / 2 * rate))
    found = _find_chirps(_excerpt(sound, start, int(expected + 1.5 * CHIRP * rate)), rate)
    return start + float(found[0]) if len(found) else None


def _chirp(time: np.ndarray) -> np.ndarray:
    """Analytic signal; zero before 0 and after CHIRP seconds."""
    low, high = CHIRP_BAND
    inside = (time >= 0) & (time < CHIRP)
    turns = low * time + (high - low) / (2 * CHIRP) * time**2
    return inside * np.sin(np.pi * time / CHIRP) ** 2 * np.exp(2j * np.pi * turns)


def _modulate(data: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Bytes as tones from second 0 on; silence around them."""
    symbol = np.floor(time / SYMBOL).astype(int)
    inside = (symbol >= 0) & (symbol < len(data))
    value = data[np.clip(symbol, 0, len(data) - 1)]
    high, low = TONES[value >> 4], TONES[16 + (value & 15)]
    return inside * (np.sin(2 * np.pi * high * time) + np.sin(2 * np.pi * low * time)) / 2


def _demodulate(samples: np.ndarray, start: float, rate: float, n: int) -> bytes:
    """The n bytes whose tones begin at sample `start`."""
    length = int(SYMBOL * rate)
    starts = np.rint(start + SYMBOL * rate * np.arange(n)).astype(int)
    filters = np.exp(-2j * np.pi * TONES * np.arange(length)[:, None] / rate)
    power = np.abs(samples[starts[:, None] + np.arange(length)] @ filters)  # (n, 32)
    half = power.reshape(n, 2, 16).argmax(axis=2)
    return (half[:, 0] << 4 | half[:, 1]).astype(np.uint8).tobytes()


def _framings(samples: np.ndarray, rate: float) -> Iterator[Framing]:
    for one, two in pairwise(_find_chirps(samples, rate)):
        n = round(((two - one) / rate - CHIRP) / SYMBOL)
        true_rate = (two - one) / (CHIRP + n * SYMBOL)
        if 1 <= n <= MAX_BYTES and abs(true_rate / rate - 1) <= MAX_DRIFT:
            try:
                data = _demodulate(samples, one + CHIRP * true_rate, true_rate, n)
                yield Framing(two, true_rate, Header.from_bytes(data))
            except ConverterError:
                yield Framing(two, true_rate)


def _find_chirps(samples: np.ndarray, rate: float) -> np.ndarray:
    """Where chirps begin, in samples, to a fraction of one by a parabola through the peak."""
    chirp = _chirp(np.arange(round(CHIRP * rate)) / rate)
    if len(samples) < len(chirp) + 2:
        return np.empty(0)
    total = np.concatenate([[0.0], np.cumsum(samples**2)])
    energy = total[len(chirp) :] - total[: -len(chirp)]
    energy = np.maximum(energy, 1e-9 * total[-1] + 1e-300)  # silence correlates with nothing
    match = np.abs(oaconvolve(samples, chirp[::-1].conj(), "valid"))
    correlation = match / np.sqrt(energy * np.sum(np.abs(chirp) ** 2) / 2)
    peak = find_peaks(correlation, height=MIN_CORRELATION, distance=len(chirp))[0]
    left, top, right = match[peak - 1], match[peak], match[peak + 1]
    return peak + (left - right) / (2 * (left - 2 * top + right))


def _excerpt(sound: Sound, start: int, stop: int) -> np.ndarray:
    """Samples from start (0 or more) to stop, as far as there are any."""
    parts, first = [np.empty(0)], 0
    for block in mono(sound):
        if first + len(block) > start:  # an empty part would still hold all of its block
            parts.append(block[max(0, start - first) : stop - first])
        first += len(block)
        if first >= stop:
            break
    return np.concatenate(parts)
