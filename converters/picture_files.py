"""Picture files: PNG with its header and private chunks, and other common formats."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, PngImagePlugin

from common.files import replacing
from converters.header import MAX_HEADER, ConverterError
from converters.media import Picture, parse_header, report_damage, warn
from converters.quiet import silent_stderr

__all__ = ["MAX_PIXELS", "READABLE", "WRITABLE", "read_picture", "write_picture"]

MAX_PIXELS = 80_000_000  # of one picture; bounds the memory of a decompression bomb
READABLE = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "TGA")
WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # pixels in a row or column
# Value of a pixel for each step of grey, by the mode in the file.
GREY_UNITS = {"1": 255, "L;2": 85, "L;4": 17}
MAX_TEXT = 200  # characters of a text of another program
KEY = "synesthesia"  # of the header: PNG iTXt keyword, first word of a JPEG or WebP comment


logging.getLogger("PIL").addHandler(logging.NullHandler())  # else it prints what it also raises


def read_picture(source: Path | BinaryIO, name: str = "", strict: bool = False) -> Picture:
    """A picture with its header and chunks; a photo is rotated as its EXIF orientation says.

    Args:
        strict: whether a file that is cut off is an error; else it is a warning, and the pixels
            that are missing are of one colour.

    Raises:
        ConverterError: not of a READABLE format, damaged, or of more than MAX_PIXELS pixels.
    """
    name = name or str(source)
    try:
        try:
            return _read(source, name, True)
        except OSError as error:
            if "truncated" not in str(error):
                raise
        picture = _read(source, name, False)
        report_damage(f"{name}: {picture.damage}", strict)
        return picture
    except (ConverterError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # Pillow does not document what it raises on a damaged file
        raise ConverterError(f"{name}: not a picture that can be read ({error})") from error


def _read(source: Path | BinaryIO, name: str, whole: bool) -> Picture:
    """Raises OSError: `whole`, but the file is cut off."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL.TiffImagePlugin")  # of metadata
        with Image.open(source, formats=READABLE) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ConverterError(
                    f"{name}: {image.width} x {image.height} pixels, more than {MAX_PIXELS:,}"
                )
            stored = [str(tile[3]) for tile in image.tile]
            n_frames = getattr(image, "n_frames", 1) if whole else 1
            _load(image, whole)
            damage = "" if whole else _missing(image, name)
            if n_frames > 1:
                warn(f"{name}: only its first frame is used")
            header = parse_header(_header_text(image), name)
            chunks = {chunk[0]: chunk[1] for chunk in getattr(image, "private_chunks", ())}
            texts = _texts(image)
            if header is None:
                ImageOps.exif_transpose(image, in_place=True)
            pixels = _pixels(image, name, stored)
            deep = any(";16" in text for text in stored) or _is_deep_ppm(image, stored)
            if loss := _loss(image, deep and pixels.dtype == np.uint8):
                warn(f"{name}: {loss}")
    return Picture(pixels, header, chunks, name, damage, texts)


def _texts(image: Image.Image) -> dict[str, str]:
    """What other programs say of the picture; see `Picture.texts`."""
    found = {key: str(value) for key, value in getattr(image, "text", {}).items() if key != KEY}
    found |= {f"exif {tag}": str(value) for tag, value in image.getexif().items()}
    return {key: text[:MAX_TEXT] for key, text in found.items()}


def _load(image: Image.Image, whole: bool) -> None:
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, not whole
    try:
        with silent_stderr() if image.format == "TIFF" else contextlib.nullcontext():
            image.load()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _missing(image: Image.Image, name: str) -> str:
    """What is missing of a picture that is cut off: decoders leave its last rows in one colour.

    Raises:
        ConverterError: all of it.
    """
    rows = np.asarray(image).reshape(image.height, -1)
    # Some formats begin with the last row.
    n_missing = max(_count_filled(rows[::-1]), _count_filled(rows))
    n_there = image.height - n_missing
    if not n_there:
        raise ConverterError(f"{name}: it is cut off before its first row")
    if n_there == image.height:
        return "it is cut off: its rows are there, but not as fine as they should be"
    return f"it is cut off: about {n_there:,} of its {image.height:,} rows are there"


def _count_filled(rows: np.ndarray) -> int:
    """The rows at the start that are of one value each, and of the same one; in little memory."""
    step = max(1, (1 << 20) // rows.shape[1])
    for start in range(0, len(rows), step):
        filled = (rows[start : start + step] == rows[0, 0]).all(1)
        if not filled.all():
            return start + int(np.argmin(filled))
    return len(rows)


def _pixels(image: Image.Image, name: str, stored: Sequence[str]) -> np.ndarray:
    """As `Picture.pixels`; `stored` are the modes in which the file has them."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":  # 16 bit in a TIFF or an old PNG
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ConverterError(f"{name}: pixels of 32 bits are not supported")
        return values.astype(np.uint16)
    if image.mode == "F":
        raise ConverterError(f"{name}: pixels of floating point are not supported")
    if image.mode in ("1", "L"):
        grey = np.asarray(image.convert("L"))
        transparent = image.info.get("transparency")
        if not isinstance(transparent, int):
            return grey
        unit = max((n for mode, n in GREY_UNITS.items() if mode in stored), default=1)
        alpha = np.where(grey == min(transparent * unit, 255), 0, 255).astype(np.uint8)
        return np.dstack([grey, grey, grey, alpha])
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def _loss(image: Image.Image, truncated: bool) -> str:
    """What of a file is lost in the pixels that were read; empty where nothing is."""
    if image.mode.startswith("I") and "transparency" in image.info:
        return "its transparent colour is lost: 16-bit pixels have none"
    if truncated:
        lost = ", and its transparent colour is lost" if "transparency" in image.info else ""
        return f"its 16-bit colours are read with 8 bits{lost}"
    other = (
        image.mode not in ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "I") and "I;" not in image.mode
    )
    return f"its {image.mode} pixels are read as RGB" if other else ""


def _is_deep_ppm(image: Image.Image, stored: Sequence[str]) -> bool:
    found = [re.search(r"(\d{3,5})\)?$", mode) for mode in stored]
    return image.format == "PPM" and any(match and int(match[1]) > 255 for match in found)


def _header_text(image: Image.Image) -> str | bytes | None:
    if image.format == "PNG":
        return getattr(image, "text", {}).get(KEY)
    comment = image.info.get("comment", image.info.get("xmp", b""))
    comment = comment if isinstance(comment, bytes) else str(comment).encode()
    return comment[len(KEY) :] if comment.startswith(KEY.encode()) else None


def write_picture(target: Path | BinaryIO, picture: Picture, format: str = "") -> None:
    """Writes PNG, or the format of the name's suffix; a file is written whole or not at all.

    JPEG is lossy, WebP is written lossless; neither holds 16 bits or private chunks.

    Raises:
        ConverterError: the format cannot hold these pixels.
    """
    format = format or (
        WRITABLE.get(target.suffix.lower(), "") if isinstance(target, Path) else "PNG"
    )
    if format not in WRITABLE.values():
        raise ConverterError(f"{target}: pictures are written as {', '.join(WRITABLE)}")
    if isinstance(target, Path):
        with replacing(target) as temporary, temporary.open("wb") as file:
            _write(file, picture, format)
    else:
        _write(target, picture, format)


def _write(file: BinaryIO, picture: Picture, format: str) -> None:
    pixels = np.ascontiguousarray(picture.pixels)
    if max(pixels.shape[:2]) > MAX_SIDE.get(format, MAX_PIXELS):
        raise ConverterError(
            f"{format} holds no more than {MAX_SIDE[format]:,} pixels in a row or column, not "
            f"{max(pixels.shape[:2]):,}: write a PNG"
        )
    if format != "PNG" and pixels.dtype == np.uint16:
        raise ConverterError(f"{format} has no 16-bit pixels: write a PNG")
    if format == "JPEG" and pixels.shape[2:] == (4,):
        pixels = pixels[..., :3]
    image = Image.fromarray(pixels)
    text = picture.header.to_json() if picture.header else ""
    assert len(text) <= MAX_HEADER
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        if text:
            info.add_itxt(KEY, text)
        for chunk, content in picture.chunks.items():
            info.add(chunk, content)
        # Level 1 is several times faster than the default and a few per cent larger.
        image.save(file, format, pnginfo=info, compress_level=1)
    elif format == "JPEG":
        comment = (KEY + text).encode() if text else b""
        image.save(file, format, quality=95, subsampling=0, comment=comment)
    else:
        xmp = (KEY + text).encode() if text else b""
        image.save(file, format, lossless=True, exact=True, xmp=xmp)
