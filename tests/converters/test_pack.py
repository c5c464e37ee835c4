"""What is packed comes back bit for bit, through real files, or an error says why not."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import tracemalloc
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from converters import ConverterError, ConverterWarning, Header, Picture, Sound, find_header
from converters.header import PictureFormat, SoundFormat
from converters.pack.converter import LAYOUTS, PRESETS, Pack
from converters.pack.layouts import PlanarLayout
from converters.pack.samples import EXACT, Samples
from converters.picture_files import read_picture, write_picture
from converters.sound_files import read_sound, write_sound
from datasets.base import PairedDataset

# MPEG_LAYER_III in WAV is listed, but libsndfile neither writes nor reads it.
FILES = [
    (container, subtype)
    for container in ("WAV", "FLAC")
    for subtype in soundfile.available_subtypes(container)
    if subtype != "MPEG_LAYER_III"
]
MONO = ("GSM610", "G721_32", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32")
some = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def random_bits(subtype: str, n: int, n_channels: int, seed: int) -> np.ndarray:
    """(n, n_channels): every bit that the subtype has, so NaNs with payloads too."""
    samples, rng = Samples(subtype, n_channels), np.random.default_rng(seed)
    if subtype in ("ULAW", "ALAW"):
        return decode_law(subtype, rng.bytes(n * n_channels)).reshape(-1, n_channels)
    return samples.from_bytes(rng.bytes(n * samples.bytes_per_frame))


def decode_law(subtype: str, codes: bytes) -> np.ndarray:
    """(n,): the samples that u-law or A-law codes stand for."""
    raw = {"samplerate": 8000, "channels": 1, "subtype": subtype, "format": "RAW"}
    return soundfile.read(io.BytesIO(codes), dtype="int16", **raw)[0]


def random_file(path: Path, subtype: str, n: int, n_channels: int, rate: int, seed: int) -> Sound:
    """A file of its path's kind; some of them have stretches of silence or of one value."""
    values = random_bits(subtype, n, n_channels, seed)
    if seed % 3 == 0 and n:
        values[n // 3 : n // 2] = 0
        values[n // 2 :] = values[0]
    container = path.suffix[1:].upper()
    soundfile.write(path, values, rate, subtype, format=container)
    sound = read_sound(path)
    if subtype in EXACT:
        assert sound.samples().tobytes() == values.tobytes()
    return sound


def through_files(tiles: Iterator[Picture], folder: Path) -> list[Picture]:
    read = []
    for i, tile in enumerate(tiles):
        write_picture(folder / f"{i}.png", tile)
        read.append(read_picture(folder / f"{i}.png"))
    return read


def stripped(tile: Picture) -> Picture:
    """As saved by a program that drops metadata."""
    saved = io.BytesIO()
    Image.fromarray(tile.pixels).save(saved, "PNG")
    saved.seek(0)
    picture = read_picture(saved, tile.name)
    assert picture.header is None
    return picture


def unpack(tiles: list[Picture]) -> np.ndarray:
    return Pack().decode_sound(iter(tiles)).samples()


def ramp(n: int, n_channels: int = 1) -> Sound:
    return Sound.of((np.arange(n * n_channels) % 30_011).astype(np.int16).reshape(n, -1), 8000)


SMALL = Pack(width=32, height=32)
FIVE = list(SMALL.encode_sound(ramp(6000)))


# Exact


def assert_file_comes_back(folder: Path, sound: Sound, pack: Pack) -> None:
    tiles = through_files(pack.encode_sound(sound), folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = pack.decode_sound(iter(tiles))
    path = folder / f"back.{back.format.container.lower()}"
    write_sound(path, back)
    again = read_sound(path)
    lossless = sound.format.subtype in EXACT
    assert (again.format == sound.format) if lossless else again.format.subtype == "PCM_16"
    assert again.samples().tobytes() == sound.samples().tobytes()
    assert again.samples().shape == sound.samples().shape


def random_round(folder: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    container, subtype = FILES[seed % len(FILES)]
    max_channels = 1 if subtype in MONO else 2 if "ADPCM" in subtype else 8
    n_channels = int(rng.integers(1, max_channels + 1))
    n, rate = (
        int(rng.integers(container == "FLAC", 3000)),
        int(rng.choice([1, 8000, 11_025, 44_100, 192_000])),
    )
    rate = max(rate, 8000) if container == "FLAC" or "ADPCM" in subtype else rate
    path = folder / f"{seed}.{container.lower()}"
    sound = random_file(path, subtype, n, n_channels, rate, seed)
    layout = LAYOUTS[seed // len(FILES) % len(LAYOUTS)]
    assert_file_comes_back(folder, sound, Pack(layout, 64, 64, int(rng.integers(1, 3))))


def test_files_of_every_subtype(tmp_path: Path) -> None:
    for seed in range(4 * len(FILES)):  # in every layout
        random_round(tmp_path, seed)


@pytest.mark.slow
def test_a_thousand_files(tmp_path: Path) -> None:
    for seed in range(1000, 2000):
        random_round(tmp_path, seed)


rates = st.one_of(st.integers(1, 65_535), st.sampled_from([88_200, 96_000, 192_000, 384_000]))
lengths = st.one_of(st.integers(0, 5), st.integers(0, 4000))


@some
@given(
    st.sampled_from(LAYOUTS), st.sampled_from([f for f in FILES if f[1] in EXACT]), lengths,
    st.sampled_from([1, 2, 3, 7, 8]), rates, st.integers(1, 16),
    st.integers(32, 80), st.integers(32, 80), st.integers(0, 2**32), st.booleans(),
)  # fmt: skip
def test_any_sound(
    tmp_path_factory: pytest.TempPathFactory, layout: str, file: tuple[str, str], n: int,
    n_channels: int, rate: int, expand: int, width: int, height: int, seed: int, strip: bool,
) -> None:  # fmt: skip
    folder = tmp_path_factory.getbasetemp()
    values = random_bits(file[1], n, n_channels, seed)
    sound = Sound.of(values, rate, file[1], file[0])
    pack = Pack(layout, width * expand, height * expand, expand)
    tiles = through_files(pack.encode_sound(sound), folder)
    if strip and layout != "source":
        tiles = [stripped(tile) for tile in tiles]
        assert find_header(tiles[0]) is not None
    other = Pack(layout="planes", width=640)  # not the settings that it was made with
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if n == 0 else "error")  # no empty FLAC can be written
        back = other.decode_sound(iter(tiles))
    assert n == 0 or back.format == sound.format
    write_sound(folder / "back", back)
    assert read_sound(folder / "back").samples().tobytes() == values.tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("around", [1, 2, 3])
def test_lengths_around_the_border_of_a_tile(layout: str, around: int) -> None:
    """Where a number of tiles ends exactly, a sample before, and a sample after."""
    pack = dataclasses.replace(SMALL, layout=layout)

    def n_tiles(n: int) -> int:
        sound = Sound.of(random_bits("PCM_16", n, 2, 5), 8000)
        tiles = list(pack.encode_sound(sound))
        assert np.array_equal(unpack(tiles), sound.samples())
        return len(tiles)

    low, high = 0, 4000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if n_tiles(middle) <= around else (low, middle)
    assert n_tiles(low) == around and n_tiles(high) == around + 1


def test_floats_are_bits() -> None:
    odd = [0x7F800001, 0xFFC12345, 0x80000000, 0x7F800000, 0xFF800000, 1, 0x80000001]
    values = np.array(odd, np.uint32).view(np.float32)
    for layout in LAYOUTS:
        back = unpack(list(Pack(layout).encode_sound(Sound.of(values, 8000))))
        assert back.view(np.uint32)[:, 0].tolist() == odd


def test_what_the_subtype_cannot_hold_is_refused() -> None:
    sound = Sound.of(np.array([1 << 8, 1], np.int32), 8000, "PCM_24")
    with pytest.raises(ConverterError, match="more bits than PCM_24"):
        list(Pack().encode_sound(sound))


@pytest.mark.parametrize(
    "container, subtype, comes_back",
    [
        ("WAV", "MS_ADPCM", ("WAV", "PCM_16")),
        ("MP3", "MPEG_LAYER_III", ("WAV", "FLOAT")),
        ("OGG", "VORBIS", ("WAV", "FLOAT")),
        ("AIFF", "IMA_ADPCM", ("AIFF", "PCM_16")),
        ("CAF", "ALAC_24", ("CAF", "PCM_32")),
    ],
)
def test_lossy_samples_come_back_in_a_lossless_subtype(
    container: str, subtype: str, comes_back: tuple[str, str], tmp_path: Path
) -> None:
    speech_like = np.cumsum(np.random.default_rng(1).normal(0, 0.01, (6000, 2)), 0) % 1 - 0.5
    soundfile.write(tmp_path / "a", speech_like, 44_100, subtype, format=container)
    sound = read_sound(tmp_path / "a")
    with pytest.warns(ConverterWarning, match=f"{subtype} cannot be written"):
        back = Pack().decode_sound(Pack().encode_sound(sound))
    assert (back.format.container, back.format.subtype) == comes_back
    write_sound(tmp_path / "b", back)
    assert read_sound(tmp_path / "b").samples().tobytes() == sound.samples().tobytes()


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
def test_every_code_of_the_laws_is_written_again_as_it_was(subtype: str, tmp_path: Path) -> None:
    values = decode_law(subtype, bytes(range(256)))
    soundfile.write(tmp_path / "a.wav", values, 8000, subtype)
    assert np.array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], values)


def test_many_channels(tmp_path: Path) -> None:
    sound = Sound.of(random_bits("DOUBLE", 70, 1024, 1), 8000)
    for layout in ("planes", "flac"):  # more planes than rows; more channels than FLAC has
        tiles = through_files(Pack(layout, width=32).encode_sound(sound), tmp_path)
        assert unpack(tiles).tobytes() == sound.samples().tobytes()


def test_more_channels_than_a_flac_file_has() -> None:
    sound = Sound.of(random_bits("PCM_16", 300, 9, 1), 8000)
    assert np.array_equal(unpack(list(Pack("flac").encode_sound(sound))), sound.samples())


# What a picture is


def test_tiles_are_of_one_size_but_the_last() -> None:
    for layout in LAYOUTS:
        tiles = list(Pack(layout).encode_sound(Sound.of(random_bits("PCM_16", 900_000, 2, 1), 1)))
        shapes = [tile.pixels.shape[:2] for tile in tiles]
        assert set(shapes[:-1]) == {(768, 768)}
        assert shapes[-1] == (768, 768) if layout == "source" else shapes[-1][0] < 768


def test_planes_show_the_samples() -> None:
    """One row of header; then a plane per channel, rows of neighbours, silence mid-grey."""
    wave = (20_000 * np.sin(np.arange(768 * 4) / 30)).astype(np.int16)
    sound = Sound.of(np.stack([wave, -wave], 1), 8000)
    (tile,) = Pack("planes").encode_sound(sound)
    left, right = tile.pixels[1:].reshape(2, 4 * 768).astype(int) - (1 << 15)
    assert np.array_equal(left, wave) and np.array_equal(right, -wave)


@some
@given(st.sampled_from(["PCM_S8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]), st.integers(0, 2**32))
def test_planes_are_in_the_order_of_the_samples(subtype: str, seed: int) -> None:
    values = random_bits(subtype, 50, 1, seed)
    values = np.sort(values[~np.isnan(values)])
    planes = PlanarLayout(Samples(subtype, 1), 64, 64, 0)
    raw = planes.fill(planes.samples.to_bytes(values[:, None]))
    words = raw.view(f">u{planes.bits // 8}")[:, : len(values)].astype(object)
    numbers = sum(row << planes.bits * (len(words) - 1 - i) for i, row in enumerate(words))
    assert (np.diff(numbers) >= 0).all()


def test_original_layout_is_the_bytes_of_the_wav_file(tmp_path: Path) -> None:
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "FLOAT"):
        random_file(tmp_path / "a.wav", subtype, 5000, 2, 48_000, 1)
        content = (tmp_path / "a.wav").read_bytes()
        data = content[content.index(b"data") + 8 :][: 10_000 * Samples(subtype, 1).n_bytes]
        (tile,) = PRESETS["original"].encode_sound(read_sound(tmp_path / "a.wav"))
        assert tile.pixels.tobytes() == data.ljust(768 * 768 * 3, b"\0")


def test_expansion_repeats_pixels() -> None:
    one = list(Pack("planes", 40, 40).encode_sound(ramp(3000)))
    three = list(Pack("planes", 120, 120, 3).encode_sound(ramp(3000)))
    assert len(one) == len(three) > 1
    for small, large in zip(one, three, strict=True):
        rows = -(-small.header.facts["start"] // 80)  # the header, which holds the expansion
        assert np.array_equal(small.pixels.repeat(3, 0).repeat(3, 1)[3 * rows :],
                              large.pixels[3 * rows :])  # fmt: skip


def test_size_of_speech(source: PairedDataset) -> None:
    clips = source.recordings.clips[:40].numpy()
    speech = (clips * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16).reshape(-1)
    sizes = {}
    for layout in LAYOUTS:
        sizes[layout] = 0
        for tile in Pack(layout).encode_sound(Sound.of(speech, 8000)):
            file = io.BytesIO()
            write_picture(file, tile)
            sizes[layout] += len(file.getvalue())
    assert sizes["flac"] < sizes["planes"] < sizes["rgb"] < 2 * len(speech)


# Headers


def test_tiles_say_which_they_are() -> None:
    sound = ramp(6000)
    assert len(FIVE) == 5
    for i, tile in enumerate(FIVE):
        inside = Pack.find(tile)
        for header in (tile.header, inside):
            assert (header.tile, header.n_tiles, header.sound) == (i, 5, sound.format)
            sha256 = hashlib.sha256(sound.samples().tobytes()).hexdigest()
            assert header.sha256 == (sha256 if i == 4 else "")
        assert not tile.edited


@pytest.mark.parametrize("layout", ["rgb", "planes", "flac"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_saved_in_another_mode(layout: str, mode: str) -> None:
    sound = Sound.of(random_bits("PCM_U8", 3000, 2, 1), 8000, "PCM_U8")
    tiles = [
        Picture(np.asarray(Image.fromarray(tile.pixels).convert(mode)), tile.header)
        for tile in dataclasses.replace(SMALL, layout=layout).encode_sound(sound)
    ]
    assert np.array_equal(unpack(tiles), sound.samples())
    assert np.array_equal(unpack([Picture(tile.pixels) for tile in tiles]), sound.samples())


def test_pictures_of_others_have_no_header() -> None:
    rng = np.random.default_rng(0)
    for shape, dtype in (((1, 1), "u1"), ((1, 1, 3), "u1"), ((9, 9, 4), "u1"), ((7, 3), "u2")):
        assert Pack.find(Picture(rng.integers(0, 256, shape).astype(dtype))) is None
    begun = FIVE[0].pixels[:1].copy()
    begun[0, 4:] = 7  # starts like a header, and is none
    assert Pack.find(Picture(begun)) is None
    # PCM bytes that are themselves a header: of a picture, in a sound, in a picture.
    picture = Picture(rng.integers(0, 256, (20, 20)).astype(np.uint8))
    sound = Pack().encode_picture(picture)
    (tile,) = PRESETS["original"].encode_sound(sound)
    assert Pack.find(tile) is None
    assert np.array_equal(unpack([tile]), sound.samples())


@pytest.mark.parametrize("expand", range(1, 17))
def test_every_expansion_is_found(expand: int) -> None:
    for layout in ("rgb", "planes", "flac"):
        (tile,) = Pack(layout, 32 * expand, 32 * expand, expand).encode_sound(ramp(50))
        assert Pack.find(tile).options["expand"] == expand


# Damage


@pytest.mark.parametrize("strip", [False, True])
def test_what_is_wrong_with_tiles_is_named(strip: bool) -> None:
    tiles = [stripped(tile) for tile in FIVE] if strip else FIVE
    tiles = [dataclasses.replace(tile, name=f"{i}.png") for i, tile in enumerate(tiles)]
    foreign = list(SMALL.encode_sound(Sound.of(ramp(6000).samples()[::-1], 8000)))
    other_kind = list(SMALL.encode_sound(Sound.of(ramp(6000).samples(), 8001)))
    for wrong, message in [
        ([*tiles[:2], *tiles[3:]], r"3.png \(tile 3 of 5\): it is tile 4"),
        ([*tiles[:2], *tiles[1:]], r"1.png \(tile 3 of 5\): it is tile 2"),
        ([tiles[0], tiles[2], tiles[1], *tiles[3:]], r"2.png \(tile 2 of 5\): it is tile 3"),
        (tiles[1:], r"1.png \(tile 1 of 5\): it is tile 2"),
        (tiles[:4], "tile 5 of 5 is missing"),
        ([*tiles, tiles[4]], "4.png: one picture too many"),
        ([*tiles[:3], foreign[3], tiles[4]], r"\(tile 4 of 5\): it does not follow"),
        ([*tiles[:3], other_kind[3], tiles[4]], r"\(tile 4 of 5\): belongs to another"),
        ([*tiles[:3], Picture(np.zeros((32, 32, 3), np.uint8))], r"tile 4 of 5\): no header"),
        ([], "no pictures"),
    ]:
        with pytest.raises(ConverterError, match=message):
            unpack(wrong)


@some
@given(st.integers(0, 4), st.data())
def test_any_changed_pixel_is_detected(i: int, data: st.DataObject) -> None:
    pixels = FIVE[i].pixels.copy()
    row, column = (data.draw(st.integers(0, side - 1)) for side in pixels.shape[:2])
    pixels[row, column, data.draw(st.integers(0, 2))] ^= 1 << data.draw(st.integers(0, 7))
    free = 3 * (32 * row + column + 1) > len(FIVE[i].header.to_bytes()) - 3
    in_room = free and 3 * (32 * row + column) < FIVE[i].header.facts["start"]
    for header in (FIVE[i].header, None):
        edited = [*FIVE[:i], Picture(pixels, header, name="it"), *FIVE[i + 1 :]]
        try:
            unpacked = unpack(edited)
        except ConverterError as error:
            assert "it" in str(error)
        else:  # the pixels behind the header, which hold nothing
            assert in_room and np.array_equal(unpacked, ramp(6000).samples())


def test_a_resized_or_lossy_copy_is_detected(tmp_path: Path) -> None:
    (tile,) = Pack().encode_sound(ramp(100_000))
    half = np.asarray(Image.fromarray(tile.pixels).resize((384, 50)))
    with pytest.raises(ConverterError, match="resized or cropped"):
        unpack([Picture(half, tile.header)])
    cropped = Picture(tile.pixels[:-1])
    with pytest.raises(ConverterError, match="resized or cropped"):
        unpack([cropped])
    write_picture(tmp_path / "a.jpg", tile)
    with pytest.raises(ConverterError, match="edited or damaged"):
        unpack([read_picture(tmp_path / "a.jpg")])


def test_sha256_is_checked() -> None:
    last = FIVE[4].with_header(dataclasses.replace(FIVE[4].header, sha256="0" * 64))
    forged = last.pixels.copy()
    forged.reshape(-1)[:4] = 0  # no header inside, so that the one beside it counts
    forged_tile = Picture(forged).with_header(last.header)
    with pytest.raises(ConverterError, match="SHA-256"):
        unpack([*FIVE[:4], forged_tile])


def hostile(**changes: object) -> Picture:
    """A tile with a changed header beside it and none inside; its checksum matches."""
    sound = changes.pop("sound", {})
    header = dataclasses.replace(SIMPLE.header, **changes)
    header = dataclasses.replace(header, sound=dataclasses.replace(header.sound, **sound))
    return Picture(SIMPLE.pixels).with_header(header)


(SIMPLE,) = PRESETS["original"].encode_sound(ramp(50))
FACTS, OPTIONS = SIMPLE.header.facts, SIMPLE.header.options


@pytest.mark.parametrize(
    "changes",
    [
        {"sound": {"n_samples": 2**40}},
        {"sound": {"n_samples": 2**40}, "n_tiles": 1_242_757},
        {"sound": {"n_samples": 2**40, "n_channels": 1024, "subtype": "DOUBLE"}},
        {"sound": {"n_channels": 1024}, "options": {**OPTIONS, "layout": "planes"}},
        {"n_tiles": 1 << 30},
        {"made_from": "picture"},
        {"facts": {}},
        {"facts": {"start": -1}},
        {"facts": {"start": 1 << 62}},
        {"facts": {"start": 0.0}},
        {"facts": {**FACTS, "before": 1}},
        {"facts": {**FACTS, "n_bytes": 2**47}, "options": {**OPTIONS, "layout": "flac"}},
        {"facts": {**FACTS, "n_bytes": 1000}, "options": {**OPTIONS, "layout": "flac"}},
        {"options": {**OPTIONS, "expand": 0}},
        {"options": {**OPTIONS, "expand": 2}},
        {"options": {**OPTIONS, "width": 1 << 40}},
        {"options": {**OPTIONS, "width": 1 << 20, "height": 32, "layout": "planes"},
         "sound": {"n_channels": 1024, "subtype": "DOUBLE"}},
        {"options": {**OPTIONS, "height": 0}},
        {"options": {**OPTIONS, "height": -768}},
        {"options": {**OPTIONS, "width": 32}},
        {"options": {**OPTIONS, "layout": "new"}},
        {"options": {**OPTIONS, "layout": 1}},
        {"options": {}},
        {"kind": "tone"},
    ],
)  # fmt: skip
def test_hostile_headers(changes: dict[str, object]) -> None:
    tracemalloc.start()
    with pytest.raises(ConverterError):
        for _ in Pack().decode_sound(iter([hostile(**changes)])).blocks(1000):
            pass
    assert tracemalloc.get_traced_memory()[1] < 3e7
    tracemalloc.stop()


@some
@given(st.binary(max_size=300), st.sampled_from(["PCM_16", "FLOAT"]), st.integers(0, 10**6))
def test_hostile_blocks(content: bytes, subtype: str, n_samples: int) -> None:
    """Invalid compressed blocks, in tiles whose checksums all match."""
    flac = {**OPTIONS, "layout": "flac"}
    sound = SoundFormat(8000, 1, n_samples, subtype)
    size = len(content) + 4
    pixels = np.zeros((1, 768, 3), np.uint8)
    pixels.reshape(-1)[:size] = np.frombuffer(len(content).to_bytes(4, "little") + content, "u1")
    facts = {"start": 0, "before": 0, "n_bytes": size}
    tile = Picture(pixels).with_header(Header("pack", "sound", flac, sound, facts=facts))
    with pytest.raises(ConverterError):
        for _ in Pack().decode_sound(iter([tile])).blocks(1000):
            pass


def test_a_decompression_bomb() -> None:
    content = zlib.compress(bytes(1 << 28))  # where 4 bytes are expected
    size = len(content) + 4
    pixels = np.zeros((768, 768, 3), np.uint8)
    pixels.reshape(-1)[:size] = np.frombuffer(len(content).to_bytes(4, "little") + content, "u1")
    pixels = pixels[: -(-size // (3 * 768))]
    facts = {"start": 0, "before": 0, "n_bytes": size}
    header = Header("pack", "sound", {**OPTIONS, "layout": "flac"},
                    SoundFormat(8000, 1, 1, "FLOAT"), facts=facts)  # fmt: skip
    tracemalloc.start()
    with pytest.raises(ConverterError, match="SHA-256"):  # the 4 bytes that it does hold
        Pack().decode_sound(iter([Picture(pixels).with_header(header)])).samples()
    assert tracemalloc.get_traced_memory()[1] < 1e7
    tracemalloc.stop()


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "bgr"}, {"width": 31}, {"height": 0}, {"expand": 0}, {"expand": 17},
        {"expand": 5}, {"width": 1 << 20, "height": 1 << 20}, {"sample_rate": -1},
        {"n_channels": 1025}, {"subtype": "ULAW"},
    ],
)  # fmt: skip
def test_options_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(ConverterError, match=next(iter(options)) if len(options) == 1 else "tile"):
        Pack(**options)


# Without a header


def test_pictures_of_the_original_system() -> None:
    sound = Sound.of(random_bits("PCM_16", 400_000, 2, 1) | 1, 48_000)  # no sample ends in 0
    tiles = [Picture(t.pixels) for t in PRESETS["original"].encode_sound(sound)]
    assert len(tiles) == 1 and not tiles[0].header
    two = [Picture(t.pixels) for t in PRESETS["original"].encode_sound(ramp(1_000_001))]
    with pytest.warns(ConverterWarning, match="PCM_16 of 2 channels at 48000 Hz.*padding"):
        back = PRESETS["original"].decode_sound(iter(tiles))
    assert back.format == sound.format
    assert np.array_equal(back.samples(), sound.samples())
    assert np.array_equal(back.samples(), back.samples())
    mono = Pack("source", sample_rate=8000, n_channels=1, subtype="PCM_16")
    with pytest.warns(ConverterWarning, match="1 channels at 8000 Hz"):
        assert np.array_equal(mono.decode_sound(iter(two)).samples(), ramp(1_000_001).samples())


def test_silence_at_the_end_of_a_frame_is_kept() -> None:
    sound = Sound.of(np.array([[1, 2], [3, 4], [5, 0], [0, 0]], np.int32) << 8, 48_000, "PCM_24")
    pack = Pack("source", 64, 64, 2, 48_000, 2, "PCM_24")
    tiles = [Picture(tile.pixels) for tile in pack.encode_sound(sound)]
    with pytest.warns(ConverterWarning):
        back = pack.decode_sound(iter(tiles)).samples()
    assert np.array_equal(back, sound.samples()[:3])


def test_nothing_is_guessed() -> None:
    photo = Picture(np.full((40, 40, 3), 9, np.uint8))
    for pack in (Pack(), Pack("source"), Pack("rgb", sample_rate=1, n_channels=1, subtype="FLOAT")):
        with pytest.raises(ConverterError, match="has no header"):
            pack.decode_sound(iter([photo]))


# Streams


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_is_that_of_a_few_tiles(layout: str) -> None:
    n, asked = 4_000_000, 0

    def blocks(size: int) -> Iterator[np.ndarray]:
        nonlocal asked
        for start in range(0, n, size):
            asked = min(n, start + size)
            yield np.random.default_rng(start).integers(-999, 999, (asked - start, 2), np.int16)

    sound = Sound(SoundFormat(48_000, 2, n), blocks)
    pack = Pack(layout, 256, 256)

    def tiles() -> Iterator[Picture]:
        for i, tile in enumerate(pack.encode_sound(sound), 1):
            if layout != "flac":  # which has to be compressed before its tiles can be counted
                assert 4 * asked <= (i + 1) * 256 * 256 * 3
            yield tile

    tracemalloc.start()
    n_read = sum(len(block) for block in Pack().decode_sound(tiles()).blocks(1 << 12))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_read == n
    assert peak < (12e6 if layout == "flac" else 3e6)  # the samples are 16e6


def test_a_sound_of_more_samples_than_it_says() -> None:
    for n in (999, 1001):
        for layout in LAYOUTS:
            sound = dataclasses.replace(ramp(1000), blocks=ramp(n).blocks)
            with pytest.raises(ConverterError, match="content changed while it was read"):
                list(dataclasses.replace(SMALL, layout=layout).encode_sound(sound))


def test_a_file_that_grows_meanwhile() -> None:
    for layout in LAYOUTS:
        with pytest.raises(ConverterError, match="content changed while it was read"):
            list(Pack(layout).encode_bytes([b"abc", b"d"], 3))


def test_many_tiles_are_read_once() -> None:
    sound = Pack().decode_sound(iter(FIVE))
    assert np.array_equal(sound.samples(), ramp(6000).samples())
    with pytest.raises(ConverterError, match="only once"):
        sound.samples()
    one = Pack().decode_sound(Pack().encode_sound(ramp(6000)))
    assert np.array_equal(one.samples(), one.samples())


# Files


@some
@given(
    st.sampled_from(LAYOUTS), st.binary(max_size=9000), st.integers(1, 999), st.integers(1, 3),
    st.sampled_from(["", ".wav", ".FLAC", ".7z"]), st.booleans(),
)  # fmt: skip
def test_any_file(
    tmp_path_factory: pytest.TempPathFactory, layout: str, content: bytes, block: int,
    expand: int, suffix: str, strip: bool,
) -> None:  # fmt: skip
    pack = Pack(layout, 40 * expand, 32 * expand, expand)
    blocks = (content[i : i + block] for i in range(0, len(content), block))
    tiles = through_files(
        pack.encode_bytes(blocks, len(content), suffix), tmp_path_factory.getbasetemp()
    )
    if strip and layout != "source":
        tiles = [stripped(tile) for tile in tiles]
    assert Pack.is_file(find_header(tiles[0]))
    facts, blocks = Pack.decode_bytes(iter(tiles))
    assert b"".join(blocks) == content
    assert (facts["suffix"], facts["size"]) == (suffix, len(content))


def test_a_file_is_not_a_sound() -> None:
    with pytest.raises(ConverterError, match="holds a file"):
        Pack().decode_sound(Pack().encode_bytes([b"abc"], 3))
    with pytest.raises(ConverterError, match="holds samples"):
        Pack.decode_bytes(iter(FIVE))
    for suffix in ("/../x", "wav", ".a/b", "." + 17 * "x", ".wav\n"):
        with pytest.raises(ConverterError, match="suffix"):
            Pack().encode_bytes([b"abc"], 3, suffix)
        header = Header("pack", "sound", dataclasses.asdict(Pack()),
                        facts={"suffix": suffix, "size": 3, "start": 0})  # fmt: skip
        with pytest.raises(ConverterError, match="suffix"):
            Pack.decode_bytes(iter([Picture(np.zeros((1, 768, 3), np.uint8)).with_header(header)]))


# Picture -> sound -> picture


@some
@given(
    st.sampled_from([("u1", ()), ("u2", ()), ("u1", (3,)), ("u1", (4,))]), st.integers(1, 50),
    st.integers(1, 50), st.sampled_from([0, 8000, 192_000]), st.integers(0, 2**32),
    st.sampled_from(["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]), st.integers(1, 2),
)  # fmt: skip
def test_any_picture(
    tmp_path_factory: pytest.TempPathFactory, mode: tuple[str, tuple[int, ...]], width: int,
    height: int, rate: int, seed: int, subtype: str, n_channels: int,
) -> None:  # fmt: skip
    """As it was made, and as other programs save it: without the chunk, in more bits, stereo."""
    folder = tmp_path_factory.getbasetemp()
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, np.iinfo(mode[0]).max + 1, (height, width, *mode[1])).astype(mode[0])
    sound = Pack(sample_rate=rate).encode_picture(Picture(pixels))
    assert sound.format.sample_rate == (rate or 44_100)
    assert (sound.format.subtype, sound.format.n_channels) == ("PCM_16", 1)
    write_sound(folder / "made.wav", sound)
    as_made = read_sound(folder / "made.wav")
    assert as_made.header == sound.header
    values, _ = soundfile.read(folder / "made.wav", always_2d=True)
    soundfile.write(folder / "copy.wav", values.repeat(n_channels, 1), rate or 44_100, subtype)
    copy = read_sound(folder / "copy.wav")
    assert copy.header is None and find_header(copy) == sound.header
    for each in (as_made, copy):
        back = Pack().decode_picture(each).pixels
        assert np.array_equal(back, pixels) and back.dtype == pixels.dtype


def test_a_changed_sound_of_a_picture_is_detected() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 30, 3)).astype(np.uint8)
    sound = Pack().encode_picture(Picture(pixels))
    samples, header = sound.samples(), sound.header

    def decoded(samples: np.ndarray, header: Header | None = header) -> np.ndarray:
        changed = dataclasses.replace(Sound.of(samples, 44_100), header=header)
        return Pack().decode_picture(changed).pixels

    assert np.array_equal(decoded(samples), pixels)
    damaged_header = samples.copy()
    damaged_header[:20] = 0
    assert np.array_equal(decoded(damaged_header), pixels)  # the one beside it is used
    edited = samples.copy()
    edited[-100] += 1
    longer = np.concatenate([samples, 0 * samples])
    assert np.array_equal(decoded(longer, None), pixels)
    for wrong, message in [
        (edited, "edited"),
        (samples[:-1], "too short"),
        (samples[5:], "too short"),
        (samples[::-1], "edited"),
    ]:
        with pytest.raises(ConverterError, match=message):
            decoded(wrong)
    for wrong in (damaged_header, samples[1:], samples // 2, samples * 0.3, samples[:3]):
        with pytest.raises(ConverterError, match="no header"):
            decoded(wrong, None)
    huge = dataclasses.replace(header, picture=PictureFormat(1 << 20, 1 << 20, 4, 16))
    with pytest.raises(ConverterError, match="pixels"):
        decoded(damaged_header, huge)
    with pytest.raises(ConverterError, match="start"):
        decoded(damaged_header, dataclasses.replace(header, facts={}))
