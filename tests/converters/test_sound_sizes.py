"""Files that do not hold as many samples as their headers say."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from converters import ConverterError, ConverterWarning
from converters.sound_files import read_sound

RATE = 8000
SAMPLES = np.random.default_rng(0).integers(-9000, 9000, (4000, 1)).astype(np.int16)
FORMATS = ("WAV", "RF64", "W64", "AIFF", "AU", "CAF")
OTHERS = ("NIST", "SVX", "MAT4", "MAT5", "AVR", "MPC2K")


def file_of(container: str, samples: np.ndarray = SAMPLES) -> bytearray:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, "PCM_16", format=container)
    return bytearray(buffer.getvalue())


def saved(path: Path, content: bytes | bytearray) -> Path:
    path.write_bytes(content)
    return path


def with_field(content: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """With other bytes `offset` behind the start of a chunk's name."""
    at = content.index(name) + offset
    return bytes(content[:at]) + value + bytes(content[at + len(value) :])


def read(path: Path, message: str) -> np.ndarray:
    """All samples, with a warning that matches, and an error of strict reading that does."""
    with pytest.raises(ConverterError, match=message):
        read_sound(path, strict=True)
    with pytest.warns(ConverterWarning, match=message) as warned:
        samples = read_sound(path).samples()
    assert len(warned) == 1
    return samples


def quietly(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_sound(path, strict=True).samples()


@pytest.mark.parametrize("container", [*FORMATS, *OTHERS])
def test_half_a_file_says_how_much_is_there(container: str, tmp_path: Path) -> None:
    whole = file_of(container)
    path = saved(tmp_path / "x", whole[: len(whole) * 2 // 3])
    n = len(read(path, r"x: it is cut off: it holds [\d,]+ of the 4,000 samples"))
    sound = read_sound_quietly(path)
    assert 1000 < n < 4000 and sound == (n, 4000)
    assert (SAMPLES[:n] == quietly(saved(path, whole))[:n]).all()


COMPRESSED = [
    ("AIFF", "GSM610"), ("AIFF", "IMA_ADPCM"), ("AU", "G721_32"), ("AU", "G723_24"),
    ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("WAV", "G721_32"),
    ("WAV", "NMS_ADPCM_16"), ("W64", "IMA_ADPCM"),
]  # fmt: skip
SAMPLERS = [
    ("SDS", "PCM_S8"), ("SDS", "PCM_16"), ("SDS", "PCM_24"), ("HTK", "PCM_16"), ("VOC", "PCM_U8"),
    ("VOC", "PCM_16"), ("VOC", "ULAW"),
]  # fmt: skip


@pytest.mark.parametrize(("container", "subtype"), [*COMPRESSED, *SAMPLERS])
@pytest.mark.parametrize("part", [0.9, 0.5, 0.3])
def test_half_a_file_of_any_encoding_says_so(
    container: str, subtype: str, part: float, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, RATE, subtype, format=container)
    whole = buffer.getvalue()
    path = saved(tmp_path / f"x.{container.lower()}", whole)
    samples = quietly(path)
    found = read(saved(path, whole[: int(len(whole) * part)]), "is cut off: it holds .* of the 4,")
    assert part - 0.15 < len(found) / len(samples) < part + 0.05
    assert np.array_equal(found, samples[: len(found)])


def test_encodings_in_which_nothing_can_be_sought_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.aiff"
    soundfile.write(path, SAMPLES, RATE, "DWVW_16")
    assert np.array_equal(quietly(path), SAMPLES)


@pytest.mark.parametrize("suffix", ["au", "snd", "vox", "gsm"])
def test_a_file_without_a_header_is_no_sound_of_any_rate(suffix: str, tmp_path: Path) -> None:
    path = saved(tmp_path / f"x.{suffix}", b"Dear reader, this is a letter. " * 99)
    with pytest.raises(ConverterError, match="without a header its rate is not known"):
        read_sound(path)


def read_sound_quietly(path: Path) -> tuple[int, int | None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sound = read_sound(path)
    return sound.format.n_samples, sound.n_claimed


NEVER_FINISHED: dict[str, Callable[[bytes], bytes]] = {
    "WAV": lambda c: with_field(with_field(c, b"data", 4, bytes(4)), b"RIFF", 4, bytes(4)),
    "RF64": lambda c: with_field(c, b"ds64", 8, bytes(24)),
    "W64": lambda c: with_field(c, b"data", 16, (24).to_bytes(8, "little")),
    "AIFF": lambda c: with_field(with_field(c, b"SSND", 4, bytes(4)), b"COMM", 10, bytes(4)),
    "AU": lambda c: with_field(c, b".snd", 8, bytes(4)),
}


@pytest.mark.parametrize("container", NEVER_FINISHED)
def test_samples_behind_a_size_of_zero_are_read(container: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "x", NEVER_FINISHED[container](bytes(file_of(container))))
    found = read(path, "never finished: it holds 4,000 samples instead of the 0 samples")
    assert np.array_equal(found, SAMPLES)


@pytest.mark.parametrize(
    ("container", "name", "offset", "size", "says"),
    [
        ("WAV", b"data", 4, b"\xff\xff\xff\xff", "4,000 of the 2,147,483,647 samples"),
        ("AU", b".snd", 8, b"\xff\xff\xff\xff", "the 4,000 samples that are there"),
        ("CAF", b"data\0\0\0\0", 4, b"\xff" * 8, "the 4,000 samples that are there"),
    ],
)
def test_sizes_of_a_file_that_was_written_to_a_pipe(
    container: str, name: bytes, offset: int, size: bytes, says: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "x", with_field(bytes(file_of(container)), name, offset, size))
    assert np.array_equal(read(path, says), SAMPLES)


def test_a_header_that_says_too_little_is_not_believed(tmp_path: Path) -> None:
    size = (2000).to_bytes(4, "little")
    path = saved(tmp_path / "x", with_field(bytes(file_of("WAV")), b"data", 4, size))
    assert np.array_equal(read(path, "is wrong: it holds 4,000 samples instead of the"), SAMPLES)


@pytest.mark.parametrize(
    ("behind", "n"),
    [(b"LIST\4\0\0\0abcd", 0), (b"LIST\4\0\0\0abcd", 5), (b"odd \2\0\0\0ab", 5), (b"TAG" * 9, 5),
     (bytes(999), 5)],
)  # fmt: skip
def test_what_is_no_sound_is_not_read_as_sound(behind: bytes, n: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "x", bytes(file_of("WAV", SAMPLES[:n])) + behind)
    assert np.array_equal(quietly(path), SAMPLES[:n])


def test_formats_are_read_whole_and_without_a_word(tmp_path: Path) -> None:
    for container in (*FORMATS, *OTHERS, "VOC", "HTK", "FLAC"):
        for n in (4000, 3999, 1):
            path = saved(tmp_path / "x", file_of(container, SAMPLES[:n]))
            assert np.array_equal(quietly(path), SAMPLES[:n]), (container, n)


@pytest.mark.parametrize("container", [*FORMATS, *OTHERS, "FLAC", "OGG", "MP3"])
def test_damaged_headers_end_in_a_clear_error(container: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, RATE, format=container)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(30):
            content = bytearray(buffer.getvalue())
            for at in rng.integers(0, 120, 4):
                content[at] = rng.choice([0, 1, 127, 128, 255])
            try:
                sound = read_sound(saved(tmp_path / "x", content[: rng.integers(20, len(content))]))
                assert len(sound.samples()) == sound.format.n_samples
            except ConverterError as error:
                assert "\n" not in str(error)
