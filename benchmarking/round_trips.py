"""Round trips of test signals through converters, files and channels: loss and cost.

Nothing is trained here: the speech is of training recordings, the pictures are of no data set.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import re
import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarking.channels import PICTURE_CHANNELS, SOUND_CHANNELS, transmit
from benchmarking.foreign_pictures import FOREIGN_PICTURES
from converters import (
    Converter,
    ConverterError,
    ConverterWarning,
    Picture,
    Sound,
    converter_of,
    find_header,
    presets,
)
from converters.foreign import Foreign
from converters.header import SoundFormat
from converters.media import BLOCK
from converters.picture_files import read_picture, write_picture
from converters.sound_files import read_sound, write_sound
from metrics.signal import (
    fitted_level,
    log_spectral_distance,
    psnr,
    snr,
    spectral_convergence,
    ssim,
)

__all__ = ["NO_CHANNEL", "Row", "measure", "measure_all", "n_measured"]

Row = dict[str, Any]
Trip = Callable[[str], Row]  # of a channel
CHANNEL_TEST_SET = ("speech", "photo 100x100")  # of the test signals
NO_CHANNEL = ""
LONG = (("pack", "rgb"), ("spectrogram", "colour"))


def measure_all(folder: Path, on_progress: Callable[[str], object]) -> list[Row]:
    """Every preset of every converter, and what an hour takes, each in a process of its own.

    Args:
        folder: as `measure` takes it.
        on_progress: called `n_measured()` times, with the name of the process that starts.
    """
    rows = []
    spawning = multiprocessing.get_context("spawn")  # a forked one has this one's memory
    with ProcessPoolExecutor(1, spawning, max_tasks_per_child=1) as processes:
        for kind, named in presets().items():
            for preset in named:
                on_progress(f"{kind} {preset}")
                rows += processes.submit(measure, kind, preset, folder).result()
        for kind, preset in LONG:
            on_progress(f"{kind} {preset}, an hour")
            rows.append(processes.submit(measure_hour, kind, preset, folder / "music.wav").result())
    return rows


def n_measured() -> int:
    """The number of processes of `measure_all`."""
    return sum(map(len, presets().values())) + len(LONG)


def measure(kind: str, preset: str, folder: Path) -> list[Row]:
    """Every row of one converter: all test signals, then the channel test set in each channel.

    What a converter refuses is a row too, with the reason in `refused`. The memory in the rows is
    that of this converter alone only in a new process.

    Args:
        folder: of WAV and PNG files, as `signals.write` makes them.
    """
    converter, before = presets()[kind][preset], _memory()
    if isinstance(converter, Foreign):
        return [{"kind": kind, "preset": preset} | row for row in _foreign_rows(converter, folder)]
    trips = [*_trips(converter, folder)]
    # Loading and compiling at first use are no part of any time.
    _run_recording_warnings(trips[0][1], NO_CHANNEL)
    rows = [
        {"signal": path.stem, "channel": NO_CHANNEL} | _run_recording_warnings(trip, NO_CHANNEL)
        for path, trip, _ in trips
    ]
    memory = {"memory_mib": _memory() - before}
    for path, trip, channels in trips:
        if path.stem in CHANNEL_TEST_SET:
            rows += [
                {"signal": path.stem, "channel": each} | _run_recording_warnings(trip, each)
                for each in channels
            ]
    return [{"kind": kind, "preset": preset} | row | memory for row in rows]


def _trips(converter: Converter, folder: Path) -> Iterator[tuple[Path, Trip, Iterable[str]]]:
    """Each test signal that the converter takes, its trip, and the channels of its encoding."""
    if type(converter).encode_sound is not Converter.encode_sound:
        for path in sorted(folder.glob("*.wav")):
            yield path, partial(_sound_trip, converter, read_sound(path)), PICTURE_CHANNELS
    if type(converter).encode_picture is not Converter.encode_picture:
        for path in sorted(folder.glob("*.png")):
            yield path, partial(_picture_trip, converter, read_picture(path)), SOUND_CHANNELS


def _foreign_rows(converter: Foreign, folder: Path) -> Iterator[Row]:
    """Sound -> picture as the other program draws it -> sound, whose level is fitted."""
    for path in sorted(folder.glob("*.wav")):
        sound = read_sound(path)
        rate, n = sound.format.sample_rate, 5 * sound.format.sample_rate
        true = sound.samples()[:n, :1] / sound.format.full_scale
        picture = FOREIGN_PICTURES[converter.program](true[:, 0], rate)
        header = find_header(picture)
        decoder = (
            converter_of(header) if header else dataclasses.replace(converter, sample_rate=rate)
        )
        clock = time.perf_counter()
        with _without_warnings():
            found = decoder.decode_sound(iter([picture])).samples() / 32768
        seconds = time.perf_counter() - clock
        n = min(len(true), len(found))
        true, found = true[:n], found[:n]
        found = found * fitted_level(true, found)
        yield {
            "signal": path.stem,
            "channel": NO_CHANNEL,
            "exact": False,
            "snr_db": snr(true, found),
            "spectral_convergence_db": spectral_convergence(true, found),
            "decode_x_real_time": n / rate / seconds,
        }


def measure_hour(kind: str, preset: str, music: Path) -> Row:
    """An hour of 48 kHz stereo, tile by tile, there and back; to be run in a new process."""
    converter, hour = presets()[kind][preset], _an_hour(read_sound(music).samples())
    with tempfile.TemporaryDirectory() as name:
        clock = time.perf_counter()
        paths, n_bytes = [], 0
        for i, tile in enumerate(converter.encode_sound(hour)):
            paths.append(Path(name, f"tile-{i:06}.png"))
            write_picture(paths[-1], tile)
            n_bytes += paths[-1].stat().st_size
        encoded = time.perf_counter()
        header = find_header(read_picture(paths[0]))
        decoder = converter_of(header) if header else converter
        noise = power = comparing = 0.0
        found = decoder.decode_sound(read_picture(path) for path in paths)
        true = hour.blocks(BLOCK)
        for b in found.blocks(BLOCK):
            at = time.perf_counter()
            a = next(true)
            noise += float(np.square(a.astype(np.float64) - b).sum())
            power += float(np.square(a.astype(np.float64)).sum())
            comparing += time.perf_counter() - at
        decoded = time.perf_counter() - comparing
    return {
        "kind": kind,
        "preset": preset,
        "signal": "an hour of 48 kHz stereo",
        "channel": NO_CHANNEL,
        "same_format": found.format == hour.format,
        "exact": noise == 0,
        "snr_db": float(10 * np.log10(power / noise)) if noise else np.inf,
        "bits_per_sample": 8 * n_bytes / (hour.format.n_samples * hour.format.n_channels),
        "encode_x_real_time": 3600 / (encoded - clock),
        "decode_x_real_time": 3600 / (decoded - encoded),
        "process_memory_mib": _memory(),
    }


def _an_hour(music: np.ndarray) -> Sound:
    """The music again and again, at 48 kHz, no two times alike to a compressor."""
    rate, n = 48_000, 3600 * 48_000

    def blocks(size: int) -> Iterator[np.ndarray]:
        for start in range(0, n, size):
            at = np.arange(start, min(start + size, n))
            loudness = 1 - 0.5 * (at // len(music) % 7)[:, None] / 7
            yield (music[at % len(music)] * loudness).astype(np.int16)

    return Sound(SoundFormat(rate, music.shape[1], n), blocks, name="an hour")


def _memory() -> float:
    """The peak memory of this process in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage begins at what the parent process had
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _run_recording_warnings(trip: Trip, channel: str) -> Row:
    """A trip's row, and the warnings of the decoder."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConverterWarning)
        try:
            row = trip(channel)
        except ConverterError as error:
            row = {"refused": _plain(error)}
    warned = [_plain(w.message) for w in caught if issubclass(w.category, ConverterWarning)]
    return row | {"warned": "; ".join(warned)} if warned else row


def _plain(message: object) -> str:
    """Without the temporary folder."""
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[^/]+/", "", str(message))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """A loss in encoding is the converter's, not the channel's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConverterWarning)
        yield


def _sound_trip(converter: Converter, sound: Sound, channel: str) -> Row:
    """Sound -> PNG files -> channel -> sound."""
    with tempfile.TemporaryDirectory() as name:
        clock = time.perf_counter()
        paths, pixels = [], 0
        with _without_warnings():
            for i, tile in enumerate(converter.encode_sound(sound)):
                paths.append(Path(name, f"tile-{i:04}.png"))
                write_picture(paths[-1], tile)
                pixels += tile.pixels.shape[0] * tile.pixels.shape[1]
        encoded = time.perf_counter()
        n_bytes = sum(path.stat().st_size for path in paths)
        if channel:
            for i, path in enumerate(paths):
                with Image.open(path) as image:
                    paths[i] = PICTURE_CHANNELS[channel](path, image)
        received = time.perf_counter()
        header = find_header(read_picture(paths[0]))
        decoder = converter_of(header) if header else converter
        found = decoder.decode_sound(read_picture(path) for path in paths)
        samples = found.samples()
        decoded = time.perf_counter()

    format = sound.format
    seconds = format.n_samples / format.sample_rate
    row: Row = {
        "header": "" if header else "lost",
        "same_format": found.format == format,
        "bits_per_sample": 8 * n_bytes / (format.n_samples * format.n_channels),
        "seconds_per_megapixel": seconds / (pixels / 1e6),
        "encode_x_real_time": seconds / (encoded - clock),
        "decode_x_real_time": seconds / (decoded - received),
    }
    true = sound.samples()
    if found.format.sample_rate != format.sample_rate or samples.shape != true.shape:
        return row | {"exact": False}
    floats = samples / found.format.full_scale
    # Of the transform that was inverted: in another one, equal magnitudes differ.
    options = header.options if header else {}
    frame = {k: int(options[k]) for k in ("n_fft", "hop") if options.get(k)}
    return row | {
        "exact": samples.dtype == true.dtype and bool((samples == true).all()),
        "snr_db": snr(true / format.full_scale, floats),
        "spectral_convergence_db": spectral_convergence(true / format.full_scale, floats, **frame),
        "log_spectral_distance_db": log_spectral_distance(true / format.full_scale, floats),
    }


def _picture_trip(converter: Converter, picture: Picture, channel: str) -> Row:
    """Picture -> sound file -> channel -> picture."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "sound.wav")
        clock = time.perf_counter()
        with _without_warnings():
            sound = converter.encode_picture(picture)
            write_sound(path, sound)
        encoded = time.perf_counter()
        if channel:
            path = transmit(path, SOUND_CHANNELS[channel])
        received = time.perf_counter()
        source = read_sound(path)
        header = find_header(source)
        decoder = converter_of(header) if header else converter
        found = decoder.decode_picture(source)
        decoded = time.perf_counter()

    n_pixels = picture.pixels.shape[0] * picture.pixels.shape[1]
    seconds = sound.format.n_samples / sound.format.sample_rate
    row: Row = {
        "header": "" if header else "lost",
        "same_format": found.format == picture.format,
        "seconds_per_megapixel": seconds / (n_pixels / 1e6),
        "seconds": seconds,
        "encode_seconds": encoded - clock,
        "decode_seconds": decoded - received,
    }
    if found.format != picture.format:
        return row | {"exact": False}
    same = found.pixels == picture.pixels
    return row | {
        "exact": bool(same.all()),
        "exact_pixels": float(np.atleast_3d(same).all(2).mean()),
        "psnr_db": psnr(picture.pixels, found.pixels),
        "ssim": ssim(picture.pixels, found.pixels),
    }
