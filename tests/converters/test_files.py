"""Picture and sound files: what is written comes back, and losses give a warning."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from converters import ConverterError, ConverterWarning, Header, Picture, Sound
from converters.header import SoundFormat
from converters.picture_files import MAX_PIXELS, read_picture, write_picture
from converters.sound_files import read_sound, write_sound

HEADER = Header("pack", "sound", {"layout": "rgb"}, SoundFormat(8000, 1, 5), facts={"start": 3})
DEEP = {"grey": (0, 8), "RGB": (2, 24), "grey and alpha": (4, 16), "RGBA": (6, 32)}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_pixels_and_header_come_back(suffix: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    pixels[..., -1] |= 1  # fully transparent pixels have no colour in WebP
    write_picture(tmp_path / f"p{suffix}", Picture(pixels).with_header(HEADER))
    found = read_picture(tmp_path / f"p{suffix}")
    assert found.header == Picture(pixels).with_header(HEADER).header
    if suffix != ".jpg":
        grey = shape == (5, 7) and suffix == ".webp"  # WebP has no grey
        assert (found.pixels == (np.dstack([pixels] * 3) if grey else pixels)).all()
        assert found.edited == grey


def test_sixteen_bits_and_private_chunks_come_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65_536, (5, 7)).astype(np.uint16)
    write_picture(tmp_path / "p.png", Picture(pixels, chunks={b"reSd": b"kept"}))
    found = read_picture(tmp_path / "p.png")
    assert found.pixels.dtype == np.uint16 and (found.pixels == pixels).all()
    assert found.chunks == {b"reSd": b"kept"}
    with pytest.raises(ConverterError, match="16-bit"):
        write_picture(tmp_path / "p.jpg", Picture(pixels))
    assert not (tmp_path / "p.jpg").exists()


def deep_png(path: Path, colour: int, row: int) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(
            ">I", zlib.crc32(name + content)
        )  # fmt: skip

    head = struct.pack(">IIBBBBB", 4, 3, 16, colour, 0, 0, 0)
    body = zlib.compress((b"\0" + bytes(range(row))) * 3)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


@pytest.mark.parametrize("colours", DEEP)
def test_lost_bits_give_a_warning(colours: str, tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    deep_png(path, *DEEP[colours])
    if colours == "grey":
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_picture(path).format.bits == 16
    else:
        with pytest.warns(ConverterWarning, match="16-bit colours are read with 8"):
            assert read_picture(path).format.bits == 8


def png_of(colour: int, bits: int, row: bytes, transparent: bytes) -> io.BytesIO:
    """4 x 1 pixels."""
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", 4, 1, bits, colour, 0, 0, 0),
        b"tRNS": transparent,
        b"IDAT": zlib.compress(b"\0" + row),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(content)) + name + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts.items()
    )  # fmt: skip
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


@pytest.mark.parametrize(
    ("bits", "row", "grey"),
    [
        (8, bytes([1, 0, 2, 3]), [1, 0, 2, 3]),
        (4, bytes([0x10, 0x23]), [17, 0, 34, 51]),
        (2, bytes([0b01001011]), [85, 0, 170, 255]),
        (1, bytes([0b10110000]), [255, 0, 255, 255]),
    ],
)
def test_the_transparent_grey_of_a_png_stays_transparent(
    bits: int, row: bytes, grey: list[int]
) -> None:
    for index in (0, 1):
        value = (grey[index] * (2**bits - 1) // 255).to_bytes(2, "big")
        pixels = read_picture(png_of(0, bits, row, value), "p").pixels
        assert pixels[0, :, 0].tolist() == grey
        assert pixels[0, :, 3].tolist() == [0 if g == grey[index] else 255 for g in grey]
    with pytest.warns(ConverterWarning, match="its transparent colour is lost"):
        assert read_picture(png_of(0, 16, bytes(range(8)), b"\0\1"), "p").format.bits == 16


LONG = np.random.default_rng(0).integers(1, 256, (60, 80, 3), dtype=np.uint8)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "PPM", "TGA"])
def test_half_a_picture_is_read_with_a_warning(
    format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p"
    Image.fromarray(LONG).save(path, format)
    whole = read_picture(path).pixels
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    says = "p: it is cut off: about (3[0-9]|4[0-9]) of its 60 rows are there"
    with pytest.raises(ConverterError, match=says):
        read_picture(path, strict=True)
    with pytest.warns(ConverterWarning, match=says) as warned:
        picture = read_picture(path)
    assert len(warned) == 1 and picture.damage in str(warned[0].message)
    same = (picture.pixels == whole).all((1, 2))
    assert same.sum() >= 30 and (same[:30].all() or same[-30:].all())
    assert capfd.readouterr().err == ""  # of libraries


def test_a_progressive_picture_says_how_much_of_it_is_there(tmp_path: Path) -> None:
    Image.fromarray(LONG).save(tmp_path / "p.jpg", progressive=True)
    whole = (tmp_path / "p.jpg").read_bytes()
    (tmp_path / "p.jpg").write_bytes(whole[:900])
    with pytest.warns(ConverterWarning, match="not as fine as they should be"):
        read_picture(tmp_path / "p.jpg")
    (tmp_path / "p.jpg").write_bytes(whole[: whole.index(b"\xff\xda") + 2])
    with pytest.raises(ConverterError, match=r"p\.jpg: "):
        read_picture(tmp_path / "p.jpg")


@pytest.mark.parametrize(
    ("content", "pixels"),
    [
        (b"P5 2 2 255\n\1\2\3\4", [[1, 2], [3, 4]]),
        (b"P2\n# text\n2 2\n255\n1 2 3 4\n", [[1, 2], [3, 4]]),
        (b"P5 2 2 65535\n\1\2\3\4\5\6\7\10", [[0x102, 0x304], [0x506, 0x708]]),
        (b"P4 8 1\n\x55", [[255, 0] * 4]),
        (b"P6 1 1 255\n\1\2\3", [[[1, 2, 3]]]),
    ],
)
def test_portable_pictures_are_read(content: bytes, pixels: object) -> None:
    assert read_picture(io.BytesIO(content), "p").pixels.tolist() == pixels


def test_portable_pictures_of_16_bit_colours_give_a_warning() -> None:
    with pytest.warns(ConverterWarning, match="16-bit colours are read with 8"):
        read_picture(io.BytesIO(b"P6 1 1 65535\n" + bytes(6)), "p")


def test_other_color_modes_give_a_warning(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 3)).save(tmp_path / "p.jpg")
    with pytest.warns(ConverterWarning, match="CMYK"):
        assert read_picture(tmp_path / "p.jpg").pixels.shape == (3, 4, 3)


@pytest.mark.parametrize(("suffix", "width"), [(".webp", 16_384), (".jpg", 65_501)])
def test_pictures_too_large_for_a_format_are_refused(
    suffix: str, width: int, tmp_path: Path
) -> None:
    with pytest.raises(ConverterError, match="write a PNG"):
        write_picture(tmp_path / f"p{suffix}", Picture(np.zeros((2, width), np.uint8)))
    assert not list(tmp_path.iterdir())


def test_a_decompression_bomb_is_refused_unread(tmp_path: Path) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    Image.new("1", (side, side)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 100_000
    with pytest.raises(ConverterError, match="more than"):
        read_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_sounds_and_header_come_back(suffix: str, tmp_path: Path) -> None:
    lossy = {"ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
    samples = np.random.default_rng(0).integers(-9000, 9000, (4001, 2)).astype(np.int16)
    sound = Sound.of(samples, 44_100)
    if suffix in lossy:
        floats = (samples / 32_768).astype(np.float32)
        sound = Sound.of(floats, 44_100, lossy[suffix], suffix.upper())
    elif suffix != "wav":
        sound = Sound.of(samples, 44_100, container=suffix.upper())
    sound = Sound(sound.format, sound.blocks, HEADER)
    path = tmp_path / f"s.{suffix}"
    write_sound(path, sound)
    found = read_sound(path)
    assert found.header == HEADER
    assert found.format == sound.format
    if suffix not in lossy:
        assert (found.samples() == samples).all()


def test_a_damaged_header_is_ignored_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "s.wav"
    sound = Sound.of(np.zeros((10, 1), np.int16), 8000)
    write_sound(path, Sound(sound.format, sound.blocks, HEADER))
    path.write_bytes(path.read_bytes().replace(b'"kind"', b'"kine"'))
    with pytest.warns(ConverterWarning, match="header cannot be used"):
        assert read_sound(path).header is None


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\x89PNG\r\n\x1a\n", b"hello " * 99])
def test_files_of_other_kinds_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for read in (read_picture, read_sound):
        with pytest.raises(ConverterError, match="can be read"):
            read(path)


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "s.wav"
    path.write_bytes(b"old")

    def blocks(n: int) -> Iterator[np.ndarray]:
        yield np.zeros((5, 1), np.int16)
        raise ConverterError("the input ends")

    with pytest.raises(ConverterError, match="the input ends"):
        write_sound(path, Sound(SoundFormat(8000, 1, 10), blocks))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
