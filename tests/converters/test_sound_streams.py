"""FLAC, OGG and MP3 files that are cut off or damaged, or whose headers are wrong."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from converters import ConverterError, ConverterWarning
from converters.sound_files import read_sound

RATE = 48_000
TIME = np.arange(RATE) / RATE
SOUND = 0.3 * np.sin(2 * np.pi * 440 * TIME) + 0.01 * np.random.default_rng(0).normal(size=RATE)
SUBTYPES = {"FLAC": "PCM_16", "VORBIS": "VORBIS", "OPUS": "OPUS", "MP3": "MPEG_LAYER_III"}


def content(name: str) -> bytes:
    buffer = io.BytesIO()
    container = "OGG" if name in ("VORBIS", "OPUS") else name
    soundfile.write(buffer, SOUND, RATE, SUBTYPES[name], format=container)
    return buffer.getvalue()


def read(path: Path, data: bytes | bytearray, message: str = "") -> np.ndarray:
    """All samples; with a message, they come with one warning that matches it."""
    path.write_bytes(data)
    if not message:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return read_sound(path, strict=True).samples()
    with pytest.raises(ConverterError, match=message):
        read_sound(path, strict=True)
    with pytest.warns(ConverterWarning, match=message) as warned:
        samples = read_sound(path).samples()
    assert len(warned) == 1
    return samples


@pytest.mark.parametrize("name", SUBTYPES)
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_the_start_of_a_file_is_read_as_far_as_it_goes(
    name: str, share: float, tmp_path: Path
) -> None:
    whole = content(name)
    all_samples = read(tmp_path / "x", whole)
    assert len(all_samples) == RATE
    says = {"FLAC": "of the 48,000 samples", "MP3": "of the 48,000 samples"}.get(name, "are read")
    found = read(tmp_path / "x", whole[: int(len(whole) * share)], f"it is cut off.*{says}")
    assert 0.25 * share * RATE < len(found) < RATE
    assert np.abs(found.astype(float) - all_samples[: len(found)]).max() < 1e-6


def test_a_flac_file_without_or_with_a_wrong_length(tmp_path: Path) -> None:
    whole = bytearray(content("FLAC"))
    samples = read(tmp_path / "x", whole)
    whole[21] &= 0xF0
    for n, says in ((0, "never finished"), (1000, "header is wrong"), (10**6, "cut off")):
        whole[22:26] = n.to_bytes(4, "big")
        found = read(tmp_path / "x", whole, f"{says}: it holds 48,000 .*{n:,} samples")
        assert np.array_equal(found, samples)


def test_a_damaged_flac_file_is_an_error(tmp_path: Path) -> None:
    whole = bytearray(content("FLAC"))
    whole[len(whole) // 2] ^= 255
    (tmp_path / "x").write_bytes(whole)
    with pytest.raises(ConverterError, match="x: damaged"):
        read_sound(tmp_path / "x").samples()


def test_damage_inside_an_ogg_file_is_reported(tmp_path: Path) -> None:
    whole = bytearray(content("VORBIS"))
    whole[len(whole) * 2 // 3] ^= 255  # libsndfile drops the page
    read(tmp_path / "x", whole, "x: it is damaged in places")


def test_sounds_in_a_row_are_reported(tmp_path: Path) -> None:
    ogg = content("VORBIS")
    assert len(read(tmp_path / "x", ogg + ogg, "2 sounds in a row, and the first")) == RATE
    mp3 = content("MP3")
    assert len(read(tmp_path / "x", mp3 + mp3, "is wrong: .* instead of the 48,000")) >= 2 * RATE


def test_an_mp3_file_without_a_length_is_read_to_its_end(tmp_path: Path) -> None:
    whole = content("MP3")  # of a variable rate, at which libsndfile's guess is too short
    whole = whole.replace(b"Xing", bytes(4)).replace(b"Info", bytes(4))
    guess = soundfile.SoundFile(io.BytesIO(whole)).frames
    assert guess < 0.9 * RATE <= len(read(tmp_path / "x", whole))
    tagged = b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + whole + b"TAG" + bytes(125)
    assert len(read(tmp_path / "x", tagged)) == len(read(tmp_path / "x", whole))


def test_an_mp3_file_of_mono_and_stereo_has_one_number_of_channels(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack([SOUND] * 2, 1), RATE, "MPEG_LAYER_III", format="MP3")
    stereo = buffer.getvalue()
    (tmp_path / "x").write_bytes(stereo[:1500] + content("MP3"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sound = read_sound(tmp_path / "x")
    assert sound.samples().shape == (sound.format.n_samples, sound.format.n_channels)


def test_notes_of_the_mp3_library_become_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = bytearray(content("MP3"))
    whole[len(whole) // 2 : len(whole) // 2 + 300] = b"\x55" * 300
    read(tmp_path / "x", whole, "x: it is damaged in places")
    read(tmp_path / "x", whole[: len(whole) // 3], "x: it is cut off")
    assert capfd.readouterr().err == ""
