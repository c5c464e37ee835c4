"""Pictures that other programs drew, here by their published definitions, become sounds again."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from benchmarking.foreign_pictures import FOREIGN_PICTURES, autotel, krajj7, riffusion
from converters import ConverterError, ConverterWarning, Picture, converter_of, find_header
from converters.foreign import PRESETS, Foreign
from converters.foreign.nonnegative import solve_nonnegative
from converters.picture_files import read_picture
from metrics.signal import fitted_level, snr, spectral_convergence
from tests.converters.spectrogram.tools import music

RATE = 22_050


def sound() -> np.ndarray:
    return music(RATE, RATE) / 32_768


def decode(picture: Picture, converter: Foreign) -> np.ndarray:
    found = converter.decode_sound(iter([picture]))
    assert found.format.sample_rate == RATE
    return found.samples()[:, :1] / 32_768


@pytest.mark.parametrize(("program", "bound"), [("riffusion", -14), ("krajj7", -6)])
def test_magnitudes_come_back(program: str, bound: float) -> None:
    true = sound()
    picture = FOREIGN_PICTURES[program](true, RATE)
    header = find_header(picture)
    assert header is not None and header.options["program"] == program
    decoder = converter_of(header)
    assert isinstance(decoder, Foreign)
    found = decode(picture, decoder)
    n = min(len(true), len(found))
    assert abs(n - len(true)) < RATE / 20
    a, b = true[:n, None], found[:n]
    assert spectral_convergence(a, fitted_level(a, b) * b) < bound


def test_phases_of_hue_come_back() -> None:
    true = sound()
    with pytest.warns(ConverterWarning, match="taken as a picture of autotel"):
        found = decode(
            autotel(true, RATE), dataclasses.replace(PRESETS["autotel"], sample_rate=RATE)
        )
    inner = slice(1000, min(len(true), len(found)) - 1000)  # to where less than 0.01 is known
    a, b = true[inner, None], found[inner]
    assert snr(a, b * (a * b).sum() / (b * b).sum()) > 45


def test_a_log_axis_of_hue_keeps_the_frequency() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    linear = autotel(tone, RATE)
    place = np.geomspace(20, RATE / 2, 2049) * 2048 / (RATE / 2)
    pixels = linear.pixels[::-1][np.rint(place).astype(int)][::-1]
    picture = Picture(pixels, name=f"tone_SR{RATE}_LOG.png")
    with pytest.warns(ConverterWarning):
        found = decode(picture, dataclasses.replace(PRESETS["autotel"], sample_rate=RATE))
    spectrum = np.abs(np.fft.rfft(found[4096:-4096, 0]))
    assert abs(spectrum.argmax() * RATE / (len(found) - 8192) - 440) < 5


def test_parameters_are_read_from_files(tmp_path: Path) -> None:
    true = sound()
    info = PngImagePlugin.PngInfo()
    first = krajj7(true, RATE)
    info.add_text("Spectrogram", first.texts["Spectrogram"])
    Image.fromarray(np.ascontiguousarray(first.pixels)).save(tmp_path / "k.png", pnginfo=info)
    header = find_header(read_picture(tmp_path / "k.png"))
    assert header is not None and header.options["bandwidth"] == 100
    assert (header.options["program"], header.options["axis"]) == ("krajj7", "log")

    second = riffusion(true, RATE)
    exif = Image.Exif()
    values = {11000: RATE, 11005: 0, 11010: 10, 11020: 100, 11050: 0, 11060: 10_000, 11070: 0.25}
    exif.update(values)
    for suffix in ("png", "jpg"):
        path = tmp_path / f"r.{suffix}"
        Image.fromarray(second.pixels).save(path, exif=exif)
        header = find_header(read_picture(path))
        assert header is not None and header.options["sample_rate"] == RATE
        assert (header.options["power"], header.options["f_max"]) == (0.25, 10_000)


def test_hostile_parameters_are_a_warning() -> None:
    pixels = np.zeros((20, 30), np.uint8)
    for texts in (
        {"Spectrogram": "Spectrogram:"}, {"Spectrogram": "Spectrogram:" + ";0" * 8},
        {"Spectrogram": "Spectrogram:;100;55;1000000;80;100;0;1;1;"},
        {"Spectrogram": "Spectrogram:;" + "9" * 150 + ";1" * 8},
        {"exif 11000": "x", "exif 11070": "0.25"}, {"exif 11000": "44100", "exif 11070": "nan"},
        {"exif 11000": "1e300", "exif 11070": "0.25"},
        {"exif 11000": "44100", "exif 11070": "0.25", "exif 11060": "90000"},
        {"exif 11000": "44100", "exif 11070": "0.25", "exif 11007": "1"},
    ):  # fmt: skip
        with pytest.warns(ConverterWarning, match="cannot be used"):
            assert Foreign.find(Picture(pixels, texts=texts)) is None
    assert Foreign.find(Picture(pixels, texts={"Title": "a"})) is None


def test_any_picture_is_a_sound_or_an_error() -> None:
    rng = np.random.default_rng(0)
    for program, preset in PRESETS.items():
        for shape in ((1, 5), (2, 1), (17, 12, 3), (33, 4, 4)):
            picture = Picture(rng.integers(0, 256, shape, np.uint8))
            converter = dataclasses.replace(preset, hop=16) if program == "autotel" else preset
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConverterWarning)
                try:
                    samples = converter.decode_sound(iter([picture])).samples()
                except ConverterError:
                    continue
            assert len(samples) and np.abs(samples.astype(int)).max() <= 29_300


def test_pictures_that_take_too_much_are_refused() -> None:
    long, high = np.zeros((500, 10_000), np.uint8), np.zeros((4000, 20), np.uint8)
    mel = PRESETS["riffusion"]
    all_bad: tuple[tuple[Foreign, np.ndarray, str], ...] = (
        (mel, long, "cut the picture into parts"),
        (dataclasses.replace(mel, step=1e4), high[:2, :3], "do not hold"),
        (dataclasses.replace(mel, window=5e3, step=500), high, "rows are too many"),
        (dataclasses.replace(mel, window=8e3, step=0.1), long[:17, :400], "cut the picture"),
        (PRESETS["krajj7"], high, "rows are too many"),
        (PRESETS["autotel"], high, "do not fit a hop"),
        (mel, np.zeros((5000, 4000), np.uint8), "do not fit"),
    )
    for converter, pixels, message in all_bad:
        with (
            pytest.warns(ConverterWarning, match="is taken as"),
            pytest.raises(ConverterError, match=message),
        ):
            converter.decode_sound(iter([Picture(pixels)]))


@pytest.mark.parametrize(
    ("options", "n_above"),
    [
        ({"axis": "log", "f_min": 55.0, "sample_rate": 44_100}, 0),
        ({"axis": "log", "f_min": 55.0, "sample_rate": 8000}, 377 - (1 + 373)),
        ({"axis": "log", "f_min": 55.0, "sample_rate": 4000}, 377 - (1 + 313)),
        ({"axis": "linear", "f_min": 55.0, "sample_rate": 8000}, 377 - (1 + 199)),
    ],
)
def test_rows_above_the_sound_are_a_warning(options: dict[str, Any], n_above: int) -> None:
    """Rows stand 20 cents or 20 Hz apart; the lower edge of the last is within the sound."""
    converter = dataclasses.replace(PRESETS["krajj7"], **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        converter.decode_sound(iter([Picture(np.full((377, 20), 99, np.uint8), name="x.png")]))
    said = [str(each.message) for each in caught if "lie above" in str(each.message)]
    start = f"x.png: {n_above} of 377 rows lie above {converter.sample_rate // 2} Hz"
    assert len(said) == bool(n_above) and all(text.startswith(start) for text in said)


def test_bad_options() -> None:
    all_bad: tuple[dict[str, Any], ...] = (
        {"program": "x"}, {"axis": "mel"}, {"step": 0.0}, {"f_max": 30_000.0}, {"hop": 0},
        {"power": float("nan")}, {"program": "krajj7", "axis": "log"},
        {"program": "krajj7", "f_min": 30_000.0}, {"program": "autotel", "f_min": 22_050.0},
    )  # fmt: skip
    for options in all_bad:
        with pytest.raises(ConverterError):
            Foreign(**options)


def test_nonnegative_solutions_are_found() -> None:
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(size=(40, 20)), rng.uniform(size=(20, 7))
    found = solve_nonnegative(matrix, matrix @ x)
    assert (found >= 0).all()
    assert np.linalg.norm(matrix @ found - matrix @ x) < 0.05 * np.linalg.norm(matrix @ x)
