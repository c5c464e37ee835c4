"""Rows of round trips become a table and charts."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarking import converter_report
from benchmarking.round_trips import Row
from common.errors import InputError
from common.files import read_rows, write_rows

ABOUT = {"format": converter_report.FORMAT, "code": "12345e1234"}


@pytest.fixture
def out(rows: list[Row], tmp_path: Path) -> Path:
    write_rows(tmp_path / converter_report.ROWS, [ABOUT | row for row in rows])
    return tmp_path


def test_the_report_shows_every_converter(rows: list[Row], out: Path) -> None:
    converter_report.write(out)
    text = (out / converter_report.TABLE).read_text()
    for name in ("pack rgb", "tone default", "spectrogram magnitude"):
        assert f"| {name} |" in text
    for name in ("converters-sound", "converters-channels"):
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_rows_survive_the_file(rows: list[Row], out: Path) -> None:
    found = converter_report.read_rows(out)
    for row, again in zip(rows, found, strict=True):
        assert again == {k: v for k, v in row.items() if v != "" or k == "channel"} | ABOUT


def test_the_systems_before_have_an_origin_each(out: Path) -> None:
    converter_report.write(out)
    text = (out / converter_report.TABLE).read_text()
    for row in read_rows(converter_report.SOURCE_SYSTEMS):
        assert all(row.values())
        assert f"| {' | '.join(row.values())} |" in text


def test_rows_of_an_older_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / converter_report.ROWS).write_text("kind,preset,material,channel\npack,rgb,music,\n")
    with pytest.raises(InputError, match="rows of another format"):
        converter_report.write(tmp_path)


def test_no_rows_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        converter_report.write(tmp_path)
