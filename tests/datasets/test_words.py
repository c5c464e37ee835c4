"""Where the words are, in synthetic sounds and in speech of espeak-ng."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
import torch

from common.errors import InputError
from converters.mel64.features import fit_clip, to_picture
from datasets.base import SPLITS, PairedDataset
from datasets.offline import synthesize
from datasets.words import extract_word, find_words, read_word

Samples = npt.NDArray[np.float64]
RATE = 22050
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOICES = ("en-us+f2", "en-gb-scotland+m6", "en-029+max")


@pytest.fixture(scope="module")
def speech() -> dict[tuple[str, str], Samples]:
    """By voice and word; no silence around."""
    keys = [(voice, word) for voice in VOICES for word in DIGITS]
    lines = [(voice, word, 150, 50, 50) for voice, word in keys]
    return {key: s / 32768 for key, s in zip(keys, synthesize(lines), strict=True)}


@pytest.fixture(scope="module")
def five(speech: dict[tuple[str, str], Samples]) -> Samples:
    return speech[VOICES[0], "five"]


def noise(n: int, level: float) -> Samples:
    return np.random.default_rng(0).normal(0, level, n)


def found_at(samples: Samples, start: float, end: float, rate: int = RATE) -> bool:
    """One word, with ends not further than 0.12 s from where they are."""
    words = find_words(samples, rate)
    return len(words) == 1 and np.allclose(np.array(words[0]) / rate, (start, end), atol=0.12)


@pytest.mark.parametrize("seconds", [0.0, 0.3, 3.0])
def test_one_word_with_silence_around(
    speech: dict[tuple[str, str], Samples], seconds: float
) -> None:
    """A stop, as in 'eight' and 'six', does not split it."""
    margin = round(seconds * RATE)
    for key, word in speech.items():
        padded = np.pad(word, margin)
        assert found_at(padded, seconds, seconds + len(word) / RATE), key


@pytest.mark.parametrize("gap", [0.06, 0.1, 0.13])
def test_a_stop_is_no_pause(gap: float) -> None:
    time = np.arange(round(0.2 * RATE)) / RATE
    vowel = 0.3 * np.sin(2 * np.pi * 200 * time)
    burst = noise(round(0.03 * RATE), 0.05)
    samples = np.concatenate([vowel, np.zeros(round(gap * RATE)), burst])
    assert found_at(np.pad(samples, RATE), 1, 1 + len(samples) / RATE)


@pytest.mark.parametrize("level", [1.0, 0.001])
@pytest.mark.parametrize("dc", [0.0, 0.2])
def test_level_and_dc_do_not_matter(five: Samples, level: float, dc: float) -> None:
    samples = np.pad(five, RATE) * level + dc
    assert found_at(samples, 1, 1 + len(five) / RATE)


@pytest.mark.parametrize("ratio", [20, 30, 40])
def test_noise_under_the_word(speech: dict[tuple[str, str], Samples], ratio: float) -> None:
    for key, word in speech.items():
        padded = np.pad(word, RATE)
        noisy = padded + noise(len(padded), word.std() * 10 ** (-ratio / 20))
        assert len(find_words(noisy, RATE)) == 1, key


@pytest.mark.slow
def test_the_words_of_the_data_are_found(source: PairedDataset) -> None:
    """Those of the validation speech, with a second of noise around."""
    clips = source.recordings.clips[source.recordings.official == SPLITS.index("validation")]
    n_found = 0
    for clip in clips.double().numpy():
        padded = np.pad(clip, 8000)
        noisy = padded + noise(len(padded), clip[clip != 0].std() / 30)
        n_found += len(find_words(noisy, 8000)) == 1
    assert n_found >= 0.98 * len(clips)


def test_clicks_are_no_words(five: Samples) -> None:
    samples = np.pad(five, 2 * RATE)
    samples += noise(len(samples), 1e-3)
    for at in (0.0, 0.5, 1.2, 3.5, 4.2):
        start = round(at * RATE)
        samples[start : start + 20] += 0.8
    assert found_at(samples, 2, 2 + len(five) / RATE)


def test_three_words_with_pauses(speech: dict[tuple[str, str], Samples]) -> None:
    pause = np.zeros(round(0.35 * RATE))
    for voice in VOICES:
        three = [speech[voice, word] for word in ("six", "two", "eight")]
        samples = np.concatenate([each for word in three for each in (pause, word)])
        assert len(find_words(samples + noise(len(samples), 1e-4), RATE)) == 3
    (spoken,) = synthesize([(VOICES[0], "one, two, three.", 150, 50, 50)])
    assert len(find_words(spoken / 32768, RATE)) == 3


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(2 * RATE),
        np.full(2 * RATE, 0.3),
        np.zeros(0),
        np.zeros(1),
        np.round(noise(2 * RATE, 0.5)) / 32768,
        noise(2 * RATE, 0.05),
        noise(round(0.4 * RATE), 0.05),
        0.2 * np.sin(2 * np.pi * 50 * np.arange(2 * RATE) / RATE),
    ],
    ids=["zeros", "dc", "empty", "one", "dither", "noise", "short noise", "hum"],
)
def test_there_is_no_word(samples: Samples) -> None:
    assert find_words(samples, RATE) == []


@pytest.mark.parametrize("rate", [8000, 48000])
def test_any_rate(five: Samples, rate: int) -> None:
    samples = soxr.resample(np.pad(five, RATE), RATE, rate)
    assert found_at(samples, 1, 1 + len(five) / RATE, rate)


def write(path: Path, samples: Samples, rate: int, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate, subtype)
    return path


def test_a_file_is_prepared_as_training_data_are(five: Samples, tmp_path: Path) -> None:
    samples = soxr.resample(np.pad(five, RATE), RATE, 8000)
    path = write(tmp_path / "five.wav", samples, 8000)
    pcm, _ = soundfile.read(path, dtype="int16")
    word = read_word(path)
    ((start, end),) = find_words(pcm / 32768, 8000)
    assert (word.start, word.seconds) == (start / 8000, (end - start) / 8000)
    assert torch.equal(word.clip, fit_clip(torch.from_numpy(pcm[start:end])))
    assert torch.equal(word.picture, to_picture(word.clip))


def test_files_of_all_kinds_give_the_same_picture(five: Samples, tmp_path: Path) -> None:
    margin = np.pad(five, RATE)
    wide = soxr.resample(margin, RATE, 48000)
    silence = np.zeros((3 * 48000, 2))
    stereo = np.concatenate([silence, np.stack([wide, wide], 1), silence])
    expected = read_word(write(tmp_path / "plain.wav", margin, RATE)).picture.float()
    paths = [
        write(tmp_path / "stereo.wav", stereo, 48000),
        write(tmp_path / "word.mp3", margin, RATE),
        write(tmp_path / "word.ogg", margin, RATE),
        write(tmp_path / "word.flac", margin, RATE, "PCM_24"),
        write(tmp_path / "quiet.wav", margin / 1000, RATE, "FLOAT"),
        write(tmp_path / "dc.aiff", margin + 0.1, RATE, "PCM_24"),
    ]
    for path in paths:
        difference = (read_word(path).picture.float() - expected).abs().mean()
        assert difference < 255 * 0.03, (path.name, difference)


def test_what_is_not_one_word_is_named(five: Samples, tmp_path: Path) -> None:
    pause = np.zeros(RATE // 2)
    bad = five.copy()
    bad[1000] = np.nan
    vowel = np.sin(2 * np.pi * 200 * np.arange(3 * RATE) / RATE)
    cases = {
        "no word": np.zeros(RATE),
        "2 words with pauses between them": np.concatenate([five, pause, five]),
        "too long for one digit": np.pad(vowel, RATE),
        "not finite": bad,
    }
    for says, samples in cases.items():
        path = write(tmp_path / "sound.wav", samples, RATE, "FLOAT")
        with pytest.raises(InputError, match=says) as refused:
            read_word(path)
        assert str(path) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("rate", [1, 7, 1000, 300_000])
def test_odd_rates_do_not_break_it(rate: int, tmp_path: Path) -> None:
    path = write(tmp_path / "odd.wav", noise(2000, 0.1), rate)
    with pytest.raises(InputError):
        read_word(path)


def test_a_recording_of_an_hour_is_refused_before_it_is_read(tmp_path: Path) -> None:
    from converters import Sound
    from converters.header import SoundFormat

    def blocks(n: int) -> None:
        raise AssertionError("it was read")

    sound = Sound(SoundFormat(8000, 1, 3600 * 8000), blocks, name="long.wav")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"long\.wav: longer than"):
        extract_word(sound)
