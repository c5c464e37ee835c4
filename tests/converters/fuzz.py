"""Damaged and hostile files: always a clear error, never a crash, a hang, or much memory.

    python -m tests.converters.fuzz --inputs 10000

Every input is a small valid file of some converter with bytes flipped, cut, doubled or inserted,
or with another value in its JSON header (the file itself intact, its checksums right). It is read
and decoded as the command does it. The outcome is a sound, a picture, or a ConverterError.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import random
import resource
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin
from tqdm import tqdm

from converters import (
    Converter,
    ConverterError,
    Picture,
    Sound,
    converter_of,
    find_header,
    presets,
)
from converters.picture_files import KEY, read_picture, write_picture
from converters.sound_files import CHUNK, read_sound, write_sound

MAX_SECONDS = 20  # for one input
# Options of presets that make long sounds.
SMALLER: dict[str, dict[str, Any]] = {
    "tone original": {"width": 12, "height": 9},
    "grid slow": {"seconds": 5.0},
}
MAX_MIB = 1024  # that decoding may add to the process
HOSTILE: tuple[Any, ...] = (
    0, 1, -1, 2, 255, 256, 1023, 65_537, 2**31 - 1, 2**31, 2**40, -(2**63), 10**30, 0.0, -1e308,
    1e308, float("nan"), float("inf"), "", "x" * 3000, "../../etc/passwd", "PCM_16", "DOUBLE",
    "colour", None, True, False, [], {}, [[[]]], {"a": {}},
)  # fmt: skip


@dataclass(frozen=True)
class Seed:
    """A valid file, and a function that replaces its JSON header."""

    name: str
    suffix: str
    content: bytes
    json: dict[str, Any]
    converter: Converter
    with_json: Callable[[str], bytes]


def seeds(folder: Path) -> list[Seed]:
    """A picture or a sound of every preset."""
    rng = np.random.default_rng(0)
    tone = np.sin(np.outer(np.arange(3000), (0.07, 0.19)))
    clip = Sound.of((tone * 9000 + rng.normal(0, 50, tone.shape)).astype(np.int16), 8000)
    drawing = Picture(rng.integers(0, 256, (9, 12)).astype(np.uint8))
    found = []
    for kind, named in presets().items():
        for preset, converter in named.items():
            name = f"{kind} {preset}"
            converter = dataclasses.replace(converter, **SMALLER.get(name, {}))  # type: ignore[type-var]
            if type(converter).encode_sound is not Converter.encode_sound:
                tile = next(iter(converter.encode_sound(clip)))
                path = folder / "seed.png"
                write_picture(path, tile)
                found.append(_picture_seed(name, path, tile, converter))
            if type(converter).encode_picture is not Converter.encode_picture:
                path = folder / "seed.wav"
                sound = converter.encode_picture(drawing)
                write_sound(path, sound)
                found.append(_sound_seed(name, path, sound, converter))
    return found


def _picture_seed(name: str, path: Path, tile: Picture, converter: Converter) -> Seed:
    image = Image.fromarray(np.ascontiguousarray(tile.pixels))

    def with_json(text: str) -> bytes:
        info = PngImagePlugin.PngInfo()
        info.add_itxt(KEY, text)
        for chunk, content in tile.chunks.items():
            info.add(chunk, content)
        target = path.with_name("hostile.png")
        image.save(target, pnginfo=info)
        return target.read_bytes()

    header = json.loads(tile.header.to_json()) if tile.header else {}
    return Seed(name, ".png", path.read_bytes(), header, converter, with_json)


def _sound_seed(name: str, path: Path, sound: Sound, converter: Converter) -> Seed:
    bare = path.with_name("bare.wav")
    write_sound(bare, dataclasses.replace(sound, header=None))
    samples = bare.read_bytes()

    def with_json(text: str) -> bytes:
        body = text.encode()
        chunk = CHUNK + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
        size = len(samples) + len(chunk) - 8
        return samples[:4] + size.to_bytes(4, "little") + samples[8:] + chunk

    header = json.loads(sound.header.to_json()) if sound.header else {}
    return Seed(name, ".wav", path.read_bytes(), header, converter, with_json)


def damaged(seed: Seed, rng: random.Random) -> bytes:
    """A damaged or hostile variant of a file."""
    way = rng.randrange(6)
    if way >= 3 and seed.json:
        return seed.with_json(_hostile_json(seed.json, rng))
    data = bytearray(seed.content)
    if way == 0:
        for _ in range(rng.randint(1, 20)):
            # Most of what matters stands at the start and the end.
            at = rng.choice((rng.randrange(len(data)), rng.randrange(min(len(data), 200))))
            data[at] ^= 1 << rng.randrange(8)
    elif way == 1:
        del data[rng.randrange(len(data)) :]
    else:
        at, n = rng.randrange(len(data)), rng.randint(1, 64)
        data[at:at] = rng.choice((rng.randbytes(n), bytes(n), bytes(data[:n])))
    return bytes(data)


def _hostile_json(header: dict[str, Any], rng: random.Random) -> str:
    header = copy.deepcopy(header)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place: Any = header
        key = rng.choice(list(place))
        while isinstance(place[key], dict) and place[key] and rng.random() < 0.9:
            place = place[key]
            key = rng.choice(list(place))
        change = rng.random()
        if change < 0.1:
            del place[key]
        elif change < 0.2:
            place["extra" + key] = rng.choice(HOSTILE)
        else:
            place[key] = rng.choice(HOSTILE)
        if not header:
            break
    text = json.dumps(header)
    if rng.random() < 0.1:
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(("[" * 5000, "\\ud800", "0" * 5000, "}")) + text[at + 1 :]
    return text


def decode(path: Path, default: Converter) -> None:
    """Reads and decodes a file as far as it goes; without a header by the given converter."""
    if path.suffix == ".png":
        picture = read_picture(path)
        header = find_header(picture)
        decoder = converter_of(header) if header else default
        for _ in decoder.decode_sound(iter([picture])).blocks(1 << 16):
            pass
        return
    sound = read_sound(path)
    header = find_header(sound)
    (converter_of(header) if header else default).decode_picture(sound)


def run(inputs: int, start: int = 0) -> Counter[str]:
    """Decodes that many inputs.

    Returns:
        The number of inputs with each outcome.

    Raises:
        AssertionError: one crashed, hung or took too much memory; it names the input.
    """

    def hang(*_: object) -> None:
        raise TimeoutError

    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = seeds(folder)
        for seed in files:  # modules and caches do not count as the memory of an input
            path = folder / f"input{seed.suffix}"
            path.write_bytes(seed.content)
            decode(path, seed.converter)
        before = _memory()
        signal.signal(signal.SIGALRM, hang)
        for number in tqdm(range(start, start + inputs), unit="input", disable=None):
            rng = random.Random(number)
            seed = files[number % len(files)]
            path = folder / f"input{seed.suffix}"
            path.write_bytes(damaged(seed, rng))
            clock = time.perf_counter()
            signal.alarm(MAX_SECONDS)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    decode(path, seed.converter)
                outcomes["decoded"] += 1
            except ConverterError as error:
                assert "\n" not in str(error), f"input {number} ({seed.name}): {error!r}"
                outcomes["refused"] += 1
            except BaseException as error:
                raise AssertionError(f"input {number} ({seed.name}): {error!r}") from error
            finally:
                signal.alarm(0)
            outcomes["slowest ms"] = max(
                outcomes["slowest ms"], int(1000 * (time.perf_counter() - clock))
            )
            outcomes["MiB"] = int(_memory() - before)
            assert outcomes["MiB"] < MAX_MIB, f"input {number} ({seed.name}): {outcomes['MiB']} MiB"
    return outcomes


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    print(dict(run(**vars(parser.parse_args()))))
