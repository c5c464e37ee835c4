"""The frame of a sound that carries a picture: mark, header, mark, body, mark.

A mark is a rising chirp, found by its matched filter. The distance of two marks gives the clock:
a sound that was resampled, or played on a clock that is off, has just another sample rate. The
header goes as bytes of two tones, one for each half, 16 orthogonal tones each. Frame and header
are the same whatever the options, within 400 to 3600 Hz, so that they can be read without any.
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
from converters.symbols import mono, reblocked

__all__ = [
    "RATES", "Frame", "check_rate", "find_frame", "frame_of", "framed", "header_in", "settled",
]  # fmt: skip

RATES = (8000, 192000)  # Hz: hold all tones of the frame; bound the memory
SILENCE = 0.05  # s, before and after: codecs and players spoil the ends
MARK = 0.1  # s
MARK_BAND = (400.0, 3600.0)  # Hz
SYMBOL = 0.01  # s, one byte of the header
# Halves of 50 Hz: every tone begins and ends at zero. Spaced by 1 / SYMBOL: orthogonal.
TONES = 450.0 + 100.0 * np.arange(32)  # Hz: the high half of a byte, then the low half
MAX_BYTES = 500  # of a header
MAX_DRIFT = 1500e-6
LEAST_LIKENESS = 0.5  # of a mark, where 1 is a clean one; noise as loud as it leaves 0.7
LOOK = 15.0  # s that are searched at once


@dataclass(frozen=True)
class Frame:
    """Where the body of a sound is."""

    mark: float
    """Where the mark before the body begins, in samples."""
    rate: float
    """Samples of the sound in a second of the encoder."""
    header: Header | None = None
    """None: it was there but cannot be read."""

    @property
    def start(self) -> float:
        """Of the body, in samples."""
        return self.mark + MARK * self.rate


def framed(
    header: Header, body: Callable[[], Iterable[np.ndarray]], n_body: int, rate: int, level: float
) -> Sound:
    """A 16-bit sound of one channel: the body in its frame.

    Args:
        body: gives pieces of samples in [-1, 1], together n_body.
        level: of the frame, at most 1.
    """
    data = np.frombuffer(header.to_bytes(), np.uint8)
    assert len(data) <= MAX_BYTES
    start = SILENCE + 2 * MARK + len(data) * SYMBOL  # s, of the body
    n_before = int(np.ceil(start * rate))
    n_samples = n_before + n_body + int(np.ceil((MARK + SILENCE) * rate))

    def pieces() -> Iterator[np.ndarray]:
        time = np.arange(n_before) / rate
        opening = _mark(time - SILENCE).real + _mark(time - start + MARK).real
        yield level * (opening + _written(data, time - SILENCE - MARK))
        yield from body()
        time = np.arange(n_before + n_body, n_samples) / rate
        yield level * _mark(time - start - n_body / rate).real

    def blocks(n: int) -> Iterator[np.ndarray]:
        for block in reblocked(pieces(), n):
            yield np.rint(block * 32767).astype(np.int16)[:, None]

    return Sound(SoundFormat(rate, 1, n_samples), blocks, header)


def find_frame(sound: Sound, everywhere: bool) -> Frame | None:
    """The first frame with a header that can be read; else the first that looks like one.

    Args:
        everywhere: search all of the sound; else only its first LOOK seconds.
    """
    rate = sound.format.sample_rate
    if not RATES[0] <= rate <= RATES[1]:
        return None
    n_look = int(LOOK * rate)
    n_kept = int((2 * MARK + MAX_BYTES * SYMBOL) * (1 + MAX_DRIFT) * rate)  # any opening, whole
    unread, first = None, 0
    samples = np.empty(0)
    for block in reblocked(mono(sound), n_look - n_kept):
        samples = np.concatenate([samples[-n_kept:], block])
        for frame in _frames(samples, rate):
            frame = dataclasses.replace(frame, mark=first + frame.mark)
            if frame.header is not None:
                return frame
            unread = unread or frame
        first += len(samples) - min(n_kept, len(samples))
        if not everywhere and first + n_kept >= n_look:
            break
    return unread


def frame_of(sound: Sound, kind: str) -> Frame:
    """Raises ConverterError: there is no frame anywhere in the sound."""
    check_rate(sound)
    frame = find_frame(sound, everywhere=True)
    if frame is None:
        raise ConverterError(
            f"{sound.name}: no mark of a {kind} sound is in it: {kind} did not make it, or "
            "it is too damaged; for a picture of any sound take spectrogram or pack"
        )
    return frame


def header_in(source: Picture | Sound, kind: str) -> Header | None:
    """The header in the first LOOK seconds of a sound, if it is of that kind."""
    frame = find_frame(source, everywhere=False) if isinstance(source, Sound) else None
    header = frame.header if frame else None
    return header if header and header.kind == kind else None


def check_rate(sound: Sound, f_max: float = 0.0) -> None:
    """Raises ConverterError: the sound's rate is too low for tones up to f_max, or too high."""
    rate, least = sound.format.sample_rate, max(RATES[0], int(np.ceil(2.05 * f_max)))
    if not least <= rate <= RATES[1]:
        raise ConverterError(
            f"{sound.name}: has {rate} samples a second, but its tones need {least} to {RATES[1]}"
        )


def settled(sound: Sound, frame: Frame, seconds: float) -> Frame:
    """The frame with the rate that its last mark tells; as it was where there is none.

    Args:
        seconds: what the body takes.
    """
    # Anew with the known rate: of another rate, a chirp seems to come a little later or earlier.
    mark = _near(sound, frame.mark, frame.rate)
    last = _near(sound, frame.mark + (MARK + seconds) * frame.rate, frame.rate)
    if mark is None or last is None:
        return frame
    return dataclasses.replace(frame, mark=mark, rate=(last - mark) / (MARK + seconds))


def _near(sound: Sound, place: float, rate: float) -> float | None:
    """Where the mark begins that is expected at a place, half a mark sooner or later."""
    start = max(0, int(place - MARK / 2 * rate))
    places = _marks(_stretch(sound, start, int(place + 1.5 * MARK * rate)), rate)
    return start + float(places[0]) if len(places) else None


def _mark(time: np.ndarray) -> np.ndarray:
    """Analytic; zero before 0 and after MARK seconds."""
    low, high = MARK_BAND
    inside = (time >= 0) & (time < MARK)
    turns = low * time + (high - low) / (2 * MARK) * time**2
    return inside * np.sin(np.pi * time / MARK) ** 2 * np.exp(2j * np.pi * turns)


def _written(data: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Bytes as tones from second 0 on; silence around them."""
    symbol = np.floor(time / SYMBOL).astype(int)
    inside = (symbol >= 0) & (symbol < len(data))
    value = data[np.clip(symbol, 0, len(data) - 1)]
    high, low = TONES[value >> 4], TONES[16 + (value & 15)]
    return inside * (np.sin(2 * np.pi * high * time) + np.sin(2 * np.pi * low * time)) / 2


def _read(samples: np.ndarray, start: float, rate: float, n: int) -> bytes:
    """The n bytes whose tones begin at sample `start`."""
    length = int(SYMBOL * rate)
    starts = np.rint(start + SYMBOL * rate * np.arange(n)).astype(int)
    filters = np.exp(-2j * np.pi * TONES * np.arange(length)[:, None] / rate)
    power = np.abs(samples[starts[:, None] + np.arange(length)] @ filters)  # (n, 32)
    half = power.reshape(n, 2, 16).argmax(axis=2)
    return (half[:, 0] << 4 | half[:, 1]).astype(np.uint8).tobytes()


def _frames(samples: np.ndarray, rate: float) -> Iterator[Frame]:
    places = _marks(samples, rate)
    for one, two in pairwise(places):
        n = round(((two - one) / rate - MARK) / SYMBOL)
        true_rate = (two - one) / (MARK + n * SYMBOL)
        if 1 <= n <= MAX_BYTES and abs(true_rate / rate - 1) <= MAX_DRIFT:
            try:
                data = _read(samples, one + MARK * true_rate, true_rate, n)
                yield Frame(two, true_rate, Header.from_bytes(data))
            except ConverterError:
                yield Frame(two, true_rate)


def _marks(samples: np.ndarray, rate: float) -> np.ndarray:
    """Where marks begin, in samples, between samples by a parabola through the peak."""
    mark = _mark(np.arange(round(MARK * rate)) / rate)
    if len(samples) < len(mark) + 2:
        return np.empty(0)
    energy = np.concatenate([[0.0], np.cumsum(samples**2)])
    near = energy[len(mark) :] - energy[: -len(mark)]
    near = np.maximum(near, 1e-9 * energy[-1] + 1e-300)  # silence is like nothing
    match = np.abs(oaconvolve(samples, mark[::-1].conj(), "valid"))
    likeness = match / np.sqrt(near * np.sum(np.abs(mark) ** 2) / 2)
    peak = find_peaks(likeness, height=LEAST_LIKENESS, distance=len(mark))[0]
    left, top, right = match[peak - 1], match[peak], match[peak + 1]
    return peak + (left - right) / (2 * (left - 2 * top + right))


def _stretch(sound: Sound, start: int, stop: int) -> np.ndarray:
    """Samples from start (0 or more) to stop, as far as there are any."""
    parts, first = [np.empty(0)], 0
    for block in mono(sound):
        if first + len(block) > start:  # an empty part would still hold all of its block
            parts.append(block[max(0, start - first) : stop - first])
        first += len(block)
        if first >= stop:
            break
    return np.concatenate(parts)
